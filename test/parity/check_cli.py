"""The jimm program against timm: what it lists, computes, classifies and refuses.

    check_cli.py [--jimm PROGRAM] [--quick] [--archs NAME ...] [list|forward|predict ...]
    --import FILE   a Python file that registers models of its own (docs/porting.md)

Needs no download: weights are synthetic (docs/synthetic.md) or the demo's. The last line counts.
"""

import argparse
import importlib
import sys
import tempfile

import torch

import _dump_common
from _checks import Checks

GROUPS = ("list", "labels", "init", "dump", "convert", "forward", "predict")


def main():
    parser = argparse.ArgumentParser(description="Compares the jimm program with timm.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--jimm", default=_dump_common.ROOT / "build" / "jimm")
    parser.add_argument("--quick", action="store_true", help="a subset, under four minutes")
    parser.add_argument("--archs", nargs="+", help="architectures of forward and init (default: small ones)")
    parser.add_argument("--import", dest="module", metavar="FILE", help="Python file with more models")
    args = parser.parse_args()
    if set(args.groups) - set(GROUPS):
        parser.error(f"groups are {', '.join(GROUPS)}")
    if args.module:
        _dump_common.import_file(args.module)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="jimm-parity-") as folder:
        checks = Checks(args.jimm, folder, args.archs)
        for group in args.groups or GROUPS:
            importlib.import_module(f"check_{group}").check(checks, args.quick)
    print(f"cli: {checks.counts()}")
    return 0 if checks.failed == 0 and checks.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
