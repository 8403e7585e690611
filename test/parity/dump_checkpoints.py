"""Writes test/data/checkpoints: PyTorch checkpoints of every kind, with what timm reads from each.

NAME.pt is a checkpoint and NAME.safetensors the state that timm's load_state_dict makes of it;
refused/NAME.pt is one that jimm refuses. The files of the legacy format hold addresses, so a second run
writes other bytes for the same weights.
"""

import pathlib

import torch
from safetensors.torch import save_file
from timm.models import load_state_dict

import checkpoints

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "data" / "checkpoints"


def expected(path):
    """The state as dense tensors that share nothing. torch reads protocols other than 2 only unrestricted."""
    state = load_state_dict(str(path), weights_only="protocol" not in path.name)
    return {name: torch.clone(value.detach(), memory_format=torch.contiguous_format)
            for name, value in state.items()}


def main():
    (FOLDER / "refused").mkdir(parents=True, exist_ok=True)
    for name, save in checkpoints.SAVED.items():
        path = FOLDER / f"{name}.pt"
        save(path)
        save_file(expected(path), path.with_suffix(".safetensors"), {"format": "pt"})
    for name, (save, _) in checkpoints.REFUSED.items():
        save(FOLDER / "refused" / f"{name}.pt")


if __name__ == "__main__":
    main()
