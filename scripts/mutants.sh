#!/usr/bin/env bash
# Breaks the code on purpose, one constant or rule at a time, and requires that a test goes red.
# The mutants are rows of scripts/mutants.txt: file | sed expression | tests (meson names).
# Works on a copy of the committed and uncommitted tree; writes the list of kills to standard output.
# Usage: scripts/mutants.sh [NUMBER...]   (all, or the given rows)
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$top" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work" -p)
cd "$work" || exit 1
${MESON:-meson} setup build >/dev/null || exit 1
ninja -C build >/dev/null || exit 1
passed=0 failed=0 number=0
while IFS='|' read -r file edit tests; do
  case $file in '' | '#'*) continue ;; esac
  number=$((number + 1))
  if [ $# -gt 0 ] && ! printf '%s\n' "$@" | grep -qx "$number"; then continue; fi
  file=$(echo "$file" | xargs) edit=$(echo "$edit" | sed 's/^ *//; s/ *$//')
  cp -p "$file" "$work/original"
  sed -i -E "$edit" "$file"
  # shellcheck disable=SC2086
  if cmp -s "$file" "$work/original"; then
    verdict="not ok $number - $file: $edit changes nothing"
  elif ! ninja -C build >"$work/log" 2>&1; then
    verdict="not ok $number - $file: $edit does not compile"
  elif ${MESON:-meson} test -C build --no-rebuild $tests >"$work/log" 2>&1; then
    verdict="not ok $number - $file: $edit SURVIVES"
  else
    killers=$(grep -E '(FAIL|ERROR|TIMEOUT)' "$work/log" | awk '$3 ~ /^[a-z_]+$/ { print $3 } $2 ~ /^[a-z_]+$/ { print $2 }' | sort -u | tr '\n' ' ')
    verdict="ok $number - $file: $edit (killed by ${killers% })"
  fi
  echo "$verdict"
  case $verdict in ok*) passed=$((passed + 1)) ;; *) failed=$((failed + 1)) ;; esac
  cp "$work/original" "$file" # a new time stamp, so that it is built again
done <"$top/scripts/mutants.txt"
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
