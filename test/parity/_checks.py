"""Counting checks and calling the jimm program, for the check scripts."""

import pathlib
import re
import subprocess

import numpy as np

PRECISIONS = pathlib.Path(__file__).resolve().parents[2] / "src/base/precisions.def"
# Against timm in float64, relative to the largest value: this many times the error of timm's own
# float32 run, or the floor.
HOUSE_TIMES_TIMM, HOUSE_FLOOR = (float(figure) for figure in re.search(
    r"^PRECISION\(HIGHEST, highest, (.+), (.+)\)$", PRECISIONS.read_text(), re.M).groups())
REFERENCE_BAR = 1e-10  # jimm's reference in float64 against timm in float64


class Checks:
    """Counts outcomes; says each failure, and each group's figures, on standard output."""

    def __init__(self, jimm, folder, archs=None):
        self.jimm = pathlib.Path(jimm).resolve()
        self.folder = pathlib.Path(folder)  # for temporary files
        self.archs = archs  # None: as the group says
        self.passed = self.failed = self.skipped = 0

    def check(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"not ok - {what}", flush=True)
        return bool(ok)

    def equal(self, got, want, what):
        return self.check(got == want, f"{what}: jimm {got!r}, timm {want!r}")

    def skip(self, what):
        self.skipped += 1
        print(f"skip - {what}", flush=True)

    def run(self, *arguments, timeout=300):
        """The finished process of `jimm ARGUMENTS`."""
        command = [str(self.jimm), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, timeout=timeout, check=False)

    def succeeds(self, what, *arguments):
        """Runs jimm; a failed check unless it exits 0. The process, or None."""
        process = self.run(*arguments)
        message = process.stderr.decode(errors="replace").strip()
        ok = self.check(process.returncode == 0, f"{what}: exit {process.returncode}: {message}")
        return process if ok else None

    def refuses(self, what, *arguments, mentions=()):
        """jimm must exit 1 or 2 (no signal) with a message that mentions these words."""
        process = self.run(*arguments)
        message = process.stderr.decode(errors="replace").strip()
        ok = self.check(process.returncode in (1, 2), f"{what}: exit {process.returncode}: {message}")
        ok = ok and self.check(message != "", f"{what}: no message")
        for word in mentions:
            self.check(word in message, f"{what}: the message does not mention {word!r}: {message}")
        return ok

    def counts(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def relative(got, exact):
    """max |got - exact| / max |exact|, infinite when shapes differ or a value is not finite."""
    got, exact = np.asarray(got, np.float64), np.asarray(exact, np.float64)
    if got.shape != exact.shape or not np.isfinite(got).all():
        return float("inf")
    if exact.size == 0:
        return 0.0
    return float(np.abs(got - exact).max() / np.abs(exact).max())


def house_bar(timm_error):
    return max(HOUSE_FLOOR, HOUSE_TIMES_TIMM * timm_error)
