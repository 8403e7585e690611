"""The dump scripts: what fixtures hold, and that whatever happens none is half written."""

import contextlib
import errno
import io
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import torch

import _dump_common
from _checks import relative

HERE = pathlib.Path(__file__).resolve().parent
SEED = ("--synthetic", "1")
PYRAMIDS = ("test_resnet", "ecaresnet50d_pruned", "test_convnext", "resnetv2_18d")
STAGES = (
    "test_resnet", "test_convnext3", "resnetv2_18d", "ecaresnet26t", "resnet18", "resnetblur18",
    "seresnet18", "resnetv2_50x1_bit", "resnetv2_50d_evos", "convnext_atto", "convnext_tiny",
    "convnextv2_atto",
)


def dump(family, *argv):
    """(exit status, what it says) of a dump script with these arguments."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = _dump_common.main(family, [str(word) for word in argv])
        except SystemExit as stop:
            status = stop.code
    return status, said.getvalue().strip()


def start(*argv, **options):
    command = [sys.executable, HERE / "dump_resnet_io.py", *argv]
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def refused(checks, what, status, family, *argv, mentions):
    got, said = dump(family, *argv)
    checks.check(got == status, f"dump {what}: exit {got}, not {status}: {said}")
    for word in mentions:
        checks.check(word in said, f"dump {what}: the message does not mention {word!r}: {said}")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def check_usage(checks, folder):
    for what, argv, mentions in (
        ("of an unknown variant", ("--variant", "resnet5", *SEED), ("resnet5", "near are")),
        ("of a key", ("--variant", "resnet50_a1_in1k"), ("resnet50.a1_in1k",)),
        ("of an unknown tag", ("--variant", "resnet50.a9", *SEED), ("resnet50.a9",)),
        ("without weights", ("--variant", "resnet200"), ("no released weights", "--synthetic")),
        ("of nothing", SEED, ("--variant", "--all")),
        ("--in-chans 0", ("--variant", "test_resnet", *SEED, "--in-chans", "0"), ("--in-chans",)),
        ("--size 0 5", ("--variant", "test_resnet", *SEED, "--size", "0", "5"), ("--size",)),
        ("--synthetic -1", ("--variant", "test_resnet", "--synthetic", "-1"), ("--synthetic",)),
    ):
        for family in ("resnet", None):
            refused(checks, what, 2, family, *argv, "--out", folder, mentions=mentions)
    for wrong in ("3,1", "1,1", "-1", "x", ""):
        refused(checks, f"--out-indices {wrong}", 2, None, "--variant", "test_resnet", *SEED,
                f"--out-indices={wrong}", "--out", folder, mentions=("--out-indices",))
    refused(checks, "--out-indices 9", 1, None, "--variant", "test_resnet", *SEED, "--out-indices=9",
            "--out", folder, mentions=("test_resnet",))
    checks.equal(names_in(folder), [], "dump: files of refused dumps")


def check_variant_script(checks):
    script = HERE.parents[1] / "scripts" / "test_variant.sh"
    for argv in ((), ("",), ("resnet18", "resnet34"), ("resnet18", "--in-chans"), ("--bogus", "resnet18"),
                 ("resnet18", "--in-chans", "0"), ("resnet18", "--in-chans=x"),
                 ("resnet18", "--synthetic=x")):
        process = subprocess.run([script, *argv], capture_output=True, check=False)
        checks.check(process.returncode == 2 and b"usage:" in process.stderr,
                     f"test_variant.sh {argv}: exit {process.returncode}, {process.stderr}")


def check_pyramid(checks, folder, arch, in_chans, *flags, **options):
    """Against a features_only model that got the synthetic weights by itself."""
    what = f"dump features of {arch}, {in_chans} channels {' '.join(flags)}"
    status, said = dump(None, "--variant", arch, *SEED, "--in-chans", in_chans, "--size", 96, 64,
                        "--batch", 2, "--out", folder, *flags)
    if not checks.check(status == 0, f"{what}: exit {status}: {said}"):
        return
    path = folder / _dump_common.fixture_name(arch, in_chans, features_only=True)
    net = _dump_common.create_model(arch, 1, in_chans=in_chans, features_only=True, **options)
    whole = _dump_common.create_model(arch, 1, in_chans=in_chans)
    with h5py.File(path) as file:
        x = torch.from_numpy(file["input"][()])
        checks.equal(list(x.shape), [2, in_chans, 96, 64], f"{what}: input")
        with torch.no_grad():
            taps = net(x)
        numbers = options.get("out_indices", range(len(taps)))
        names = [f"feat_{i + 1:02d}" for i in numbers]
        if not checks.equal(names, sorted(file["output"]), f"{what}: outputs"):
            return
        for name, tap in zip(names, taps):
            checks.check(np.array_equal(file["output"][name][()], tap.numpy()), f"{what}: {name}")
        checks.equal(file["feature_channels"][()].tolist(), [t.shape[1] for t in taps], f"{what}: channels")
        checks.equal(file["feature_reductions"][()].tolist(), net.feature_info.reduction(),
                     f"{what}: reductions")
        state = whole.state_dict()
        checks.equal(list(file["state_dict"]), list(state), f"{what}: names of weights")
        same = all(np.array_equal(file["state_dict"][k][()], v.numpy()) for k, v in state.items())
        checks.check(same, f"{what}: weights")
        said = json.loads(file.attrs["options"])
    checks.equal(said, {"batch": 2, "in_chans": in_chans, "size": [96, 64],
                        "out_indices": options.get("out_indices"),
                        "output_stride": options.get("output_stride", 32)}, f"{what}: options")


def operand(name, nodes, stage, state):
    """A node's value from the stages and weights: None unless it is one, or only passes one on."""
    if name in stage:
        return torch.from_numpy(stage[name])
    if name in state:
        return state[name]
    node = nodes[name]
    x = operand(node["inputs"][0], nodes, stage, state) if node["inputs"] else None
    if x is None:
        return None
    if node["op"] in ("dropout", "drop_path"):
        return x
    if node["op"] == "reshape":
        return x.reshape(node["shape"])
    if node["op"] == "standardize_weight":
        var, mean = torch.var_mean(x, (1, 2, 3), correction=0, keepdim=True)
        return (x - mean) / torch.sqrt(var + node["attributes"]["eps"])
    return None


