#!/usr/bin/env bash
# What adding costs (docs/adding.md), proved by adding one of each to a copy of the tree: a variant, a
# family, an operator, a kernel, an image format, a command, a test. What it takes must be what the
# table in docs/adding.md says, file by file and line by line; the copy is built once and the tests
# must find what was added. Ends with one line of counts.
# Usage: scripts/adding.sh [PART...]   (all, or those named: scripts/adding.sh operator)
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
from=$top/test/adding
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset JIMM_PARITY_REQUIRE JIMM_PARITY_DIR JIMM_GOLDEN_DIR JIMM_TEST_FAMILIES JIMM_TEST_VARIANTS \
  JIMM_TEST_FULL JIMM_TEST_QUICK JIMM_CPU GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
parts=${*:-variant family operator kernel format command test}
passed=0 failed=0

# file PATH [SOURCE]: a file of test/adding, where it belongs.
file() { cp "$from/${2:-${1##*/}}" "$1"; }
# row FILE LINE: a row at the end of a table.
row() { printf '%s\n' "$2" >>"$1"; }
# row_before FILE LINE TEXT: before the first line that begins with LINE.
row_before() {
  awk -v at="$2" -v row="$3" '!n && index($0, at) == 1 { print row; n = 1 } 1' "$1" >"$work/table"
  cat "$work/table" >"$1"
}

# ---- what is added ----

# timm's test_resnet under another name: it computes the same, so timm's answers are known.
add_variant() {
  sed -n '/^ARCH("test_resnet"/,/^$/p' src/family/resnet_variants.def |
    sed 's/test_resnet/test_resnet_added/g' >"$work/variant"
  cat "$work/variant" >>src/family/resnet_variants.def
  sed 's/"arch":"test_resnet"/"arch":"test_resnet_added"/' test/golden/test_resnet.json \
    >test/golden/test_resnet_added.json
  sed -i 's/{"resnet", 81, 168, 149,/{"resnet", 82, 169, 150,/' test/model/test_registry.c
}
check_variant() {
  check 'it is listed' says 'test_resnet_added.r160_in1k' build/jimm list 'test_resnet_a*'
  check 'the counts are right' build/test/test_registry --filter counts
  check 'its graph is right' says 'ok 1 - arch test_resnet_added' build/test/test_registry --filter test_resnet_added
  check 'it gives the answers of its golden' says 'ok 1 - test_resnet_added' \
    build/test/test_golden --filter test_resnet_added
}

add_family() {
  file src/family/tokens.c
  file src/family/tokens_variants.def
  file test/test_tokens.c tokens_live.c
  file test/parity/dump_tokens_io.py
  row src/family/families.def 'FAMILY(tokens, tokens, tokens)'
  row_before src/family/meson.build '  ),' "    'tokens.c',"
  row_before test/model/test_registry.c '};' '    {"tokens", 1, 1, 0, 0, 0},'
}
check_family() {
  check 'it is listed' says 'tokens_nano.untrained' build/jimm list --all 'tokens*'
  check 'it runs' forward
  check 'plan and reference agree; tokens and images are views' says '- tokens_are_views' build/test/test_tokens
  check 'a golden is asked for' refuses 'test/golden/tokens_nano.json is missing' \
    build/test/test_golden --filter every_architecture
}
forward() {
  build/jimm preprocess tokens_nano demo/images/one.png -o "$work/x.npy" &&
    build/jimm forward tokens_nano --synthetic 1 --input "$work/x.npy" --output "$work/y.npy" &&
    [ -s "$work/y.npy" ]
}

add_operator() {
  file src/op/hard_swish.c
  row src/op/ops.def 'OPERATOR(hard_swish)'
  cat "$from/hard_swish.golden" >>test/golden/ops.def # what test/parity/dump_op_goldens.py printed
}
check_operator() {
  check 'it gives the answers of PyTorch' says '- hard_swish/image' build/test/test_op --filter hard_swish/image
  check 'its derivatives are right' says '- hard_swish/image derivatives' \
    build/test/test_op --filter 'hard_swish/image derivatives'
  check 'with all operators beside it' build/test/test_op
  check 'it is documented' says 'hard_swish' build/docs/docs_tables operators
  check 'a wrong derivative is found' wrong_derivative
}
wrong_derivative() {
  sed -i 's/cotangent\[i\] \* slope/-cotangent[i] * slope/' src/op/hard_swish.c
  ninja -C build test/test_op >/dev/null || return 1
  build/test/test_op --filter 'hard_swish/image derivatives' >"$work/wrong"
  git checkout -q src/op/hard_swish.c
  ninja -C build test/test_op >/dev/null
  grep 'vjp of inputs 0xff differs from central differences' "$work/wrong"
}

add_kernel() {
  file src/kernel/conv2d_plain.c
  row_before src/kernel/kernels.def 'GENERIC(generic/layout, channels_last' \
    'KERNEL(conv2d_plain, conv2d, plain, f32, f32, f32, baseline, 4, 4)'
}
check_kernel() {
  check 'every kernel is right' build/test/test_kernel
  check 'every row is used' build/test/test_op
  check 'plans choose it' build/test/test_plan
}

