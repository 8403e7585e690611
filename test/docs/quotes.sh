#!/bin/sh
# What a page quotes is what is compiled: every fenced block of C, C++ or Python begins with a comment that
# names a file, and the rest of it occurs in that file, line by line. TAP.
# Usage: test/docs/quotes.sh PAGE...   (from the source root)
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../scope.sh"
awk '
  function finish(    text, line, name) {
    n++
    name = FILENAME ":" start ": " (file == "" ? "no file named" : file)
    while (file != "" && (getline line <file) > 0) {
      text = text line "\n"
    }
    close(file)
    if (block != "" && index("\n" text, "\n" block) > 0) {
      print "ok " n " - " name
    } else {
      failed++
      print "not ok " n " - " name
      print "# the block is not in the file as it stands in the page"
    }
  }
  BEGIN { print "TAP version 14" }
  inside && /^```/ { finish(); inside = 0; next }
  inside && FNR == start + 1 {
    file = $0
    if (!sub(/^\/\* /, "", file) || !sub(/ \*\/$/, "", file)) {
      file = $0
      if (!sub(/^# /, "", file)) file = ""
    }
    next
  }
  inside { block = block $0 "\n"; next }
  /^```(c|cpp|python)$/ { inside = 1; start = FNR; file = block = ""; next }
  END {
    if (inside) finish()
    print "1.." n
    printf "# %d passed, %d failed, 0 errors, 0 broken, 0 soft, 0 skipped (%d checks)\n", n - failed, failed, n
    exit failed > 0 || n == 0
  }
' "$@"
