#!/bin/sh
# For tests that are no C program with test/filter.c and belong to no family: outside the scope that
# JIMM_TEST_FAMILIES and JIMM_TEST_VARIANTS set, they are skipped. A script sources this file; another
# program is run by it:
#   . "$(dirname "$0")/scope.sh"
#   sh test/scope.sh PROGRAM ARGUMENT...
# shellcheck shell=sh
if [ -n "${JIMM_TEST_FAMILIES:-}${JIMM_TEST_VARIANTS:-}" ]; then
  echo "TAP version 14"
  echo "1..1"
  echo "ok 1 - program # SKIP outside JIMM_TEST_FAMILIES and JIMM_TEST_VARIANTS"
  echo "# 0 passed, 0 failed, 0 errors, 0 broken, 0 soft, 1 skipped (0 checks)"
  exit 0
fi
case $0 in
  */scope.sh) exec "$@" ;;
esac
