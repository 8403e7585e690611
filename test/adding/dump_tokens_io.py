"""Fixtures of the family that scripts/adding.sh adds, for test/test_tokens.c; see --help."""

import sys

import _dump_common

sys.exit(_dump_common.main("tokens"))
