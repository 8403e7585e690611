"""Writes test/data/images: small image files of every kind, and what Pillow and timm make of them.

    dump_image_goldens.py            writes the files and golden.def
    dump_image_goldens.py --check    computes golden.def anew from the committed files and compares

golden.def is included by test/image/test_image.c. Pixels and floats are given by their CRC-32.
"""

import io
import pathlib
import sys
import warnings
import zlib

import numpy as np
import torch
from PIL import Image
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.data.transforms_factory import transforms_imagenet_eval

import images

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "images"
FILTERS = {"BILINEAR": Image.BILINEAR, "BICUBIC": Image.BICUBIC}
RESIZES = [(64, 64, "BILINEAR"), (33, 57, "BICUBIC"), (7, 5, "BILINEAR"), (150, 20, "BICUBIC"),
           (20, 3, "BICUBIC")]
# height, width, crop_pct, crop_mode, interpolation
CROPS = [
    (224, 224, 0.875, "CENTER", "BILINEAR"),
    (224, 224, 0.95, "CENTER", "BICUBIC"),
    (288, 288, 1.0, "CENTER", "BICUBIC"),
    (160, 160, 0.95, "CENTER", "BICUBIC"),
    (224, 224, 0.9, "SQUASH", "BICUBIC"),
    (64, 64, 1.0, "SQUASH", "BILINEAR"),
    (96, 160, 0.875, "CENTER", "BICUBIC"),  # not square: timm resizes bilinearly
    (161, 95, 0.95, "CENTER", "BILINEAR"),
    (50, 51, 0.99, "SQUASH", "BICUBIC"),
    (40, 40, 1.3, "CENTER", "BICUBIC"),  # zero padding
    (33, 75, 1.25, "SQUASH", "BILINEAR"),
]


def files():
    """name -> bytes"""
    rng = np.random.default_rng(2024)
    made = {}
    for index, (depth, color, interlace) in enumerate(images.PNG_KINDS):
        width, height = [(31, 17), (9, 40), (40, 23)][index % 3]
        kind = {0: "gray", 2: "rgb", 3: "palette", 4: "gray_alpha", 6: "rgba"}[color]
        name = f"{kind}{depth}{'_interlaced' if interlace else ''}.png"
        made[name] = images.png_kind(rng, width, height, depth, color, interlace)
    made["tiny_interlaced.png"] = images.png_kind(rng, 1, 1, 8, 2, True)
    made["narrow_interlaced.png"] = images.png_kind(rng, 2, 5, 4, 0, True)
    made["tall.png"] = images.png_kind(rng, 1, 900, 8, 2, False)
    made["wide.png"] = images.png_kind(rng, 700, 2, 8, 0, False)
    for name, factors in images.SAMPLINGS.items():
        restart = {"420": 2, "gray": 3}.get(name, 0)
        made[f"sampling_{name}.jpg"] = images.jpeg(rng, 45, 37, factors, restart)
    made["rgb_adobe.jpg"] = images.jpeg(rng, 20, 20, [(1, 1)] * 3, 0, 0)
    made["ycck_adobe.jpg"] = images.jpeg(rng, 20, 20, [(1, 1)] * 4, 0, 2)
    photo = images.smooth(rng, 190, 143)
    for name, options in {
        "photo.jpg": {"quality": 85},
        "photo_progressive.jpg": {"quality": 80, "progressive": True},
        "photo_444.jpg": {"quality": 60, "subsampling": 0, "optimize": True},
        "photo_restart.jpg": {"quality": 40, "subsampling": 1, "restart_marker_blocks": 4},
    }.items():
        made[name] = images.saved(Image.fromarray(photo), "JPEG", **options)
    gray = Image.fromarray(photo[:60, :99, 0])
    made["gray.jpg"] = images.saved(gray, "JPEG", quality=75)
    made["gray_progressive.jpg"] = images.saved(gray, "JPEG", quality=75, progressive=True)
    cmyk = Image.fromarray(images.smooth(rng, 33, 21, 4), "CMYK")
    made["cmyk.jpg"] = images.saved(cmyk, "JPEG", quality=75)
    made["gray255.pgm"] = images.ppm(rng, 21, 13, "5", 255)
    made["gray65535.pgm"] = images.ppm(rng, 21, 13, "5", 65535)
    made["gray300.pgm"] = images.ppm(rng, 21, 13, "5", 300, b"# a comment\n")
    made["gray7.pgm"] = images.ppm(rng, 21, 13, "5", 7)
    made["rgb255.ppm"] = images.ppm(rng, 21, 13, "6", 255, b"#\n# two\r")
    made["rgb100.ppm"] = images.ppm(rng, 21, 13, "6", 100)
    made["rgb1000.ppm"] = images.ppm(rng, 21, 13, "6", 1000)
    made.update(webp_files(rng))
    return made


