#!/bin/sh
# Installs the Debian packages of the named groups (packages.debian) that are missing. On systems
# without apt it prints what is needed and goes on: the build says what it cannot find.
# Usage: scripts/packages.sh GROUP...
set -eu
list=$(dirname "$0")/../packages.debian
wanted=
for group in "$@"; do
  wanted="$wanted $(awk -v group="$group" '!/^#/ && $2 == group { print $1 }' "$list")"
done
if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  marker=${XDG_CACHE_HOME:-$HOME/.cache}/jimm/packages-shown
  [ -e "$marker" ] || echo "jimm needs what Debian calls:$(echo "$wanted" | tr '\n' ' ')" >&2
  mkdir -p "$(dirname "$marker")" && : >"$marker"
  exit 0
fi
missing=
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
echo "Installing Debian packages:$missing" >&2
root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || {
    echo "Not root and no sudo: install them yourself: apt-get install$missing" >&2
    exit 1
  }
  root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $root apt-get update && $root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "apt-get could not install:$missing" >&2
  exit 1
fi
