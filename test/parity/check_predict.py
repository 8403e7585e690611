"""`jimm preprocess` and `jimm predict` against timm on real image files."""

import json
import pathlib

import numpy as np
import timm
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from timm.data import create_transform, resolve_model_data_config
from timm.models import get_pretrained_cfg, list_models, save_for_hf

import _dump_common
from _checks import house_bar, relative

TOP = 5


def image_files(folder):
    """30 files made of scikit-learn's two photographs: sizes, shapes, formats and modes."""
    china, flower = (Image.fromarray(image) for image in load_sample_images().images)
    files = []

    def save(name, image, **options):
        path = folder / name
        image.save(path, **options)
        files.append(path)

    source = pathlib.Path(__import__("sklearn.datasets").datasets.__file__).parent / "images"
    for name in ("china.jpg", "flower.jpg"):  # the originals, as they are
        path = folder / name
        path.write_bytes((source / name).read_bytes())
        files.append(path)
    for quality in (30, 75, 95):
        save(f"quality{quality}.jpg", china, quality=quality)
    for sampling in (0, 1, 2):
        save(f"sampling{sampling}.jpg", flower.crop((3, 5, 420, 402)), subsampling=sampling)
    save("progressive.jpg", china, progressive=True)
    save("progressive_gray.jpg", flower.convert("L"), progressive=True, quality=80)
    save("gray.jpg", china.convert("L"))
    save("optimized.jpg", flower, optimize=True, quality=60)
    save("tall.jpg", china.crop((200, 0, 280, 427)))
    save("wide.jpg", flower.crop((0, 200, 640, 263)))
    save("odd.jpg", flower.crop((0, 0, 333, 221)))
    save("rgb.png", flower)
    save("rgba.png", flower.convert("RGBA").rotate(20))  # transparent corners
    save("palette.png", china.quantize(64))
    save("two_colours.png", china.convert("1"))
    save("gray.png", china.convert("L"))
    save("gray_alpha.png", flower.convert("L").convert("LA"))
    save("tiny.png", flower.resize((7, 5)))
    save("small.png", china.resize((40, 30)))
    save("square.png", flower.resize((224, 224)))
    save("exact160.png", china.resize((160, 160)))
    save("large.png", china.resize((1500, 1001)))
    save("narrow.png", china.resize((20, 300)))
    save("rgb.ppm", china.resize((320, 213)))
    save("odd.ppm", flower.crop((11, 13, 112, 212)))
    save("gray.pgm", flower.resize((250, 250)).convert("L"))
    assert len(files) == 30
    return files


def timm_pixels(config, path):
    transform = create_transform(**config, is_training=False)
    return transform(Image.open(path).convert("RGB")).numpy()


def timm_logits(model, x):
    """The exact float64 logits and the error of timm's float32 run."""
    with torch.no_grad():
        single = model.float()(x).numpy()
        exact = model.double()(x.double()).numpy()
    return exact, relative(single, exact)


def check_preprocess(checks, what, config, path, *source):
    out = checks.folder / "pixels.npy"
    out.unlink(missing_ok=True)
    what = f"preprocess {what} {path.name}"
    if checks.succeeds(what, "preprocess", *source, path, "-o", out) is None:
        return
    got, want = np.load(out), timm_pixels(config, path)
    same = got.dtype == np.float32 and got.size == want.size and np.array_equal(got.ravel(), want.ravel())
    checks.check(same, f"{what}: {list(got.shape)} differs from timm's {list(want.shape)}")


def check_predict(checks, what, model, config, files, *source):
    """Top five of all files in one run. jimm's k-th class must have timm's k-th logit, so that two
    classes may change places only where they are equal within the bar."""
    process = checks.succeeds(
        f"predict {what}", "predict", *source, "-k", TOP, "--json", *files)
    if process is None:
        return
    results = json.loads(process.stdout)
    checks.equal([r["file"] for r in results], [str(f) for f in files], f"predict {what}: files")
    worst, same = 0.0, 0
    for result, path in zip(results, files):
        x = torch.from_numpy(timm_pixels(config, path))[None]
        (exact,), timm_error = timm_logits(model, x)
        largest, bar = np.abs(exact).max(), house_bar(timm_error)
        order = np.argsort(-exact, kind="stable")[:TOP]
        probabilities = np.exp(exact - exact.max())
        probabilities /= probabilities.sum()
        top = result["top"]
        label = f"predict {what} {path.name}"
        if not checks.equal(len(top), min(TOP, exact.size), f"{label}: classes"):
            continue
        got = np.array([t["logit"] for t in top])
        index = np.array([t["index"] for t in top])
        error = np.abs(got - exact[index]).max() / largest
        worst = max(worst, error)
        checks.check(error <= bar, f"{label}: logits: error {error:.3g}, bar {bar:.3g}")
        rank = np.abs(exact[index] - exact[order]).max() / largest
        checks.check(
            rank <= 2 * bar and len(set(index)) == len(index),
            f"{label}: jimm's order {index.tolist()}, timm's {order.tolist()}")
        difference = np.abs([t["probability"] for t in top] - probabilities[index]).max()
        checks.check(difference <= 1e-5, f"{label}: probabilities differ by {difference:.3g}")
        same += index.tolist() == order.tolist()
    print(f"predict: {what}: {same} of {len(files)} top fives the same, worst error {worst:.2g}")


def folder_model(checks, name):
    """A weights folder of synthetic weights, written by timm itself."""
    folder = checks.folder / _dump_common.key_of(name)
    model = _dump_common.create_model(name, 1)
    save_for_hf(model, folder, safe_serialization=True)
    return folder, model


def distinct_configs(archs):
    """One tag for each different preprocessing among the tags of these architectures."""
    found = {}
    for arch in archs:
        for name in list_models(arch + ".*", include_tags=True) or [arch]:
            if name.partition(".")[0] == arch:
                cfg = get_pretrained_cfg(name)
                for test_size in (False, True):
                    config = resolve_model_data_config(
                        None, pretrained_cfg=cfg.to_dict(), use_test_size=test_size)
                    found.setdefault(str(config), (name, config, test_size))
    return list(found.values())


def check(checks, quick):
    pictures = checks.folder / "pictures"
    pictures.mkdir()
    files = image_files(pictures)
    process = checks.succeeds("list --archs", "list", "--archs", "--json")
    archs = [row["name"] for row in json.loads(process.stdout)] if process else []

    configs = distinct_configs(archs)
    for name, config, test_size in configs:
        flags = ("--test-size",) if test_size else ()
        for path in (files[0], files[5], files[12]) if quick else files[::3]:
            check_preprocess(checks, f"{name} {' '.join(flags)}", config, path, *flags, name)
    print(f"preprocess: {len(configs)} different configurations")

    digits = _dump_common.ROOT / "demo" / "digits"
    model = timm.create_model(f"local-dir:{digits}", pretrained=True).eval()
    sources = [("demo/digits", digits, model)]
    for name in ("test_resnet.r160_in1k", "resnet18.tv_in1k"):
        sources.append((name, *folder_model(checks, name)))
    for what, folder, model in sources:
        config = resolve_model_data_config(model)
        for path in files:
            check_preprocess(checks, what, config, path, "-w", folder)
        check_predict(checks, what, model, config, files, "-w", folder)
    # A file of weights and the name of the model do as well as a folder.
    what, folder, model = sources[-1]
    check_predict(checks, f"-m {what}", model, resolve_model_data_config(model), files[:3], "-m",
                  what, "-w", folder / "model.safetensors")
