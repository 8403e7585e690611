"""Weights by name: jimm beside curl, huggingface_hub and torch.load, alternated rounds.

    bench_hub.py [--build BUILD] [--rounds N] [--megabytes N]

A file of the tests' hub on this machine (BUILD/test/hub_server), stored as large files are: a HEAD,
then a GET from another port. In a round it is downloaded into an empty cache by `jimm download`, by
huggingface_hub and, for the bytes and their SHA-256 alone, by `curl | sha256sum`; then found in the
cache by jimm and asked for by curl -I. Files of weights are opened by jimm and by torch and
safetensors. Medians; ratios are those of the rounds. Writes BUILD/bench-hub.md.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PYTHON = """
import sys
from huggingface_hub import hf_hub_download
print(hf_hub_download("bench/file", "file.bin"))
"""


def start_server(build):
    server = subprocess.Popen([build / "test" / "hub_server"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    return server, json.loads(server.stdout.readline())["endpoints"]


def publish(endpoint, path):
    body = {"repo": "bench/file", "commit": COMMIT, "revisions": "main", "name": "file.bin",
            "file": str(path), "lfs": True}
    request = urllib.request.Request(endpoint + "/.control/publish", json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())["etag"]


def environment(endpoint, cache):
    return dict(os.environ, HF_ENDPOINT=endpoint, HF_HUB_CACHE=str(cache), HF_HUB_DISABLE_XET="1",
                HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_PROGRESS_BARS="1",
                HF_HUB_DISABLE_UPDATE_CHECK="1")


def timed(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def peak_of(command, env):
    """MiB at the peak of a process. Its rusage would count this process, which it is a copy of."""
    peak = 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env)
    while process.poll() is None:
        text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.002)
    return peak / 1024


def download_round(args, endpoint, url, folder):
    jimm = [str(args.build / "jimm"), "download", "--repo", "bench/file", "file.bin"]
    times = {}
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        times["jimm"] = timed(jimm, env=environment(endpoint, cache))
        times["jimm, in the cache"] = timed(jimm, env=environment(endpoint, cache))
    times["curl | sha256sum"] = timed(f"curl -s '{url}' | sha256sum", shell=True)
    times["curl -I"] = timed(["curl", "-sI", endpoint + "/bench/file/resolve/main/file.bin"])
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        times["huggingface_hub"] = timed([sys.executable, "-c", PYTHON], env=environment(endpoint, cache))
    return times


def measure_downloads(args, folder):
    path = folder / "file.bin"
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for _ in range(args.megabytes):
            file.write(block)
    server, endpoints = start_server(args.build)
    try:
        publish(endpoints[0], path)
        head = urllib.request.Request(endpoints[0] + "/bench/file/resolve/main/file.bin", method="HEAD")
        opener = urllib.request.build_opener(NoRedirect)
        url = opener.open(head).headers["Location"]
        rounds = [download_round(args, endpoints[0], url, folder) for _ in range(args.rounds)]
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            peak = peak_of([str(args.build / "jimm"), "download", "--repo", "bench/file", "file.bin"],
                           environment(endpoints[0], cache))
    finally:
        server.stdin.close()
        server.wait()
        path.unlink()
    return rounds, peak


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Answers as they are."""

    def http_error_302(self, request, answer, code, message, headers):
        return answer


def opened_by_jimm(args, path):
    out = subprocess.run([args.build / "bench" / "bench_state", path], check=True, capture_output=True,
                         text=True)
    return json.loads(out.stdout)


def opened_by_python(load, path):
    """ms to open, median."""
    opened = []
    for _ in range(7):
        start = time.perf_counter()
        load(path)
        opened.append(time.perf_counter() - start)
    return 1e3 * statistics.median(opened)


def measure_files(args, folder):
    """{file: [(jimm's, Python's open ms) of each round]} of 350 MB in 300 tensors."""
    state = {f"layer{i}.weight": torch.randn(290, 1000) for i in range(300)}
    files = {"safetensors": (folder / "w.safetensors", load_file, "safetensors.torch.load_file"),
             "zip": (folder / "w.pth", lambda p: torch.load(p, map_location="cpu"), "torch.load"),
             "legacy": (folder / "w.bin", lambda p: torch.load(p, map_location="cpu"), "torch.load")}
    save_file(state, files["safetensors"][0])
    torch.save(state, files["zip"][0])
    torch.save(state, files["legacy"][0], _use_new_zipfile_serialization=False)
    rows = {}
    for kind, (path, load, what) in files.items():
        rows[kind, what] = [
            (opened_by_jimm(args, path), opened_by_python(load, path)) for _ in range(args.rounds)]
    return rows


def table(args, rounds, peak, files):
    median = {what: statistics.median(r[what] for r in rounds) for what in rounds[0]}

    def ratio(own, other):
        return statistics.median(r[other] / r[own] for r in rounds)

    lines = [
        f"{args.megabytes} MiB from this machine into an empty cache, {platform.machine()}, "
        f"{os.cpu_count()} processors; {args.rounds} alternated rounds, medians of seconds, whole processes.",
        "",
        "| | seconds | times as long as jimm |",
        "|---|---:|---:|",
        f"| jimm download (verified, synced; {peak:.0f} MiB at the peak) | {median['jimm']:.2f} | 1.00 |",
    ]
    for what in ("curl | sha256sum", "huggingface_hub"):
        shown = what.replace("|", "\\|")
        lines.append(f"| {shown} | {median[what]:.2f} | {ratio('jimm', what):.2f} |")
    hit, head = 1e3 * median["jimm, in the cache"], 1e3 * median["curl -I"]
    lines += ["", f"In the cache: jimm download {hit:.1f} ms with its HEAD, curl -I alone {head:.1f} ms.", "",
              "| 350 MB in 300 tensors, opened | jimm, ms | Python | ms |", "|---|---:|---|---:|"]
    for (kind, what), values in files.items():
        own = statistics.median(v[0]["open_ms"] for v in values)
        lines.append(f"| {kind} | {own:.2f} | {what} | {statistics.median(v[1] for v in values):.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Times downloads and the opening of weights.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=350)
    args = parser.parse_args()
    args.build = args.build.resolve()
    subprocess.run(["ninja", "-C", str(args.build), "jimm", "bench/bench_state", "test/hub_server"],
                   check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="jimm-bench-") as name:
        rounds, peak = measure_downloads(args, pathlib.Path(name))
        files = measure_files(args, pathlib.Path(name))
    text = table(args, rounds, peak, files)
    out = args.build / "bench-hub.md"
    out.write_text(text)
    print(text + f"\nwrote {out}")


if __name__ == "__main__":
    main()
