"""Names of classes: the library's tables are those of timm's data, and `jimm info --json` names the
subset that timm infers for every kind of head."""

import json
import subprocess
import sys

import timm
from timm.data import infer_imagenet_subset
from timm.models import get_pretrained_cfg

import _dump_common


def check(checks, quick):
    del quick
    tables = subprocess.run([sys.executable, _dump_common.ROOT / "scripts" / "make_labels.py", "--check"],
                            capture_output=True, text=True)
    checks.check(tables.returncode == 0, f"names of classes: {tables.stderr.strip()}")
    process = checks.succeeds("list --json --all", "list", "--json", "--all")
    if process is None:
        return
    classes = {}
    for row in json.loads(process.stdout):
        classes.setdefault(row["num_classes"], row["name"])
    for count, name in sorted(classes.items()):
        info = checks.succeeds(f"info {name}", "info", "--json", name)
        if info is not None:
            want = infer_imagenet_subset(get_pretrained_cfg(name).to_dict())
            checks.equal(json.loads(info.stdout)["labels"], want, f"{name}: labels of {count} classes")
    print(f"labels: heads of {sorted(classes)} classes, timm {timm.__version__}", flush=True)
