"""Ways in which checkpoints are saved: what dump_checkpoints.py commits and check_convert.py tries anew.

SAVED: name -> function(path) that saves one; timm's load_state_dict says what it holds.
REFUSED: name -> (function(path), words of jimm's message).
"""

import argparse
import io
import pickle
import tarfile
import zipfile
from collections import OrderedDict, defaultdict

import numpy as np
import torch
from torch import nn


def values(*shape, dtype=torch.float32):
    """Numbers that are all different, some of them negative."""
    count = int(np.prod(shape))
    return ((torch.arange(count) * 37 % 101 - 40) / 8).to(dtype).reshape(shape)


def weights(dtype=torch.float32):
    return OrderedDict([("conv.weight", values(2, 3, dtype=dtype)), ("conv.bias", values(2, dtype=dtype))])


def saving(build, **options):
    def save(path):
        torch.save(build(), path, **options)

    return save


def network():
    torch.manual_seed(1)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 1), bn=nn.BatchNorm2d(2)))


# ---- element types and layouts ----


def floats():
    kinds = {"f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
    state = {name: values(3, dtype=kind) for name, kind in kinds.items()}
    state["special"] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-42])
    return state


def integers():
    kinds = (torch.int64, torch.int32, torch.int16, torch.int8)
    state = {str(kind): torch.tensor([torch.iinfo(kind).min, torch.iinfo(kind).max, 5]).to(kind)
             for kind in kinds}
    state["bytes"] = torch.tensor([0, 7, 255], dtype=torch.uint8)
    state["bools"] = torch.tensor([True, False, True])
    return state


def unsigned():
    return {str(kind): torch.tensor([0, 3, torch.iinfo(kind).max], dtype=kind)
            for kind in (torch.uint16, torch.uint32, torch.uint64)}


def strided():
    base = values(4, 6)
    return {"transposed": base.t(), "sliced": base[1:3, 2:5], "steps": base[::2, 1::2],
            "expanded": values(1, 3).expand(4, 3), "expanded_inside": values(2, 1).expand(2, 5),
            "flipped_axes": values(2, 3, 4).permute(2, 0, 1), "row": base[2], "column": base[:, 3],
            "channels_last": values(2, 3, 2, 2).to(memory_format=torch.channels_last),
            "halves": values(5, dtype=torch.float16)[1:4], "diagonal": values(3, 3).diagonal()}


def shared():
    base = values(8)
    tied = values(2, 2)
    return {"all": base, "first": base[:3], "last": base[5:], "reshaped": base.view(2, 4),
            "tied.a": tied, "tied.b": tied}


def empty():
    return OrderedDict([("scalar", torch.tensor(1.5)), ("count", torch.tensor(7)), ("none", torch.zeros(0)),
                        ("flat", torch.zeros(2, 0, 3)), ("rank8", values(1, 2, 1, 1, 2, 1, 1, 1)),
                        ("", values(1)), ("caf\u00e9.\u6a21\u578b", values(2))])


def parameters():
    frozen = nn.Parameter(values(2, 2), requires_grad=False)
    marked = nn.Parameter(values(3))
    marked.tag = "state"
    return {"trained": nn.Parameter(values(2, 3)), "frozen": frozen, "marked": marked,
            "grad": values(2).requires_grad_()}


def attributed():
    tensor = values(3)
    tensor.note = "an attribute"
    return {"tensor": tensor}


# ---- what surrounds the weights ----


def training(key="state_dict", **more):
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 1, 2, 2)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "arch": "small", key: model.state_dict(), "optimizer": optimizer.state_dict(),
            "args": argparse.Namespace(lr=0.1, betas=(0.9, 0.999), model=None, sizes=[1, 2], flags={1, 2}),
            "metric": 12.5, "seed": 2**70, "raw": b"\x00\xff", "amp_scaler": {"scale": 65536.0}, **more}


def ema():
    return training(state_dict_ema=OrderedDict((k, v + 1) for k, v in network().state_dict().items()))


def wrapped(prefix):
    return lambda: OrderedDict((prefix + name, value) for name, value in network().state_dict().items())


def beside():
    """What weights_only allows, and jimm leaves aside, next to the weights."""
    return {"model": weights(), "sparse": torch.eye(3).to_sparse(), "complex": values(2) * 1j,
            "size": torch.Size([1, 2]), "dtype": torch.float16, "device": torch.device("cpu"),
            "set": {1, "a"}, "array": bytearray(b"ab"), "number": 3 - 2j,
            "quantised": torch.quantize_per_tensor(values(3), 0.5, 0, torch.qint8)}


