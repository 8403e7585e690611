"""Writes test/golden/ops.def: PyTorch's float64 answers on the example cases of jimm's operators.

    dump_op_goldens.py BUILD/test/test_op            writes the file
    dump_op_goldens.py --check BUILD/test/test_op    computes it anew and compares

The cases come from the operators' own tables (`test_op --examples`), so there is no second list.
Inputs are those of docs/synthetic.md: stream (seed 1, "OP/EXAMPLE/INPUT"), offset + scale * u,
rounded to float32. Per case: the output's shape, its largest magnitude, 16 entries at hashed
positions and 3 sums with hashed signs. The file also holds PyTorch's output sizes of pooling and
convolution for many combinations of size, kernel, stride, padding, dilation and rounding.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import unittest.mock

import numpy as np
import timm.layers.grn
import torch
import torch.nn.functional as F

import synthetic

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
SEED = 1
ENTRIES = 16
PROJECTIONS = 3
SIZES = range(1, 13)


def dropout(x, mask=None, *, rate):
    if mask is None:
        return F.dropout(x, rate, training=False)
    return x * (mask / (1 - rate) if rate < 1 else torch.zeros_like(mask))


def drop_path(x, mask=None, *, rate):
    if mask is None:
        return timm.layers.drop_path(x, rate, training=False)
    keep = 1 - rate
    mask = mask.reshape([-1] + [1] * (x.ndim - 1))
    return x * (mask / keep if keep > 0 else mask)


def blur_pool2d(x, *, filter_size, stride):
    return timm.layers.BlurPool2d(x.shape[1], filter_size, stride).double()(x)


def pad2d(x, *, before, after, value):
    return F.pad(x, (before[1], after[1], before[0], after[0]), value=value)


def with_parameters(module, x, **parameters):
    """A timm layer with these parameters, in float64: the statistics that timm asks for in float32 too."""
    module = module.double()
    for name, value in parameters.items():
        getattr(module, name).data = value
    with unittest.mock.patch.object(torch.Tensor, "float", torch.Tensor.double):
        return module(x)


def channel_norm(x, weight, bias=None, *, type, eps):
    images = x.flatten(2)[..., None] if x.ndim > 2 else x[..., None, None]  # timm's take [N, C, H, W]
    channels = x.shape[1]
    if type == "layer":
        module = timm.layers.LayerNorm2d(channels, eps, bias=bias is not None)
    else:
        module = {"rms": timm.layers.RmsNorm2d, "simple": timm.layers.SimpleNorm2d}[type](channels, eps)
    parameters = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return with_parameters(module, images, **parameters).reshape(x.shape)


def global_response_norm(x, weight, bias, *, eps):
    module = timm.layers.grn.GlobalResponseNorm(x.shape[1], eps, channels_last=False)
    return with_parameters(module, x, weight=weight, bias=bias)


def evo_norm2d_s0(x, weight, bias, v, *, groups, eps):
    module = timm.layers.EvoNorm2dS0(x.shape[1], groups, eps=eps)
    return with_parameters(module, x, weight=weight, bias=bias, v=v)


def filter_response_norm(x, weight, bias, tau=None, *, eps):
    module = timm.layers.FilterResponseNormTlu2d(x.shape[1], apply_act=tau is not None, eps=eps)
    parameters = {} if tau is None else {"tau": tau}
    return with_parameters(module, x, weight=weight, bias=bias, **parameters)


def reshape(x, *, shape):
    return x.view([x.shape[i] if d == 0 else d for i, d in enumerate(shape)])


def standardize_weight(weight, *, eps):
    """StdConv2d itself, over one image for each input of the convolution."""
    outputs, channels = weight.shape[:2]
    kernel = weight.shape[2:] or (1, 1)
    conv = timm.layers.StdConv2d(channels, outputs, kernel, padding=0, eps=eps).double()
    conv.weight.data = weight.reshape(outputs, channels, *kernel)
    taps = channels * kernel[0] * kernel[1]
    units = torch.eye(taps, dtype=torch.float64).reshape(taps, channels, *kernel)
    return conv(units).reshape(taps, outputs).T.reshape(weight.shape)


# What each operator is in PyTorch: inputs by position, attributes by jimm's names.
OPERATORS = {
    "conv2d": lambda x, w, b=None, **a: F.conv2d(x, w, b, **a),
    "conv1d": lambda x, w, b=None, **a: F.conv1d(x, w, b, **a),
    "batch_norm": lambda x, w, b, mean, var, eps: F.batch_norm(x, mean, var, w, b, eps=eps),
    "group_norm": lambda x, w, b, groups, eps: F.group_norm(x, groups, w, b, eps),
    "channel_norm": channel_norm,
    "global_response_norm": global_response_norm,
    "evo_norm2d_s0": evo_norm2d_s0,
    "filter_response_norm": filter_response_norm,
    "relu": F.relu,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "gelu": F.gelu,
    "add": torch.add,
    "mul": torch.mul,
    "max_pool2d": lambda x, kernel, **a: F.max_pool2d(x, kernel, **a),
    "avg_pool2d": lambda x, kernel, **a: F.avg_pool2d(x, kernel, **a),
    "blur_pool2d": blur_pool2d,
    "pad2d": pad2d,
    "global_pool": lambda x, type: timm.layers.SelectAdaptivePool2d(pool_type=type)(x),
    "flatten": torch.flatten,
    "reshape": reshape,
    "permute": lambda x, order: x.permute(order),
    "linear": F.linear,
    "standardize_weight": standardize_weight,
    "dropout": dropout,
    "drop_path": drop_path,
}


# Those that work over the channels wherever these are.
OVER_CHANNELS = {"batch_norm", "channel_norm"}


def make_input(case, index):
    shape = case["inputs"][index]
    if shape is None:
        return None
    offset, scale = case["fills"][index]
    stream = synthetic.key(SEED, f"{case['op']}/{case['example']}/{index}")
    values = offset + scale * synthetic.uniform(stream, 0, math.prod(shape))
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def braces(items):
    return "{" + ", ".join(items) + "}"


def with_channels_first(compute, axis, x, *rest, **attrs):
    """What PyTorch defines over dimension 1, of a value whose channels are at another."""
    return compute(x.movedim(axis, 1), *rest, **attrs).movedim(1, axis)


def row(case):
    inputs = [make_input(case, i) for i in range(len(case["inputs"]))]
    attrs = {name: tuple(v) if isinstance(v, list) else v for name, v in case["attrs"].items()}
    compute = OPERATORS[case["op"]]
    if case["axis"] > 1 and case["op"] in OVER_CHANNELS:
        y = with_channels_first(compute, case["axis"], *inputs, **attrs)
    else:
        y = compute(*inputs, **attrs)
    assert y.dtype == torch.float64
    flat = y.detach().contiguous().numpy().ravel()
    name = f"{case['op']}/{case['example']}"
    chosen = synthetic.bits(synthetic.key(SEED, name + "/entries"), 0, ENTRIES) % np.uint64(flat.size)
    sums = []
    for p in range(PROJECTIONS):
        bits = synthetic.bits(synthetic.key(SEED, f"{name}/projection/{p}"), 0, flat.size)
        sums.append(math.fsum(np.where(bits >> np.uint64(63) != 0, -flat, flat)))
    shape = braces([str(y.ndim), braces(str(d) for d in y.shape) if y.ndim else "{0}"])
    entries = braces(braces([str(int(i)), repr(float(flat[int(i)]))]) for i in chosen)
    return (
        f'{{"{case["op"]}", "{case["example"]}",\n "{case["signature"]}",\n {shape}, '
        f"{float(np.abs(flat).max())!r},\n {entries},\n {braces(repr(s) for s in sums)}}},\n"
    )


def size_or_dash(compute):
    """The output's height as one character, - when PyTorch refuses."""
    try:
        height = compute().shape[2]
    except RuntimeError:
        return "-"
    return "0123456789abcdefghijklmnopqrstuvwxyz"[height]


