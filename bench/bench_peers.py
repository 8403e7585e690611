"""jimm beside its peers: one model, the same weights, alternated rounds, medians and ratios.

    bench_peers.py [--build BUILD] [--model resnet50] [--size 224] [--batch 1] [--threads 2]

Each round starts every engine anew in a process of its own, one after another, so that a busy or
throttled machine is shared fairly; what counts is the ratio of the medians of a round, and the
median of these over the rounds. Peak memory is the largest resident set of a whole process: `jimm
predict` on one photograph, and Python that loads the same weights and runs once. Writes BUILD/bench-
peers.md, and .png when matplotlib is installed. ONNX Runtime and OpenVINO take part when they are
installed (the bench group of pyproject.toml).
"""

import argparse
import importlib.util
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "test" / "parity"))

JIMM = "jimm"
PEERS = {
    "PyTorch eager": "torch",
    "PyTorch eager, channels_last": "torch",
    "ONNX Runtime": "onnxruntime",
    "OpenVINO": "openvino",
}


# ---- a peer, in a process of its own ----


def torch_model(args):
    import torch
    from safetensors.torch import load_file

    import timm

    torch.set_num_threads(args.threads)
    model = timm.create_model(args.model).eval()
    model.load_state_dict(load_file(args.weights))
    return torch, model


def eager(args, channels_last):
    torch, model = torch_model(args)
    x = torch.rand(args.batch, 3, args.size, args.size)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            model(x)

    return run


def onnxruntime(args):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = args.threads
    session = ort.InferenceSession(args.onnx, options, providers=["CPUExecutionProvider"])
    x = np.random.rand(args.batch, 3, args.size, args.size).astype(np.float32)
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})


