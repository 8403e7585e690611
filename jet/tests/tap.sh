#!/bin/sh
# TAP for scripts whose checks are commands. A script sources it:
#   . "$(dirname "$0")/tap.sh"
#   check "two and two" test $((2 + 2)) -eq 4
#   skip "a network" "there is none"
#   tap_end
# $work is a folder that goes away at the end. When a check fails, what its command said and $work/out
# and $work/err, if there are such files, become comments.
# shellcheck shell=sh
tap_count=0
tap_failed=0
tap_skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "TAP version 14"
check() {
  tap_name=$1
  shift
  tap_count=$((tap_count + 1))
  if "$@" >"$work/log" 2>&1; then
    echo "ok $tap_count - $tap_name"
  else
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $tap_name"
    cat "$work/log" "$work/out" "$work/err" 2>/dev/null | sed 's/^/# /' | tail -n 30
  fi
}
skip() { # NAME REASON
  tap_count=$((tap_count + 1))
  tap_skipped=$((tap_skipped + 1))
  echo "ok $tap_count - $1 # SKIP $2"
}
tap_end() {
  echo "1..$tap_count"
  echo "# $((tap_count - tap_failed - tap_skipped)) passed, $tap_failed failed, 0 errors, 0 broken, 0 soft," \
    "$tap_skipped skipped ($tap_count checks)"
  [ $tap_failed -eq 0 ] && [ $tap_count -gt 0 ]
}
