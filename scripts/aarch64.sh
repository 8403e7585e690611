#!/bin/sh
# Cross-builds the core for aarch64 and runs its tests under QEMU's user-mode emulation. Debian only.
# Usage: scripts/aarch64.sh [meson test arguments]
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
  -Dimage=disabled -Dparity=disabled -Dcli=disabled >/dev/null
ninja -C "$build" >/dev/null
JT_TIMEOUT_SCALE=20 scripts/check.sh "$build" -t 20 "$@"