def openvino(args):
    import numpy as np
    import openvino as ov

    config = {"INFERENCE_NUM_THREADS": args.threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(args.onnx, "CPU", config)
    request = compiled.create_infer_request()
    x = np.random.rand(args.batch, 3, args.size, args.size).astype(np.float32)
    return lambda: request.infer([x])


def worker(args):
    """Prints {"median_ms": ...} of the peer; with --seconds 0 runs once."""
    run = {
        "PyTorch eager": lambda: eager(args, False),
        "PyTorch eager, channels_last": lambda: eager(args, True),
        "ONNX Runtime": lambda: onnxruntime(args),
        "OpenVINO": lambda: openvino(args),
    }[args.worker]()
    times = []
    for _ in range(3 if args.seconds > 0 else 0):
        run()
    end = time.perf_counter() + args.seconds
    while not times or (args.seconds > 0 and (len(times) < 5 or time.perf_counter() < end)):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    print(json.dumps({"median_ms": 1e3 * statistics.median(times), "runs": len(times)}))


# ---- all of them ----


def run_process(command):
    """(standard output, peak resident set in bytes) of a process that must succeed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([str(c) for c in command], stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{command[0]} exits {process.returncode}")
        return out.read(), usage.ru_maxrss * 1024


def worker_command(args, peer, weights, onnx, seconds):
    return [sys.executable, __file__, "--worker", peer, "--model", args.model, "--size", args.size,
            "--batch", args.batch, "--threads", args.threads, "--seconds", seconds, "--weights",
            weights, "--onnx", onnx]


def bench_command(args):
    return [args.build / "bench" / "bench_run", args.model, "--batch", args.batch, "--size",
            args.size, "--threads", args.threads, "--seconds", args.seconds]


def prepare(args):
    """Writes what the engines need: weights, a photograph, and an ONNX file for those that read one.
    In a process of its own: a process starts with the peak memory of the one that started it, so
    the one that measures must stay small."""
    import torch
    from PIL import Image
    from safetensors.torch import save_file
    from sklearn.datasets import load_sample_image

    import _dump_common

    model = _dump_common.create_model(args.model, 1)
    save_file(model.state_dict(), args.weights)
    Image.fromarray(load_sample_image("china.jpg")).save(args.photograph)
    if any(importlib.util.find_spec(module) for module in ("onnxruntime", "openvino")):
        try:
            x = torch.rand(args.batch, 3, args.size, args.size)
            torch.onnx.export(model, (x,), args.onnx, dynamo=False)
        except Exception as error:  # an optional peer must not stop the others
            print(f"no ONNX file ({type(error).__name__}: {error}): ONNX Runtime and OpenVINO are "
                  "left out", file=sys.stderr)


def start(args, folder):
    """The files of `prepare`, and the peers that can take part."""
    weights, onnx, photograph = (folder / n for n in ("model.safetensors", "model.onnx", "p.png"))
    command = worker_command(args, "prepare", weights, onnx, 0) + ["--photograph", photograph]
    subprocess.run([str(c) for c in command], check=True)
    peers = [name for name, module in PEERS.items() if importlib.util.find_spec(module)]
    if not onnx.exists():
        peers = [name for name in peers if name.startswith("PyTorch")]
    return weights, onnx, photograph, peers


def measure(args, weights, onnx, peers):
    """{engine: [median ms of each round]} and jimm's own figures."""
    times = {name: [] for name in [JIMM, *peers]}
    for number in range(args.rounds):
        out, _ = run_process(bench_command(args))
        own = json.loads(out)
        times[JIMM].append(own["median_ms"])
        for peer in peers:
            out, _ = run_process(worker_command(args, peer, weights, onnx, args.seconds))
            times[peer].append(json.loads(out)["median_ms"])
        latest = ", ".join(f"{name} {values[-1]:.1f} ms" for name, values in times.items())
        print(f"round {number + 1}/{args.rounds}: {latest}", flush=True)
    return times, own


def memory(args, photograph, weights, onnx, peers):
    """Peak resident bytes of whole processes."""
    command = [args.build / "jimm", "predict", "-m", args.model, "-w", weights, "--threads",
               args.threads, photograph]
    peaks = {JIMM: run_process(command)[1]}
    for peer in peers:
        peaks[peer] = run_process(worker_command(args, peer, weights, onnx, 0))[1]
    return peaks


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def table(args, times, own, peaks, weights_bytes):
    lines = [
        f"{args.model}, float32, batch {args.batch}, {args.size} x {args.size}, {args.threads} threads, "
        f"{processor()}, {own['isa']}; {args.rounds} alternated rounds, median.",
        "",
        "| engine | ms | ms of jimm / ms of engine | peak memory, MiB |",
        "|---|---|---|---|",
    ]
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(times[JIMM], values))
        lines.append(f"| {name} | {statistics.median(values):.1f} | {ratio:.2f} | "
                     f"{peaks[name] / 2**20:.0f} |")
    needed = weights_bytes + own["arena_bytes"]
    lines += [
        "",
        f"Peak of `jimm predict`: {peaks[JIMM] / needed:.2f} x (weights {weights_bytes / 2**20:.0f} MiB "
        f"+ activations {own['arena_bytes'] / 2**20:.0f} MiB).",
    ]
    return "\n".join(lines) + "\n"


def plot(path, times):
    if importlib.util.find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed")
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 0.6 * len(times) + 1.2), layout="constrained")
    axes.boxplot(list(times.values()), orientation="horizontal", tick_labels=list(times))
    axes.set_xlabel("milliseconds a run (median of a round)")
    axes.set_xlim(left=0)
    axes.invert_yaxis()
    figure.savefig(path, dpi=150)
    print(f"wrote {path}")


def main():
    parser = argparse.ArgumentParser(description="Times jimm beside its peers.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of an engine in a round")
    for hidden in ("--worker", "--weights", "--onnx", "--photograph"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        (prepare if args.worker == "prepare" else worker)(args)
        return
    args.build = args.build.resolve()
    subprocess.run(["ninja", "-C", str(args.build), "jimm", "bench/bench_run"], check=True,
                   stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="jimm-bench-") as name:
        folder = pathlib.Path(name)
        weights, onnx, photograph, peers = start(args, folder)
        times, own = measure(args, weights, onnx, peers)
        peaks = memory(args, photograph, weights, onnx, peers)
        text = table(args, times, own, peaks, weights.stat().st_size)
    out = args.build / "bench-peers.md"
    out.write_text(text)
    print(text + f"\nwrote {out}")
    plot(out.with_suffix(".png"), times)


if __name__ == "__main__":
    main()
