#!/bin/sh
# Runs examples/two_backbones in a folder of its own: what it prints and writes. TAP.
# Usage: examples/check.sh PROGRAM
set -u
# shellcheck source=test/scope.sh
. "$(dirname "$0")/../test/scope.sh"
# shellcheck source=test/tap.sh
. "$(dirname "$0")/../test/tap.sh"
program=$1
run() { "$program" "$@" >"$work/out" 2>"$work/err"; }
refuses() { ! run "$@" && grep -q '^two_backbones: ' "$work/err"; }
says() { grep -qx -- "$1" "$work/out"; }

check "runs" run "$work/w.safetensors"
check "says nothing on stderr" test ! -s "$work/err"
# 11176512 and 3374520 of the backbones, 5130 and 321 of the heads
check "counts the parameters" says 'parameters: 14556483'
check "writes every tensor" says '.*/w.safetensors: 250 tensors'
check "a.backbone is resnet18" says 'a.backbone: to the bit the features of resnet18 alone'
check "b.backbone is convnext_atto" says 'b.backbone: to the bit the features of convnext_atto alone'
check "gives ten logits" says 'logits \[1, 10\]: .*'
check "gives a score" says 'score \[1, 1\]: .*'
check "a file that cannot be written" refuses "$work/none/w.safetensors"
tap_end
