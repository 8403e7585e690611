#!/usr/bin/env bash
# kit/ and jet/ are projects of their own: a copy of each folder, away from the repository, is built,
# tested and installed, with gcc and with clang 14. The kit finds the jimm-jet that was installed, and
# its own tests build the examples against an installed kit. Ends in one line of counts.
# Usage: scripts/alone.sh [--short]     --short: gcc only, without the kit's slowest tests
set -u
cd "$(dirname "$0")/.." || exit 1
top=$PWD
short=
if [ "${1:-}" = --short ]; then short=1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset JIMM_TEST_FAMILIES JIMM_TEST_VARIANTS JIMM_JET
export PATH=$work/prefix/bin:$PATH
passed=0 failed=0 skipped=0

# step NAME COMMAND...: adds up the counts on its last line, if it has any; shows what it says when
# it fails.
step() {
  local name=$1 status=0 line p f s _
  shift
  "$@" >"$work/log" 2>&1 || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$work/log" | tail -n 1)
  read -r p _ f _ s _ <<<"${line//,/}"
  passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
  if [ -z "$line" ] && [ "$status" -eq 0 ]; then passed=$((passed + 1)); fi
  if [ "$status" -ne 0 ]; then
    [ "${f:-0}" -gt 0 ] || failed=$((failed + 1))
    tail -n 60 "$work/log"
  fi
  echo "$name: ${line:-exit $status}"
  return $status
}

# What these tests need, of the kit's; without tests, everything.
build_for() {
  local build=$1 targets=
  shift
  [ $# -eq 0 ] || targets=$(ninja -C "$build" -t targets all |
    sed -nE 's#^((src/lib|man/|tests/(test_testkit|testkit_victims))[^:/]*): .*#\1#p')
  # shellcheck disable=SC2086
  ninja -C "$build" $targets
}

# alone FOLDER COMPILER TEST...: all of its tests, or the named ones
alone() {
  local project=$1 compiler=$2 cxx=g++ build=$work/$1-$2/build
  shift 2
  [ "$compiler" = gcc ] || cxx=${compiler/clang/clang++}
  if ! command -v "$compiler" >/dev/null || ! command -v "$cxx" >/dev/null; then
    skipped=$((skipped + 1))
    echo "$project, $compiler: skipped: there is no $compiler or $cxx"
    return
  fi
  # What is not in the repository stays behind.
  mkdir -p "$work/$project-$compiler"
  (cd "$top/$project" && git ls-files -z --cached --others --exclude-standard |
    xargs -0 cp -p --parents -t "$work/$project-$compiler")
  export CC=$compiler CXX=$cxx
  cd "$work/$project-$compiler" || exit 1
  step "$project, $compiler: setup" ${MESON:-meson} setup "$build" --werror --prefix="$work/prefix" &&
    step "$project, $compiler: build" build_for "$build" "$@" &&
    step "$project, $compiler: tests" "$top/scripts/check.sh" "$build" "$@" &&
    step "$project, $compiler: install" ${MESON:-meson} install -C "$build" --no-rebuild
  cd "$top" || exit 1
}

alone jet gcc
if [ -n "$short" ]; then
  alone kit gcc testkit exports headers install man quotes defects
else
  alone kit gcc
  alone jet clang-14
  alone kit clang-14
fi
step "an installed kit has its pkg-config file" env PKG_CONFIG_PATH="$(find "$work/prefix" -type d -name pkgconfig)" \
  pkg-config --exact-version="$(sed -n "s/^  version: '\(.*\)',/\1/p" kit/meson.build)" jimm-test
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
