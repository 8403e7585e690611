#!/bin/sh
# The shared libraries export exactly the symbols listed in test/install/exports/NAME.txt, all of them named
# jimm_.... After a wanted change of the interface: test/install/exports.sh --update.
# Usage: test/install/exports.sh [--update] LIBRARY.so...      TAP.
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../scope.sh"
update=0
if [ "${1:-}" = --update ]; then
  update=1
  shift
fi
folder=$(dirname "$0")/exports
n=0
failed=0
echo "TAP version 14"
for library in "$@"; do
  name=$(basename "$library" | sed 's/\.so.*//')
  got=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort -u)
  if [ $update -eq 1 ]; then
    mkdir -p "$folder"
    printf '%s\n' "$got" >"$folder/$name.txt"
  fi
  n=$((n + 1))
  if bad=$(printf '%s\n' "$got" | grep -vE '^jimm_'); then
    failed=$((failed + 1))
    echo "not ok $n - $name exports only names of its own"
    printf '%s\n' "$bad" | sed 's/^/# /'
  else
    echo "ok $n - $name exports only names of its own"
  fi
  n=$((n + 1))
  if difference=$(printf '%s\n' "$got" | diff "$folder/$name.txt" -); then
    echo "ok $n - $name exports what $name.txt lists"
  else
    failed=$((failed + 1))
    echo "not ok $n - $name exports what $name.txt lists (< listed, > exported)"
    printf '%s\n' "$difference" | sed 's/^/# /'
  fi
done
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ] && [ $n -gt 0 ]