def pool_sizes():
    for kernel in range(1, 6):
        for stride in range(1, 5):
            for padding in range(0, kernel // 2 + 2):
                for ceil in (False, True):
                    rows = [
                        "".join(
                            size_or_dash(
                                lambda: pool(torch.zeros(1, 1, n, n), kernel, stride, padding, ceil_mode=ceil)
                            )
                            for n in SIZES
                        )
                        for pool in (F.avg_pool2d, F.max_pool2d)
                    ]
                    assert rows[0] == rows[1]
                    yield f'POOL({kernel}, {stride}, {padding}, {str(ceil).lower()}, "{rows[0]}")\n'


def conv_sizes():
    for kernel in (1, 2, 3, 5, 7):
        for stride in (1, 2, 3):
            for padding in range(0, 4):
                for dilation in (1, 2):
                    weight = torch.zeros(1, 1, kernel, kernel)
                    text = "".join(
                        size_or_dash(
                            lambda: F.conv2d(torch.zeros(1, 1, n, n), weight, None, stride, padding, dilation)
                        )
                        for n in SIZES
                    )
                    yield f'CONV({kernel}, {stride}, {padding}, {dilation}, "{text}")\n'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test_op", help="the built test program")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    lines = subprocess.run([args.test_op, "--examples"], check=True, capture_output=True, text=True).stdout
    head = f"/* Made by test/parity/dump_op_goldens.py with PyTorch {torch.__version__.split('+')[0]}, timm {timm.__version__}. */\n"
    texts = {
        "ops.def": head + "".join(row(json.loads(line)) for line in lines.splitlines()),
        "window_sizes.def": head + "".join(pool_sizes()) + "".join(conv_sizes()),
    }
    differ = False
    for name, text in texts.items():
        if not args.check:
            (GOLDEN / name).write_text(text)
        elif (GOLDEN / name).read_text() != text:
            print(f"{GOLDEN / name} differs from what PyTorch says now", file=sys.stderr)
            differ = True
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