add_format() {
  file src/image/farbfeld.c
  row src/image/formats.def 'FORMAT(farbfeld, "farbfeld")'
  mkdir test/fuzz/corpus/farbfeld
  for size in 0 8 12 20 24; do
    farbfeld | head -c $size >"test/fuzz/corpus/farbfeld/$size"
  done
}
# Two pixels, (255, 0, 0) and (1, 2, 3).
farbfeld() {
  printf 'farbfeld\0\0\0\2\0\0\0\1\377\377\0\0\0\0\377\377\1\1\2\2\3\3\377\377'
}
check_format() {
  check 'it is read' same_pixels
  check 'its target is run' build/test/fuzz/replay_farbfeld
}
same_pixels() {
  farbfeld >"$work/image.ff"
  printf 'P6\n2 1\n255\n\377\0\0\1\2\3' >"$work/image.ppm"
  build/jimm preprocess test_resnet "$work/image.ff" -o "$work/a.npy" &&
    build/jimm preprocess test_resnet "$work/image.ppm" -o "$work/b.npy" && cmp "$work/a.npy" "$work/b.npy"
}

add_command() {
  file cli/families.c
  row cli/commands.def 'COMMAND(families, "list the families of models", cli_families)'
}
check_command() {
  check 'it runs' says convnextv2 build/jimm families
  check 'help knows it' says 'list the families of models' build/jimm --help
  check 'it has help' says '--count' build/jimm families --help
  check 'completion knows it' says families build/jimm --complete fam
  check 'the man page knows it' says 'families' build/jimm --man
}

add_test() {
  file test/base/test_added.c added.c
  row_before test/meson.build "  ['tensor', " "  ['added', files('base/test_added.c'), []],"
}
check_test() {
  check 'it runs' says 'added_and_found OK' run_added
}
run_added() { ${MESON:-meson} test -C build -v --no-rebuild added; }

# What must be built for a part, beside the program.
targets() {
  case $1 in
    variant) echo test/test_registry test/test_golden ;;
    family) echo test/test_tokens test/test_golden ;;
    operator) echo test/test_op docs/docs_tables ;;
    kernel) echo test/test_kernel test/test_op test/test_plan ;;
    format) echo test/fuzz/replay_farbfeld ;;
    test) echo test/test_added ;;
  esac
}

# ---- the checks ----

# check WORDS COMMAND...: one test, of the part at hand.
check() {
  local words=$1
  shift
  if "$@" >"$work/out" 2>&1 </dev/null; then
    passed=$((passed + 1))
    echo "ok - $part: $words"
  else
    failed=$((failed + 1))
    echo "not ok - $part: $words"
    tail -n 30 "$work/out"
  fi
}
# says TEXT COMMAND...: it succeeds and its output has the text; refuses TEXT COMMAND...: it fails.
says() {
  local text=$1
  shift
  "$@" >"$work/said" 2>&1 && grep -qF -e "$text" "$work/said" && return
  cat "$work/said"
  return 1
}
refuses() {
  local text=$1
  shift
  ! "$@" >"$work/said" 2>&1 && grep -qF -e "$text" "$work/said" && return
  cat "$work/said"
  return 1
}

# What the table of docs/adding.md says that a part costs: "new PATH" and "LINES PATH", sorted; and
# what it did cost.
stated() {
  awk -F ' *[|] *' -v part="$1" '$2 == part {
    n = split($3, cell, "`")
    for (i = 2; i <= n; i += 2) print "new", cell[i]
    n = split($4, cell, "`")
    for (i = 2; i <= n; i += 2) { split(cell[i + 1], lines, /[ ,]+/); print lines[2], cell[i] }
  }' "$top/docs/adding.md" | sort
}
spent() {
  git diff --cached --no-renames --name-status |
    sed -n 's/^A\t/new /p' | sed 's|\(corpus/[a-z]*/\).*|\1|' | sort -u
  git diff --cached --no-renames --numstat --diff-filter=M | while read -r added removed path; do
    # a line that is changed is one, and nothing is taken out
    [ "$removed" -eq 0 ] || [ "$removed" -eq "$added" ] || added="-$removed"
    echo "$added $path"
  done
}
cost() {
  spent | sort >"$work/spent"
  stated "$part" >"$work/stated"
  [ -s "$work/stated" ] && diff "$work/stated" "$work/spent"
}

cd "$top" || exit 1
mkdir "$work/tree"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp -Pp --parents -t "$work/tree"
cd "$work/tree" || exit 1
commit() { git add -A && git -c user.name=adding -c user.email=adding@localhost -c commit.gpgsign=false commit -qm "$1"; }
git init -q . && commit tree || exit 1
for part in $parts; do
  if ! declare -F "add_$part" >/dev/null; then
    echo "unknown part $part"
    exit 2
  fi
  "add_$part"
  git add -A
  check 'costs what docs/adding.md says' cost
  commit "$part"
done
part=all
build() {
  local one
  ${MESON:-meson} setup --werror build || return 1
  { for one in $parts; do targets "$one"; done && echo jimm; } | xargs ninja -C build
}
check 'the tree builds without a warning' build
if [ "$failed" -eq 0 ]; then
  for part in $parts; do
    "check_$part"
  done
fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
