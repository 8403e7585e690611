"""Fixtures of timm's ConvNeXt models for test/test_convnext.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("convnext"))
