#!/bin/sh
# Writes the generated pages of docs/ from the library's own tables, and those of kit/ and jet/; with --check it only compares
# and reports in TAP.
# Usage: scripts/docs.sh [--check /PATH/TO/docs_tables]
set -u
cd "$(dirname "$0")/.." || exit 1
if [ "${1:-}" != --check ]; then
  for page in variants operators; do
    "${BUILD:-build}/docs/docs_tables" $page >docs/$page.md || exit 1
  done
  for part in kit jet; do
    (cd $part && tests/defects.sh --write) || exit 1
  done
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
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ]
