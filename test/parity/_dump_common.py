"""What the dump scripts share: timm models with released or synthetic weights, and HDF5 fixtures.

A family's dump script is two lines: `import _dump_common` and `_dump_common.main("resnet")`;
dump_features_only_io.py is for the pyramids of any family. The layout of a fixture is in
docs/parity.md.
"""

import argparse
import contextlib
import difflib
import importlib
import importlib.resources
import json
import pathlib
import re
import subprocess
import sys

import h5py
import numpy as np
import timm
import torch
from timm.layers import BatchNormAct2d, EcaModule, GroupNormAct
from timm.models._manipulate import adapt_input_conv
from timm.models.convnext import ConvNeXtBlock
from torch import nn

import synthetic
from _fixture import SIGNALS, new_fixture
from timm_nodes import named_nodes

ROOT = pathlib.Path(__file__).resolve().parents[2]


def import_file(path):
    """The module in that file: models of its own, which it registers with timm."""
    path = pathlib.Path(path).resolve()
    sys.path.insert(0, str(path.parent))
    return importlib.import_module(path.stem)


def key_of(name):
    """The fixture key of a timm name: resnet50.a1_in1k -> resnet50_a1_in1k."""
    return name.replace(".", "_")


def model_options():
    """{name: whether goldens always state it} of the rows of include/jimm/model_options.def."""
    text = (ROOT / "include" / "jimm" / "model_options.def").read_text()
    return {name: "true" in rest for name, rest in re.findall(r'^MODEL_\w+\((\w+),([^")]*)', text, re.M)}


def fixture_name(name, in_chans, features_only=False):
    suffix = "" if in_chans == 3 else f"_in{in_chans}c"
    return f"{key_of(name)}{suffix}{'_featsonly' if features_only else ''}_io.h5"


def whole_name(name):
    """A parameter's or module's name in the whole model: features_only flattens the outer sequences."""
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


class NoWeights(Exception):
    """Released weights are not in timm's cache and cannot be downloaded."""


def create_model(name, seed=None, **options):
    """timm's model in eval mode: released weights when `seed` is None, else synthetic ones."""
    try:
        model = timm.create_model(name, pretrained=seed is None, **options)
    except OSError as error:  # what the Hub's and the network's errors are
        raise NoWeights(
            f"no released weights: {str(error).splitlines()[0]}\n"
            "(--synthetic SEED needs no download)"
        ) from error
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


def features_model(name, whole, **options):
    """timm's features_only model on the very weights of `whole`: nothing is copied, for the largest
    model has 3.7 GB of them."""
    with torch.device("meta"):
        net = timm.create_model(name, features_only=True, **options)
    twins = dict(whole.named_modules())
    for path, module in net.named_modules():
        own = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for label, value in own:
            twin = getattr(twins[whole_name(path)], label)
            if twin.shape != value.shape:
                raise ValueError(f"{path}.{label}: {list(value.shape)}, whole {list(twin.shape)}")
            setattr(module, label, twin)
    return net.eval()


def is_pruned(arch):
    """timm has the shapes of pruned networks in files; its feature_info is that before pruning."""
    return (importlib.resources.files("timm.models") / "_pruned" / f"{arch}.txt").is_file()


def taps_of(name, net, x):
    """(taps, channels, reductions) of a features_only model; an error if feature_info says else."""
    with torch.no_grad():
        taps = net(x)
    listed, reductions = net.feature_info.channels(), net.feature_info.reduction()
    if len(taps) != len(listed):
        raise ValueError(f"{len(taps)} taps, feature_info lists {len(listed)}")
    channels = [tap.shape[1] for tap in taps]
    if channels != listed and not is_pruned(name.partition(".")[0]):
        raise ValueError(f"taps have {channels} channels, feature_info lists {listed}")
    for index, (tap, reduction) in enumerate(zip(taps, reductions), 1):
        for whole, part in zip(x.shape[2:], tap.shape[2:]):
            if not whole // reduction <= part <= -(-whole // reduction):
                raise ValueError(f"tap {index} is {list(tap.shape)}, feature_info says 1/{reduction}")
    return taps, channels, reductions


def as_nchw(value, name, modules):
    """A module's output as jimm's node of that name has it."""
    outer = re.sub(r"\.(norm|mlp\..*|gate)$", "", name)
    owner = modules[outer]
    if outer != name and isinstance(owner, ConvNeXtBlock) and not owner.use_conv_mlp:
        return value.permute(0, 3, 1, 2)  # linear layers over the channels of every pixel
    if outer != name and isinstance(owner, EcaModule):
        return value.reshape(len(value), -1, 1, 1)  # timm's gate is still the row of the conv1d
    return value


