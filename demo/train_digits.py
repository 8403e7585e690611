"""Trains the demo: timm's test_resnet on scikit-learn's handwritten digits (a few minutes, 1 thread).

    python demo/train_digits.py            writes demo/digits, demo/images and demo/expected.json
    python demo/train_digits.py --out DIR  writes them below DIR instead

The digits are the 8 x 8 scans of the UCI set that scikit-learn ships. Each is drawn as ink on paper,
large and in colour, and goes through timm's own eval transform, in training too. A quarter of each
class is held out: the accuracy is measured on it, and the ten images of the demo are from it.
"""

import argparse
import json
import pathlib
import shutil

import numpy as np
import PIL
import timm
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from timm.data import create_transform, resolve_model_data_config
from timm.models import save_for_hf

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SIZE = 64
SEED = 0
EPOCHS = 24
BATCH = 64
ACCURACY = 0.97
FOLDER_LIMIT = 2_000_000  # bytes of weights folder


def draw(digit, rng, side=96):
    """An 8 x 8 digit (0..16) as an RGB picture: ink on paper, both of random colour."""
    ink = rng.integers(0, 96, size=3).astype(np.float64)
    paper = rng.integers(176, 256, size=3).astype(np.float64)
    padded = np.pad(digit, 1)  # paper around the scan
    mask = Image.fromarray((padded * (255.0 / 16.0)).round().clip(0, 255).astype(np.uint8))
    coverage = np.asarray(mask.resize((side, side), Image.Resampling.BICUBIC), np.float64) / 255.0
    pixels = paper + coverage[:, :, None] * (ink - paper)
    return Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8))


def new_model():
    return timm.create_model(
        "test_resnet",
        num_classes=len(NAMES),
        pretrained_cfg_overlay={
            "input_size": (3, SIZE, SIZE),
            "pool_size": (SIZE // 32, SIZE // 32),
            "crop_pct": 0.95,
            "num_classes": len(NAMES),
            # The weights are this folder's own: nothing of the original cfg applies to them.
            "url": "",
            "hf_hub_id": None,
            "tag": "digits",
            "license": "apache-2.0",
            "test_input_size": None,
            "description": "scikit-learn's handwritten digits",
        },
    )


def tensors(images, transform):
    return torch.stack([transform(image) for image in images])


def shifted(x, generator):
    """Each image moved by up to 4 pixels in both directions, its edge repeated."""
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4), mode="replicate")
    offsets = torch.randint(0, 9, (len(x), 2), generator=generator).tolist()
    return torch.stack([p[:, i : i + SIZE, j : j + SIZE] for p, (i, j) in zip(padded, offsets)])


def train(model, x, y, generator):
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.1)
    model.train()
    for epoch in range(EPOCHS):
        total = 0.0
        order = torch.randperm(len(x), generator=generator)
        batches = order[: len(order) - len(order) % BATCH].split(BATCH)
        for batch in batches:
            optimizer.zero_grad()
            loss = loss_of(model(shifted(x[batch], generator)), y[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{EPOCHS}: loss {total / len(batches):.4f}", flush=True)
    model.eval()


def accuracy(model, x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).double().mean().item()


def save_images(folder, images, digits, labels, rng):
    """The first held-out digit of each class: eight PNG, one JPEG, one PPM, of several sizes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files = []
    for label, name in enumerate(NAMES):
        index = int(np.flatnonzero(labels == label)[0])
        extension = {3: "jpg", 7: "ppm"}.get(label, "png")
        path = folder / f"{name}.{extension}"
        side = {3: 160, 7: 64, 5: 200}.get(label)
        image = images[index] if side is None else draw(digits[index], rng, side)
        image.save(path, **({"quality": 90} if extension == "jpg" else {}))
        files.append(path)
    return sorted(files)


def expected(folder, files):
    """timm's own answers from the files on disk: three likeliest labels with probabilities."""
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    answers = []
    for path in files:
        with torch.no_grad():
            logits = model(transform(Image.open(path).convert("RGB"))[None])[0]
        top = torch.softmax(logits.double(), 0).topk(3)
        answers.append(
            {
                "file": path.name,
                "top": [
                    {"index": i, "label": NAMES[i], "probability": round(p, 7)}
                    for p, i in zip(top.values.tolist(), top.indices.tolist())
                ],
            }
        )
    versions = {"timm": timm.__version__, "torch": torch.__version__.split("+")[0], "pillow": PIL.__version__}
    return {"versions": versions, "images": answers}


def main():
    parser = argparse.ArgumentParser(description="Trains the demo's digits classifier.")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    out = parser.parse_args().out.resolve()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    rng = np.random.default_rng(SEED)

    digits, labels = load_digits(return_X_y=True)
    digits = digits.reshape(-1, 8, 8)
    images = [draw(digit, rng) for digit in digits]
    trained, held = train_test_split(
        np.arange(len(labels)), test_size=0.25, random_state=SEED, stratify=labels
    )
    model = new_model()
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    x, y = tensors(images, transform), torch.from_numpy(labels)
    train(model, x[trained], y[trained], generator)
    score = accuracy(model, x[held], y[held])
    print(f"held-out accuracy: {100 * score:.2f} % of {len(held)}")
    if score < ACCURACY:
        raise SystemExit(f"expected at least {100 * ACCURACY:.0f} %")

    folder = out / "digits"
    save_for_hf(
        model,
        folder,
        model_config={
            "label_names": NAMES,
            "label_descriptions": {name: f"the digit {i}" for i, name in enumerate(NAMES)},
        },
        safe_serialization=True,
    )
    for path in folder.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if size > FOLDER_LIMIT:
        raise SystemExit(f"{folder} has {size} bytes, the limit is {FOLDER_LIMIT}")
    files = save_images(out / "images", [images[i] for i in held], digits[held], labels[held], rng)
    answers = expected(folder, files)
    answers["accuracy"] = round(score, 4)
    (out / "expected.json").write_text(json.dumps(answers, indent=1) + "\n")
    right = sum(pathlib.Path(a["file"]).stem == a["top"][0]["label"] for a in answers["images"])
    print(f"wrote {folder} ({size} bytes); {right} of {len(files)} demo images right")


if __name__ == "__main__":
    main()
