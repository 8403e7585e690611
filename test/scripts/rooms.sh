#!/bin/sh
# The lint of rooms finds what it is for: a small house of its own is held to its table, then broken in
# one way after the other. TAP; from the source root.
set -u
# shellcheck source=test/scope.sh
. test/scope.sh
# shellcheck source=test/tap.sh
. test/tap.sh
lint=$PWD/scripts/lint_layers.sh
# shellcheck disable=SC2154
house=$work/house # of tap.sh

# A house where everything is as its table says.
build() {
  rm -rf "$house"
  mkdir -p "$house/include/jimm" "$house/src/base/deep" "$house/src/graph" "$house/src/plan" "$house/cli" "$house/test"
  cd "$house" || exit 1
  git init -q .
  cat >src/rooms.txt <<'TABLE'
# folder | library | may include | what it holds
include/jimm | libjimm | - | public headers
src/base | libjimm | jimm | what everyone uses
src/graph | libjimm | base | nodes
src/plan | libjimm | base graph | steps
cli | - | jimm | the program
test | - | every | tests
TABLE
  echo '#include <stddef.h>' >include/jimm/base.h
  printf '#include <graph/of_the_system.h>\n#include <jimm/base.h>\n' >src/base/base.h
  printf '#include "base/base.h"\n#include "deep/here.h"\n' >src/base/base.c
  echo '#include <stdio.h>' >src/base/deep/here.h
  echo '#include "base/base.h"' >src/graph/graph.h
  printf '#include "graph/graph.h"\n#  include "base/base.h"\n' >src/plan/plan.c
  printf '#include <jimm/base.h>\n#include "main.h"\n' >cli/main.c
  printf '#include "plan/plan.h"\n#include "anything/else.h"\n' >test/test.c
}

passes() {
  "$lint" "$house" >"$work/out" 2>&1 && ! [ -s "$work/out" ]
}

# finds TEXT: the lint fails with that one finding.
finds() {
  ! "$lint" "$house" >"$work/out" 2>&1 && grep -qxF "$1" "$work/out" && [ "$(wc -l <"$work/out")" -eq 1 ]
}

# broken NAME FINDING COMMAND: the house, after the command, has that finding.
broken() {
  build
  eval "$3"
  check "$1" finds "$2"
}

if ! command -v git >/dev/null; then
  skip "the lint of rooms" "there is no git"
  tap_end
  exit
fi
build
check "a house as its table says" passes
broken "an include of a room above" 'src/base/base.c:3: src/base must not include graph/graph.h' \
  'echo "#include \"graph/graph.h\"" >>src/base/base.c'
broken "an include downwards that the row does not name" 'src/graph/graph.h:2: src/graph must not include jimm/base.h' \
  'echo "#include <jimm/base.h>" >>src/graph/graph.h'
broken "a macro that is a file of a room above" 'src/base/base.c:3: src/base must not include graph/rows.def' \
  'echo "#define ROWS \"graph/rows.def\"" >>src/base/base.c'
broken "the insides of the library in a program" 'cli/main.c:3: cli must not include base/base.h' \
  'echo "  #include \"base/base.h\"" >>cli/main.c'
broken "a permission that nothing uses" 'src/rooms.txt:5: src/plan includes nothing of src/base' \
  'sed -i 2d src/plan/plan.c'
broken "a row that may include what stands below it" \
  'src/rooms.txt:4: src/graph may include plan, which is no room above it' \
  'sed -i "4s/base/base plan/" src/rooms.txt'
broken "a row that may include a room that does not exist" \
  'src/rooms.txt:6: cli may include cellar, which is no room above it' 'sed -i "6s/jimm/jimm cellar/" src/rooms.txt'
broken "a room that does not exist" 'src/rooms.txt:8: there is no src/attic' \
  'echo "src/attic | libjimm | - | nothing" >>src/rooms.txt'
broken "a folder of src without a row" 'src/attic: no row of src/rooms.txt' 'mkdir src/attic'
broken "a source in no room" 'attic/attic.c: in no room of src/rooms.txt' 'mkdir attic && : >attic/attic.c'
broken "an include of no room" 'src/plan/plan.c:3: no room is called attic' \
  'echo "#include \"attic/attic.h\"" >>src/plan/plan.c'
broken "a second row of a room" 'src/rooms.txt:8: a second room base' \
  'sed -n 3p src/rooms.txt >>src/rooms.txt'
broken "a row without a column" \
  'src/rooms.txt:8: a row is folder | library | may include | what it holds' 'echo "test | every" >>src/rooms.txt'
tap_end
