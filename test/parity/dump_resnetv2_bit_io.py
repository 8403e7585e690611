"""Fixtures of timm's BiT models for test/test_bit_resnet.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("bit"))
