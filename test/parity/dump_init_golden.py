"""Writes test/golden/init.def: the first fresh weights of resnet18's conv1.weight for seed 7.

The definition (src/family/init.c) with 50 digits of mpmath: the key of docs/synthetic.md; per element
two uniform numbers in (0, 1] of 53 bits; sqrt(-2 ln u) cos(2 pi v) times the deviation.
"""

import pathlib

import mpmath

import synthetic

COUNT = 64
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "init.def"


def main():
    mpmath.mp.dps = 50
    bits = synthetic.bits(synthetic.key(7, "conv1.weight"), 0, 2 * COUNT)
    units = [mpmath.mpf(int(b) // 2048 + 1) / 2**53 for b in bits]
    deviation = mpmath.sqrt(mpmath.mpf(2) / (64 * 49))
    lines = ["/* Made by test/parity/dump_init_golden.py. */\n"]
    for u, v in zip(units[::2], units[1::2]):
        value = mpmath.sqrt(-2 * mpmath.log(u)) * mpmath.cos(2 * mpmath.pi * v) * deviation
        lines.append(f"{float(value)!r},\n")
    GOLDEN.write_text("".join(lines))


main()