@contextlib.contextmanager
def stages_into(group, model):
    """While the block runs, every module that computes writes its output to `group`, as NCHW: those
    that are nodes of jimm's graph and ran once. They are written at once, because activations in
    place overwrite their input."""
    modules = dict(model.named_modules())
    runs = {}

    def write(name, value):
        runs[name] = runs.get(name, 0) + 1
        if runs[name] == 1:
            value = as_nchw(value.detach().float(), name, modules)
            group.create_dataset(name, data=value.contiguous().numpy())

    hooks = []
    for name in named_nodes(model):
        module = modules.get(name)  # none: a part of a module, such as the mean of squeeze-excitation
        if module is None:
            continue
        if isinstance(module, (BatchNormAct2d, GroupNormAct)) and not isinstance(module.act, nn.Identity):
            continue  # it returns what NAME.act does; the plain norm is not seen
        hooks.append(module.register_forward_hook(lambda _m, _i, out, name=name: write(name, out)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
    for name, count in runs.items():
        if count > 1:
            del group[name]


def jimm_list(program, family=None):
    """The released variants of a family, or of all, that the jimm program has."""
    command = [str(program), "list", "--json", *(["--family", family] if family else [])]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return [row["name"] for row in rows]


def attributes_of(name, seed, synthetic_seed, options):
    """Everything that decides a fixture's content."""
    return {
        "timm": timm.__version__,
        "torch": torch.__version__.split("+")[0],
        "variant": name,
        "key": key_of(name),
        "seed": seed,
        "weights": "released" if synthetic_seed is None else f"synthetic {synthetic_seed}",
        "options": json.dumps(options, sort_keys=True),
    }


def is_current(path, attributes, stages=False):
    """Whether `path` is a whole fixture of these attributes; one with stages is good without them."""
    try:
        with h5py.File(path, "r") as file:
            return "output" in file and ("stage" in file or not stages) and all(
                file.attrs.get(name) == value for name, value in attributes.items()
            )
    except OSError:
        return False


def write_outputs(fixture, outputs):
    group = fixture.create_group("output")
    for label, value in outputs.items():
        value = value.numpy()
        if not np.isfinite(value).all():
            raise ValueError(f"{label} is not finite")
        group.create_dataset(label, data=value)


def write_pyramid(fixture, name, model, x, options):
    """What timm's features_only model says of `x`."""
    given = {"in_chans": options["in_chans"], "output_stride": options["output_stride"]}
    if options["out_indices"] is not None:
        given["out_indices"] = options["out_indices"]
    net = features_model(name, model, **given)
    taps, channels, reductions = taps_of(name, net, x)
    fixture.create_dataset("feature_channels", np.array(channels, np.int64))
    fixture.create_dataset("feature_reductions", np.array(reductions, np.int64))
    numbers = net.feature_info.out_indices
    write_outputs(fixture, {f"feat_{i + 1:02d}": tap for i, tap in zip(numbers, taps)})


def write_forward(fixture, model, x, stages):
    """What the whole model says of `x`; with `stages`, its modules too."""
    watch = stages_into(fixture.create_group("stage"), model) if stages else contextlib.nullcontext()
    with torch.no_grad(), watch:
        outputs = {"features": model.forward_features(x)}
        logits = model.forward_head(outputs["features"])
    if has_head(model):
        outputs["logits"] = logits
    write_outputs(fixture, outputs)


def dump(name, out, args):
    """Writes the fixture of timm's model `name` to `out`; says whether there was work to do."""
    options = {"batch": args.batch, "in_chans": args.in_chans, "size": args.size}
    if args.features_only:
        options.update(out_indices=args.out_indices, output_stride=args.output_stride)
    unknown = set(options) - {"batch", "size", "out_indices"} - set(model_options())
    if unknown:
        raise ValueError(f"model_options.def has no {unknown}")
    attributes = attributes_of(name, args.seed, args.synthetic, options)
    if args.resume and is_current(out, attributes, args.stages):
        return False
    with new_fixture(out, attributes) as fixture:
        stride = {"output_stride": args.output_stride} if args.features_only else {}
        model = create_model(name, args.synthetic, in_chans=args.in_chans, **stride)
        height, width = args.size or model.pretrained_cfg["input_size"][1:]
        torch.manual_seed(args.seed)
        x = torch.randn(args.batch, args.in_chans, height, width)
        fixture.create_dataset("input", x.numpy())
        group = fixture.create_group("state_dict", track_order=True)
        for key, value in model.state_dict().items():
            group.create_dataset(key, data=value.numpy())
        if args.features_only:
            write_pyramid(fixture, name, model, x, options)
        else:
            write_forward(fixture, model, x, args.stages)
    return True


def problem(name, released):
    """Why timm has no such model or weights; None if it has."""
    known = set(timm.list_models(include_tags=True)) | set(timm.list_models())
    if name not in known and not (timm.is_model(name) and "." not in name):
        near = difflib.get_close_matches(name, sorted(known), n=3)
        return (f"unknown variant '{name}'" + (f"; near are {', '.join(near)}" if near else "")
                + " (`build/jimm list` lists them)")
    if released and not timm.get_pretrained_cfg(name).has_weights:
        return f"{name} has no released weights (--synthetic SEED makes some)"
    return None


def indices(text):
    """Ascending numbers, separated by commas."""
    values = [int(part) for part in text.split(",")]
    if values != sorted(set(values)) or values[0] < 0:
        raise ValueError
    return values


indices.__name__ = "list of ascending indices"


def arguments(family, argv=None):
    features_only = family is None
    parser = argparse.ArgumentParser(
        description="Writes HDF5 fixtures of timm's feature pyramids: input, weights, taps."
        if features_only else
        f"Writes HDF5 fixtures of timm's {family} models: input, weights, outputs."
    )
    parser.add_argument(
        "--variant", nargs="+", metavar="NAME", help="timm's name: architecture or architecture.tag"
    )
    parser.add_argument("--all", action="store_true", help="every variant that jimm lists")
    parser.add_argument("--out", help="a file NAME.h5, or a folder (default: data/parity)")
    parser.add_argument("--in-chans", type=int, default=3, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="of the input (default: 0)")
    parser.add_argument("--batch", type=int, default=1, metavar="N")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="default: the tag's")
    parser.add_argument(
        "--synthetic", type=int, metavar="SEED", help="synthetic instead of released weights"
    )
    parser.add_argument("--resume", action="store_true", help="keep fixtures that are current")
    parser.add_argument("--jimm", default=ROOT / "build" / "jimm", help="the program, for --all")
    parser.add_argument("--import", dest="module", metavar="FILE", help="Python file with more models")
    if features_only:
        parser.add_argument("--out-indices", type=indices, metavar="I,J", help="of the taps (default: all)")
        parser.add_argument("--output-stride", type=int, default=32, choices=(8, 16, 32))
    else:
        parser.add_argument("--stages", action="store_true", help="also what each module inside computes")
    parser.set_defaults(features_only=features_only, stages=False)
    args = parser.parse_args(argv)
    if bool(args.variant) == args.all:
        parser.error("one of --variant and --all is needed")
    if min(args.in_chans, args.batch, *(args.size or ())) < 1:
        parser.error("--in-chans, --batch and --size must be at least 1")
    if args.synthetic is not None and args.synthetic < 0:
        parser.error("--synthetic must be at least 0")
    if args.module:
        import_file(args.module)
    problems = [problem(name, args.synthetic is None) for name in args.variant or ()]
    if any(problems):
        parser.error("\n".join(filter(None, problems)))
    return args


def explain(error, out):
    """What went wrong, in words for the user."""
    if isinstance(error, NoWeights):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot write {out}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


def main(family=None, argv=None):
    """Dumps what the command line says: models of a family, or without one feature pyramids of any."""
    args = arguments(family, argv)
    torch.set_num_threads(max(1, min(torch.get_num_threads(), 2)))
    names = jimm_list(args.jimm, family) if args.all else args.variant
    target = pathlib.Path(args.out) if args.out else ROOT / "data" / "parity"
    is_file = len(names) == 1 and not args.all and target.suffix == ".h5" and not target.is_dir()
    failures = 0
    for name in names:
        out = target if is_file else target / fixture_name(name, args.in_chans, args.features_only)
        try:
            with SIGNALS:
                wrote = dump(name, out, args)
        except Exception as error:  # one variant must not keep the others from being dumped
            failures += 1
            print(f"{name}: {explain(error, out)}", file=sys.stderr)
            continue
        print(f"{'wrote' if wrote else 'kept'} {out}", flush=True)
    return 1 if failures else 0
