"""What the dump scripts share: timm models with released or synthetic weights, and HDF5 fixtures.

A family's dump script is two lines: `import _dump_common` and `_dump_common.main("resnet")`. The
layout of a fixture is in docs/parity.md.
"""

import argparse
import contextlib
import importlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import timm
import torch
from timm.models._manipulate import adapt_input_conv

import synthetic

ROOT = pathlib.Path(__file__).resolve().parents[2]


def import_file(path):
    """The module in that file: models of its own, which it registers with timm."""
    path = pathlib.Path(path).resolve()
    sys.path.insert(0, str(path.parent))
    return importlib.import_module(path.stem)


def key_of(name):
    """The fixture key of a timm name: resnet50.a1_in1k -> resnet50_a1_in1k."""
    return name.replace(".", "_")


def fixture_name(name, in_chans):
    suffix = "" if in_chans == 3 else f"_in{in_chans}c"
    return f"{key_of(name)}{suffix}_io.h5"


def whole_name(name):
    """A parameter's name in the whole model: features_only flattens the outer sequences."""
    return re.sub(r"^(stem|stages)_", r"\1.", name)


def load_synthetic(model, seed, adapt=True):
    """Gives `model` the weights of docs/synthetic.md. With `adapt`, the convolution that sees the
    image gets timm's adaptation of its 3-channel weights, as released weights would."""
    first = model.pretrained_cfg["first_conv"] + ".weight"
    with torch.no_grad():
        for key, value in model.state_dict().items():
            name = whole_name(key)
            if name.endswith("num_batches_tracked"):
                continue
            shape = tuple(value.shape)
            if adapt and name == first and shape[1] != 3:
                three = synthetic.parameter(seed, name, (shape[0], 3) + shape[2:])
                value.copy_(adapt_input_conv(shape[1], torch.from_numpy(three)))
            else:
                value.copy_(torch.from_numpy(synthetic.parameter(seed, name, shape)))
    return model


def create_model(name, seed=None, **options):
    """timm's model in eval mode: released weights when `seed` is None, else synthetic ones."""
    model = timm.create_model(name, pretrained=seed is None, **options)
    if seed is not None:
        load_synthetic(model, seed)
    return model.eval()


def has_head(model):
    return getattr(model, "num_classes", 0) > 0


@contextlib.contextmanager
def float64_throughout():
    """EvoNorm and FRN take their statistics in float32 whatever the model's type (Tensor.float). In
    this block a float64 tensor stays one, so that what is called float64 is."""
    narrow = torch.Tensor.float
    torch.Tensor.float = lambda tensor: tensor if tensor.dtype == torch.float64 else narrow(tensor)
    try:
        yield
    finally:
        torch.Tensor.float = narrow


def run(model, x):
    """(features, pre_logits, logits) of timm; logits equal pre_logits when there is no head."""
    with torch.no_grad(), float64_throughout():
        features = model.forward_features(x)
        return features, model.forward_head(features, pre_logits=True), model.forward_head(features)


def jimm_list(program, family):
    """The released variants of a family that the jimm program has."""
    command = [str(program), "list", "--json", "--family", family]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [row["name"] for row in rows]


@contextlib.contextmanager
def whole_or_not_at_all(path):
    """A temporary name beside `path`, which takes its place when the block ends without error."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=path.name + ".", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def write_fixture(path, attributes, x, state, outputs):
    """`state` and `outputs` map names to numpy arrays."""
    with whole_or_not_at_all(path) as temporary:
        with h5py.File(temporary, "w") as file:
            for name, value in attributes.items():
                file.attrs[name] = value
            file.create_dataset("input", data=x)
            group = file.create_group("state_dict", track_order=True)
            for name, value in state.items():
                group.create_dataset(name, data=value)
            group = file.create_group("output")
            for name, value in outputs.items():
                group.create_dataset(name, data=value)


def attributes_of(name, seed, synthetic_seed, in_chans, batch, size):
    """Everything that decides a fixture's content."""
    return {
        "timm": timm.__version__,
        "torch": torch.__version__.split("+")[0],
        "variant": name,
        "key": key_of(name),
        "seed": seed,
        "weights": "released" if synthetic_seed is None else f"synthetic {synthetic_seed}",
        "options": json.dumps({"batch": batch, "in_chans": in_chans, "size": size}, sort_keys=True),
    }


def is_current(path, attributes):
    """Whether `path` is a whole fixture of these attributes."""
    try:
        with h5py.File(path, "r") as file:
            return "output" in file and all(
                file.attrs.get(name) == value for name, value in attributes.items()
            )
    except OSError:
        return False


def dump(name, out, seed=0, synthetic_seed=None, in_chans=3, batch=1, size=None, resume=False):
    """Writes the fixture of timm's model `name` to `out`; says whether there was work to do."""
    attributes = attributes_of(name, seed, synthetic_seed, in_chans, batch, size)
    if resume and is_current(out, attributes):
        return False
    model = create_model(name, synthetic_seed, in_chans=in_chans)
    height, width = size or model.pretrained_cfg["input_size"][1:]
    torch.manual_seed(seed)
    x = torch.randn(batch, in_chans, height, width)
    features, _, logits = run(model, x)
    outputs = {"features": features.numpy()}
    if has_head(model):
        outputs["logits"] = logits.numpy()
    state = {key: value.numpy() for key, value in model.state_dict().items()}
    for label, value in outputs.items():
        if not np.isfinite(value).all():
            raise ValueError(f"{name}: {label} is not finite")
    write_fixture(out, attributes, x.numpy(), state, outputs)
    return True


def arguments(family):
    parser = argparse.ArgumentParser(
        description=f"Writes HDF5 fixtures of timm's {family} models: input, weights, outputs."
    )
    parser.add_argument(
        "--variant", nargs="+", metavar="NAME", help="timm's name: architecture or architecture.tag"
    )
    parser.add_argument("--all", action="store_true", help="every variant that jimm lists")
    parser.add_argument("--out", help="file or folder to write to; for several a folder (default: data/parity)")
    parser.add_argument("--in-chans", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="of the input (default: 0)")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="default: the tag's")
    parser.add_argument(
        "--synthetic", type=int, metavar="SEED", help="synthetic instead of released weights"
    )
    parser.add_argument("--resume", action="store_true", help="keep fixtures that are current")
    parser.add_argument("--jimm", default=ROOT / "build" / "jimm", help="the program, for --all")
    args = parser.parse_args()
    if bool(args.variant) == args.all:
        parser.error("one of --variant and --all is needed")
    if args.in_chans < 1 or args.batch < 1:
        parser.error("--in-chans and --batch must be at least 1")
    return args


def main(family):
    args = arguments(family)
    torch.set_num_threads(max(1, min(torch.get_num_threads(), 2)))
    names = jimm_list(args.jimm, family) if args.all else args.variant
    target = pathlib.Path(args.out) if args.out else ROOT / "data" / "parity"
    is_folder = args.out is None or len(names) > 1 or args.all or target.is_dir()
    failures = 0
    for name in names:
        out = target / fixture_name(name, args.in_chans) if is_folder else target
        try:
            wrote = dump(name, out, args.seed, args.synthetic, args.in_chans, args.batch, args.size,
                         args.resume)
        except Exception as error:  # one variant must not keep the others from being dumped
            failures += 1
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            if args.synthetic is None:
                print("(--synthetic SEED needs no download)", file=sys.stderr)
            continue
        print(f"{'wrote' if wrote else 'kept'} {out}")
    return 1 if failures else 0
