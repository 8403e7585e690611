#!/bin/sh
# A folder of src/ includes only what stands above it: the order of src/meson.build, with the
# exceptions that docs/architecture.md names. Programs include public headers only; the test
# kit knows nothing of libjimm, and jimm-jet nothing of either.
set -eu
git ls-files -z 'src/*.c' 'src/*.h' 'cli/*.c' 'cli/*.h' 'examples/*.c' 'kit/*.c' 'kit/*.h' 'kit/*.hpp' 'kit/*.cpp' 'jet/*.c' 'jet/*.h' | xargs -0 awk '
  BEGIN {
    order = "base tensor state op graph layer family model kernel plan run label"
    n = split(order, room, " ")
    for (i = 1; i <= n; i++) rank[room[i]] = i
    rank["image"] = rank["state"] + 0.5
    rank["parity"] = rank["run"] + 0.5
    rank["net"] = rank["base"] + 0.5
    rank["hub"] = rank["run"] + 0.5
  }
  /^#include "/ {
    split(FILENAME, part, "/")
    from = part[2]
    split($2, quoted, "\"")
    if (quoted[2] !~ /\//) next
    split(quoted[2], target, "/")
    to = target[1]
    if (part[1] == "src" && to != from) {
      if (!(to in rank) || !(from in rank) || rank[to] >= rank[from]) {
        printf "%s:%d: %s must not include %s\n", FILENAME, FNR, from, quoted[2]
        bad = 1
      }
    }
    if ((part[1] == "kit" && to !~ /^(jimm-test|enzyme|recompile|\.\.)$/) ||
        (part[1] == "jet" && to != "..")) {
      printf "%s:%d: %s/ must not include %s\n", FILENAME, FNR, part[1], quoted[2]
      bad = 1
    }
    if ((part[1] == "cli" || part[1] == "examples") && to in rank) {
      printf "%s:%d: programs use public headers only\n", FILENAME, FNR
      bad = 1
    }
  }
  (/^#include <jimm\// && FILENAME ~ /^(kit|jet)\//) || (/^#include <jimm-test\// && FILENAME ~ /^jet\//) {
    printf "%s:%d: the kit knows nothing of libjimm, jimm-jet nothing of either\n", FILENAME, FNR
    bad = 1
  }
  END { exit bad }
'
