#!/bin/sh
# Runs the tests of a build folder and ends with one line of counts.
# Usage: scripts/check.sh BUILD [meson test arguments]
set -u
build=$1
shift
status=0
rm -f "$build/meson-logs/testlog.txt"
${MESON:-meson} test -C "$build" --no-rebuild --print-errorlogs "$@" || status=$?
# Each program's TAP ends in "# N passed, N failed, N errors, N broken, N soft, N skipped (...)".
awk '
  /^# [0-9]+ passed, [0-9]+ failed, [0-9]+ errors?, / {
    passed += $2; failed += $4; failed += $6; broken += $8 + $10; skipped += $12; programs++
  }
  END {
    if (broken) printf "(%d broken or soft, known and listed in the log)\n", broken
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    if (passed == 0) exit 3
  }' "$build/meson-logs/testlog.txt" || status=1
exit $status