def recomputed(node, *known):
    """A norm, activation or convolution from the stages before it; None for other nodes."""
    if node["op"] not in ("relu", "sigmoid", "gelu", "conv2d", "batch_norm", "group_norm"):
        return None
    values = [operand(name, *known) for name in node["inputs"]]
    if any(value is None for value in values):
        return None
    given = node["attributes"]
    if node["op"] == "conv2d":
        return torch.conv2d(*values, *([None] if len(values) == 2 else []), given["stride"],
                            given["padding"], given["dilation"], given["groups"])
    if node["op"] == "batch_norm":
        x, weight, bias, mean, var = values
        return torch.nn.functional.batch_norm(x, mean, var, weight, bias, eps=given["eps"])
    if node["op"] == "group_norm":
        return torch.nn.functional.group_norm(values[0], given["groups"], *values[1:], given["eps"])
    if node["op"] == "gelu":
        return torch.nn.functional.gelu(values[0], approximate=given["approximate"])
    return {"relu": torch.relu, "sigmoid": torch.sigmoid}[node["op"]](values[0])


def check_stages(checks, folder, arch):
    """Every stage is a node of jimm's graph, of its shape; norms, activations and convolutions follow
    from the stages before them, so none was overwritten and all are NCHW."""
    process = checks.succeeds(f"info {arch}", "info", "--json", "--graph", arch)
    status, said = dump("any", "--variant", arch, *SEED, "--stages", "--out", folder)
    if not checks.check(status == 0, f"dump --stages of {arch}: {said}") or process is None:
        return
    path = folder / _dump_common.fixture_name(arch, 3)
    with h5py.File(path) as file:
        stage = {name: value[()] for name, value in file["stage"].items()}
        state = {name: torch.from_numpy(np.asarray(value[()])) for name, value in file["state_dict"].items()}
    path.unlink()
    nodes = {node["name"]: node for node in json.loads(process.stdout)["graph"]["nodes"]}
    want = {name: nodes[name]["shape"] if name in nodes else "no node" for name in stage}
    got = {name: list(value.shape) for name, value in stage.items()}
    if not checks.equal(want, got, f"stages of {arch}"):
        return
    proved = 0
    for name, value in stage.items():
        again = recomputed(nodes[name], nodes, stage, state)
        if again is not None:
            proved += 1
            error = relative(value, again.numpy())
            checks.check(error <= 1e-5, f"stage {name} of {arch}: error {error:.3g}")
    checks.check(proved > len(stage) // 4, f"stages of {arch}: {proved} of {len(stage)} recomputed")


def check_resume(checks, folder):
    argv = ("--variant", "test_resnet", *SEED, "--size", "32", "32", "--out", folder)
    for what, flags, word in (
        ("first", (), "wrote"), ("again", ("--resume",), "kept"),
        ("stages", ("--resume", "--stages"), "wrote"),
        ("stages are more", ("--resume",), "kept"), ("other seed", ("--resume", "--seed", "5"), "wrote"),
        ("without --resume", ("--seed", "5"), "wrote"),
    ):
        status, said = dump("resnet", *argv, *flags)
        checks.check(status == 0 and said.startswith(word), f"dump, {what}: exit {status}: {said}")


@contextlib.contextmanager
def small_files():
    """No file may grow beyond 512 KiB: a write fails, as on a full disk, also without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def full_disk(folder):
    """Yields whether `folder` is a file system of 1 MiB, which needs root."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = False
    with contextlib.suppress(OSError):
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def check_full(checks, folder):
    argv = ("--variant", "test_resnet", *SEED, "--out", folder)
    for family, flags in (("resnet", ()), ("resnet", ("--stages",)), (None, ())):
        with small_files():
            refused(checks, f"{flags} beyond a limit", 1, family, *argv, *flags,
                    mentions=("cannot write", os.strerror(errno.EFBIG)))
        checks.equal(names_in(folder), [], "dump beyond a limit: files left")
        with full_disk(folder) as mounted:
            if not mounted:
                checks.skip("dump to a full disk: mounting one needs root")
                continue
            refused(checks, f"{flags} to a full disk", 1, family, *argv, *flags,
                    mentions=("cannot write", os.strerror(errno.ENOSPC)))
            checks.equal(names_in(folder), [], "dump to a full disk: files left")
    # what was there stays
    file = folder / "test_resnet_io.h5"
    file.write_bytes(b"old")
    with small_files():
        refused(checks, "over an old fixture", 1, "resnet", *argv, mentions=("cannot write",))
    checks.equal((names_in(folder), file.read_bytes()), ([file.name], b"old"), "dump: the old fixture")
    file.unlink()


def check_places(checks, folder):
    argv = ("--variant", "test_resnet", *SEED, "--size", "32", "32", "--out")
    for out, file in (("deep/new", "deep/new/test_resnet_io.h5"), ("new/named.h5", "new/named.h5")):
        status, said = dump("resnet", *argv, folder / out)
        checks.check(status == 0 and (folder / file).is_file(), f"dump to {out}: exit {status}: {said}")
    (folder / "file").write_bytes(b"")
    refused(checks, "below a file", 1, "resnet", *argv, folder / "file" / "x", mentions=("cannot write",))
    refused(checks, "to /proc", 1, "resnet", *argv, "/proc/jimm", mentions=("cannot write /proc/jimm",))
    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    root = os.geteuid() == 0  # who may write anywhere
    if root:
        os.seteuid(65534)
    try:
        refused(checks, "to a closed folder", 1, "resnet", *argv, closed, mentions=("cannot write", "denied"))
    finally:
        if root:
            os.seteuid(0)


def check_processes(checks, folder, signals):
    """Two dumps of one fixture at once, and one that is stopped."""
    out = folder / "twice"
    pair = [start("--variant", "test_resnet", *SEED, "--out", out) for _ in range(2)]
    for process in pair:
        said = process.communicate(timeout=300)[0].decode(errors="replace")
        checks.check(process.returncode == 0, f"two dumps at once: exit {process.returncode}: {said}")
    checks.equal(names_in(out), ["test_resnet_io.h5"], "two dumps at once: files")
    status, said = dump("resnet", "--variant", "test_resnet", *SEED, "--resume", "--out", out)
    checks.check(status == 0 and said.startswith("kept"), f"two dumps at once: {said}")

    for number in signals:
        out = folder / number.name
        process = start("--variant", "resnet101", *SEED, "--stages", "--out", out)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if out.is_dir() and any(path.stat().st_size > 1 << 20 for path in out.glob("*.tmp")):
                break
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate(timeout=120)[0].decode(errors="replace")
        checks.check(process.returncode == 128 + number, f"{number.name}: exit {process.returncode}: {said}")
        checks.equal(names_in(out), [], f"{number.name}: files left")


def check_hub(checks, folder):
    home = folder / "hub"
    home.mkdir()
    process = start("--variant", "test_resnet", "--out", folder / "released",
                    env={**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"})
    said = process.communicate(timeout=300)[0].decode(errors="replace")
    checks.check(process.returncode == 1 and "--synthetic SEED needs no download" in said,
                 f"dump without the Hub: exit {process.returncode}: {said}")
    checks.equal(names_in(folder / "released"), [], "dump without the Hub: files")


def check(checks, quick):
    folder = checks.folder / "dump"
    folder.mkdir()
    check_usage(checks, folder)
    check_variant_script(checks)
    check_full(checks, folder)
    check_places(checks, folder)
    check_resume(checks, folder)
    for arch in PYRAMIDS[: 3 if quick else None]:
        check_pyramid(checks, folder, arch, 3)
        check_pyramid(checks, folder, arch, 1, "--out-indices", "1,3", "--output-stride", "8",
                      out_indices=[1, 3], output_stride=8)
    for arch in STAGES[: 3 if quick else None]:
        check_stages(checks, folder, arch)
    check_processes(checks, folder, (signal.SIGTERM,) if quick else (signal.SIGTERM, signal.SIGINT))
    if not quick:
        check_hub(checks, folder)
