#!/bin/sh
# Writes the generated pages of docs/ from the library's own tables, and those of kit/ and jet/; with --check it only compares
# and reports in TAP.
# Usage: scripts/docs.sh [--check /PATH/TO/docs_tables]
set -u
cd "$(dirname "$0")/.." || exit 1
# docs/architecture.md with the table of rooms that src/rooms.txt makes.
architecture() {
  awk '
    FILENAME == "src/rooms.txt" {
      if (/^#/ || split($0, column, " [|] ") != 4) next
      gsub(" ", ", ", column[3])
      if (column[3] == "every") column[3] = "every room"
      rows = rows "| `" column[1] "/` | " column[4] " | " column[2] " | " column[3] " |\n"
      next
    }
    /^<!-- end of rooms/ { inside = 0 }
    !inside
    /^<!-- rooms:/ {
      inside = 1
      printf "| room | holds | library | may include |\n| --- | --- | --- | --- |\n%s", rows
      marked = 1
    }
    END { if (!marked) print "no place for the table of rooms" }
  ' src/rooms.txt docs/architecture.md
}

if [ "${1:-}" != --check ]; then
  for page in variants operators; do
    "${BUILD:-build}/docs/docs_tables" $page >docs/$page.md || exit 1
  done
  for part in kit jet; do
    (cd $part && tests/defects.sh --write) || exit 1
  done
  page=$(architecture) || exit 1
  printf '%s\n' "$page" >docs/architecture.md
  exit
fi
# shellcheck source=test/scope.sh
. test/scope.sh
n=0
failed=0
echo "TAP version 14"
for page in variants operators; do
  n=$((n + 1))
  if "$2" $page | cmp -s - docs/$page.md; then
    echo "ok $n - docs/$page.md is what make docs writes"
  else
    failed=$((failed + 1))
    echo "not ok $n - docs/$page.md is what make docs writes"
  fi
done
n=$((n + 1))
if architecture | cmp -s - docs/architecture.md; then
  echo "ok $n - the rooms of docs/architecture.md are what make docs writes"
else
  failed=$((failed + 1))
  echo "not ok $n - the rooms of docs/architecture.md are what make docs writes"
fi
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ]
