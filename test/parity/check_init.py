"""`jimm init` against timm's own initialisation, parameter by parameter.

What timm sets to a constant must be that constant. What timm draws must have the same distribution:
Kolmogorov and Smirnov's statistic between the two samples, mean and standard deviation, each at a
level of about 1e-9. Parameters of fewer than 64 elements are pooled with those of the same kind.
"""

import collections
import json
import re

import numpy as np
import timm
import torch
from safetensors.numpy import load_file

QUICK = ("test_resnet", "test_convnext")
ARCHS = (
    *QUICK, "resnet18", "seresnext26t_32x4d", "ecaresnet26t", "resnetrs50", "resnet50_gn", "resnet26t",
    "resnetv2_18", "resnetv2_50d_evos", "resnetv2_50d_frn", "resnetv2_50x1_bit", "convnext_atto",
    "convnext_tiny", "convnext_zepto_rms_ols", "convnext_tiny_hnf", "convnextv2_atto",
)
LEVEL = 3.3  # sqrt(-ln(1e-9 / 2) / 2)


def statistic(a, b):
    """Kolmogorov and Smirnov's distance between two samples, over its critical value."""
    a, b = np.sort(a), np.sort(b)
    points = np.concatenate([a, b])
    gap = np.abs(np.searchsorted(a, points, "right") / a.size - np.searchsorted(b, points, "right") / b.size)
    return gap.max() / (LEVEL * np.sqrt((a.size + b.size) / (a.size * b.size)))


def check_sample(checks, what, got, want):
    n = min(got.size, want.size)
    distance = statistic(got, want)
    checks.check(distance < 1, f"{what}: distributions differ: {distance:.2f} of the critical distance")
    spread = want.std()
    mean = abs(got.mean() - want.mean()) / (spread * np.sqrt(2 / n))
    checks.check(mean < 6, f"{what}: means differ by {mean:.1f} standard errors")
    ratio = abs(got.std() / spread - 1) / np.sqrt(2 / n)
    checks.check(ratio < 6, f"{what}: deviations differ by {ratio:.1f} standard errors")


def check_arch(checks, arch):
    path = checks.folder / "init.safetensors"
    if not checks.succeeds(f"init {arch}", "init", arch, "--seed", "5", "-o", path):
        return
    got = load_file(str(path))
    torch.manual_seed(11)
    want = {name: value.numpy() for name, value in timm.create_model(arch).state_dict().items()}
    checks.check(list(sorted(got)) == list(sorted(want)), f"init {arch}: names differ")
    pools = collections.defaultdict(lambda: ([], []))
    for name, value in want.items():
        mine = got[name]
        what = f"init {arch} {name}"
        checks.check(mine.shape == value.shape and mine.dtype == value.dtype, f"{what}: shape or type")
        if value.size == 0 or (value == value.flat[0]).all():
            checks.check((mine == value).all(), f"{what}: expected {value.flat[0]}, got {mine.flat[0]}")
        elif value.size >= 64:
            check_sample(checks, what, mine.ravel(), value.ravel())
        else:
            pool = pools[re.sub(r"\d+", "#", name), value.shape]
            pool[0].append(mine.ravel())
            pool[1].append(value.ravel())
    for (kind, _), (mine, timms) in pools.items():
        check_sample(checks, f"init {arch} {kind}", np.concatenate(mine), np.concatenate(timms))


def all_archs(checks):
    """ARCHS, and the smallest of each family that has none there."""
    process = checks.succeeds("list --archs", "list", "--archs", "--json")
    smallest, have = {}, set()
    for row in json.loads(process.stdout) if process else []:
        family = row["family"]
        have |= {family} if row["name"] in ARCHS else set()
        if row["params"] < smallest.setdefault(family, row)["params"]:
            smallest[family] = row
    return [*ARCHS, *(row["name"] for family, row in smallest.items() if family not in have)]


def check(checks, quick):
    for arch in checks.archs or (QUICK if quick else all_archs(checks)):
        check_arch(checks, arch)
