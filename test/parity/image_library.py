"""libjimm-image in this process, and its comparison with Pillow and timm: equal to the bit."""

import ctypes
import io

import numpy as np
from PIL import Image
from timm.data.transforms_factory import transforms_imagenet_eval

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


class _Image(ctypes.Structure):
    _fields_ = [("width", ctypes.c_int64), ("height", ctypes.c_int64), ("data", ctypes.c_void_p)]

    def pixels(self):
        size = self.width * self.height * 3
        return np.frombuffer(ctypes.string_at(self.data, size), np.uint8).reshape(
            self.height, self.width, 3)


class _Config(ctypes.Structure):
    _fields_ = [("channels", ctypes.c_int64), ("height", ctypes.c_int64), ("width", ctypes.c_int64),
                ("interpolation", ctypes.c_int), ("crop_mode", ctypes.c_int),
                ("crop_pct", ctypes.c_double), ("mean", ctypes.c_double * 3),
                ("std", ctypes.c_double * 3)]


class _Shape(ctypes.Structure):
    _fields_ = [("rank", ctypes.c_int32), ("dim", ctypes.c_int64 * 8)]


class _Tensor(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("shape", _Shape), ("data", ctypes.c_void_p),
                ("owned", ctypes.c_void_p)]


F32 = 2


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        self.c.jimm_error_message.restype = ctypes.c_char_p
        self.c.jimm_image_resize.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64,
                                             ctypes.c_int, ctypes.c_void_p]

    def done(self, status):
        if status != 0:
            raise ValueError(self.c.jimm_error_message().decode())

    def decode(self, data):
        image = _Image()
        self.done(self.c.jimm_image_decode(data, ctypes.c_size_t(len(data)), b"file", None,
                                           ctypes.byref(image)))
        return image

    def taken(self, image):
        pixels = image.pixels()
        self.c.jimm_image_close(ctypes.byref(image))
        return pixels

    def resize(self, image, width, height, kind):
        made = _Image()
        self.done(self.c.jimm_image_resize(ctypes.byref(image), width, height,
                                           list(FILTERS).index(kind), ctypes.byref(made)))
        return self.taken(made)

    def crop(self, image, config):
        made = _Image()
        self.done(self.c.jimm_image_crop(ctypes.byref(image), ctypes.byref(config),
                                         ctypes.byref(made)))
        return self.taken(made)

    def preprocess(self, image, config):
        values = np.full((3, config.height, config.width), np.nan, np.float32)
        tensor = _Tensor(F32, _Shape(3), values.ctypes.data)
        tensor.shape.dim[:3] = values.shape
        self.done(self.c.jimm_image_preprocess(ctypes.byref(image), ctypes.byref(config),
                                               ctypes.byref(tensor)))
        return values


def random_config(rng, square):
    """Arguments of timm's transforms_imagenet_eval, and the same for jimm."""
    sides = [int(rng.choice([32, 64, 128, 160, 224, 256, 288])), int(rng.integers(20, 300))]
    size = (sides[0], sides[0] if square else sides[1])
    pct = float(rng.choice([0.875, 0.9, 0.95, 1.0, 0.965, 1.2]))
    mode = str(rng.choice(["center", "squash"]))
    kind = str(rng.choice(list(FILTERS)))
    mean, std = rng.uniform(0.3, 0.6, 3).round(3), rng.uniform(0.2, 0.5, 3).round(3)
    given = dict(img_size=size, crop_pct=pct, crop_mode=mode, interpolation=kind,
                 mean=tuple(mean), std=tuple(std))
    config = _Config(3, *size, list(FILTERS).index(kind), int(mode == "squash"), pct)
    config.mean[:], config.std[:] = mean, std
    return given, config


def compare(library, rng, data):
    """What differs between jimm and Pillow for one file: a list of texts."""
    want = Image.open(io.BytesIO(data)).convert("RGB")
    image = library.decode(data)
    bad = []

    def check(got, wanted, *what):
        if got.shape != wanted.shape or got.tobytes() != wanted.tobytes():
            bad.append(" ".join(map(str, what)))

    check(image.pixels(), np.array(want), "decoded pixels")
    for _ in range(4):
        width, height = (int(np.exp(rng.uniform(0, np.log(500)))) for _ in range(2))
        for kind in FILTERS:
            check(library.resize(image, width, height, kind),
                  np.array(want.resize((width, height), FILTERS[kind])), "resize", width, height,
                  kind)
    for square in (True, False):
        given, config = random_config(rng, square)
        transform = transforms_imagenet_eval(**given)
        pixels = want
        for step in transform.transforms[:2]:
            pixels = step(pixels)
        check(library.crop(image, config), np.array(pixels), "crop", given)
        check(library.preprocess(image, config), transform(want).numpy(), "transform", given)
    library.c.jimm_image_close(ctypes.byref(image))
    return bad
