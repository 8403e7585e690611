"""Decoding and preprocessing on one thread: jimm beside Pillow with timm's eval transform.

    bench_images.py [--build BUILD] [--rounds N] [--size 224] [--crop-pct 0.95]

For photographs of three sizes as JPEG, PNG and WebP. Each round times jimm (in a process of its own)
and Pillow one right after the other; printed are the medians over the rounds, and the median of the
rounds' ratios.
"""

import argparse
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval

SIZES = [(500, 375), (1024, 768), (4000, 3000)]
KINDS = {"jpg": {"quality": 90}, "png": {}, "webp": {"quality": 85}}


def photograph(width, height):
    """scikit-learn's photograph, enlarged or reduced, with the grain of a camera."""
    from sklearn.datasets import load_sample_image

    image = Image.fromarray(load_sample_image("china.jpg")).resize((width, height), Image.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 3, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def median_time(run, repeats):
    run()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--crop-pct", type=float, default=0.95)
    args = parser.parse_args()
    torch.set_num_threads(1)
    program = pathlib.Path(args.build) / "bench" / "bench_images"
    transform = transforms_imagenet_eval(args.size, args.crop_pct, interpolation="bicubic")
    print("| file | jimm ms | Pillow + timm ms | times as fast |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            image = photograph(*size)
            repeats = 15 if size[0] < 2000 else 3
            for kind, options in KINDS.items():
                path = pathlib.Path(folder) / f"photo.{kind}"
                image.save(path, **options)
                ours, theirs = [], []
                for _ in range(args.rounds):
                    run = subprocess.run([program, path, str(repeats), str(args.size),
                                          str(args.crop_pct)], capture_output=True, check=True)
                    ours.append(float(run.stdout))
                    theirs.append(median_time(
                        lambda: transform(Image.open(path).convert("RGB")), repeats))
                ratio = statistics.median(b / a for a, b in zip(ours, theirs))
                print(f"| {size[0]} x {size[1]} {kind} | {statistics.median(ours):.2f} | "
                      f"{statistics.median(theirs):.2f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
