"""Synthetic weights and inputs: docs/synthetic.md in numpy, bit for bit as src/state/synthetic.c.

Only 64-bit integers and IEEE double + - * / and sqrt are used, each rounded once, so that the
values do not depend on the machine, the compiler or the version of numpy.
"""

import numpy as np

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
CHUNK = 1 << 20  # elements made at once: bounds the memory of the 64-bit intermediates


def _mix_int(z):
    z = ((z ^ (z >> 30)) * MIX_1) & MASK
    z = ((z ^ (z >> 27)) * MIX_2) & MASK
    return z ^ (z >> 31)


def key(seed, name):
    """The key of the stream (seed, name)."""
    h = 14695981039346656037
    for byte in name.encode("utf-8"):
        h = ((h ^ byte) * 1099511628211) & MASK
    return _mix_int(((seed * GOLDEN) & MASK) ^ h)


def bits(stream_key, start, count):
    """Elements start .. start + count - 1 of the stream, as uint64."""
    index = np.arange(start + 1, start + count + 1, dtype=np.uint64)
    z = np.uint64(stream_key) + index * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
    return z ^ (z >> np.uint64(31))


def uniform(stream_key, start, count):
    """The same elements as float64, uniform in [-1, 1), exact."""
    return ((bits(stream_key, start, count) >> np.uint64(40)).astype(np.int64) - 8388608) / 8388608.0


def _fill(seed, name, shape, offset, scale):
    count = int(np.prod(shape, dtype=np.int64))
    out = np.empty(count, dtype=np.float32)
    stream_key = key(seed, name)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        out[start : start + n] = (offset + scale * uniform(stream_key, start, n)).astype(np.float32)
    return out.reshape(shape)


def rule(name, shape):
    """(offset, scale) of the parameter or buffer `name`."""
    last = name.rsplit(".", 1)[-1]
    if last == "running_mean":
        return 0.0, 0.2
    if last == "running_var":
        return 1.0, 0.5
    if last == "weight" and len(shape) >= 2:
        fan_in = 1
        for dim in shape[1:]:
            fan_in *= int(dim)
        return 0.0, float(np.sqrt(np.float64(3.0) / np.float64(fan_in)))
    if last == "weight" and len(shape) == 1:
        return 0.75, 0.5
    if last == "bias":
        return 0.0, 0.3
    return 0.0, 0.5


def parameter(seed, name, shape):
    """The synthetic float32 value of the parameter or buffer `name`."""
    offset, scale = rule(name, shape)
    return _fill(seed, name, tuple(shape), offset, scale)


def tensor_input(seed, shape, name="input"):
    """A float32 input batch: uniform in [-2, 2)."""
    return _fill(seed, name, tuple(shape), 0.0, 2.0)


def state_dict(seed, shapes):
    """numpy arrays for an iterable of (name, shape); num_batches_tracked is left out."""
    return {
        name: parameter(seed, name, shape)
        for name, shape in shapes
        if not name.endswith("num_batches_tracked")
    }
