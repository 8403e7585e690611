#!/bin/sh
# The page docs/defects.md, made of the samples: tests/defects.sh --write writes it, --check says in TAP
# whether it is what would be written. Run from the top of the kit.
set -eu
page() {
  cat <<'END'
# Defects that gradient checks find

Written by `tests/defects.sh --write` from the samples: gradients by hand of `tests/gradient_samples.c`, each with
a mistake that was put there on purpose (`tests/gradient_defects.def`). `tests/test_gradients.c` requires that
`TEST_GRADIENTS` finds each where it is.

| defect | function | the report says |
| --- | --- | --- |
END
  sed -nE 's/^DEFECT\([A-Z_]+, ([a-z_]+), "(.*)", "(.*)"\)$/| \2 | \1 | `\3` |/p' tests/gradient_defects.def |
    sed 's/\\\\\\"/"/g; s/ ` |$/` |/'
}
case ${1:-} in
  --write)
    page >docs/defects.md
    ;;
  --check)
    # shellcheck source=kit/tests/tap.sh
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
