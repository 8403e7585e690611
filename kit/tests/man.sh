#!/bin/sh
# The man pages of the kit are well-formed and name everything that a user can write: macros,
# arguments, variables of the environment. TAP.
# Usage: tests/man.sh PAGE...   (from the top of the kit)     JT_HELP names the program of jimm-test.7
set -u
# shellcheck source=kit/tests/tap.sh
. "$(dirname "$0")/tap.sh"
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
macros() {
  sed -n 's/^#define \(TEST_*[A-Z_]*\)(.*/\1/p' include/jimm-test/*.h | sort -u | all_items "$1" 30
}
options() { "$2" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | all_items "$1" "$3"; }
variables() {
  # shellcheck disable=SC2086
  sed -n 's/.*getenv("\([A-Z_]*\)").*/\1/p' $2 | sort -u | all_items "$1" "$3"
}
shell_variables() {
  sed -n 's/.*${\(JT_[A-Z_]*\|CC\)[+:].*/\1/p' "$2" | sort -u | all_items "$1" "$3"
}

for page in "$@"; do
  base=$(basename "$page")
  renders "$base" man "$page" silent man --warnings -E UTF-8 -l
  renders "$base" mandoc "$page" linted
  case $base in
    jimm-test.7)
      check "$base has every macro" macros "$page"
      check "$base has every argument" options "$page" "$JT_HELP" 10
      check "$base has every variable" variables "$page" "src/*.c" 7
      ;;
    jimm-enzyme-cc.1)
      check "$base has every argument" options "$page" enzyme/jimm-enzyme-cc 2
      check "$base has every variable" shell_variables "$page" enzyme/jimm-enzyme-cc 3
      ;;
  esac
done
tap_end
