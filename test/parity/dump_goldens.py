"""Writes test/golden/ARCH.json: what timm computes with synthetic weights, in float64.

    dump_goldens.py ARCH...           writes the goldens of these architectures
    dump_goldens.py --all             of every architecture that `jimm list --archs` names
    dump_goldens.py --check [ARCH..]  computes them anew and compares (default: those committed)

A golden holds timm's parameters, the attributes of every module that computes, and per case and
output the shape, the largest value, the error of timm's own float32 run, 64 entries at hashed
positions and 4 projections on random signs. docs/parity.md describes the file.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import timm
import torch
from timm.layers import SelectAdaptivePool2d
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn

import _dump_common
import synthetic

GOLDEN = _dump_common.ROOT / "test" / "golden"
WEIGHTS_SEED = 1
ENTRIES = 64
PROJECTIONS = 4
OUTPUTS = ("features", "pre_logits", "logits")

# Architectures that also get the cases of channels, classes and pooling: one of each kind of block,
# stem and norm.
THOROUGH = ("resnet18", "resnet50", "resnet50_gn", "test_resnet")


def cases_of(arch):
    """(name, in_chans, batch, height, width, num_classes, global_pool)"""
    cases = [
        ("batch", 3, 2, 96, 96, 1000, "avg"),
        ("gray", 1, 1, 64, 64, 1000, "avg"),
        ("odd", 3, 1, 75, 91, 1000, "avg"),
    ]
    if arch in THOROUGH:
        cases += [
            ("channels5", 5, 1, 64, 64, 1000, "avg"),
            ("classes10", 3, 1, 64, 64, 10, "avg"),
            ("classes0", 3, 1, 64, 64, 0, "avg"),
            ("max", 3, 1, 64, 64, 1000, "max"),
            ("avgmax", 3, 1, 64, 64, 1000, "avgmax"),
            ("catavgmax", 3, 1, 64, 64, 1000, "catavgmax"),
            ("unpooled", 3, 1, 64, 64, 0, ""),
        ]
    return cases


def pair(value):
    return list(value) if isinstance(value, (tuple, list)) else [value, value]


def attributes(module):
    """What a leaf module computes, in the words of jimm's graph; None when it does nothing."""
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise TypeError(f"padding of {module}")
        return {
            "op": "conv2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "dilation": pair(module.dilation),
            "groups": module.groups,
            "bias": module.bias is not None,
        }
    if isinstance(module, nn.BatchNorm2d):
        if not module.affine or not module.track_running_stats:
            raise TypeError(f"{module}")
        return {"op": "batch_norm", "eps": module.eps}
    if isinstance(module, nn.GroupNorm):
        return {"op": "group_norm", "groups": module.num_groups, "eps": module.eps}
    if isinstance(module, nn.MaxPool2d):
        if pair(module.dilation) != [1, 1]:
            raise TypeError(f"{module}")
        return {
            "op": "max_pool2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "ceil_mode": module.ceil_mode,
        }
    if isinstance(module, nn.AvgPool2d):
        if module.divisor_override is not None:
            raise TypeError(f"{module}")
        return {
            "op": "avg_pool2d",
            "kernel": pair(module.kernel_size),
            "stride": pair(module.stride),
            "padding": pair(module.padding),
            "ceil_mode": module.ceil_mode,
            "count_include_pad": module.count_include_pad,
        }
    if isinstance(module, nn.ReLU):
        return {"op": "relu"}
    if isinstance(module, nn.Linear):
        return {"op": "linear", "bias": module.bias is not None}
    if isinstance(module, (nn.Identity, nn.Flatten)):
        return None
    raise TypeError(f"a module that the goldens do not know: {module}")


def nodes_of(model):
    """[{op, attributes, names}]: modules of equal attributes share an entry."""
    found = []
    inside = ()
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue
        if isinstance(module, SelectAdaptivePool2d):
            inside = (name + ".",)
            found.append((name + ".pool", {"op": "global_pool", "type": module.pool_type}))
        elif not list(module.children()):
            attrs = attributes(module)
            if attrs is not None:
                found.append((name, attrs))
    groups = {}
    for name, attrs in found:
        groups.setdefault(json.dumps(attrs), (attrs, []))[1].append(name)
    return [dict(attrs, names=names) for attrs, names in groups.values()]


def parameters_of(model):
    trained = {name for name, _ in model.named_parameters()}
    return [
        [name, "parameter" if name in trained else "buffer", list(value.shape)]
        for name, value in model.state_dict().items()
    ]


def digits(values):
    """13 significant digits: a thousand times finer than any bar that reads them."""
    return [float(f"{value:.13g}") for value in values]


