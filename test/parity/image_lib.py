"""libjimm-image by ctypes: what its functions make of an image, as numpy arrays."""

import ctypes

import numpy as np

INTERPOLATIONS = {"bilinear": 0, "bicubic": 1}
CROP_MODES = {"center": 0, "squash": 1}
F32 = 2


class ImageStruct(ctypes.Structure):
    _fields_ = [("width", ctypes.c_int64), ("height", ctypes.c_int64),
                ("data", ctypes.POINTER(ctypes.c_uint8))]


class ConfigStruct(ctypes.Structure):
    _fields_ = [("channels", ctypes.c_int64), ("height", ctypes.c_int64), ("width", ctypes.c_int64),
                ("interpolation", ctypes.c_int), ("crop_mode", ctypes.c_int),
                ("crop_pct", ctypes.c_double), ("mean", ctypes.c_double * 3),
                ("std", ctypes.c_double * 3)]


class ShapeStruct(ctypes.Structure):
    _fields_ = [("rank", ctypes.c_int32), ("dim", ctypes.c_int64 * 8)]


class TensorStruct(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("shape", ShapeStruct), ("data", ctypes.c_void_p),
                ("owned", ctypes.c_void_p)]


def config(height, width, crop_pct, crop_mode, interpolation, mean, std):
    return ConfigStruct(3, height, width, INTERPOLATIONS[interpolation], CROP_MODES[crop_mode],
                        crop_pct, (ctypes.c_double * 3)(*mean), (ctypes.c_double * 3)(*std))


def _struct(pixels):
    """A view of an array [height, width, 3], which must stay alive."""
    data = pixels.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
    return ImageStruct(pixels.shape[1], pixels.shape[0], data)


class Library:
    def __init__(self, build):
        self.core = ctypes.CDLL(str(build / "src" / "libjimm.so"))
        self.image = ctypes.CDLL(str(build / "src" / "image" / "libjimm-image.so"))
        self.core.jimm_error_message.restype = ctypes.c_char_p
        i64, pointer = ctypes.c_int64, ctypes.c_void_p
        self.image.jimm_image_decode.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                                 pointer, pointer]
        self.image.jimm_image_resize.argtypes = [pointer, i64, i64, ctypes.c_int, pointer]
        for name in ("jimm_image_crop", "jimm_image_preprocess"):
            getattr(self.image, name).argtypes = [pointer, pointer, pointer]

    def _check(self, status):
        if status != 0:
            raise ValueError(self.core.jimm_error_message().decode())

    def _take(self, made):
        """A copy of the pixels that jimm made."""
        pixels = np.ctypeslib.as_array(made.data, (made.height, made.width, 3)).copy()
        self.image.jimm_image_close(ctypes.byref(made))
        return pixels

    def decode(self, data):
        made = ImageStruct()
        self._check(self.image.jimm_image_decode(data, len(data), b"image", None,
                                                 ctypes.byref(made)))
        return self._take(made)

    def resize(self, pixels, width, height, interpolation):
        source, made = _struct(pixels), ImageStruct()
        self._check(self.image.jimm_image_resize(ctypes.byref(source), width, height,
                                                 INTERPOLATIONS[interpolation], ctypes.byref(made)))
        return self._take(made)

    def crop(self, pixels, wanted):
        source, made = _struct(pixels), ImageStruct()
        self._check(self.image.jimm_image_crop(ctypes.byref(source), ctypes.byref(wanted),
                                               ctypes.byref(made)))
        return self._take(made)

    def preprocess(self, pixels, wanted):
        source = _struct(pixels)
        values = np.empty((3, wanted.height, wanted.width), np.float32)
        shape = ShapeStruct(3, (ctypes.c_int64 * 8)(*values.shape))
        tensor = TensorStruct(F32, shape, values.ctypes.data, None)
        self._check(self.image.jimm_image_preprocess(ctypes.byref(source), ctypes.byref(wanted),
                                                     ctypes.byref(tensor)))
        return values
