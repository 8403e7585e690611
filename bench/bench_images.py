"""Image files to tensors: jimm beside Pillow and timm's transform, one thread, alternated rounds.

    bench_images.py [--build BUILD] [--rounds N] [--seconds F] [--size S] [--crop-pct P]

Photographs of several sizes as JPEG, PNG and WebP, each read from its file, decoded and transformed
(timm.data.create_transform on a PIL image: bicubic resize, centre crop, ToTensor, Normalize). In a
round every file is measured by both, one after the other; a figure is the median over the rounds of
the median processor time of a round, a ratio the median of the rounds' ratios. Writes
BUILD/bench-images.md.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from timm.data import create_transform

ROOT = pathlib.Path(__file__).resolve().parents[1]
SIZES = [(500, 375), (1024, 768), (4000, 3000)]
KINDS = {
    "JPEG": ("jpg", {"quality": 90}),
    "JPEG progressive": ("progressive.jpg", {"quality": 90, "progressive": True}),
    "PNG": ("png", {}),
    "WebP lossy": ("webp", {"quality": 85}),
    "WebP lossless": ("lossless.webp", {"lossless": True, "method": 1}),
}
PARTS = ("decode_ms", "transform_ms", "both_ms")


def photograph(width, height):
    """Larger than the samples: they are laid side by side, mirrored, so that detail stays."""
    tile = load_sample_image("china.jpg")
    row = np.concatenate([tile, tile[:, ::-1]], axis=1)
    block = np.concatenate([row, row[::-1]], axis=0)
    across, down = -(-width // block.shape[1]), -(-height // block.shape[0])
    return Image.fromarray(np.ascontiguousarray(np.tile(block, (down, across, 1))[:height, :width]))


def write_files(folder):
    files = {}
    for width, height in SIZES:
        image = photograph(width, height)
        for kind, (suffix, options) in KINDS.items():
            path = folder / f"{width}.{suffix}"
            image.save(path, **options)
            files[kind, f"{width} x {height}"] = path
    return files


def measure_pillow(path, transform, seconds):
    times, clock = [], time.process_time
    end = clock() + seconds
    while len(times) < 3 or clock() < end:
        start = clock()
        image = Image.open(path).convert("RGB")
        middle = clock()
        transform(image)
        stop = clock()
        times.append((middle - start, stop - middle, stop - start))
    return {part: 1e3 * statistics.median(t) for part, t in zip(PARTS, zip(*times))}


def measure_jimm(args, path):
    command = [args.build / "bench" / "bench_images", "--seconds", args.seconds, "--size",
               args.size, "--crop-pct", args.crop_pct, path]
    out = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def measure(args, files, transform):
    """{file: [(jimm's figures, Pillow's figures) of each round]}"""
    rounds = {key: [] for key in files}
    for _ in range(args.rounds):
        for key, path in files.items():
            rounds[key].append((measure_jimm(args, path),
                                measure_pillow(path, transform, args.seconds)))
    return rounds


def table(args, rounds):
    lines = [
        f"File to tensor of {args.size} x {args.size} (bicubic, crop_pct {args.crop_pct}), one thread, "
        f"{platform.machine()}; {args.rounds} alternated rounds, medians of processor time.",
        "",
        "| file | pixels | jimm, ms | Pillow + timm, ms | decode | transform | times as fast |",
        "|---|---|---|---|---|---|---|",
    ]
    for (kind, size), values in rounds.items():
        middle = {part: [statistics.median(v[who][part] for v in values) for who in (0, 1)]
                  for part in PARTS}
        ratio = {part: statistics.median(theirs[part] / own[part] for own, theirs in values)
                 for part in PARTS}
        lines.append(f"| {kind} | {size} | {middle['both_ms'][0]:.2f} | {middle['both_ms'][1]:.2f} | "
                     f"{ratio['decode_ms']:.2f} | {ratio['transform_ms']:.2f} | "
                     f"{ratio['both_ms']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Times image files to tensors beside Pillow.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of an engine and file in a round")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--crop-pct", type=float, default=0.95)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.build = args.build.resolve()
    subprocess.run(["ninja", "-C", str(args.build), "bench/bench_images"], check=True,
                   stdout=subprocess.DEVNULL)
    transform = create_transform(input_size=(3, args.size, args.size), is_training=False,
                                 interpolation="bicubic", crop_pct=args.crop_pct)
    with tempfile.TemporaryDirectory(prefix="jimm-bench-") as name:
        rounds = measure(args, write_files(pathlib.Path(name)), transform)
    text = table(args, rounds)
    out = args.build / "bench-images.md"
    out.write_text(text)
    print(text + f"\nwrote {out}")


if __name__ == "__main__":
    main()
