"""`jimm list --json` against timm: every field of every tag of every architecture."""

import dataclasses
import json
import sys

import timm
import torch
from timm.models import PretrainedCfg, get_pretrained_cfg, model_entrypoint

import _dump_common

sys.path.append(str(_dump_common.ROOT / "scripts"))
from make_variants import FAMILIES

MODULES = sorted({module for module, _, _ in FAMILIES.values()})

# Fields of timm's cfg that are not listed: no family of jimm's uses them, and that is checked.
UNUSED = (
    "file", "state_dict", "hf_hub_filename", "source", "min_input_size",
    "label_offset", "label_names", "label_descriptions", "test_pool_size",
    "description", "notes",
)
PERMISSIVE = ("apache-2.0", "bsd-3-clause", "mit")  # every other licence must be shown as restricted
LISTED = (
    "url", "hf_hub_id", "architecture", "tag", "input_size", "test_input_size", "interpolation",
    "crop_pct", "test_crop_pct", "crop_mode", "mean", "std", "num_classes", "pool_size", "first_conv",
    "classifier", "license", "origin_url", "paper_ids", "paper_name", "custom_load",
    "fixed_input_size",
)


def check_fields(checks, name, cfg):
    """Every field of the cfg is listed, or says nothing."""
    plain = PretrainedCfg()
    for field in dataclasses.fields(cfg):
        if field.name in UNUSED:
            checks.equal(getattr(plain, field.name), getattr(cfg, field.name), f"{name}: {field.name}")
        else:
            checks.check(field.name in LISTED, f"{name}: timm's {field.name} is not listed")


def family_of(arch):
    """jimm's family: a part of one of timm's modules."""
    module = model_entrypoint(arch).__module__.rsplit(".", 1)[-1]
    return next(name for name, (of, belongs, _) in FAMILIES.items() if of == module and belongs(arch))


def modules(names):
    """One name, or several as a list."""
    return list(names) if isinstance(names, tuple) else names


def expected(name, default, params):
    """What timm says of a tag, in the fields of `jimm list --json`."""
    arch, _, tag = name.partition(".")
    cfg = get_pretrained_cfg(name)
    return {
        "name": name,
        "arch": arch,
        "tag": tag,
        "key": name.replace(".", "_"),
        "family": family_of(arch),
        "default": default,
        "has_weights": bool(cfg.has_weights),
        "params": params[0],
        "num_features": params[1],
        "num_classes": cfg.num_classes,
        "input_size": list(cfg.input_size),
        "interpolation": cfg.interpolation,
        "crop_pct": cfg.crop_pct,
        "crop_mode": cfg.crop_mode,
        "mean": list(cfg.mean),
        "std": list(cfg.std),
        "test_input_size": list(cfg.test_input_size) if cfg.test_input_size else None,
        "test_crop_pct": cfg.test_crop_pct,
        "fixed_input_size": bool(cfg.fixed_input_size),
        "pool_size": list(cfg.pool_size) if cfg.pool_size else None,
        "first_conv": modules(cfg.first_conv),
        "classifier": modules(cfg.classifier),
        "license": cfg.license or None,
        "hub_id": cfg.hf_hub_id or None,
        "url": cfg.url or None,
        "origin_url": cfg.origin_url or None,
        "paper_ids": cfg.paper_ids or None,
        "paper_name": cfg.paper_name or None,
        "custom_load": bool(cfg.custom_load),
    }


def sizes(arch, num_classes):
    """(parameters, channels of features) of a model that holds no memory."""
    with torch.device("meta"):
        model = timm.create_model(arch, num_classes=num_classes)
    return sum(p.numel() for p in model.parameters()), model.num_features


def check(checks, quick):
    del quick
    listed = {}
    for flags in ((), ("--all",), ("--archs",)):
        process = checks.succeeds(f"list --json {' '.join(flags)}", "list", "--json", *flags)
        if process is None:
            return
        listed[flags] = json.loads(process.stdout)

    archs = [row["name"] for row in listed[("--archs",)]]
    checks.equal(len(archs), len(set(archs)), "architectures listed once")
    timm_archs = [arch for module in MODULES for arch in timm.list_models(module=module)]
    checks.equal(sorted(archs), sorted(timm_archs), "architectures")
    configs = [n for a in archs for n in timm.list_models(a + ".*", include_tags=True)] or []
    configs = sorted({n for n in configs if n.partition(".")[0] in archs})
    untagged = [a for a in archs if not any(c.partition(".")[0] == a for c in configs)]
    all_names = {row["name"] for row in listed[("--all",)]}
    released = {row["name"] for row in listed[()]}
    timm_released = set(timm.list_pretrained()) & set(timm.list_models(include_tags=True))
    timm_released = {n for n in timm_released if n.partition(".")[0] in archs}
    checks.equal(sorted(released), sorted(timm_released), "released tags")
    checks.equal(sorted(all_names), sorted(set(configs) | set(untagged)), "all configurations")

    cache = {}
    seen_defaults = set()
    for row in listed[("--all",)]:
        name, arch = row["name"], row["arch"]
        cfg = get_pretrained_cfg(name)
        if not checks.check(cfg is not None, f"{name}: timm has no such configuration"):
            continue
        check_fields(checks, name, cfg)
        first = get_pretrained_cfg(arch)
        default = (first.tag or "") == row["tag"]
        seen_defaults |= {arch} if default else set()
        size_key = (arch, cfg.num_classes)
        if size_key not in cache:
            cache[size_key] = sizes(arch, cfg.num_classes)
        want = expected(name, default, cache[size_key])
        checks.equal(row.pop("restriction") is None, want["license"] in PERMISSIVE,
                     f"{name}: no restriction")
        checks.equal(sorted(row), sorted(want), f"{name}: fields")
        for field in want:
            checks.equal(row.get(field), want[field], f"{name}: {field}")
    checks.equal(sorted(seen_defaults), sorted(archs), "a default tag for each architecture")
    print(f"list: {len(archs)} architectures, {len(released)} released tags", flush=True)
