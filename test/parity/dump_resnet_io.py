"""Fixtures of timm's resnet.py for test/test_resnet.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("resnet"))
