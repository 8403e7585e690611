"""Every architecture of jimm beside the real timm: dumps its fixtures (3 and 1 channels, outputs and
pyramid, synthetic weights), lets `jimm parity` compare them, deletes them, goes on.

    sweep.py [--jimm PROGRAM] [--ledger FOLDER] [ARCH ...]
    sweep.py --released [...] [ARCH.TAG ...]

With --released every released tag instead, with its released weights: timm downloads them from the
Hub for the fixtures, and `jimm forward ARCH.TAG`, which finds them by the name alone, must say the
same as the fixtures.

One model is in memory at a time. What is done is kept in FOLDER/ARCH.json (default data/parity/sweep, data/parity/released)
and not done again, unless the program, the pins or the scripts changed. The last line counts.
"""

import argparse
import contextlib
import functools
import gc
import hashlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
from safetensors.numpy import load_file

import _dump_common
import synthetic
from _fixture import whole_or_not_at_all

CHANNELS = (3, 1)
KINDS = ("features", "logits", "pyramid")
WIDTH = 28  # of a name's column
BAR = 1e-3  # of logits absolute, of features against their largest value


def families():
    """[(name, dump script)] of src/family/families.def."""
    text = (_dump_common.ROOT / "src" / "family" / "families.def").read_text()
    return re.findall(r"^FAMILY\((\w+), \w+, (\w+)\)$", text, re.MULTILINE)


def state_of(jimm):
    """Changes when anything does that the comparison depends on."""
    here = _dump_common.ROOT / "test" / "parity"
    parts = [jimm, _dump_common.ROOT / "pyproject.toml", *sorted(here.glob("*.py"))]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def weights_kept():
    """The same synthetic weights are needed for every fixture of an architecture: they are made once."""
    kept, make = {}, synthetic.parameter

    def parameter(seed, name, shape):
        key = (seed, name, tuple(shape))
        if key not in kept:
            kept[key] = make(*key)
        return kept[key]

    synthetic.parameter = parameter
    try:
        yield
    finally:
        synthetic.parameter = make
        kept.clear()
        gc.collect()


def dump(name, script, folder, weights):
    """The fixtures of one model; what went wrong, or None. `weights` are more arguments."""
    said = io.StringIO()
    with weights_kept(), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        for channels in CHANNELS:
            for family in (script, None):
                command = ["--variant", name, *weights, "--in-chans", str(channels), "--out", folder]
                if _dump_common.main(family, command) != 0:
                    return said.getvalue().strip()
    return None


def worst(items):
    """{kind: largest error} over the outputs of all items."""
    found = dict.fromkeys(KINDS, 0.0)
    for item in items:
        for output in item.get("outputs", ()):
            name = output["name"]
            kind = "pyramid" if name.startswith("feat_") else name
            found[kind] = max(found[kind], output["error"] if output["error"] is not None else float("inf"))
    return found


