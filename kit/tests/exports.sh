#!/bin/sh
# The shared library exports exactly the symbols of exports.txt, all of them named jt_.... After a
# wanted change of the interface: tests/exports.sh --update LIBRARY.so. TAP.
# Usage: tests/exports.sh [--update] LIBRARY.so
set -u
# shellcheck source=kit/tests/tap.sh
. "$(dirname "$0")/tap.sh"
list=$(dirname "$0")/exports.txt
update=0
if [ "${1:-}" = --update ]; then
  update=1
  shift
fi
nm -D --defined-only "$1" | awk '{ print $3 }' | sed 's/@.*//' | LC_ALL=C sort -u >"$work/exported"
[ $update -eq 0 ] || cp "$work/exported" "$list"
own() { ! grep -vE '^jt_' "$work/exported"; }
check "only names of its own are exported" own
check "what is exported is what exports.txt lists (< listed, > exported)" diff "$list" "$work/exported"
tap_end
