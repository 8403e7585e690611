#!/bin/sh
# Prints the path of a Python that has the packages pinned in pyproject.toml.
#
# Looked at in this order: $JIMM_PYTHON (an error when it does not meet the pins), the active virtual
# environment, uv's .venv in the clone, and the environment that this script keeps in
# ${XDG_CACHE_HOME:-$HOME/.cache}/jimm, which it makes with venv and pip when it is not there. All
# clones with the same pins share that one; a lock keeps two of them from making it at once, and a
# stamp written last says that it is complete.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
check=$root/test/parity/check_env.py
pins=$root/pyproject.toml

meets() {
  [ -x "$1" ] && "$1" "$check" "$pins" 2>/dev/null
}

if [ -n "${JIMM_PYTHON:-}" ]; then
  if ! problems=$("$JIMM_PYTHON" "$check" "$pins" 2>&1); then
    printf 'python_env.sh: JIMM_PYTHON=%s does not meet the pins of pyproject.toml:\n%s\n' \
      "$JIMM_PYTHON" "$problems" >&2
    exit 1
  fi
  printf '%s\n' "$JIMM_PYTHON"
  exit 0
fi
for candidate in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" "$root/.venv/bin/python"; do
  if [ -n "$candidate" ] && meets "$candidate"; then
    printf '%s\n' "$candidate"
    exit 0
  fi
done

base=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    base=$candidate
    break
  fi
done
if [ -z "$base" ]; then
  echo 'python_env.sh: no Python 3.11 or later with the venv module was found' >&2
  exit 1
fi

# The interpreter's version is part of the name: an upgrade of the system's Python makes a new one.
requirements=$("$base" "$check" "$pins" --requirements)
version=$("$base" -c 'import platform; print(platform.python_implementation(), platform.python_version())')
hash=$(printf '%s\n%s\n' "$requirements" "$version" | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/jimm
venv=$cache/venv-$hash
stamp=$venv/jimm-complete
mkdir -p "$cache"

exec 9>"$venv.lock"
flock 9
if [ -e "$stamp" ] && meets "$venv/bin/python"; then
  printf '%s\n' "$venv/bin/python"
  exit 0
fi
# A virtual environment holds its own path, so it is made in place; without the stamp it does not
# count and is made anew.
rm -rf "$venv"
echo "python_env.sh: making $venv (once; a few minutes)" >&2
"$base" -m venv "$venv" >&2
printf '%s\n' "$requirements" >"$venv/requirements.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
  -r "$venv/requirements.txt" >&2
if ! problems=$("$venv/bin/python" "$check" "$pins" 2>&1); then
  printf 'python_env.sh: pip did not install what was pinned:\n%s\n' "$problems" >&2
  exit 1
fi
: >"$stamp"
printf '%s\n' "$venv/bin/python"
