"""Writes test/fuzz/corpus: small inputs from which the fuzz targets start.

Most come from Pillow, numpy, safetensors and h5py; the rest are the same files cut or with a byte
changed. Everything is seeded, so a second run writes the same files, but for the addresses in those of
target pickle.
"""

import io
import json
import pathlib
import pickle
import random
import struct
import sys
import tempfile
import zipfile

import h5py
import numpy as np
from PIL import Image
from safetensors.numpy import save

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "parity"))
from checkpoints import SAVED  # noqa: E402

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
RANDOM = random.Random(1)


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def damaged(target, name, data):
    """The input, cut, and with one byte changed."""
    write(target, name, data)
    write(target, name + "-cut", data[: RANDOM.randrange(1, len(data))])
    changed = bytearray(data)
    changed[RANDOM.randrange(len(data))] ^= 1 << RANDOM.randrange(8)
    write(target, name + "-bit", bytes(changed))


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def picture(mode, size=(9, 7)):
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    image = Image.fromarray(pixels, "RGBA")
    if mode == "P":
        return image.convert("RGB").quantize(16)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return image.convert(mode)


def answers():
    """What hubs, and those who are none, answer to a HEAD."""
    commit = "X-Repo-Commit: " + "ab12" * 10
    etag = 'ETag: W/"' + "c" * 40 + '"'
    sha = 'X-Linked-Etag: "' + "d" * 64 + '"'
    rows = {
        "git": ["200 OK", commit, etag, "Content-Length: 12"],
        "lfs": ["302 Found", commit, sha, "X-Linked-Size: 123456789", "Location: https://cdn.example/x?sig=1"],
        "moved": ["307 Temporary Redirect", "Location: /other/name/resolve/main/f.bin"],
        "entry": ["404 Not Found", "X-Error-Code: EntryNotFound", commit],
        "gated": ["403 Forbidden", "X-Error-Code: GatedRepo", "X-Error-Message: \x1b[31mno"],
        "busy": ["429 Too Many Requests", "Retry-After: 7"],
        "etag": ["200 OK", commit, 'ETag: "../../etc/passwd"'],
        "twice": ["200 OK", commit, etag, 'ETag: "other"'],
        "folded": ["200 OK", commit, etag, " more"],
    }
    for name, (status, *fields) in rows.items():
        text = "\r\n".join(["HTTP/1.1 " + status, *fields, "", ""])
        damaged("http", name, text.encode("latin-1"))


def images():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        damaged("png", f"{mode.replace(';', '')}", encoded(picture(mode), "PNG"))
    write("png", "palette-alpha", encoded(picture("P"), "PNG", transparency=b"\x00\x80"))
    for mode in ("L", "RGB", "CMYK"):
        damaged("jpeg", mode, encoded(picture(mode, (17, 9)), "JPEG", quality=50))
        write("jpeg", f"{mode}-progressive",
              encoded(picture(mode, (17, 9)), "JPEG", quality=50, progressive=True))
    for sampling in (0, 1, 2):
        write("jpeg", f"sampling{sampling}", encoded(picture("RGB", (33, 17)), "JPEG", subsampling=sampling))
    write("jpeg", "restart", encoded(picture("RGB", (33, 17)), "JPEG", restart_marker_blocks=1))
    for mode in ("L", "RGB"):
        damaged("ppm", mode, encoded(picture(mode), "PPM"))
    write("ppm", "comment", b"P6 # a comment\n2\t1\n255\n123456")
    write("ppm", "maxval", b"P5 2 2 300 " + bytes(range(8)))
    for mode in ("RGB", "RGBA"):
        for lossless in (False, True):
            damaged("webp", f"{mode}-{'lossless' if lossless else 'lossy'}",
                    encoded(picture(mode), "WEBP", lossless=lossless))
    write("webp", "animated", encoded(picture("RGB"), "WEBP", save_all=True,
                                      append_images=[picture("RGBA")], duration=10))


def tensors():
    for dtype in ("f8", "f4", "f2", "i8", "u1", "?"):
        for shape in ((), (3,), (2, 3, 1)):
            buffer = io.BytesIO()
            np.save(buffer, np.zeros(shape, dtype))
            write("npy", f"{dtype.replace('?', 'b1')}-{len(shape)}", buffer.getvalue())
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ones((2, 2), ">f4"), version=(2, 0))
    damaged("npy", "big-endian-2.0", buffer.getvalue())
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(np.ones((2, 3), "f4")))
    damaged("npy", "fortran", buffer.getvalue())
    state = {"a.weight": np.ones((2, 3), np.float32), "a.bias": np.zeros(3, np.float16),
             "n": np.array(7, np.int64), "empty": np.zeros((0, 4), np.uint8)}
    damaged("safetensors", "four", save(state))
    damaged("safetensors", "metadata", save({"x": np.ones(4, np.float64)}, {"format": "pt"}))
    write("safetensors", "none", save({}))
    for name, header in {
        "overlap": '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},'
                   '"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
        "bf16": '{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}',
        "huge": '{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}',
        "escape": '{"\\u0061\\ud83d\\ude00":{"dtype":"I8","shape":[],"data_offsets":[0,1]}}',
    }.items():
        text = header.encode()
        write("safetensors", name, len(text).to_bytes(8, "little") + text + bytes(8))