def webp_files(rng):
    """One file of each kind of WebP."""
    opaque = Image.fromarray(images.smooth(rng, 75, 52))
    alpha = Image.fromarray(images.smooth(rng, 41, 33, 4))
    small = images.saved(alpha.crop((0, 0, 23, 15)), "WEBP", quality=60)
    lossless = images.saved(alpha.crop((3, 3, 22, 20)), "WEBP", lossless=True)
    metadata = {"icc_profile": b"no profile", "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}
    return {
        "lossy.webp": images.saved(opaque, "WEBP", quality=80),
        "lossless.webp": images.saved(opaque, "WEBP", lossless=True),
        "lossy_alpha.webp": images.saved(alpha, "WEBP", quality=50, alpha_quality=60),
        "lossless_alpha.webp": images.saved(alpha, "WEBP", lossless=True, exact=True),
        "metadata.webp": images.saved(opaque.crop((0, 0, 31, 17)), "WEBP", quality=5, **metadata),
        "animated.webp": images.saved(alpha, "WEBP", save_all=True, append_images=[
            Image.fromarray(images.smooth(rng, 41, 33, 4))], background=(10, 200, 30, 255)),
        "animated_part.webp": images.webp_frames((50, 40), [(6, 4, True, small),
                                                            (0, 0, True, lossless)]),
        "animated_lossless.webp": images.webp_frames((33, 41), [(14, 24, False, lossless)]),
        "tall.webp": images.saved(Image.fromarray(images.smooth(rng, 1, 900)), "WEBP", quality=75),
    }


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def crc(array):
    return f"0x{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}u"


def least_length(data):
    """The shortest beginning of the file that Pillow reads."""
    least = len(data)
    for length in range(len(data)):
        try:
            opened(data[:length])
            least = min(least, length)
        except Exception:  # Pillow raises many kinds
            pass
    return least


def goldens(made):
    lines = ["/* What Pillow and timm make of the files beside this one; written by",
             " * test/parity/dump_image_goldens.py. CRC-32 of RGB pixels, and of float32 values. */"]
    for number, (name, data) in enumerate(sorted(made.items())):
        image = opened(data)
        lines.append(f'IMAGE("{name}", {image.width}, {image.height}, {crc(np.array(image))}, '
                     f"{least_length(data)})")
        for width, height, kind in RESIZES:
            done = image.resize((width, height), FILTERS[kind])
            lines.append(f'RESIZE("{name}", {width}, {height}, {kind}, {crc(np.array(done))})')
        for height, width, pct, mode, kind in CROPS:
            half = number % 3 == 0
            mean = (0.5,) * 3 if half else IMAGENET_DEFAULT_MEAN
            std = (0.5,) * 3 if half else IMAGENET_DEFAULT_STD
            transform = transforms_imagenet_eval((height, width), pct, mode.lower(),
                                                 interpolation=kind.lower(), mean=mean, std=std)
            resize, crop = transform.transforms[:2]
            pixels = np.array(crop(resize(image)))
            lines.append(f'CROP("{name}", {height}, {width}, {pct}, {mode}, {kind}, '
                         f"{'HALF' if half else 'IMAGENET'}, {crc(pixels)}, "
                         f"{crc(transform(image).numpy())})")
    return "\n".join(lines) + "\n"


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--check"]:
        made = {path.name: path.read_bytes() for path in FOLDER.iterdir()
                if path.suffix != ".def"}
        same = goldens(made) == (FOLDER / "golden.def").read_text()
        print("golden.def is up to date" if same else "golden.def differs from Pillow and timm")
        return 0 if same else 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = files()
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
    (FOLDER / "golden.def").write_text(goldens(made))
    print(f"{len(made)} files, {sum(map(len, made.values()))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
