#!/bin/sh
# Cross-builds the core for aarch64 and runs its tests under QEMU's user-mode emulation. Debian only.
# Usage: scripts/aarch64.sh
set -eu
build='build-aarch64'
root=$PWD/$build-root
if [ ! -e "$root/usr/include/pthreadpool.h" ]; then
  # A package list of its own, so that the system's architectures stay as they are.
  mkdir -p "$root/apt/lists/partial" "$root/apt/archives/partial" "$root/debs"
  (
    cd "$root/debs"
    options="-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists=$root/apt/lists
      -o Dir::Cache=$root/apt -o APT::Sandbox::User=root"
    apt-get $options update -qq
    apt-get $options download -qq libpthreadpool-dev libpthreadpool0
  )
  for package in "$root"/debs/*.deb; do
    dpkg -x "$package" "$root"
  done
fi
cat >"$root/cross.txt" <<EOF
[binaries]
c = 'aarch64-linux-gnu-gcc'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkg-config = 'false'
exe_wrapper = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', '-E', 'LD_LIBRARY_PATH=$root/usr/lib/aarch64-linux-gnu']
[built-in options]
c_args = ['-I$root/usr/include']
c_link_args = ['-L$root/usr/lib/aarch64-linux-gnu', '-Wl,-rpath-link,$root/usr/lib/aarch64-linux-gnu']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'cortex-a72'
endian = 'little'
EOF
[ -f "$build/build.ninja" ] || ${MESON:-meson} setup "$build" --cross-file "$root/cross.txt" \
  -Dimage=disabled -Dparity=disabled -Dhub=disabled -Dcli=disabled >/dev/null
ninja -C "$build" >/dev/null
# The test kit's own test starts programs, which emulation does not follow; the goldens of two
# architectures stand for all of them, since emulation is slow.
export JT_TIMEOUT_SCALE=20
log=$build/aarch64.log
status=0
{
  scripts/check.sh "$build" -t 20 base tensor state op graph model memory finite registry folder \
    label reference kernel plan || status=1
  scripts/check.sh "$build" -t 20 golden \
    --test-args='--filter test_resnet --filter resnet50_gn' || status=1
} >"$log" 2>&1
cat "$log"
awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
  END { printf "%d passed, %d failed, %d skipped\n", p, f, s }' "$log"
exit $status
