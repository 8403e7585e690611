"""`jimm convert` and -w CHECKPOINT against torch and timm: what is read, rounded, renamed and refused."""

import warnings

import numpy as np
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from timm.models import load_state_dict
from timm.models.convnext import checkpoint_filter_fn
from timm.utils import CheckpointSaver, ModelEmaV3

import _dump_common
import checkpoints
from _checks import house_bar, relative

MODELS = ("test_resnet", "test_convnext", "convnextv2_atto")
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
# timm's names -> those of the papers' code
PAPER = (("stem.", "downsample_layers.0."), (".blocks.", "."), ("conv_dw", "dwconv"),
         ("mlp.grn.weight", "grn.gamma"), ("mlp.grn.bias", "grn.beta"), ("mlp.fc", "pwconv"),
         ("head.fc.", "head."), ("head.norm.", "norm."))


def bits(value):
    return value.detach().contiguous().reshape(-1).view(torch.uint8)


def same(checks, what, got, want):
    """Names, types, shapes and every bit."""
    if not checks.equal(sorted(got), sorted(want), f"{what}: names"):
        return
    for name, value in want.items():
        mine = got[name]
        checks.check(mine.dtype == value.dtype and mine.shape == value.shape, f"{what} {name}: type or shape")
        checks.check(torch.equal(bits(mine), bits(value)), f"{what} {name}: values")


def converted(checks, what, path, *options):
    out = checks.folder / "converted.safetensors"
    out.unlink(missing_ok=True)
    if not checks.succeeds(what, "convert", path, out, *options):
        return None
    with safe_open(out, "pt") as file:
        checks.equal(file.metadata(), {"format": "pt"}, f"{what}: metadata")
    return load_file(out)


def check_file(checks, what, path):
    got = converted(checks, what, path)
    if got is not None:
        # torch reads pickles of other protocols than 2 only without its own restrictions
        same(checks, what, got, load_state_dict(str(path), weights_only="protocol" not in what))


def check_kinds(checks):
    for name, save in checkpoints.SAVED.items():
        path = checks.folder / f"{name}.pth"
        save(path)
        check_file(checks, f"convert {name}", path)
    for name, (save, words) in checkpoints.REFUSED.items():
        path = checks.folder / f"{name}.pth"
        save(path)
        checks.refuses(f"convert {name}", "convert", path, checks.folder / "no.safetensors", mentions=words)
        checks.check(not (checks.folder / "no.safetensors").exists(), f"convert {name}: wrote a file")


def check_models(checks, quick):
    """Whole models, in each format and as timm's training saves them, wherever jimm takes weights."""
    for name in MODELS[:1] if quick else MODELS:
        model = _dump_common.create_model(name, seed=1)
        state = model.state_dict()
        for kind, options in {"zip": {}, "legacy": {"_use_new_zipfile_serialization": False}}.items():
            path = checks.folder / f"{name}_{kind}.pth.tar"
            torch.save(state, path, **options)
            check_file(checks, f"convert {name} {kind}", path)
        torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
        check_file(checks, f"convert {name} half", path)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        ema = ModelEmaV3(model, decay=0.5)
        with torch.no_grad():
            next(model.parameters()).add_(1)
        ema.update(model)
        args = checkpoints.argparse.Namespace(lr=0.1, model=name, mean=(0.5, 0.5), resume=None)
        saver = CheckpointSaver(torch.nn.DataParallel(model), optimizer, args=args, model_ema=ema,
                                checkpoint_dir=str(checks.folder), recovery_dir=str(checks.folder))
        saver.save_checkpoint(3, metric=71.5)
        check_file(checks, f"convert {name} of training", checks.folder / "last.pth.tar")


def rounded(value, dtype):
    """To the nearest, once: torch goes from float64 to the 16-bit types by way of float32."""
    if value.dtype != torch.float64 or dtype == torch.float32:
        return value.to(dtype)
    exact = value.numpy()
    if dtype == torch.float16:
        return torch.from_numpy(exact.astype(np.float16))
    finite = np.where(np.isfinite(exact), exact, 0)
    unit = np.ldexp(1.0, np.maximum(np.frexp(finite)[1] - 8, -133))
    return torch.from_numpy(np.where(np.isfinite(exact), np.rint(finite / unit) * unit, exact)).to(dtype)


