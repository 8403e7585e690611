"""Fixtures of timm's feature pyramids, of any family, for test/test_*.c; see docs/parity.md and --help."""

import sys

import _dump_common

sys.exit(_dump_common.main())
