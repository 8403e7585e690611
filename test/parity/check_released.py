"""Weights by name, jimm beside timm, from one hub on this machine: the tests' hub_server publishes
models as people publish them, and both sides find them by their names.

    check_released.py [--build BUILD] [--quick]

- `sweep.py --released` over a few registered tags, some with model.safetensors, some with
  pytorch_model.bin alone: what `make sweep RELEASED=1` does for all 274 with the real Hub;
- repositories that no registry knows (hf://NS/NAME), saved by timm's own save_for_hf: other classes,
  other channels, labels, a revision; `jimm forward` must say what timm.create_model("hf-hub:NS/NAME",
  pretrained=True) does, and the weights must be there once, in the cache that both use;
- what is in that cache, each side has offline.

Ends in one line of counts.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from _checks import Checks
from _hub import Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASED = ["test_convnext.r160_in1k", "test_resnet.r160_in1k", "resnet10t.c3_in1k",
            "test_convnext2.r160_in1k"]
QUICK = RELEASED[:2]


def parse():
    parser = argparse.ArgumentParser(description="Weights by name, jimm beside timm.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    args.build = args.build.resolve()
    return args


def publish(server, repo, folder, revisions="main"):
    """Every file of `folder`, as the Hub has it: what is large by the content network."""
    commit = hashlib.sha1((repo + revisions).encode()).hexdigest()
    for path in sorted(folder.iterdir()):
        server.publish(repo=repo, commit=commit, revisions=revisions, name=path.name, file=str(path),
                       lfs=path.suffix in (".safetensors", ".bin"))
    return commit


def saved(model, folder, safe, **config):
    from timm.models._hub import save_for_hf
    save_for_hf(model, folder, model_config=config, safe_serialization=safe)
    return folder


def train(model, seed):
    """Weights of a trained network's sizes, so that nothing is at its default."""
    import _dump_common
    return _dump_common.load_synthetic(model, seed).eval()


def check_released(checks, args, server, place):
    import timm
    names = QUICK if args.quick else RELEASED
    for number, name in enumerate(names):
        model = train(timm.create_model(name), number + 1)
        publish(server, f"timm/{name}", saved(model, place / name, safe=number % 2 == 0))
    command = [sys.executable, str(ROOT / "test" / "parity" / "sweep.py"), "--released",
               "--jimm", str(args.build / "jimm"), "--ledger", str(place / "ledger"), *names]
    for again in (False, True):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wanted = f"sweep: {6 * len(names)} passed, 0 failed, 0 skipped"
        checks.check(done.returncode == 0 and wanted in done.stdout, f"sweep --released: {done.stdout}{done.stderr}")
        checks.check(("(before)" in done.stdout) == again, f"the ledger: {done.stdout}")


def forward(checks, name, x, folder):
    """jimm's logits of the model by that name; the message instead when there are none."""
    import numpy as np
    np.save(folder / "x.npy", x)
    done = checks.run("forward", name, "--input", folder / "x.npy", "--output", folder / "y.npy")
    return np.load(folder / "y.npy") if done.returncode == 0 else done.stderr.decode()


def check_repos(checks, args, server, place):
    import numpy as np
    import timm
    import torch
    labels = ["wren", "robin", "heron", "owl", "kite", "swift", "crane"]
    repos = [
        ("birds/net", "main", train(timm.create_model("test_resnet", num_classes=7), 5), True,
         {"num_classes": 7, "label_names": labels}),
        ("birds/net", "v2", train(timm.create_model("test_resnet", num_classes=7), 6), True,
         {"num_classes": 7, "label_names": labels}),
        ("gray-lab/next.v1", "main", train(timm.create_model("test_convnext", num_classes=3, in_chans=1), 7),
         False, {"num_classes": 3, "pretrained_cfg": {"input_size": (1, 160, 160), "first_conv": "stem.0",
                                                      "classifier": "head.fc", "num_classes": 3}}),
    ]
    random = np.random.default_rng(1)
    for repo, revision, model, safe, config in repos:
        folder = place / f"{repo.replace('/', '-')}-{revision}"
        publish(server, repo, saved(model, folder, safe, **config), revision)
        x = random.standard_normal((1, model.state_dict()[next(iter(model.state_dict()))].shape[1], 64, 64),
                                   dtype=np.float32)
        at = "" if revision == "main" else f"@{revision}"
        got = forward(checks, f"hf://{repo}{at}", x, place)
        theirs = timm.create_model(f"hf-hub:{repo}{at}", pretrained=True,
                                   in_chans=x.shape[1]).eval()
        with torch.no_grad():
            wanted = theirs(torch.from_numpy(x)).numpy()
        checks.check(not isinstance(got, str) and got.shape == wanted.shape and np.abs(got - wanted).max() < 1e-3,
              f"hf://{repo}{at}: {got if isinstance(got, str) else np.abs(got - wanted).max()}")
        targets = [r["target"] for r in server.log() if r["method"] == "GET" and repo in r["target"]]
        checks.check(len(targets) == len(set(targets)), f"{repo}: downloaded twice: {targets}")
    image = ROOT / "demo" / "images"
    picture = next(iter(sorted(image.iterdir())))
    done = checks.run("predict", "-m", "hf://birds/net", "--json", picture)
    checks.check(any(name in done.stdout.decode() for name in labels),
                 f"labels of hf://birds/net: {done.stdout}{done.stderr}")


def check_offline(checks, place):
    """What both have downloaded, each has offline."""
    import numpy as np
    os.environ["HF_HUB_OFFLINE"] = "1"
    np.save(place / "x.npy", np.zeros((1, 3, 64, 64), np.float32))
    checks.succeeds("offline", "forward", QUICK[0], "--input", place / "x.npy", "--output", place / "y.npy")
    command = [sys.executable, "-c", f"import timm; timm.create_model('{QUICK[0]}', pretrained=True)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    checks.check(done.returncode == 0, f"offline, timm: {done.stderr}")


def main():
    args = parse()
    with tempfile.TemporaryDirectory(prefix="jimm-released-") as name, Server(args.build) as server:
        place = pathlib.Path(name)
        checks = Checks(args.build / "jimm", place)
        server.set_environment(place)
        os.environ["TORCH_HOME"] = str(place / "torch")
        check_released(checks, args, server, place)
        check_repos(checks, args, server, place)
        check_offline(checks, place)
    print(f"released: {checks.counts()}")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