def forward(jimm, name, channels, folder):
    """Runs the model by its name alone, with the weights that jimm itself finds, on a fixture's input.
    What is wrong, or None."""
    with h5py.File(folder / _dump_common.fixture_name(name, channels)) as fixture:
        x = fixture["input"][()]
        wanted = {key: value[()] for key, value in fixture["output"].items()}
    np.save(folder / "input.npy", x)
    made = folder / "output.safetensors"
    command = [str(jimm), "forward", name, "--in-chans", str(channels), "--what", "all",
               "--input", str(folder / "input.npy"), "--output", str(made)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        return f"jimm forward {name}: {process.stderr.strip()}"
    got = load_file(made)
    for key, value in wanted.items():
        error = float(np.abs(got[key].astype(np.float64) - value).max())
        bar = BAR if key == "logits" else BAR * float(np.abs(value).max())
        if not error < bar:
            return f"jimm forward {name}, {channels} channels: {key} differ by {error:.2e}, the bar is {bar:.2e}"
    return None


def compare(jimm, arch, folder):
    """What `jimm parity` says of the fixtures."""
    command = [str(jimm), "parity", "--fixtures", folder, "--require", "--json", arch]
    process = subprocess.run(command, capture_output=True, check=False)
    items = json.loads(process.stdout or "[]")
    failures = [f"{item['name']}: {item['reason'] or 'beyond the bar'}" for item in items
                if item["outcome"] != "passed"]
    if len(items) != 2 * len(CHANNELS) or (process.returncode != 0 and not failures):
        failures.append(process.stderr.decode(errors="replace").strip())
    return {
        "passed": sum(item["outcome"] == "passed" for item in items),
        "failures": failures,
        "errors": worst(items),
        "peak_bytes": max((item["peak_bytes"] or 0 for item in items), default=0),
        "seconds": sum(item["seconds"] for item in items),
    }


def sweep_one(jimm, released, name, script):
    with tempfile.TemporaryDirectory(prefix="jimm-sweep-") as folder:
        start = time.monotonic()
        problem = dump(name, script, folder, [] if released else ["--synthetic", "1"])
        dumped = time.monotonic() - start
        result = {"passed": 0, "failures": [problem]} if problem else compare(jimm, name, folder)
        if released and not problem:
            for channels in CHANNELS:
                problem = forward(jimm, name, channels, pathlib.Path(folder))
                result["failures"] += [problem] if problem else []
                result["passed"] += not problem
    return dict(result, arch=name, dump_seconds=dumped)


def show(result, where, again):
    errors = result.get("errors")
    figures = "" if errors is None else (
        "".join(f"  {kind} {errors[kind]:.1e}" for kind in KINDS)
        + f"  {result['peak_bytes'] / 2**20:6.0f} MiB"
        + f"  timm {result['dump_seconds']:5.1f} s, jimm {result['seconds']:5.1f} s")
    outcome = "FAIL" if result["failures"] else "ok  "
    print(f"{where} {result['arch']:{WIDTH}} {outcome}{figures}{'  (before)' if again else ''}", flush=True)
    for failure in result["failures"]:
        print(f"    {failure}", flush=True)


def swept(sweep, name, script, ledger, state):
    """(result, whether it was there already)."""
    path = ledger / f"{name}.json"
    with contextlib.suppress(OSError, ValueError):
        result = json.loads(path.read_text())
        if result.get("state") == state and not result["failures"]:
            return result, True
    result = sweep(name, script)
    if not result["failures"]:
        with whole_or_not_at_all(path) as temporary:
            pathlib.Path(temporary).write_text(json.dumps(dict(result, state=state), indent=1))
    return result, False


def main():
    parser = argparse.ArgumentParser(description="Every architecture of jimm beside the real timm.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--released", action="store_true",
                        help="every released tag with its released weights, from the Hub")
    parser.add_argument("--jimm", type=pathlib.Path, default=_dump_common.ROOT / "build" / "jimm")
    parser.add_argument("--ledger", type=pathlib.Path)
    args = parser.parse_args()
    folder = "released" if args.released else "sweep"
    ledger = args.ledger or _dump_common.ROOT / "data" / "parity" / folder
    work = []
    for family, script in families():
        listing = [str(args.jimm), "list", "--family", family, *([] if args.released else ["--archs"])]
        names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
        work += [(name, script) for name in names if not args.names or name in args.names]
    unknown = set(args.names) - {name for name, _ in work}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    start = time.monotonic()
    state = state_of(args.jimm)
    results = []
    sweep = functools.partial(sweep_one, args.jimm, args.released)
    for number, (name, script) in enumerate(work, 1):
        result, again = swept(sweep, name, script, ledger, state)
        results.append(result)
        show(result, f"[{number}/{len(work)}]", again)
    passed = sum(result["passed"] for result in results)
    failed = sum(len(result["failures"]) for result in results)
    good = [result for result in results if not result["failures"]]
    if good:
        largest = max(good, key=lambda result: result["peak_bytes"])
        print("worst: " + ", ".join(
            f"{kind} {max(r['errors'][kind] for r in good):.2e}" for kind in KINDS)
            + f"; most memory {largest['peak_bytes'] / 2**30:.1f} GiB ({largest['arch']});"
            f" {len(results)} models in {time.monotonic() - start:.0f} s")
    print(f"sweep: {passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
