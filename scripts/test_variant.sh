#!/bin/sh
# Compares one variant with timm: builds, dumps its fixtures when they are not there, runs its tests.
#
#   scripts/test_variant.sh resnet50.a1_in1k               released weights (needs the Hub, once)
#   scripts/test_variant.sh resnet50 --synthetic           no download (docs/synthetic.md)
#   scripts/test_variant.sh convnextv2_atto_fcmae --in-chans 1 --synthetic 7 --stages
#
# Fixtures are kept in ${JIMM_PARITY_DIR:-data/parity}; those that are there need no Python. Ends in
# a line of counts. Exit status: 0 passed, 1 failed or nothing was compared, 2 usage.
set -u
cd "$(dirname -- "$0")/.." || exit 1
build=${BUILD:-build}
folder=${JIMM_PARITY_DIR:-data/parity}

usage() {
  cat <<'USAGE'
usage: scripts/test_variant.sh NAME [OPTION...]
  NAME                 timm's name, resnet50 or resnet50.a1_in1k, or the key resnet50_a1_in1k
  --in-chans N         input channels (default: 3)
  --synthetic [SEED]   synthetic instead of released weights (default: seed 1); no download
  --stages             also what every module inside computes
  --force              dump the fixtures anew
  -h, --help           print this text
USAGE
}
wrong() {
  echo "test_variant.sh: $*" >&2
  usage >&2
  exit 2
}
fail() {
  echo "test_variant.sh: $*" >&2
  exit 1
}

is_number() {
  case $1 in
    '' | 0?* | *[!0-9]* | ??????????*) return 1 ;;
  esac
}

name='' channels=3 synthetic='' stages='' force=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --in-chans | --in-chans=*)
      if [ "$1" = --in-chans ]; then
        [ $# -gt 1 ] || wrong '--in-chans needs a value'
        shift
      fi
      channels=${1#--in-chans=}
      if ! is_number "$channels" || [ "$channels" -eq 0 ]; then
        wrong "--in-chans '$channels': a number from 1 is needed"
      fi
      ;;
    --synthetic)
      synthetic=1
      if [ $# -gt 1 ] && is_number "$2"; then
        synthetic=$2
        shift
      fi
      ;;
    --synthetic=*)
      synthetic=${1#--synthetic=}
      is_number "$synthetic" || wrong "--synthetic '$synthetic': a number is needed"
      ;;
    --stages) stages=--stages ;;
    --force) force=1 ;;
    -*) wrong "unknown option '$1'" ;;
    *)
      [ -z "$name" ] || wrong "one variant at a time: '$name', '$1'"
      [ -n "$1" ] || wrong 'the name is empty'
      name=$1
      ;;
  esac
  shift
done
[ -n "$name" ] || wrong 'the name of a variant is needed'

temporary=$(mktemp -d "${TMPDIR:-/tmp}/jimm-variant.XXXXXX") || exit 1
child=
trap 'rm -rf "$temporary"' EXIT
# A child that is told to stop removes its unfinished files.
stop() {
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
  [ -z "$child" ] || wait "$child"
  exit "$1"
}
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM
# run COMMAND...: so that the traps above are heard while it runs
run() {
  status=0
  "$@" &
  child=$!
  wait "$child" || status=$?
  child=
  return "$status"
}

make >"$temporary/make" 2>&1 || {
  tail -n 40 "$temporary/make" >&2
  fail 'make failed'
}

"$build/jimm" info --json "$name" >"$temporary/info" || {
  echo "test_variant.sh: '$name' is no variant; $build/jimm list --all lists them" >&2
  exit 2
}
field() { sed -nE "s/^  \"$1\": \"([^\"]*)\",?\$/\\1/p" "$temporary/info" | head -n 1; }
arch=$(field arch) family=$(field family)
# An architecture stays one: timm's default tag decides, and `make parity` names its files so.
if [ "$name" = "$arch" ]; then
  full=$arch key=$arch
else
  full=$(field name) key=$(field key)
fi
row=$(sed -nE "s/^FAMILY\\($family, ([a-z0-9_]+), ([a-z0-9_]+)\\)\$/\\1 \\2/p" src/family/families.def)
test=${row% *} dump=${row#* }
if [ -z "$row" ] || [ ! -x "$build/test/test_$test" ]; then
  fail "the live test of the family '$family' was not built (it needs libhdf5-dev)"
fi

mark=
[ "$channels" -eq 3 ] || mark=_in${channels}c
plain=$key${mark}_io.h5 pyramid=$key${mark}_featsonly_io.h5

python() {
  if command -v uv >/dev/null 2>&1 && [ -z "${JIMM_PYTHON:-}" ]; then
    run uv run --quiet python "$@"
  else
    if [ -z "${interpreter:-}" ]; then
      scripts/packages.sh parity || return 1
      interpreter=$(scripts/python_env.sh) || return 1
    fi
    run "$interpreter" "$@"
  fi
}

# dump_one FILE SCRIPT [OPTION...]: a file that is there stays, unless --force; one that the command
# line describes stays if it is that.
dump_one() {
  file=$folder/$1 script=$2
  shift 2
  if [ -e "$file" ] && [ -z "$force$synthetic$stages" ]; then
    echo "found $file (--force dumps it anew)"
    return
  fi
  if [ -n "$synthetic" ]; then set -- "$@" --synthetic "$synthetic"; fi
  if [ -z "$force" ]; then set -- "$@" --resume; fi
  python "test/parity/$script" --variant "$full" --in-chans "$channels" --out "$file" "$@" || {
    status=$?
    if [ -z "$synthetic" ]; then
      echo "Without the Hub: scripts/test_variant.sh $name --synthetic needs no download" >&2
    fi
    echo "test_variant.sh: no fixture $file" >&2
    if [ "$status" -gt 128 ]; then exit "$status"; fi
    exit 1
  }
}
# shellcheck disable=SC2086
dump_one "$plain" "dump_${dump}_io.py" $stages
dump_one "$pyramid" dump_features_only_io.py

status=0
# The child writes through a file, so that its status is not lost in a pipe.
JIMM_TEST_FAMILIES='' JIMM_TEST_VARIANTS=$key JIMM_PARITY_DIR=$folder JIMM_PARITY_REQUIRE=$arch \
  run "$build/test/test_$test" --filter "$plain" --filter "$pyramid" >"$temporary/test" || status=$?
cat "$temporary/test"
# A test that passed or failed is "ok N - FILE" or "not ok N - FILE"; one that was skipped says so.
passed=$(grep -cE '^ok ' "$temporary/test")
skipped=$(grep -cE '^ok .*# SKIP' "$temporary/test")
failed=$(grep -cE '^not ok ' "$temporary/test")
passed=$((passed - skipped))
for file in "$plain" "$pyramid"; do
  if ! grep -E "^(not )?ok [0-9]+ - " "$temporary/test" | grep -v '# SKIP' | grep -qF -- "- $file"; then
    echo "test_variant.sh: $file was not compared" >&2
    failed=$((failed + 1))
  fi
done
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
echo "$full: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
