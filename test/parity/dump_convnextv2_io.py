"""Fixtures of timm's ConvNeXt-V2 models for test/test_convnextv2.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("convnextv2"))
