#!/bin/sh
# An installed kit can be used through pkg-config alone, and by projects of other people. TAP.
# Usage: tests/install.sh BUILD   (from the top of the kit)
set -u
# shellcheck source=kit/tests/tap.sh
. "$(dirname "$0")/tap.sh"
build=$1
check "installs into a folder" env DESTDIR="$work/root" ${MESON:-meson} install -C "$build" --no-rebuild
PKG_CONFIG_PATH=$(find "$work/root" -type d -name pkgconfig | head -n 1)
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH PKG_CONFIG_SYSROOT_DIR="$work/root"

cat >"$work/use.c" <<'END'
#include <jimm-test/jimm-test.h>
TEST(two_and_two) { TEST_CHECK_INT(2 + 2, 4); }
TEST_MAIN()
END
cp "$work/use.c" "$work/use.cc"
compile() { # OUTPUT COMPILER SOURCE
  # shellcheck disable=SC2046
  $2 -o "$1" "$3" $(pkg-config --cflags --libs jimm-test)
}
static() {
  # shellcheck disable=SC2046
  ${CC:-gcc} -o "$work/static" "$work/use.c" $(pkg-config --cflags jimm-test) "$LD_LIBRARY_PATH/libjimm-test.a" \
    $(pkg-config --libs-only-l --static jimm-test | sed 's/-ljimm-test//')
}
check "C, shared" compile "$work/shared" "${CC:-gcc}" "$work/use.c"
check "C, shared, runs" "$work/shared"
check "C++, shared" compile "$work/shared_cc" "${CXX:-g++}" "$work/use.cc"
check "C++, shared, runs" "$work/shared_cc"
check "C, static" static
check "C, static, runs" "$work/static"

by_make() { cp -r examples/gradients-make "$work/make" && make -C "$work/make" check; }
check "examples/gradients-make builds and passes" by_make
by_meson() {
  cp -r examples/gradients-meson "$work/meson" &&
    ${MESON:-meson} setup "$work/meson/build" "$work/meson" &&
    ${MESON:-meson} test -C "$work/meson/build" --print-errorlogs
}
check "examples/gradients-meson builds and passes" by_meson
for page in man7/jimm-test.7 man1/jimm-enzyme-cc.1; do
  check "$page is installed" test -n "$(find "$work/root" -path "*/$page*" | head -n 1)"
done
check "jimm-enzyme-cc is installed" "$(find "$work/root" -name jimm-enzyme-cc -path '*bin*' | head -n 1)" --help
tap_end
