#!/bin/sh
# Every public header compiles alone, in C17 and in C++, without warnings. TAP.
# Usage: test/install/headers.sh INCLUDE_FOLDER
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../scope.sh"
include=$1
n=0
failed=0
echo "TAP version 14"
headers=$(cd "$include" && ls jimm/*.h)
for header in $headers; do
  for language in c:-std=c17:"${CC:-gcc}" c++:-std=c++17:"${CXX:-g++}"; do
    IFS=: read -r kind standard compiler <<EOF
$language
EOF
    n=$((n + 1))
    if printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
      $compiler "$standard" -x "$kind" -Wall -Wextra -Wshadow -Werror -pedantic -fsyntax-only \
        -I"$include" - 2>/tmp/jimm-headers.$$; then
      echo "ok $n - $header alone in $kind"
    else
      failed=$((failed + 1))
      echo "not ok $n - $header alone in $kind"
      sed 's/^/# /' /tmp/jimm-headers.$$
    fi
    rm -f /tmp/jimm-headers.$$
  done
done
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ] && [ $n -gt 0 ]
