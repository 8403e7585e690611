"""Writes test/golden/ARCH.json: what timm computes with synthetic weights, in float64.

    dump_goldens.py ARCH...           writes the goldens of these architectures
    dump_goldens.py --all             of every architecture that `jimm list --archs` names
    dump_goldens.py --check [ARCH..]  computes them anew and compares (default: those committed)
    --import FILE --out FOLDER        architectures of a module that is not timm's (docs/porting.md)

A golden holds timm's parameters, the attributes of every module that computes, and per case and
output the shape, the largest value, the error of timm's own float32 run, 64 entries at hashed
positions and 4 projections on random signs. docs/parity.md describes the file.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import typing

import numpy as np
import timm
import torch
from timm.models.convnext import ConvNeXtBlock
from timm.models.resnet import BasicBlock, Bottleneck
from timm.models.resnetv2 import PreActBasic, PreActBottleneck

import _dump_common
import synthetic
from _fixture import whole_or_not_at_all
from timm_nodes import named_nodes

GOLDEN = _dump_common.ROOT / "test" / "golden"
WEIGHTS_SEED = 1
ENTRIES = 64
PROJECTIONS = 4
OUTPUTS = ("features", "pre_logits", "logits")

# Architectures that also get the cases of channels, classes and pooling: one of each kind of block,
# stem and norm, and one with an odd number of features.
THOROUGH = (
    "resnet18", "resnet50", "resnet50_gn", "test_resnet", "ecaresnet50d_pruned", "resnetv2_18d",
    "resnetv2_50x1_bit", "convnext_zepto_rms_ols", "convnext_tiny_hnf", "test_convnext",
    "test_convnext3", "convnextv2_atto",
)
BLOCKS = (BasicBlock, Bottleneck, PreActBasic, PreActBottleneck, ConvNeXtBlock)


class Case(typing.NamedTuple):
    name: str
    in_chans: int
    batch: int
    height: int
    width: int
    num_classes: int = 1000
    global_pool: str = "avg"
    output_stride: int = 32
    pyramid: bool = False


OPTIONS = [name for name in _dump_common.model_options() if name in Case._fields]
if not {name for name, stated in _dump_common.model_options().items() if stated} <= set(OPTIONS):
    raise ValueError("Case: model_options.def has more options that goldens state")


def runs(arch, height, width):
    """Whether timm takes images of that size: what it refuses, another test compares."""
    try:
        with torch.device("meta"):
            timm.create_model(arch).eval()(torch.zeros(1, 3, height, width))
    except RuntimeError:
        return False
    return True


def heads(arch, num_classes, global_pool):
    """Whether timm can run a head of that kind."""
    try:
        with torch.device("meta"):
            model = timm.create_model(arch, num_classes=num_classes, global_pool=global_pool)
            model.eval()(torch.zeros(1, 3, 64, 64))
    except RuntimeError:
        return False
    return True


def cases_of(arch):
    odd = (75, 91) if runs(arch, 75, 91) else (64, 128)
    cases = [
        Case("batch", 3, 2, 96, 96),
        Case("gray", 1, 1, 64, 64),
        Case("odd", 3, 1, *odd, pyramid=True),
        Case("stride8", 3, 1, 64, 64, output_stride=8, pyramid=True),
    ]
    if arch in THOROUGH:
        cases += [
            Case("channels5", 5, 1, 64, 64),
            Case("classes10", 3, 1, 64, 64, num_classes=10),
            Case("classes0", 3, 1, 64, 64, num_classes=0),
            Case("max", 3, 1, 64, 64, global_pool="max"),
            Case("avgmax", 3, 1, 64, 64, global_pool="avgmax"),
            # some classifiers and norms do not fit this pool
            *[Case("catavgmax", 3, 1, 64, 64, classes, "catavgmax")
              for classes in (1000, 0) if heads(arch, classes, "catavgmax")][:1],
            Case("unpooled", 3, 1, 64, 64, num_classes=0, global_pool=""),
            Case("stride16", 3, 1, 64, 64, output_stride=16, pyramid=True),
        ]
    if arch in THOROUGH and heads(arch, 1000, ""):
        cases.append(Case("pixels", 3, 1, 64, 64, 1000, ""))
    return cases


def grouped(nodes):
    """[{op, attributes, names}]: nodes of equal attributes share an entry."""
    groups = {}
    for name, attrs in nodes.items():
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


def pyramid(arch, case, x):
    """([[module, channels, reduction]], the taps) of timm's features_only model; channels are those
    of the taps, for timm lists those before pruning."""
    net = _dump_common.create_model(
        arch, WEIGHTS_SEED, in_chans=case.in_chans, output_stride=case.output_stride, features_only=True
    )
    info = net.feature_info
    with torch.no_grad():
        single = net(x)
        net.double()
        with _dump_common.float64_throughout():
            exact = net(x.double())
    rows = [
        [module, tap.shape[1], reduction]
        for module, tap, reduction in zip(info.module_name(), exact, info.reduction())
    ]
    return rows, exact, single


def golden(arch):
    result = {"arch": arch, "timm": timm.__version__, "weights_seed": WEIGHTS_SEED}
    cases = []
    plain = {}
    for number, case in enumerate(cases_of(arch)):
        seed = number + 1
        model = _dump_common.create_model(
            arch, WEIGHTS_SEED, **{name: getattr(case, name) for name in OPTIONS}
        )
        row = dict(case._asdict(), seed=seed)
        del row["pyramid"]
        if number == 0:
            plain = named_nodes(model)
            result["parameters"] = parameters_of(model)
            result["blocks"] = [
                block for block, module in model.named_modules()
                if isinstance(module, BLOCKS)
            ]
            result["nodes"] = grouped(plain)
        elif case.output_stride != 32:
            nodes = named_nodes(model)
            row["gone"] = sorted(set(plain) - set(nodes))
            row["nodes"] = grouped({k: v for k, v in nodes.items() if plain.get(k) != v})
        x = torch.from_numpy(
            synthetic.tensor_input(seed, (case.batch, case.in_chans, case.height, case.width))
        )
        names = list(OUTPUTS)
        single = list(_dump_common.run(model, x))
        exact = list(_dump_common.run(model.double(), x.double()))
        del model  # the largest has 7.5 GB of weights
        if case.pyramid:
            row["features"], more_exact, more_single = pyramid(arch, case, x)
            names += [f"feat_{i + 1:02d}" for i in range(len(more_exact))]
            exact += more_exact
            single += more_single
        row["outputs"] = {
            output: summary(seed, output, *values) for output, *values in zip(names, exact, single)
        }
        cases.append(row)
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


def import_models(path):
    """Imports a file that registers models of its own; those get every case."""
    global BLOCKS, THOROUGH
    module = _dump_common.import_file(path)
    BLOCKS += module.BLOCKS
    THOROUGH += tuple(timm.list_models(module=module.__name__))


def main():
    parser = argparse.ArgumentParser(description="Goldens of timm in float64: test/golden/ARCH.json")
    parser.add_argument("archs", nargs="*")
    parser.add_argument("--all", action="store_true", help="every architecture that jimm lists")
    parser.add_argument("--check", action="store_true", help="compare with the files")
    parser.add_argument("--family", default="resnet")
    parser.add_argument("--jimm", default=_dump_common.ROOT / "build" / "jimm")
    parser.add_argument("--import", dest="module", metavar="FILE", help="Python file with more models")
    parser.add_argument("--out", type=pathlib.Path, default=GOLDEN, metavar="FOLDER")
    args = parser.parse_args()
    archs = args.archs
    if args.module:
        import_models(args.module)
    if args.all:
        command = [str(args.jimm), "list", "--archs", "--json", "--family", args.family]
        archs = [row["name"] for row in json.loads(subprocess.check_output(command))]
    if args.check and not archs:
        archs = sorted(path.stem for path in args.out.glob("*.json"))
    if not archs:
        parser.error("no architecture named")
    torch.set_num_threads(1)
    failures = 0
    for arch in archs:
        result = golden(arch)
        path = args.out / f"{arch}.json"
        if args.check:
            found = list(differences(result, json.loads(path.read_text())))
            failures += bool(found)
            print(f"{arch}: {'differs' if found else 'same'}", *found[:10], sep="\n  ")
        else:
            with whole_or_not_at_all(path) as temporary:
                pathlib.Path(temporary).write_text(text_of(result))
            print(f"wrote {path}", flush=True)
    if args.check:
        print(f"goldens: {len(archs) - failures} passed, {failures} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