def rezipped(compression):
    """The archive packed anew by another program: stored entries at any address."""
    def save(path):
        torch.save(weights(), path)
        with zipfile.ZipFile(path) as archive:
            records = {info.filename: archive.read(info) for info in archive.infolist()}
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, data in records.items():
                archive.writestr(name, data)

    return save


SAVED = {
    "zip_ordered": saving(weights),
    "zip_dict": saving(lambda: dict(weights())),
    "zip_protocol1": saving(weights, pickle_protocol=1),
    "zip_protocol3": saving(weights, pickle_protocol=3),
    "zip_protocol4": saving(weights, pickle_protocol=4),
    "zip_protocol5": saving(weights, pickle_protocol=5),
    "zip_repacked": rezipped(zipfile.ZIP_STORED),
    "legacy": saving(weights, _use_new_zipfile_serialization=False),
    "legacy_protocol4": saving(weights, _use_new_zipfile_serialization=False, pickle_protocol=4),
    "legacy_strided": saving(strided, _use_new_zipfile_serialization=False),
    "legacy_training": saving(training, _use_new_zipfile_serialization=False),
    "legacy_empty": saving(empty, _use_new_zipfile_serialization=False),
    "floats": saving(floats),
    "integers": saving(integers),
    "unsigned": saving(unsigned),
    "strided": saving(strided),
    "shared": saving(shared),
    "empty": saving(empty),
    "parameters": saving(parameters),
    "attributed": saving(attributed),
    "module_metadata": saving(lambda: network().state_dict()),
    "module_prefix": saving(wrapped("module.")),
    "compiled_prefix": saving(wrapped("_orig_mod.")),
    "both_prefixes": saving(wrapped("module._orig_mod.")),
    "nested_state_dict": saving(training),
    "nested_model": saving(lambda: training("model")),
    "nested_ema": saving(ema),
    "nested_ema_none": saving(lambda: training("model", state_dict_ema=None, model_ema=None)),
    "nested_model_ema": saving(lambda: training("model", model_ema=weights())),
    "nested_protocol5": saving(training, pickle_protocol=5),
    "beside": saving(beside),
    "no_weights": saving(dict),
}


# ---- what jimm refuses ----


def big_endian(path):
    torch.save(weights(), path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, record in records.items():
            archive.writestr(name, b"big" if name.endswith("byteorder") else record)
    assert path.read_bytes() != data


def script(path):
    torch.jit.script(network()).save(str(path))


def tar(path):
    with tarfile.open(path, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


def plain_pickle(path):
    path.write_bytes(pickle.dumps({"a": 1}, 4))


REFUSED = {
    "big_endian": (big_endian, ("byte order", "big")),
    "compressed": (rezipped(zipfile.ZIP_DEFLATED), ("compressed", "method 8")),
    "script": (script, ("TorchScript",)),
    "tar": (tar, ("tar archive",)),
    "pickle": (plain_pickle, ("a pickle of a dict",)),
    "whole_model": (saving(network), ("torch.nn.modules.container.Sequential", "state_dict")),
    "legacy_model": (saving(network, _use_new_zipfile_serialization=False), ("state_dict",)),
    "numpy_scalar": (saving(lambda: {"model": weights(), "best": np.float64(1)}), ("numpy",)),
    "default_dict": (saving(lambda: {"model": weights(), "x": defaultdict(list)}),
                     ("collections.defaultdict",)),
    "complex": (saving(lambda: {"a": values(2) * 1j}), ("\"a\"", "torch.ComplexFloatStorage")),
    "float8": (saving(lambda: {"a": values(2).to(torch.float8_e4m3fn)}), ("\"a\"", "torch.float8_e4m3fn")),
    "quantised": (saving(lambda: {"a": torch.quantize_per_tensor(values(3), 0.5, 0, torch.qint8)}),
                  ("\"a\"", "torch._utils._rebuild_qtensor")),
    "sparse": (saving(lambda: {"a": torch.eye(3).to_sparse()}), ("\"a\"", "_rebuild_sparse_tensor")),
    "rank9": (saving(lambda: {"a": torch.zeros([1] * 9)}), ("\"a\"", "rank 9")),
    "negated": (saving(lambda: {"a": (values(2) * 1j).conj().imag}), ("\"a\"", "negated")),
    "epoch": (saving(lambda: {"epoch": 3, **weights()}), ("\"epoch\"", "an integer")),
    "nested_wrong": (saving(lambda: {"state_dict": [1]}), ("\"state_dict\"", "a list")),
    "list": (saving(lambda: [values(2)]), ("a list",)),
    "tensor": (saving(lambda: values(2)), ("a tensor",)),
    "two_names": (saving(lambda: {"a": values(2), "module.a": values(2)}), ("\"a\"", "already")),
}