def configs():
    plain = {
        "architecture": "test_resnet", "num_classes": 3, "num_features": 96,
        "pretrained_cfg": {
            "tag": "x", "input_size": [3, 32, 32], "fixed_input_size": False,
            "interpolation": "bicubic", "crop_pct": 0.95, "crop_mode": "center",
            "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "num_classes": 3, "license": "mit",
            "test_input_size": [3, 64, 64], "test_crop_pct": 1.0, "pool_size": [1, 1],
        },
        "model_args": {"in_chans": 1, "global_pool": "max", "output_stride": 8},
        "label_names": ["a", "b", "c"],
        "label_descriptions": {"a": "the first", "b": "the second"},
    }
    damaged("config", "plain", json.dumps(plain, indent=1).encode())
    named = dict(plain, label_names={"0": "zero", "2": "two", "1": "one"})
    damaged("config", "named", json.dumps(named).encode())
    old = {"architecture": "resnet18", "num_classes": 10, "input_size": [3, 224, 224],
           "interpolation": "bilinear", "mean": [0.4], "std": [0.2], "crop_pct": 0}
    damaged("config", "flat", json.dumps(old).encode())
    write("config", "deep", b"[" * 300)
    write("config", "numbers", b'{"architecture":"resnet18","num_classes":1e400,"x":-0.5e-3}')


def geometries():
    rng = np.random.default_rng(2)
    for i in range(24):
        write("transform", f"{i:02d}", rng.integers(0, 256, 10 + 3 * i, dtype=np.uint8).tobytes())


def fixtures():
    def fixture(attributes=(), **datasets):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w", libver=datasets.pop("libver", None)) as file:
            file.attrs.update(attributes)
            for name, value in datasets.items():
                file.create_dataset(name.replace("__", "/"), data=value)
        return buffer.getvalue()

    x = np.zeros((1, 1, 1, 2), np.float32)
    damaged("fixture_raw", "plain", fixture(input=x, state_dict__w=x, output__logits=x))
    write("fixture_raw", "latest", fixture(input=x, state_dict__w=x, output__y=x, libver="latest"))
    write("fixture_raw", "no-output", fixture(input=x, state_dict__w=np.array(True)))
    said = {"variant": "resnet18", "options": '{"output_stride": 8}'}
    damaged("fixture_raw", "stages", fixture(said, input=x, state_dict__w=x, output__features=x,
                                             stage__conv1=x))
    damaged("fixture_raw", "pyramid", fixture(
        said, input=x, state_dict__w=x, output__feat_01=x, feature_channels=np.array([64]),
        feature_reductions=np.array([2])))
    write("fixture_raw", "fixed-variant", fixture({"variant": np.bytes_(b"resnet18")}, input=x,
                                                  state_dict__w=x, output__y=x))
    write("fixture_raw", "number-variant", fixture({"variant": np.float64(3)}, input=x,
                                                   state_dict__w=x, output__y=x))
    rng = np.random.default_rng(3)
    for i in range(24):
        write("fixture", f"{i:02d}", rng.integers(0, 256, 8 + 6 * i, dtype=np.uint8).tobytes())


def streams():
    """What the child process of jimm_parity_read sends (src/parity/read_child.c)."""
    f32, u8 = 2, 12  # jimm_dtype; any numbers would do

    def tensor(dtype, dims, data):
        return struct.pack("<ii8q", dtype, len(dims), *dims, *[0] * (8 - len(dims))) + data

    def state(*items):
        return struct.pack("<q", len(items)) + b"".join(
            struct.pack("<I", len(name)) + name + value for name, value in items)

    x = tensor(f32, [1, 1, 1, 2], bytes(8))
    whole = struct.pack("<i", 0) + x + state((b"a.weight", x), (b"b", tensor(u8, [], b"1")))
    none, there = struct.pack("<i", 0), struct.pack("<i", 1)
    outputs = whole + state((b"logits", x))
    text = there + struct.pack("<I", 8) + b"resnet18"
    damaged("fixture_stream", "whole", outputs + 5 * none)
    damaged("fixture_stream", "extras", outputs + there + state((b"conv1", x)) + there + x + there + x
            + text + text)
    write("fixture_stream", "flag", outputs + struct.pack("<i", 7))
    write("fixture_stream", "long-text", outputs + 3 * none + there + struct.pack("<I", 5000))
    write("fixture_stream", "failed", struct.pack("<iI", 4, 5) + b"x: no")
    write("fixture_stream", "status", struct.pack("<iI", 99, 1) + b"x")
    write("fixture_stream", "count", struct.pack("<i", 0) + x + struct.pack("<q", 1 << 40))


def checkpoints():
    states = {"ordered": SAVED["legacy"], "strided": SAVED["legacy_strided"],
              "training": SAVED["legacy_training"], "empty": SAVED["legacy_empty"],
              "protocol4": SAVED["legacy_protocol4"]}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "x.pt"
        for name, save in states.items():
            save(path)
            with open(path, "rb") as file:
                for _ in range(3):
                    pickle.load(file)
                damaged("pickle", name, file.read())
        for name in ("zip_ordered", "zip_protocol5", "shared", "unsigned"):
            SAVED[name](path)
            damaged("zip", name, path.read_bytes())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}.")
        archive.writestr("x/folder/", b"")
        with archive.open("x/wide", "w", force_zip64=True) as entry:
            entry.write(b"1234")
    damaged("zip", "plain", buffer.getvalue())
    for name, data in {
        "system": b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.",
        "deep": b"\x80\x02" + b"(" * 300 + b"t" * 300 + b".",
        "memo": b"\x80\x04]\x94(h\x00h\x00\x86\x94h\x01h\x01\x86\x94h\x02e.",
        "text": b"(I01\nL5L\nF1.5\np0\n0g0\nl.",
    }.items():
        write("pickle", name, data)


def main():
    images()
    tensors()
    configs()
    geometries()
    fixtures()
    streams()
    answers()
    checkpoints()


if __name__ == "__main__":
    main()