def summary(seed, output, exact, single):
    values = exact.numpy().reshape(-1)
    largest = float(np.abs(values).max())
    error = float(np.abs(single.double().numpy().reshape(-1) - values).max())
    if not (np.isfinite(values).all() and largest > 0):
        raise ValueError(f"{output}: largest value {largest}")
    entry_key = synthetic.key(seed, "entries/" + output)
    index = synthetic.bits(entry_key, 0, ENTRIES) % np.uint64(values.size)
    projections = []
    for j in range(PROJECTIONS):
        top = synthetic.bits(synthetic.key(seed, f"projection{j}/{output}"), 0, values.size) >> np.uint64(63)
        signs = 1.0 - 2.0 * top.astype(np.float64)
        projections.append(float((signs * values).sum() / np.sqrt(values.size)))
    return {
        "shape": list(exact.shape),
        "max_abs": digits([largest])[0],
        "timm_error": float(f"{error / largest:.3g}"),
        "entries": digits(values[index.astype(np.int64)]),
        "projections": digits(projections),
    }


def golden(arch):
    result = {"arch": arch, "timm": timm.__version__, "weights_seed": WEIGHTS_SEED}
    cases = []
    for number, case in enumerate(cases_of(arch)):
        name, in_chans, batch, height, width, num_classes, global_pool = case
        seed = number + 1
        model = _dump_common.create_model(
            arch, WEIGHTS_SEED, in_chans=in_chans, num_classes=num_classes, global_pool=global_pool
        )
        if number == 0:
            result["parameters"] = parameters_of(model)
            result["blocks"] = [
                block for block, module in model.named_modules()
                if isinstance(module, (BasicBlock, Bottleneck))
            ]
            result["nodes"] = nodes_of(model)
        x = torch.from_numpy(synthetic.tensor_input(seed, (batch, in_chans, height, width)))
        single = _dump_common.run(model, x)
        exact = _dump_common.run(model.double(), x.double())
        cases.append(
            {
                "name": name,
                "in_chans": in_chans,
                "batch": batch,
                "height": height,
                "width": width,
                "num_classes": num_classes,
                "global_pool": global_pool,
                "seed": seed,
                "outputs": {
                    output: summary(seed, output, *values)
                    for output, *values in zip(OUTPUTS, exact, single)
                },
            }
        )
    result["cases"] = cases
    return result


def text_of(result):
    """Compact JSON with a line per part, so that a change shows as one."""
    lines = []
    for name, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in value)
            lines.append(f'"{name}":[\n{rows}]')
        else:
            lines.append(f'"{name}":{json.dumps(value, separators=(",", ":"))}')
    return "{" + ",\n".join(lines) + "}\n"


def differences(got, want, path=""):
    """Where two goldens differ; numbers of outputs relative to the output's largest value."""
    if isinstance(want, dict) and isinstance(got, dict):
        for name in sorted(set(got) | set(want)):
            if name == "timm_error":  # depends on the processor
                continue
            if name not in got or name not in want:
                yield f"{path}/{name}: only in {'the file' if name in want else 'timm'}"
            elif name in ("entries", "projections", "max_abs"):
                error = np.abs(np.array(got[name]) - np.array(want[name])).max()
                if not error <= 1e-10 * want["max_abs"]:
                    yield f"{path}/{name}: differs by {error}"
            else:
                yield from differences(got[name], want[name], f"{path}/{name}")
    elif isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        for index, (a, b) in enumerate(zip(got, want)):
            yield from differences(a, b, f"{path}/{index}")
    elif got != want:
        yield f"{path}: timm {got}, the file {want}"


def main():
    parser = argparse.ArgumentParser(description="Goldens of timm in float64: test/golden/ARCH.json")
    parser.add_argument("archs", nargs="*")
    parser.add_argument("--all", action="store_true", help="every architecture that jimm lists")
    parser.add_argument("--check", action="store_true", help="compare with the files")
    parser.add_argument("--family", default="resnet")
    parser.add_argument("--jimm", default=_dump_common.ROOT / "build" / "jimm")
    args = parser.parse_args()
    archs = args.archs
    if args.all:
        command = [str(args.jimm), "list", "--archs", "--json", "--family", args.family]
        archs = [row["name"] for row in json.loads(subprocess.check_output(command))]
    if args.check and not archs:
        archs = sorted(path.stem for path in GOLDEN.glob("*.json"))
    if not archs:
        parser.error("no architecture named")
    torch.set_num_threads(1)
    failures = 0
    for arch in archs:
        result = golden(arch)
        path = GOLDEN / f"{arch}.json"
        if args.check:
            found = list(differences(result, json.loads(path.read_text())))
            failures += bool(found)
            print(f"{arch}: {'differs' if found else 'same'}", *found[:10], sep="\n  ")
        else:
            with _dump_common.whole_or_not_at_all(path) as temporary:
                pathlib.Path(temporary).write_text(text_of(result))
            print(f"wrote {path}", flush=True)
    if args.check:
        print(f"goldens: {len(archs) - failures} passed, {failures} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
