#!/bin/sh
# `make demo`: classifies ten handwritten digits and compares with what timm said of the same files.
# Usage: demo/demo.sh [PROGRAM]
set -eu
cd "$(dirname -- "$0")/.."
jimm=${1:-build/jimm}

echo "\$ $jimm predict -w demo/digits -k 3 demo/images"
"$jimm" predict -w demo/digits -k 3 demo/images
echo
"${jimm%/*}/test/test_demo" >/dev/null ||
  { echo 'demo: the answers are not those that timm gave (demo/expected.json)' >&2; exit 1; }
cat <<EOF
Same labels as timm, and probabilities within 0.0001 (demo/expected.json, test/demo/test_demo.c).

Next:
  $jimm predict -w demo/digits --json YOUR_DIGIT.png   a picture of your own: one dark digit on light paper
  $jimm list 'resnet50*'                                what else jimm can run
  $jimm info resnet50.a1_in1k                           sizes, preprocessing, licence
  $jimm predict -m resnet50.a1_in1k cat.jpg             a model of timm's: 103 MB of weights, downloaded once
  make check                                            the tests; no Python, no network
EOF
