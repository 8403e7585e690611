#!/bin/sh
# A row in families.def is enough: programs built with one more family (test/toy) list it, run it,
# restrict tests to it and document it; and they fail where its golden, its facts, its live test or
# its dump script is missing. TAP.
# Usage: test/toy/toy.sh BUILD/test   (from the source root)
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../scope.sh"
build=$1
echo "TAP version 14"
if [ -n "${JIMM_TEST_FAMILIES:-}${JIMM_TEST_VARIANTS:-}" ]; then
  echo "1..1"
  echo "ok 1 - toy # SKIP outside JIMM_TEST_FAMILIES and JIMM_TEST_VARIANTS"
  echo "# 0 passed, 0 failed, 0 errors, 0 broken, 0 soft, 1 skipped (0 checks)"
  exit 0
fi
unset JIMM_PARITY_REQUIRE JIMM_GOLDEN_DIR JIMM_GOLDEN_REPORT JIMM_TEST_FULL JIMM_TEST_QUICK
work=$(mktemp -d "${TMPDIR:-/tmp}/jimm-toy.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
export JIMM_PARITY_DIR="$work/fixtures"
n=0 failed=0

# check NAME STATUS COMMAND...: its exit status must be STATUS, and its output, with standard error,
# must hold every line of standard input (`here` documents below) as a part; `! TEXT` must be absent.
check() {
  name=$1 status=$2 got=0 wrong=
  shift 2
  "$@" >"$work/out" 2>&1 || got=$?
  n=$((n + 1))
  [ "$got" -eq "$status" ] || wrong="exit $got, expected $status"
  while IFS= read -r line; do
    case $line in
      '! '*) ! grep -qF -e "${line#! }" "$work/out" || wrong="unexpected: ${line#! }" ;;
      *) grep -qF -e "$line" "$work/out" || wrong="missing: $line" ;;
    esac
  done
  if [ -z "$wrong" ]; then
    echo "ok $n - $name"
  else
    failed=$((failed + 1))
    echo "not ok $n - $name"
    echo "# $wrong"
    sed 's/^/# /' "$work/out" | head -n 40
  fi
}

# ---- the program ----
toy=$build/jimm_toy
check 'list' 0 "$toy" list 'toy*' <<'END'
toy_nano.demo_in1k
! toy_micro
END
check 'list --all' 0 "$toy" list --all --family toy <<'END'
toy_nano.demo_in1k
toy_micro.untrained
END
check 'list --archs --family toy --json' 0 "$toy" list --archs --family toy --json <<'END'
"name": "toy_micro"
"name": "toy_nano"
"family": "toy"
"default_tag": "demo_in1k"
! resnet
END
check 'the other families are there too' 0 "$toy" list --archs <<'END'
test_resnet
resnetv2_50x1_bit
convnextv2_atto
toy_nano
END
check 'an unknown family lists toy among the known' 1 "$toy" list --family nothing <<'END'
unknown family 'nothing'
, toy
END
check 'completion' 0 "$toy" --complete list --family to <<'END'
toy
END
check 'info with licence and class names' 0 "$toy" info toy_nano <<'END'
toy_nano (family toy)
69024
imagenet-1k
apache-2.0
stem.act 8 /2, stages.0 8 /4, stages.1 16 /8, stages.2 24 /16, stages.3 32 /32
END
check 'a near name' 1 "$toy" info toy_nan <<'END'
toy_nano
END
check 'init' 0 "$toy" init toy_nano --seed 1 -o "$work/fresh.safetensors" </dev/null
check 'preprocess' 0 "$toy" preprocess toy_nano demo/images/one.png -o "$work/x.npy" </dev/null
check 'forward' 0 "$toy" forward toy_nano -w "$work/fresh.safetensors" --input "$work/x.npy" \
  --output "$work/y.npy" --what logits </dev/null
check 'forward refuses strides that timm refuses' 1 "$toy" forward toy_nano -w "$work/fresh.safetensors" \
  --input "$work/x.npy" --output "$work/z.npy" --output-stride 4 </dev/null
check 'predict says class names' 0 "$toy" predict -m toy_nano -w "$work/fresh.safetensors" --json \
  demo/images/one.png <<'END'
"label"
END

# ---- the docs ----
check 'docs/variants.md gets a section with the licence' 0 "$build/docs_tables_toy" variants <<'END'
## toy
| toy_nano.demo_in1k | 0.1 M | 1000 | 64 x 64 | bicubic, 0.875 | apache-2.0 |
! toy_micro
END
check 'docs without it are red' 1 scripts/docs.sh --check "$build/docs_tables_toy" <<'END'
not ok 1 - docs/variants.md
END

