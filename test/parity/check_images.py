"""Compares what jimm makes of image files with Pillow and with timm's own eval transform, to the bit.

    check_images.py JIMM [--random N] [--seed S] [--model NAME ...] [IMAGE ...]

Each file is compared after decoding, after resizing to several sizes, after resize and crop with
several configurations, and after the whole transform in float32; and `jimm preprocess MODEL FILE`
with the transform of that model. Files: those named, photographs of installed packages
(scikit-learn, matplotlib, scikit-image, SciPy), parts of these saved anew in all formats, the
repository's test images, files of extreme shapes, JPEG of all colour spaces, and N random files. Exit status 0
when at least 30 files of photographs and 300 files in all were compared and all is equal.
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
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.data.transforms_factory import transforms_imagenet_eval

import image_lib
import images

TEST_IMAGES = pathlib.Path(__file__).resolve().parents[1] / "data" / "images"
SUFFIXES = {".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".webp"}
# Bilinear and bicubic, several crop_pct and sizes, ImageNet and 0.5 means, squash.
MODELS = ["resnet18.tv_in1k", "resnet50.a1_in1k", "resnet34.a1_in1k", "resnet50d.ra2_in1k",
          "resnet26t.ra2_in1k", "test_resnet.r160_in1k"]
WANTED = 30
WANTED_IN_ALL = 300
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
EXTREME = [(1, 900), (900, 1), (3000, 2), (2, 3000), (1, 1), (7, 2000), (2000, 5), (1, 2)]


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
        path = folder / f"part{i}.{('jpg', 'webp', 'jpg', 'png', 'ppm')[i % 5]}"
        options = {}
        if path.suffix == ".jpg":
            options = {"quality": int(rng.integers(30, 98)), "subsampling": int(rng.integers(3)),
                       "progressive": bool(rng.integers(2))}
        elif path.suffix == ".webp":
            options = {"quality": int(rng.integers(30, 98)), "lossless": bool(i % 2)}
        image.save(path, **options)
        yield path


def extreme_files(rng, folder):
    """Long and thin images in all formats."""
    for (width, height), kind in itertools.product(EXTREME, ("png", "jpg", "webp", "ppm")):
        data = {"png": lambda: images.png_kind(rng, width, height, 8, 2, False),
                "jpg": lambda: images.jpeg_kind(rng, width, height),
                "webp": lambda: images.webp_kind(rng, width, height),
                "ppm": lambda: images.ppm(rng, width, height, "6", 255)}[kind]()
        path = folder / f"extreme{width}x{height}.{kind}"
        path.write_bytes(data)
        yield path


def colour_files(rng, folder):
    """JPEG of all combinations of what libjpeg guesses the colour space from."""
    for count, adobe, jfif, names in itertools.product((1, 3, 4), (None, 0, 1, 2), (False, True),
                                                       (b"\1\2\3\4", b"RGBA", b"\0\1\2\3")):
        path = folder / f"colour{count}{adobe}{jfif}{names.hex()}.jpg"
        path.write_bytes(images.jpeg(rng, 30, 21, [(1, 1)] * count, 0, adobe, jfif, names))
        yield path


def transform_of(name):
    """timm's transform of a model's preprocessing."""
    config = timm.models.get_pretrained_cfg(name)
    if config is None:
        raise SystemExit(f"timm has no {name}")
    return create_transform(**resolve_data_config(pretrained_cfg=config.to_dict()))


def difference(what, got, want):
    """Nothing when equal, else a line that says what differs."""
    if got.dtype == want.dtype and got.shape == want.shape and got.tobytes() == want.tobytes():
        return []
    if got.shape != want.shape:
        return [f"{what}: {got.shape}, expected {want.shape}"]
    apart = np.abs(got.astype(np.float64) - want)
    return [f"{what}: max abs diff {apart.max()}, {np.count_nonzero(apart)} values"]


def random_size(rng, most):
    return int(np.exp(rng.uniform(0, np.log(most))))


def random_config(rng, image):
    """What transforms_imagenet_eval takes. Small where timm would resize to a very long image."""
    small = max(image.size) > 50 * min(image.size)
    sizes = (32, 64) if small else (64, 96, 160, 224, 256, 288, 384)
    height = int(rng.choice(sizes))
    width = height if rng.random() < 0.7 else int(rng.choice(sizes)) + int(rng.integers(2))
    half = rng.random() < 0.3
    return {
        "img_size": (height, width),
        "crop_pct": float(rng.choice([0.875, 0.9, 0.95, 0.965, 1.0, 1.2])),
        "crop_mode": str(rng.choice(["center", "center", "squash"])),
        "interpolation": str(rng.choice(list(FILTERS))),
        "mean": (0.5,) * 3 if half else IMAGENET_DEFAULT_MEAN,
        "std": (0.5,) * 3 if half else IMAGENET_DEFAULT_STD,
    }


def compare_library(library, path, rng):
    """Lines that say what differs between Pillow and timm, and libjimm-image."""
    image = Image.open(path).convert("RGB")
    pixels = library.decode(path.read_bytes())
    problems = difference("pixels", pixels, np.array(image))
    if problems:
        return problems
    for interpolation, code in FILTERS.items():
        for width, height in [(random_size(rng, 700), random_size(rng, 700)) for _ in range(2)]:
            problems += difference(
                f"resize to {width} x {height}, {interpolation}",
                library.resize(pixels, width, height, interpolation),
                np.array(image.resize((width, height), code)))
    for _ in range(2):
        options = random_config(rng, image)
        transform = transforms_imagenet_eval(**options)
        resize, crop = transform.transforms[:2]
        height, width = options["img_size"]
        config = image_lib.config(height, width, options["crop_pct"], options["crop_mode"],
                                  options["interpolation"], options["mean"], options["std"])
        cropped = crop(resize(image))
        want = cropped
        for step in transform.transforms[2:]:
            want = step(want)
        problems += difference(f"crop {options}", library.crop(pixels, config), np.array(cropped))
        problems += difference(f"values {options}", library.preprocess(pixels, config),
                               want.numpy())
    return problems


def compare_program(jimm, model, transform, path, output):
    """The same for `jimm preprocess`."""
    image = Image.open(path).convert("RGB")
    if max(image.size) > 500 * min(image.size):
        return []  # timm would need gigabytes
    want = transform(image).numpy()
    run = subprocess.run([jimm, "preprocess", model, str(path), "-o", str(output)],
                         capture_output=True, text=True)
    if run.returncode != 0:
        return [f"exit {run.returncode}: {run.stderr.strip()}"]
    return difference(f"preprocess for {model}", np.load(output).reshape(want.shape), want)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jimm")
    parser.add_argument("images", nargs="*", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", nargs="+", default=MODELS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    photographs = args.images + list(package_images())
    transforms = {name: transform_of(name) for name in args.model}
    library = image_lib.Library(pathlib.Path(args.jimm).resolve().parent)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rng = np.random.default_rng(args.seed)
        if photographs:
            photographs += list(parts_of(photographs, rng, folder))
        made = sorted(path for path in TEST_IMAGES.iterdir() if path.suffix in SUFFIXES)
        made += list(extreme_files(rng, folder)) + list(colour_files(rng, folder))
        for i in range(args.random):
            suffix, data = images.random_file(rng, random_size(rng, 400), random_size(rng, 400))
            made.append(folder / f"random{i}.{suffix}")
            made[-1].write_bytes(data)
        files = photographs + made
        for path, model in zip(files, itertools.cycle(args.model)):
            try:
                problems = compare_library(library, path, rng)
                problems += compare_program(args.jimm, model, transforms[model], path,
                                            folder / "x.npy")
            except ValueError as error:
                problems = [str(error)]
            bad += bool(problems)
            for problem in problems:
                print(f"{path}: {problem}")
    print(f"{len(photographs)} files of photographs and {len(made)} others compared")
    enough = len(photographs) >= WANTED and len(files) >= WANTED_IN_ALL
    if not enough:
        print(f"expected at least {WANTED} files of photographs and {WANTED_IN_ALL} in all")
    print(f"images: {len(files) - bad} passed, {bad} failed, 0 skipped")
    return 0 if bad == 0 and enough else 1


if __name__ == "__main__":
    sys.exit(main())
