#!/usr/bin/env bash
# Builds the fuzz targets of test/fuzz with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer,
# replays their corpora, then runs each for a while. Ends in one line of counts.
#
#   scripts/fuzz.sh [--runs N] [TARGET...]     N executions of each (default 20000), all targets
#
# A finding is kept as build-fuzz/TARGET/crash-... ; what grows the coverage goes to
# build-fuzz/TARGET/corpus, so that a second run goes on where the first ended.
set -u
cd "$(dirname "$0")/.." || exit 1
runs=20000
if [ "${1:-}" = --runs ]; then
  runs=$2
  shift 2
fi
build="build-fuzz"

# setup FOLDER SANITIZER...: the targets in FOLDER, ready to be built.
setup() {
  local folder=$1 flags
  shift
  flags="-fno-sanitize-recover=all -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,$(IFS=, && echo "$*")"
  [ -f "$folder/build.ninja" ] || CC=clang-14 ${MESON:-meson} setup "$folder" -Dfuzz=true \
    -Dtests=false -Dcli=disabled -Ddefault_library=static -Dc_args="$flags" \
    -Dc_link_args="-fsanitize=$(IFS=, && echo "$*")" -Db_lundef=false >/dev/null
}

build() {
  ninja -C "$@" >"$build/log" 2>&1 || {
    tail -n 30 "$build/log"
    exit 1
  }
}

# fixture_raw without AddressSanitizer, which hides the child's memory from its limits.
plain=$build/plain
setup "$build" address undefined && setup "$plain" undefined || exit 1
build "$build"
build "$plain" test/fuzz/fuzz_fixture_raw
if [ $# -eq 0 ]; then
  for program in "$build"/test/fuzz/fuzz_*; do
    [ ! -f "$program" ] || set -- "$@" "$(basename "$program" | sed 's/^fuzz_//')"
  done
fi
# A small quarantine: the pages of a large one cost more than many an input.
ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:max_allocation_size_mb=1024
export ASAN_OPTIONS=$ASAN_OPTIONS:quarantine_size_mb=8:thread_local_quarantine_size_kb=64
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
passed=0 failed=0
for target in "$@"; do
  program=$build/test/fuzz/fuzz_$target
  [ "$target" != fixture_raw ] || program=$plain/test/fuzz/fuzz_$target
  work=$build/$target
  if [ ! -x "$program" ] || [ ! -d "test/fuzz/corpus/$target" ]; then
    echo "not ok - $target: there is no such target, or test/fuzz/corpus/$target is missing"
    failed=$((failed + 1))
    continue
  fi
  mkdir -p "$work/corpus"
  dictionary=
  [ ! -f "test/fuzz/$target.dict" ] || dictionary=-dict=test/fuzz/$target.dict
  length=2048
  [ "$target" != fixture_raw ] || length=8192 # HDF5 files are longer
  from=$SECONDS
  # shellcheck disable=SC2086
  if "$program" -runs="$runs" -max_len="$length" -timeout=60 \
    -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1 $dictionary \
    -artifact_prefix="$work/" "$work/corpus" "test/fuzz/corpus/$target" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok - $target: $(sed -nE 's/^stat::number_of_executed_units: */executions /p' "$work/log"), $(
      grep -oE 'cov: [0-9]+' "$work/log" | tail -n 1), $((SECONDS - from)) s"
  else
    failed=$((failed + 1))
    echo "not ok - $target: $work/log"
    tail -n 40 "$work/log"
  fi
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
