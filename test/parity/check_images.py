"""Compares `jimm preprocess MODEL IMAGE -o x.npy` with timm's own eval transform: equal to the bit.

    check_images.py JIMM [--random N] [--seed S] [--model NAME ...] [IMAGE ...]

Images: those named, photographs of installed packages (scikit-learn, matplotlib, scikit-image,
SciPy), parts of these photographs saved anew in all formats, the repository's test images, and N
random files of all kinds, extreme shapes among them. Then each of them through libjimm-image beside
JIMM: pixels as decoded, eight resizes and two whole transforms. Exit status 0 when at least 30 files
of photographs and 300 files in all were compared and every value of every comparison is equal.
"""

import argparse
import importlib.util
import itertools
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

import image_library
import images

TEST_IMAGES = pathlib.Path(__file__).resolve().parents[1] / "data" / "images"
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".ppm", ".pgm"}
# Bilinear and bicubic, several crop_pct and sizes, ImageNet and 0.5 means, squash.
MODELS = ["resnet18.tv_in1k", "resnet50.a1_in1k", "resnet34.a1_in1k", "resnet50d.ra2_in1k",
          "resnet26t.ra2_in1k", "test_resnet.r160_in1k"]
WANTED = 30
WANTED_FILES = 300
EXTREMES = [(1, 900), (3000, 2), (2, 2500), (1, 1), (2, 1), (1500, 1)]  # width, height


def package_images():
    """Image files that come with installed packages."""
    for package in ("sklearn", "matplotlib", "skimage", "scipy", "torchvision", "timm", "torch"):
        spec = importlib.util.find_spec(package)
        for folder in spec.submodule_search_locations if spec else []:
            for path in sorted(pathlib.Path(folder).rglob("*")):
                if path.suffix.lower() in SUFFIXES:
                    yield path


def parts_of(photographs, rng, folder):
    """Parts of photographs, saved with other sizes, qualities, samplings and formats."""
    for i in range(WANTED):
        image = Image.open(photographs[i % len(photographs)]).convert("RGB")
        width, height = (int(rng.integers(n // 3, n + 1)) for n in image.size)
        left, top = int(rng.integers(image.width - width + 1)), int(
            rng.integers(image.height - height + 1))
        image = image.crop((left, top, left + width, top + height))
        path = folder / f"part{i}.{('jpg', 'jpg', 'webp', 'png', 'ppm')[i % 5]}"
        options = {}
        if path.suffix == ".jpg":
            options = {"quality": int(rng.integers(30, 98)), "subsampling": int(rng.integers(3)),
                       "progressive": bool(rng.integers(2))}
        image.save(path, **options)
        yield path


def transform_of(name):
    """timm's transform of a model's preprocessing."""
    config = timm.models.get_pretrained_cfg(name)
    if config is None:
        raise SystemExit(f"timm has no {name}")
    return create_transform(**resolve_data_config(pretrained_cfg=config.to_dict()))


def compare(jimm, model, transform, path, output):
    """None when equal, else what differs."""
    want = transform(Image.open(path).convert("RGB")).numpy()
    run = subprocess.run([jimm, "preprocess", model, str(path), "-o", str(output)],
                         capture_output=True, text=True)
    if run.returncode != 0:
        return f"exit {run.returncode}: {run.stderr.strip()}"
    got = np.load(output)
    if got.dtype != np.float32 or got.shape not in (want.shape, (1, *want.shape)):
        return f"{got.dtype} {got.shape}, expected float32 {want.shape}"
    got = got.reshape(want.shape)
    if got.tobytes() != want.tobytes():
        return f"max abs diff {np.abs(got - want).max()}, {np.sum(got != want)} values"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jimm")
    parser.add_argument("images", nargs="*", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", nargs="+", default=MODELS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    photographs = args.images + list(package_images())
    transforms = {name: transform_of(name) for name in args.model}
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rng = np.random.default_rng(args.seed)
        if photographs:
            photographs += list(parts_of(photographs, rng, folder))
        made = sorted(path for path in TEST_IMAGES.iterdir() if path.suffix in SUFFIXES)
        for i in range(args.random):
            width, height = (int(np.exp(rng.uniform(0, np.log(400)))) for _ in range(2))
            suffix, data = images.random_file(rng, width, height)
            made.append(folder / f"random{i}.{suffix}")
            made[-1].write_bytes(data)
        for i, (width, height) in enumerate(EXTREMES * 4):
            suffix, data = images.random_file(rng, width, height)
            made.append(folder / f"extreme{i}.{suffix}")
            made[-1].write_bytes(data)
        library = image_library.Library(
            pathlib.Path(args.jimm).resolve().parent / "src" / "image" / "libjimm-image.so")
        for path, model in zip(photographs + made, itertools.cycle(args.model)):
            problem = compare(args.jimm, model, transforms[model], path, folder / "x.npy")
            problems = [f"for {model}: {problem}"] if problem is not None else []
            problems += image_library.compare(library, rng, path.read_bytes())
            bad += bool(problems)
            for problem in problems:
                print(f"{path}: {problem}", flush=True)
    print(f"{len(photographs)} files of photographs and {len(made)} others compared, {bad} differ")
    if len(photographs) < WANTED:
        print(f"expected at least {WANTED} files of photographs")
    print(f"images: {len(photographs) + len(made) - bad} passed, {bad} failed, 0 skipped")
    if len(photographs) + len(made) < WANTED_FILES:
        print(f"expected at least {WANTED_FILES} files")
        return 1
    return 0 if bad == 0 and len(photographs) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