def check_dtypes(checks):
    torch.manual_seed(3)
    values = torch.cat([torch.randn(20000), torch.randn(20000) * 1e-7, torch.randn(20000) * 1e4,
                        torch.tensor([0.0, -0.0, 1e-40, -1e-45, 65504, 65519, float("inf"), float("-inf")])])
    state = {"double": values.double() * (1 + 2.0**-30), "single": values, "half": values.half(),
             "brain": values[:-5].bfloat16(), "count": torch.tensor(7), "mask": values > 0}
    path = checks.folder / "dtypes.pth"
    torch.save(state, path)
    for name, dtype in DTYPES.items():
        got = converted(checks, f"convert --dtype {name}", path, "--dtype", name)
        want = {k: rounded(v, dtype) if v.is_floating_point() else v for k, v in state.items()}
        if got is not None:
            same(checks, f"convert --dtype {name}", got, want)


def paper_state(state):
    """What the papers' code would have saved: other names, matrices, vectors of rank 4."""
    renamed = {}
    for name, value in state.items():
        if ".downsample." in name:
            name = name.replace("stages.", "downsample_layers.").replace(".downsample.", ".")
        for timms, papers in PAPER:
            name = name.replace(timms, papers)
        if "grn" in name:
            value = value.reshape(1, 1, 1, -1)
        elif "pwconv" in name and value.ndim == 4:
            value = value.flatten(1)
        renamed[name] = value
    return renamed


def clip_state(state):
    """open_clip's model: an image tower, whose head has no bias, and a text tower."""
    renamed = {f"visual.trunk.{name}": value for name, value in state.items() if "head.fc" not in name}
    return {"logit_scale": torch.tensor(1.0), **renamed, "visual.head.proj.weight": state["head.fc.weight"],
            "transformer.resblocks.0.mlp.c_fc.weight": torch.zeros(3, 3)}


def check_names(checks, quick):
    """Weights under other names give the bits that timm's own renaming of them gives."""
    np.save(checks.folder / "x.npy", torch.randn(2, 3, 64, 64).numpy())
    for name in MODELS[1:2] if quick else (*MODELS[1:], "convnext_atto"):
        model = _dump_common.create_model(name, seed=1)
        for kind, rename in {"paper": paper_state, "open_clip": clip_state}.items():
            state = rename(model.state_dict())
            torch.save({"model": state}, checks.folder / "other.pth")
            filtered = checkpoint_filter_fn(state, model)
            checks.equal(sorted(filtered), sorted(model.state_dict()), f"{name} {kind}: timm's own names")
            save_file({k: v.contiguous() for k, v in filtered.items()}, checks.folder / "timm.safetensors")
            outputs = []
            for weights in ("other.pth", "timm.safetensors"):
                out = checks.folder / f"{weights}.npy"
                if checks.succeeds(f"{name} {kind} {weights}", "forward", name, "-w", checks.folder / weights,
                                   "--input", checks.folder / "x.npy", "--output", out):
                    outputs.append(np.load(out))
            checks.check(len(outputs) == 2 and np.array_equal(*outputs), f"{name} {kind}: outputs differ")


def check_fcmae(checks):
    """Released fcmae weights have no final norm: timm loads them all the same, and so does jimm."""
    name = "convnextv2_atto.fcmae"
    donor = _dump_common.create_model(name, seed=1).state_dict()
    headless = {k: v for k, v in donor.items() if not k.startswith("head.")}
    x = torch.randn(1, 3, 64, 64)
    np.save(checks.folder / "x.npy", x.numpy())
    for kind, state in {"timm": headless, "paper": paper_state(headless)}.items():
        path = checks.folder / f"fcmae_{kind}.pt"
        torch.save({"model": state}, path)
        model = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)}).eval()
        with torch.no_grad():
            single = model(x).numpy()
            exact = model.double()(x.double()).numpy()
        out = checks.folder / "fcmae.npy"
        arguments = ("-w", path, "--input", checks.folder / "x.npy", "--output", out)
        if checks.succeeds(f"fcmae {kind}", "forward", name, *arguments):
            error = relative(np.load(out), exact)
            checks.check(error <= house_bar(relative(single, exact)), f"fcmae {kind}: error {error:.1e}")
        checks.refuses(f"{kind} of another tag", "forward", "convnextv2_atto", "--num-classes", 0, *arguments,
                       mentions=("head.norm.weight",))


def check(checks, quick):
    warnings.simplefilter("ignore")
    torch.manual_seed(5)
    check_kinds(checks)
    check_models(checks, quick)
    check_dtypes(checks)
    check_names(checks, quick)
    check_fcmae(checks)
