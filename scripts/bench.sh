#!/bin/sh
# jimm beside its peers in one run: ratios, medians of alternated rounds.
#
#   scripts/bench.sh [options of bench/bench_peers.py]            a model
#   scripts/bench.sh images [options of bench/bench_images.py]    image files to tensors
set -eu
python=$(scripts/python_env.sh)
script=bench/bench_peers.py
if [ "${1:-}" = images ]; then
  script=bench/bench_images.py
  shift
fi
exec "$python" "$script" --build "${BUILD:-build}" "$@"
