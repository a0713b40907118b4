"""Pipelines that no card describes: which one a folder holds, and what one checkpoint file needs beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit import cards, weights
from genkit.cards import Card
from genkit.errors import WeightsError
from genkit.models.diffusers.opening import read_json
from genkit.models.diffusers.pipelines import DRAWING

SIZE = 1024  # of transformers, which do not say what they were trained at
MARKS = {  # a tensor of a checkpoint in the original layout: the card whose repository describes it
    "conditioner.embedders.1.model.ln_final.weight": "sdxl",
    "cond_stage_model.model.ln_final.weight": "sd-turbo",
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": "sd15",
}


def described(card: Card, folder: Path) -> Card:
    """The card with what its folder says of itself: the pipeline, the size it was trained at, the options that there are.

    Raises:
        WeightsError: a pipeline that genkit does not drive.
    """
    if card.params.get("pipeline") or card.task != "txt2img":
        return card
    name = read_json(folder / "model_index.json").get("_class_name")
    if name not in DRAWING:
        raise WeightsError(f"{card.name}: {folder} holds a {name}", f"genkit txt2img runs {', '.join(DRAWING)}", code="card")
    kind = DRAWING[name]
    options = tuple(one for one in card.options if one.name in kind.arguments)
    return dataclasses.replace(
        card,
        params={**card.params, "pipeline": name},
        options=options,
        limits={"size": _size(folder), **card.limits},
    )


def settings_for(card: Card, file: Path) -> Path:
    """The folder whose settings and tokenizer belong to a checkpoint that is one file: one of the same name beside it, or that
    of the model whose layout it has, if it is here.

    Raises:
        WeightsError: neither is there; says what to do. No file of the checkpoint's kind holds them itself.
    """
    beside = file.with_suffix("")
    if (beside / "model_index.json").is_file():
        return beside
    names = _tensor_names(file)
    known = next((model for mark, model in MARKS.items() if mark in names), None)
    if known is None:
        raise WeightsError(
            f"{file}: no checkpoint whose layout is known; its settings and tokenizer are not in it",
            f"put a diffusers folder of the same kind beside it, as {beside}/",
            code="settings",
        )
    found = weights.local_files(cards.find(known, "txt2img"))
    if found is None:
        raise WeightsError(
            f"{file} is laid out as {known}, whose settings and tokenizer it needs and does not hold",
            f"genkit models pull {known}, or put a diffusers folder of the same kind beside it, as {beside}/",
            code="settings",
        )
    return found["root"]


def _size(folder: Path) -> int:
    try:
        side = json.loads((folder / "unet/config.json").read_text(encoding="utf-8")).get("sample_size")
        blocks = json.loads((folder / "vae/config.json").read_text(encoding="utf-8"))["block_out_channels"]
        return int(side) * 2 ** (len(blocks) - 1)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return SIZE


def _tensor_names(file: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            return dict.fromkeys(opened.keys())
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{file}: damaged, or not safetensors", "fetch it again", code="damaged") from error
