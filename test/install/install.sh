#!/bin/sh
# An installed jimm can be used through pkg-config alone: shared and static, from C and C++. TAP.
# Usage: test/install/install.sh BUILD
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../scope.sh"
# shellcheck source=test/tap.sh
. "$(dirname "$0")/../tap.sh"
build=$1
readme=$(dirname "$0")/../../README.md
examples=$(dirname "$0")/../../examples
kit=$(dirname "$0")/../../kit/examples

check "installs into a folder" env DESTDIR="$work/root" ${MESON:-meson} install -C "$build" --no-rebuild
prefix=$(find "$work/root" -type d -name pkgconfig | head -n 1)
export PKG_CONFIG_PATH="$prefix" PKG_CONFIG_SYSROOT_DIR="$work/root"
LD_LIBRARY_PATH=$(dirname "$prefix")
export LD_LIBRARY_PATH

cat >"$work/use.c" <<'EOF'
#include <jimm/jimm.h>
#include <stdio.h>
#include <string.h>
int main(void) {
  jimm_model_name name;
  jimm_graph *graph = NULL;
  if (jimm_model_find("test_resnet", &name) != JIMM_OK ||
      jimm_graph_build(&name, NULL, &graph) != JIMM_OK) {
    fprintf(stderr, "%s\n", jimm_error_message());
    return 1;
  }
  jimm_graph_close(&graph);
  return strcmp(jimm_version(), JIMM_VERSION_STRING) != 0;
}
EOF
cp "$work/use.c" "$work/use.cc"
compile() { # OUTPUT COMPILER SOURCE PKG-CONFIG-FLAGS...
  output=$1 compiler=$2 source=$3
  shift 3
  # shellcheck disable=SC2046
  $compiler -o "$output" "$source" $(pkg-config --cflags jimm) $(pkg-config "$@" jimm)
}
check "C, shared" compile "$work/shared" "${CC:-gcc}" "$work/use.c" --libs
check "C, shared, runs" "$work/shared"
check "C++, shared" compile "$work/shared_cc" "${CXX:-g++}" "$work/use.cc" --libs
check "C++, shared, runs" "$work/shared_cc"
static() {
  # shellcheck disable=SC2046
  ${CC:-gcc} -o "$work/static" "$work/use.c" $(pkg-config --cflags jimm) \
    "$(dirname "$prefix")/libjimm.a" $(pkg-config --libs-only-l --static jimm | sed 's/-ljimm//')
}
check "C, static" static
check "C, static, runs" "$work/static"
for example in "$examples"/*.c; do
  program=$(basename "$example" .c)
  check "examples/$program.c, compiles" compile "$work/$program" "${CC:-gcc}" "$example" --libs
  check "examples/$program.c, runs" "$work/$program" "$work/$program.safetensors"
done
# The test kit alone, in projects of other people.
by_make() { cp -r "$kit/gradients-make" "$work/make" && make -C "$work/make" check; }
check "kit/examples/gradients-make builds and passes" by_make
by_meson() {
  cp -r "$kit/gradients-meson" "$work/meson" &&
    ${MESON:-meson} setup "$work/meson/build" "$work/meson" &&
    ${MESON:-meson} test -C "$work/meson/build" --print-errorlogs
}
check "kit/examples/gradients-meson builds and passes" by_meson
{
  echo '#include <stdio.h>'
  awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on && /^#include/' "$readme"
  echo 'int main(void) { jimm_tensor input = {0}, logits = {0};'
  awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on && !/^#include/' "$readme"
  echo 'jimm_plan_close(&plan); return 0; }'
} >"$work/readme.c"
check "the README's C compiles" compile "$work/readme" "${CC:-gcc}" "$work/readme.c" --libs
check "the program runs" "$(find "$work/root" -type f -name jimm -path '*bin*' | head -n 1)" --version
check "the man page is installed" test -n "$(find "$work/root" -name 'jimm.1*' | head -n 1)"
check "the man page of the test kit is installed" test -n "$(find "$work/root" -path '*man7*' -name 'jimm-test.7*')"
check "the completion is installed" test -n "$(find "$work/root" -path '*bash-completion*' -name jimm | head -n 1)"
tap_end
