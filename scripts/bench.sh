#!/bin/sh
# jimm beside its peers in one run: ratios, medians of alternated rounds.
#
#   scripts/bench.sh [options of bench/bench_peers.py]            a model
#   scripts/bench.sh hub [options of bench/bench_hub.py]          downloads, opening weights
#   scripts/bench.sh images [options of bench/bench_images.py]    image files to tensors
set -eu
python=$(scripts/python_env.sh)
script=bench/bench_peers.py
case ${1:-} in
  images | hub)
    script=bench/bench_$1.py
    shift
    ;;
esac
exec "$python" "$script" --build "${BUILD:-build}" "$@"
