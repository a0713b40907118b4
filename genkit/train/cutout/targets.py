"""What a published network takes for the subject of photographs: soft targets to learn from (distillation, Hinton et al. 2015,
arXiv 1503.02531), made once and kept in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genkit import runtime
from genkit.errors import UsageError, WeightsError
from genkit.pixels.arrays import store, to_images

EVERY = 25  # pictures between two savings


def load_teacher(name: str) -> Any:
    """A model of masks by its name, or a file of a U2-Net or IS-Net.

    Raises:
        UsageError: no such model. WeightsError: a file of another network.
    """
    from genkit.cards import find
    from genkit.models import load_model
    from genkit.models.cutout import u2net
    from genkit.weights import obtain

    path = Path(name)
    if not path.is_file():
        had, files = obtain(find(name, "cutout"), announce=lambda text: None)
        return load_model(had, files, runtime.CPU, "float32")
    state = u2net.read(path)
    sizes = u2net.recognise(state)
    if sizes is None:
        raise WeightsError(f"{path.name} is not a checkpoint of U2-Net", "--set data.teacher=u2netp.onnx")
    network = u2net.build(**sizes)
    network.load_state_dict(state)
    return u2net.transform(network, *runtime.as_torch("cpu", "float32"))


def soft_targets(pictures: Sequence[np.ndarray], teacher: str, side: int, kept: str) -> np.ndarray:
    """Masks uint8 (N, side, side) of uint8 (H, W, 3) each, squeezed to squares as the networks see them. `kept` is a file that
    holds those of an earlier run over the same pictures, or as many of them as it came to; "" keeps nothing.

    Raises:
        UsageError: what is kept is of other pictures.
    """
    path = Path(kept) if kept else None
    masks = np.zeros((len(pictures), side, side), np.uint8)
    begun = 0
    if path is not None and path.is_file():
        with np.load(path) as file:
            earlier, begun = file["masks"], int(file["begun"])
        if earlier.shape != masks.shape:
            raise UsageError(f"{path}: holds the masks of other pictures", "give another data.targets, or remove it")
        masks = earlier
    if begun == len(pictures):
        return masks
    model = load_teacher(teacher)
    model.size = side
    for number in range(begun, len(pictures)):
        store(model(_squeezed(pictures[number], side))[0], masks[number][..., None], 255)
        if path is not None and (number % EVERY == EVERY - 1 or number == len(pictures) - 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                np.savez_compressed(out, masks=masks, begun=number + 1)
    return masks


def _squeezed(pixels: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    return to_images(np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX)))
