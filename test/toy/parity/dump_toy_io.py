"""Fixtures of the toy models for test/toy/test_toy.c; see docs/porting.md and --help."""

import pathlib
import sys

TOY = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TOY), str(TOY.parent / "parity")]

import _dump_common
import toy_timm  # noqa: F401, registers the models

sys.exit(_dump_common.main("toy"))
