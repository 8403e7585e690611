#!/bin/sh
# jimm-enzyme-cc: what it says of what is missing, the objects that it makes, and its errors. TAP.
# Usage: tests/enzyme_cc.sh KIT     JT_ENZYME_PLUGIN may name the plugin
set -u
# shellcheck source=kit/tests/tap.sh
. "$(dirname "$0")/tap.sh"
root=$(cd "$1" && pwd)
compiler=$root/enzyme/jimm-enzyme-cc
# says STATUS TEXT COMMAND...
says() {
  want=$1 text=$2 status=0
  shift 2
  "$@" >"$work/said" 2>&1 || status=$?
  cat "$work/said"
  [ "$status" -eq "$want" ] && grep -qF -- "$text" "$work/said"
}
has() { grep -qaF -- "$1" "$2" || { echo "no \"$1\" in $2" && return 1; }; }
lacks() { [ ! -e "$1" ] || { echo "$1 is there" && return 1; }; }

cat >"$work/f.c" <<'END'
#include <stdio.h>
double cube(const double *x, size_t n, void *ctx) { return n && !ctx ? x[0] * x[0] * x[0] : 0; }
double prints(const double *x, size_t n, void *ctx) {
  char text[40];
  snprintf(text, sizeof text, "%.3f %zu", x[0] * x[0], n);
  return x[0] * text[0] + !ctx;
}
END
cat >"$work/f_enzyme.c" <<'END'
#define JT_SOURCE "f.c"
#define JT_FUNCTIONS(ARGS, FLAT, FLAT_F) FLAT(cube) FLAT(prints)
#include <jimm-test/enzyme.h>
END
echo "double broken(" >"$work/g.c"
sed 's/f\.c/g.c/; s/FLAT(cube) FLAT(prints)/FLAT(broken)/' "$work/f_enzyme.c" >"$work/g_enzyme.c"
compile() { # NAME
  (cd "$work" && "$compiler" -I. -I"$root/include" -c "$1.c" -o "$1.o")
}

# Without the plugin.
given=${JT_ENZYME_PLUGIN-unset}
export JT_ENZYME_PLUGIN=
check "--help" says 0 "usage: jimm-enzyme-cc" "$compiler" --help
check "no arguments" says 2 "usage: jimm-enzyme-cc" "$compiler"
check "no plugin" says 77 "was not found" "$compiler" --probe
touch "$work/ClangEnzyme-99.so" "$work/Clang\"Enzyme-99.so"
JT_ENZYME_PLUGIN=$work/nothing-19.so
check "a plugin that is not there" says 77 "nothing-19.so, which is not there" "$compiler" --probe
JT_ENZYME_PLUGIN=$work/ClangEnzyme-99.so
check "a plugin without its clang" says 77 "but there is no clang-99" "$compiler" --probe
printf '#!/bin/sh\nexec %s "$@"\n' "${CC:-cc}" >"$work/clang"  # CC may be several words
chmod +x "$work/clang"
check "a plugin that cannot be loaded" says 77 "cannot compile with $JT_ENZYME_PLUGIN" \
  env "JT_ENZYME_CLANG=$work/clang" "$compiler" --probe
JT_ENZYME_PLUGIN="$work/Clang\"Enzyme-99.so"
check "compiles without the plugin" compile f_enzyme
check "the object says why" has "but there is no clang-99" "$work/f_enzyme.o"
rm -f "$work"/*.o
JT_ENZYME_PLUGIN=
check "an error ahead of the functions" says 1 "error" env "CC=${CC:-cc}" "$compiler" -Dsize_t=1x \
  -I"$root/include" -c "$work/f_enzyme.c" -o "$work/f_enzyme.o"
check "leaves no object" lacks "$work/f_enzyme.o"

# With it.
if [ "$given" = unset ]; then
  unset JT_ENZYME_PLUGIN
else
  JT_ENZYME_PLUGIN=$given
fi
if reason=$("$compiler" --probe); then
  check "compiles with the plugin" says 0 "Enzyme fails at 1 of 4 derivatives" compile f_enzyme
  check "the object says at which one" has "Enzyme fails at it: " "$work/f_enzyme.o"
  symbols() { ! nm "$work/f_enzyme.o" | grep ' [A-TV-Z] '; }
  check "its symbols are local" symbols
  rm -f "$work"/*.o
  check "no -o" says 1 "-o OBJECT is missing" "$compiler" -c "$work/f_enzyme.c"
  check "an error of the author's" says 1 "g.c:1" compile g_enzyme
  check "leaves no object, too" lacks "$work/g_enzyme.o"
else
  for name in "compiles with the plugin" "the object says at which one" "its symbols are local" "no -o" \
    "an error of the author's" "leaves no object, too"; do
    skip "$name" "$reason"
  done
fi
tap_end
