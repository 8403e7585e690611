#!/bin/sh
# The page docs/defects.md, made of the samples: tests/defects.sh --write writes it, --check says in TAP
# whether it is what would be written. Run from the top of jimm-jet.
set -eu
page() {
  cat <<'END'
# Defects that jimm-jet finds

Written by `tests/defects.sh --write` from `tests/samples`. Each was put there on purpose, and `tests/test_jet.c`
requires that it is found where it is; functions without a defect are beside them, and nothing may be found there.

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
      }' "tests/samples/$file"
  done
}
case ${1:-} in
  --write)
    page >docs/defects.md
    ;;
  --check)
    # shellcheck source=jet/tests/tap.sh
    . "$(dirname "$0")/tap.sh"
    page >"$work/page"
    check "docs/defects.md is what tests/defects.sh writes" diff docs/defects.md "$work/page"
    tap_end
    ;;
  *)
    echo "usage: tests/defects.sh --write | --check" >&2
    exit 2
    ;;
esac
