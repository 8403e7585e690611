#!/usr/bin/env bash
# Everything slow: instruction-set masks, sanitizers, Valgrind, the float64 reference over every
# architecture, mutants. Ends with one line of counts over all of it.
set -u
build=${BUILD:-build}
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

part() {
  local name=$1 from=$SECONDS status=0 line
  shift
  echo "== $name"
  "$@" >"$log" 2>&1 || status=$?
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
  if [ -n "$line" ]; then
    read -r p _ f _ s _ <<<"${line//,/}"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$status" -eq 0 ] || [ "$f" -ne 0 ] || failed=$((failed + 1))
  elif [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  [ "$status" -eq 0 ] || tail -n 100 "$log"
  echo "== $name: ${line:-exit $status} ($((SECONDS - from)) s)"
}

for mask in baseline avx2 avx512; do
  part "instruction sets up to $mask" env JIMM_CPU=$mask scripts/check.sh "$build"
done
part "float64 reference over every architecture, sensitivity" env JIMM_TEST_FULL=1 \
  scripts/check.sh "$build" -t 40 golden sensitivity
part "clients of the hub, killed at 50 moments" env JIMM_TEST_FULL=1 scripts/check.sh "$build" hub_kill
part "address and undefined behaviour sanitizers" env JIMM_TEST_QUICK=1 scripts/sanitize.sh address,undefined
part "thread sanitizer" scripts/sanitize.sh thread base model plan cli hf_hub_download testkit gradients recompile
part "valgrind on jimm predict" valgrind -q --error-exitcode=9 --leak-check=full \
  --show-leak-kinds=definite,possible,indirect --errors-for-leak-kinds=definite,possible,indirect \
  "$build/jimm" predict -w demo/digits demo/images
part "kit and jet alone" scripts/alone.sh
part "fuzz targets" scripts/fuzz.sh
part "what adding costs" scripts/adding.sh
part "aarch64 under emulation" scripts/aarch64.sh
part "mutants" scripts/mutants.sh
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
