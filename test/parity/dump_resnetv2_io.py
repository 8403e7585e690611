"""Fixtures of timm's ResNetV2 models for test/test_resnetv2.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("resnetv2"))
