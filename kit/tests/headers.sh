#!/bin/sh
# Every public header compiles alone, in C17 and in C++ (.hpp: in C++), without warnings. TAP.
# Usage: tests/headers.sh INCLUDE_FOLDER
set -u
include=$1
n=0
failed=0
echo "TAP version 14"
headers=$(cd "$include" && ls jimm-test/*.h jimm-test/recompile/*.h*)
for header in $headers; do
  for language in c:-std=c17:"${CC:-gcc}" c++:-std=c++17:"${CXX:-g++}"; do
    IFS=: read -r kind standard compiler <<EOF
$language
EOF
    case $kind:$header in
      c:*.hpp | *:*/pass.hpp) continue ;;  # C++ only; a part of recompile.hpp
      *:*/enzyme.h) continue ;;            # needs a source (as recompile.hpp does)
    esac
    n=$((n + 1))
    if printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
      $compiler "$standard" -x "$kind" -Wall -Wextra -Wshadow -Werror -pedantic -fsyntax-only \
        -I"$include" - 2>/tmp/jimm-test-headers.$$; then
      echo "ok $n - $header alone in $kind"
    else
      failed=$((failed + 1))
      echo "not ok $n - $header alone in $kind"
      sed 's/^/# /' /tmp/jimm-test-headers.$$
    fi
    rm -f /tmp/jimm-test-headers.$$
  done
done
echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ] && [ $n -gt 0 ]
