"""What a diffusers folder says of itself in its settings: which pipeline it is, and how it was trained. Without torch, so that
a plan can ask before anything is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from genkit.cards import Card
from genkit.errors import WeightsError
from genkit.models.diffusers.pipelines import DRAWING, NEGATIVE
from genkit.models.settings import read_settings

SIZE = 1024  # of transformers, which do not say what they were trained at
SETTINGS = ("model_index.json", "unet/config.json", "vae/config.json")  # what is read here


def described(card: Card, folder: Path) -> Card:
    """The card with what its folder says of itself: the pipeline, the size it was trained at, the options that there are.

    Raises:
        WeightsError: a pipeline that genkit does not drive.
    """
    if card.params.get("pipeline") or card.task != "txt2img":
        return card
    name = read_settings(folder / "model_index.json").get("_class_name")
    if name not in DRAWING:
        raise WeightsError(f"{card.name}: {folder} holds a {name}", f"genkit txt2img runs {', '.join(DRAWING)}", code="card")
    taken = set(DRAWING[name].arguments)
    if _says(folder / "unet/config.json").get("time_cond_proj_dim"):
        taken -= {NEGATIVE}  # guidance is one of the network's inputs: there is no second pass that a negative prompt steers
    return dataclasses.replace(
        card,
        params={**card.params, "pipeline": name},
        options=tuple(one for one in card.options if one.name in taken),
        limits={"size": _size(folder), **card.limits},
    )


def _size(folder: Path) -> int:
    try:
        side = _says(folder / "unet/config.json")["sample_size"]
        blocks = _says(folder / "vae/config.json")["block_out_channels"]
        return min(int(side), 1 << 16) * 2 ** min(len(blocks) - 1, 8)
    except (KeyError, TypeError, ValueError):
        return SIZE


def _says(path: Path) -> dict[str, Any]:
    """The settings of one part; nothing where it is not there or damaged, which the loading tells."""
    try:
        return read_settings(path)
    except WeightsError:
        return {}
