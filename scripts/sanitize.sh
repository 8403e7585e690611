#!/bin/sh
# Builds with sanitizers into a folder of its own and runs the tests there.
# Usage: scripts/sanitize.sh address,undefined|thread [meson test arguments]
set -eu
kind=$1
shift
build=build-$(echo "$kind" | tr ',' '-')
[ -f "$build/build.ninja" ] || ${MESON:-meson} setup "$build" -Db_sanitize="$kind" -Db_lundef=false \
  -Dbuildtype=debugoptimized >/dev/null
ninja -C "$build" >/dev/null
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=0:die_after_fork=0
export JT_TIMEOUT_SCALE=10
scripts/check.sh "$build" -t 5 "$@"
