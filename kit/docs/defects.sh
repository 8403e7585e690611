#!/bin/sh
# The page docs/defects.md, from the samples themselves. Run from the top; called by scripts/docs.sh.
set -eu
cat <<'END'
# Defects that the test kit finds

Written by `make docs` from the samples. Each was put there on purpose, and a test requires that the tool
named here finds it where it is; functions without a defect are beside them, and nothing may be found there.

## Gradients: `TEST_GRADIENTS`

In gradients by hand of `test/gradient_samples.c` (`test/gradient_defects.def`; `test/test_gradients.c`).

| defect | function | the report says |
| --- | --- | --- |
END
sed -nE 's/^DEFECT\([A-Z_]+, ([a-z_]+), "(.*)", "(.*)"\)$/| \2 | \1 | `\3` |/p' test/gradient_defects.def |
  sed 's/\\\\\\"/"/g; s/ ` |$/` |/'
cat <<'END'

## Call trees: `TEST_CALL`, `TEST_OPT`, `jimm-jet`

In `test/jet_samples` (`test/test_jet.c`).

| rule | where | function |
| --- | --- | --- |
END
for file in call_defects.c opt_defects.c pointers.c deep/helper.c; do
  awk -v file="$file" '
    /^[a-z].*\) \{/ { name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
    {
      rest = $0
      while ((at = index(rest, "// BAD ")) > 0) {
        rest = substr(rest, at + 7)
        rule = rest
        sub(/ .*/, "", rule)
        printf "| %s | %s:%d | %s |\n", rule, file, FNR, name
      }
    }' "test/jet_samples/$file"
done
