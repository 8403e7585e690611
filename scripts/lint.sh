#!/bin/sh
# Everything that is checked without running the program. Prints each finding; exits 1 if any.
set -u
status=0
say() { printf 'lint: %s\n' "$*"; }

sources=$(git ls-files "*.c" "*.h")

say clang-format
for file in $sources; do
  clang-format-14 --dry-run -Werror "$file" || status=1
done

say shellcheck
git ls-files '*.sh' .ci/run kit/enzyme/jimm-enzyme-cc | xargs shellcheck -S warning || status=1

say "rooms: includes are those of src/rooms.txt"
scripts/lint_layers.sh || status=1

say "house rules"
if grep -nE '^ *#if 0|(//|/\*|^ *\*).*\b(TODO|FIXME|XXX)\b' $sources; then
  say 'no dead code, no TODO'
  status=1
fi
if git grep -nE '\b(printf|puts|exit|abort)\(' -- 'src/*.c' 'src/*.h'; then
  say 'the library never prints, exits or aborts'
  status=1
fi
if git grep -nP '(?<!->)\b(malloc|calloc|realloc|reallocarray|aligned_alloc|strn?dup|v?asprintf|free|getline|fopen|fdopen|open_memstream)\(' \
  -- 'src/*.c' 'src/*.h' ':!src/base/alloc.c'; then
  say 'memory of the library comes from its allocator (base/alloc.h)'
  status=1
fi
for file in $(git ls-files 'src/*.[ch]' 'cli/*.[ch]' 'kit/src/*.[ch]' 'jet/src/*.[ch]' ':!src/kernel'); do
  lines=$(wc -l <"$file")
  if [ "$lines" -gt 450 ]; then
    say "$file has $lines lines: split it"
    status=1
  fi
done

say "what kit/ and jet/ both have is the same"
for file in man/help.awk man/roff.awk tests/tap.sh; do
  cmp "kit/$file" "jet/$file" || status=1
done

say "every test is in a program" # those of families are in families.def
for file in $(git ls-files 'test/test_*.c' 'test/**/test_*.c'); do
  if ! grep -q FIXTURE_TESTS "$file" && ! grep -qF "'${file#test/}'" test/meson.build; then
    say "test/meson.build: $file is in no row"
    status=1
  fi
done

say "every mutant changes its file"
while read -r line; do
  case $line in '' | '#'*) continue ;; esac
  file=${line%% | *} edit=${line#* | }
  mutated=$(sed -E "${edit% | *}" "$file") || mutated=$(cat "$file" 2>/dev/null)
  if [ "$mutated" = "$(cat "$file" 2>/dev/null)" ]; then
    say "scripts/mutants.txt: changes nothing: $line"
    status=1
  fi
done <scripts/mutants.txt

# LINT_GCC_BUILD: a folder that was configured with --werror for gcc and built.
say "no warning from gcc and clang"
for compiler in gcc clang-14; do
  build=build-lint-$compiler
  [ "$compiler" = clang-14 ] || build=${LINT_GCC_BUILD:-$build}
  [ -f "$build/build.ninja" ] || CC=$compiler ${MESON:-meson} setup "$build" --werror >/dev/null || exit 1
  ninja -C "$build" -k 0 >"$build/lint.log" 2>&1 || {
    grep -E 'error|warning' "$build/lint.log" | head -40
    say "$compiler warns or fails"
    status=1
  }
done

say "no circles between files or rooms"
scripts/lint_circles.sh "${LINT_GCC_BUILD:-build-lint-gcc}" || status=1

say clang-tidy
git ls-files 'src/*.c' 'cli/*.c' 'kit/src/*.c' 'jet/src/*.c' |
  xargs -P 2 -n 1 clang-tidy-14 --quiet -p build-lint-clang-14 2>/dev/null |
  grep -E '(warning|error):' && status=1

[ $status -eq 0 ] && say "nothing found"
exit $status