# ---- the filter ----
check 'JIMM_TEST_FAMILIES=toy runs its live test' 0 \
  env JIMM_TEST_FAMILIES=toy "$build/test_toy" <<'END'
ok 1 - init
toy_nano_io.h5 # SKIP
END
check 'and skips that of another family' 0 \
  env JIMM_TEST_FAMILIES=toy "$build/test_convnextv2_toy" <<'END'
1..1
# SKIP outside
END
check 'and what belongs to no family' 0 env JIMM_TEST_FAMILIES=toy "$build/test_label_toy" <<'END'
1..1
# SKIP outside
END
check 'other families skip its live test' 0 \
  env JIMM_TEST_FAMILIES=resnet,infra "$build/test_toy" <<'END'
1..1
# SKIP outside
END
check 'an unknown family lists toy among the known' 2 \
  env JIMM_TEST_FAMILIES=nothing "$build/test_toy" <<'END'
unknown family 'nothing'; known are infra, resnet
, toy
END
check 'JIMM_TEST_VARIANTS=toy_nano leaves toy_micro out' 0 \
  env JIMM_TEST_VARIANTS=toy_nano "$build/test_toy" <<'END'
toy_nano_io.h5 # SKIP
! toy_micro
END

# ---- what its row obliges to ----
check 'a required fixture' 1 \
  env JIMM_TEST_FAMILIES=toy JIMM_PARITY_REQUIRE=1 "$build/test_toy" <<'END'
/toy_nano_io.h5
/toy_micro_in1c_io.h5
END
check 'goldens' 1 env JIMM_TEST_FAMILIES=toy "$build/test_golden_toy" <<'END'
test/golden/toy_nano.json is missing
test/golden/toy_micro.json is missing
END
check 'parity with timm' 0 \
  env JIMM_TEST_FAMILIES=toy JIMM_GOLDEN_DIR=test/toy/golden "$build/test_golden_toy" <<'END'
ok 1 - every_architecture_has_a_golden
ok 2 - toy_micro
ok 3 - toy_nano
# toy_nano: 12 cases
# toy_nano: float64 reference
END
check 'jimm parity wants a golden' 1 "$toy" parity 'toy*' <<'END'
toy_micro  skip  no golden in test/golden
toy_nano   skip  no golden in test/golden
END
check 'jimm parity' 0 env JIMM_GOLDEN_DIR=test/toy/golden "$toy" parity 'toy*' <<'END'
2 passed, 0 failed, 0 skipped
END
check 'every parameter matters' 0 env JIMM_TEST_FAMILIES=toy "$build/test_sensitivity_toy" <<'END'
- toy_nano
END
check 'facts of the registry' 1 "$build/test_registry_toy" --filter counts <<'END'
not ok 1 - counts
jimm_family_count()
END

# The rule of test/meson.build that makes live tests of rows, in a project of its own.
mkdir -p "$work/rule/src/family" "$work/rule/test/parity" "$work/rule/test/toy"
echo "project('rule')
subdir('test')" >"$work/rule/meson.build"
{
  printf '%s\n' 'jimm_parity_internal = 0' 'test_groups = {}'
  sed -n '/^  live_rows = {}/,/^  endforeach/p' test/meson.build
} >"$work/rule/test/meson.build"
cp src/family/families.def "$work/rule/src/family"
cp -r test/toy/. "$work/rule/test/toy"
cp test/test_*.c test/fixture.c "$work/rule/test"
cp test/parity/dump_*.py "$work/rule/test/parity"
configure() {
  rm -rf "$work/rule/build"
  ${MESON:-meson} setup "$work/rule/build" "$work/rule"
}
check 'meson takes the rows' 0 configure </dev/null
mv "$work/rule/test/toy/test_toy.c" "$work/test_toy.c"
check 'meson wants the live test' 1 configure <<'END'
toy/test_toy.c does not exist
END
mv "$work/test_toy.c" "$work/rule/test/toy"
mv "$work/rule/test/toy/parity/dump_toy_io.py" "$work/rule"
check 'meson wants the dump script' 1 configure <<'END'
toy/parity/dump_toy_io.py does not exist
END
mv "$work/rule/dump_toy_io.py" "$work/rule/test/toy/parity"
rm "$work/rule/test/test_convnextv2.c"
check 'meson wants the live test of a family of the library' 1 configure <<'END'
test_convnextv2.c does not exist
END

echo "1..$n"
echo "# $((n - failed)) passed, $failed failed, 0 errors, 0 broken, 0 soft, 0 skipped ($n checks)"
[ $failed -eq 0 ]
