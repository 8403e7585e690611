#!/bin/sh
# The man page is well-formed and names everything that a user can write: arguments and variables of
# the environment. TAP.
# Usage: tests/man.sh PAGE PROGRAM   (from the top of jimm-jet)
set -u
# shellcheck source=jet/tests/tap.sh
. "$(dirname "$0")/tap.sh"
page=$1
program=$2
# Takes "--warnings" and so on; fails when anything was said.
silent() { ! "$@" 2>&1 >/dev/null | grep .; }
renders() {
  name="$1 has no error that $2 finds"
  if command -v "$2" >/dev/null; then
    page=$3
    shift 3
    check "$name" "$@" "$page"
  else
    skip "$name" "there is no $2"
  fi
}
linted() { ! mandoc -T lint -W error "$1" | grep .; }
# Each line of standard input is an item of the page: it begins with that word.
all_items() {
  sed -n 's/\\-/-/g; s/\\fR//; s/^\\fB//p; s/^\.B //p' "$1" >"$work/items"
  count=0
  missing=0
  while read -r word; do
    count=$((count + 1))
    grep -qE -- "^$word([^A-Za-z0-9_-]|\$)" "$work/items" || {
      echo "missing: $word"
      missing=$((missing + 1))
    }
  done
  [ "$count" -ge "$2" ] && [ $missing -eq 0 ] || {
    echo "$missing of $count are missing; expected $2 or more"
    return 1
  }
}
options() { "$2" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | all_items "$1" "$3"; }
variables() {
  # shellcheck disable=SC2086
  sed -n 's/.*getenv("\([A-Z_]*\)").*/\1/p' $2 | sort -u | all_items "$1" "$3"
}

base=$(basename "$page")
renders "$base" man "$page" silent man --warnings -E UTF-8 -l
renders "$base" mandoc "$page" linted
check "$base has every argument" options "$page" "$program" 14
check "$base has every variable" variables "$page" "src/*.c" 1
tap_end
