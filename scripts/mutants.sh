#!/usr/bin/env bash
# Breaks the code on purpose, one constant or rule at a time, and requires that a test goes red.
# The mutants are rows of scripts/mutants.txt: file | sed expression | tests, each PROGRAM or
# PROGRAM:FILTER (test_PROGRAM --filter FILTER, wherever it is built). Works on a copy of the tree, uncommitted changes
# included; prints for every mutant the test that kills it.
# Usage: scripts/mutants.sh [NUMBER...]   (all, or the given rows)
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$top" || exit 1
git ls-files -z --cached --others --exclude-standard | xargs -0 cp -Pp --parents -t "$work"
cd "$work" || exit 1
{ ${MESON:-meson} setup build && ninja -C build; } >"$work/log" 2>&1 || {
  tail -n 20 "$work/log"
  exit 1
}
# built NAME: a program of the build, below build/
built() { find build -name "$1" -type f -perm -u+x -printf '%P' -quit; }
JIMM_PROGRAM=$work/build/jimm JIMM_HUB_CLIENT=$work/build/$(built hub_client)
export JIMM_PROGRAM JIMM_HUB_CLIENT
# the goldens of the library's families and of the toy's, for test_golden_toy
mkdir "$work/goldens" && ln -s "$work"/test/golden/*.json "$work"/test/toy/golden/*.json "$work/goldens"
export JIMM_GOLDEN_DIR=$work/goldens

# The first test that fails, as PROGRAM/TEST; nothing when all pass.
find_killer() {
  local one program filter path top
  for one in $1; do
    program=${one%%:*}
    filter=
    [ "$one" = "$program" ] || filter="--filter ${one#*:}"
    path=$(built "test_$program")
    # The tests of kit/ and jet/ are run there.
    top=$(printf '%s' "$path" | sed -nE 's#^subprojects/([^/]*)/.*#\1#p')
    # shellcheck disable=SC2086
    if ! (cd "$work/$top" && timeout 300 "$work/build/$path" $filter) >"$work/log" 2>/dev/null; then
      echo "$program/$(sed -nE 's/^not ok [0-9]+ - ([^#]*).*/\1/p' "$work/log" | head -n 1)"
      return
    fi
  done
}

# What the named tests are made of: building the other seventy programs is most of the time.
targets() {
  local one
  for one in $1; do
    case $one in
      cli* | toy*) echo all && return ;;
      jet*) echo jimm-jet ;;
      hf_* | hub_*) built hub_client ;;
    esac
    echo " $(built "test_${one%%:*}")"
  done
}

passed=0 failed=0 number=0
while read -r line; do
  case $line in '' | '#'*) continue ;; esac
  file=${line%% | *} tests=${line##* | } edit=${line#* | }
  edit=${edit% | *}
  number=$((number + 1))
  if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx "$number"; then continue; fi
  cp -p "$file" "$work/original"
  sed -i -E "$edit" "$file"
  killer=
  if cmp -s "$file" "$work/original"; then
    verdict="changes nothing"
  elif ! targets "$tests" | xargs ninja -C build >"$work/log" 2>&1; then
    verdict="does not compile"
  else
    killer=$(find_killer "$tests")
    verdict=SURVIVES
  fi
  if [ -n "$killer" ]; then
    passed=$((passed + 1))
    echo "ok $number - $file: $edit -- killed by $killer"
  else
    failed=$((failed + 1))
    echo "not ok $number - $file: $edit -- $verdict"
  fi
  cat "$work/original" >"$file" # with a new time stamp, so that it is built again
done <"$top/scripts/mutants.txt"
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
