#!/bin/sh
# jimm against the real timm, live. Ends in one line of counts: parity: N passed, N failed, N skipped.
#
#   scripts/parity.sh            one architecture of each kind in 3 and 1 channels, the program, images
#   scripts/parity.sh --quick    a subset, a few minutes
#   scripts/parity.sh --sweep    every architecture; goes on where it stopped
#   scripts/parity.sh --released every released tag with its weights, which the Hub has; likewise
#
# Fixtures are written to data/parity (a temporary folder with --quick; test/parity/sweep.py deletes
# its own). Weights are
# synthetic (docs/synthetic.md), so nothing is downloaded but the Python packages, once.
set -u
cd "$(dirname -- "$0")/.." || exit 1
build=${BUILD:-build}
mode=${1:-full}
case $mode in
  full | --quick | --sweep | --released) ;;
  *)
    echo "usage: scripts/parity.sh [--quick | --sweep | --released]" >&2
    exit 2
    ;;
esac
jimm=$build/jimm
# family:test:dump, for every row of families.def
families=$(sed -nE 's/^FAMILY\(([a-z0-9_]+), ([a-z0-9_]+), ([a-z0-9_]+)\)$/\1:\2:\3/p' src/family/families.def)
tests=$(for family in $families; do family=${family#*:} && echo "${family%:*}"; done)
for program in "$jimm" $(for test in $tests; do echo "$build/test/test_$test"; done); do
  if [ ! -x "$program" ]; then
    echo "parity.sh: $program is missing: run make (fixtures need libhdf5-dev)" >&2
    exit 1
  fi
done
python=$(scripts/python_env.sh) || exit 1

# live TEST: the architectures whose fixtures the test of a family expects: one for each option of the
# family, as its file says.
live() {
  JIMM_PARITY_DIR=/dev/null "$build/test/test_$1" --list | sed -nE 's/(_in1c)?(_featsonly)?_io\.h5$//p' | uniq
}

temporary=$(mktemp -d "${TMPDIR:-/tmp}/jimm-parity.XXXXXX") || exit 1
trap 'rm -rf "$temporary"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0

# stage NAME COMMAND...: runs it and adds up its last line of counts. A command that fails without
# a failure in that line, or has no such line, counts as one outcome itself.
stage() {
  name=$1 status=0
  shift
  echo "== $name"
  "$@" >"$temporary/log" 2>&1 || status=$?
  counts=$(sed -nE \
    -e 's/^# ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) errors?, ([0-9]+) broken, ([0-9]+) soft, ([0-9]+) skipped.*/\1 \2 \3 \6/p' \
    -e 's/^[a-z]+: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 0 \3/p' \
    "$temporary/log" | tail -n 1)
  if [ -n "$counts" ]; then
    # shellcheck disable=SC2086
    set -- $counts
    passed=$((passed + $1)) failed=$((failed + $2 + $3)) skipped=$((skipped + $4))
    if [ "$status" -ne 0 ] && [ $(($2 + $3)) -eq 0 ]; then failed=$((failed + 1)); fi
  elif [ "$status" -ne 0 ]; then
    failed=$((failed + 1))
  else
    passed=$((passed + 1))
  fi
  if [ "$status" -ne 0 ]; then tail -n 100 "$temporary/log"; else tail -n 40 "$temporary/log"; fi
  return "$status"
}

# small ARCH...: those of at most 120 M parameters. `jimm forward` is compared in a hundred ways each,
# for which the weights are saved anew.
small() {
  "$jimm" list --archs --json | "$python" -c '
import json, sys
params = {row["name"]: row["params"] for row in json.load(sys.stdin)}
print(*[arch for arch in sys.argv[1:] if params[arch] <= 120e6])' "$@"
}

# fixtures FAMILY:TEST:DUMP FOLDER ARCH...: dumps them in 3 and 1 channels and runs the test that
# requires them; in data/parity every other fixture that is there too.
fixtures() {
  dump=${1##*:} test=${1#*:} folder=$2 filters=
  test=${test%:*}
  shift 2
  if [ "$folder" != data/parity ]; then
    for one in "$@"; do filters="$filters --filter ${one}_i --filter ${one}_f"; done
  fi
  mkdir -p "$folder" || return 1
  for channels in 3 1; do
    for script in "$dump" features_only; do
      "$python" "test/parity/dump_${script}_io.py" --variant "$@" --synthetic 1 \
        --in-chans "$channels" --out "$folder" --resume || return 1
    done
  done
  # shellcheck disable=SC2086
  JIMM_PARITY_DIR=$folder JIMM_PARITY_REQUIRE="$*" "$build/test/test_$test" $filters
}

# The network of docs/porting.md, which is in no timm: its golden, fixtures, init and jimm_toy forward.
toy() {
  module=test/toy/toy_timm.py
  stage 'the toy: golden' "$python" test/parity/dump_goldens.py --check --import "$module" \
    --out test/toy/golden
  stage 'the toy: table' "$python" scripts/make_variants.py --check --import "$module" --out test/toy
  stage 'the toy: jimm_toy' "$python" test/parity/check_cli.py --jimm "$build/test/jimm_toy" \
    --import "$module" --archs toy_nano toy_micro -- init forward
  mkdir "$temporary/toy"
  for channels in 3 1; do
    for script in test/toy/parity/dump_toy_io.py test/parity/dump_features_only_io.py; do
      "$python" "$script" --import "$module" --variant toy_nano toy_micro --synthetic 1 \
        --in-chans "$channels" --out "$temporary/toy" >/dev/null
    done
  done
  stage 'the toy: fixtures' "$build/test/jimm_toy" parity --require --fixtures "$temporary/toy" 'toy*'
  stage 'the toy: live test' env JIMM_PARITY_DIR="$temporary/toy" JIMM_PARITY_REQUIRE=1 \
    "$build/test/test_toy"
}

case $mode in
  full)
    all=
    for family in $families; do
      test=${family#*:}
      archs=$(live "${test%:*}")
      all="$all $archs"
      # shellcheck disable=SC2086
      stage "fixtures (test_${test%:*})" fixtures "$family" data/parity $archs
    done
    stage 'the program' "$python" test/parity/check_cli.py --jimm "$jimm" list labels init dump convert predict
    # shellcheck disable=SC2046,SC2086
    stage 'jimm forward' "$python" test/parity/check_cli.py --jimm "$jimm" --archs $(small $all) -- forward
    stage 'images' "$python" test/parity/check_images.py "$jimm"
    stage 'the cache that Python shares' "$python" test/parity/check_hub.py --build "$build"
    stage 'weights by name' "$python" test/parity/check_released.py --build "$build"
    # shellcheck disable=SC2086
    stage 'goldens are what timm says' "$python" test/parity/dump_goldens.py --check $all
    toy
    ;;
  --quick)
    for family in $families; do
      test=${family#*:}
      # shellcheck disable=SC2046
      stage "fixtures (test_${test%:*})" fixtures "$family" "$temporary/fixtures" \
        $(live "${test%:*}" | head -n 1)
    done
    stage 'the program' "$python" test/parity/check_cli.py --jimm "$jimm" --quick
    stage 'the cache that Python shares' "$python" test/parity/check_hub.py --build "$build" --quick
    stage 'weights by name' "$python" test/parity/check_released.py --build "$build" --quick
    stage 'goldens are what timm says' "$python" test/parity/dump_goldens.py --check test_resnet \
      seresnet18 resnetblur18 ecaresnext26t_32x4d resnetv2_18d test_convnext convnextv2_atto
    toy
    ;;
  --sweep)
    exec "$python" test/parity/sweep.py --jimm "$jimm"
    ;;
  --released)
    exec "$python" test/parity/sweep.py --jimm "$jimm" --released
    ;;
esac
echo "parity: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
