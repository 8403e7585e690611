#!/bin/sh
# jimm beside its peers in one run: ratios, medians of alternated rounds.
set -eu
python=$(scripts/python_env.sh)
exec "$python" bench/bench_peers.py --build "${BUILD:-build}" "$@"
