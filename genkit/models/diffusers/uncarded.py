"""Pipelines that no card describes: which one a folder or a repository holds, and what one checkpoint file is and needs beside
it. Without torch, so that a plan can ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit import cards, weights
from genkit.cards import Card
from genkit.errors import WeightsError
from genkit.files import parse_json
from genkit.models.diffusers.folders import SETTINGS, described
from genkit.models.diffusers.pipelines import GUIDANCE, STEPS

SD2, TURBO = "cond_stage_model.model.ln_final.weight", "sd-turbo"
MARKS = {  # a tensor of a checkpoint in the original layout: the card whose repository has its tokenizer and settings
    "conditioner.embedders.1.model.ln_final.weight": "sdxl",
    SD2: TURBO,
    "cond_stage_model.transformer.text_model.final_layer_norm.weight": "sd15",
}
# Of Stable Diffusion 2.1 as it is published; sd-turbo, which has its layout, draws in one step without guidance.
ORDINARY = {STEPS: 25, GUIDANCE: 7.5}
EPSILON, VELOCITY = "epsilon", "v_prediction"
SIDES = {EPSILON: 512, VELOCITY: 768}  # of the two models of 2.1
# Networks of 2.x that say v have a wider spread in this tensor than those that say epsilon: a guess that other programs, too,
# make where a file says nothing.
TELLING, SPREAD = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias", 0.09
LARGEST_HEADER = 1 << 27  # bytes


@dataclass(frozen=True)
class Settled:
    """A card with what the files say of the model, the `folder` of its settings, and what the user should know of it."""

    card: Card
    folder: Path
    notes: tuple[str, ...] = ()


def settled(card: Card, files: Mapping[str, Path] | None = None) -> tuple[Card, tuple[str, ...]]:
    """The card of a model that has none of its own, with what its files say of it, and notes; any other card as it is. Of a
    repository that is not here the settings are fetched, a few kB.

    Raises:
        WeightsError: a pipeline that genkit does not drive, settings that are not here and cannot be had.
    """
    if card.params or card.task != "txt2img":
        return card, ()
    files = files or weights.local_files(card)
    if files is not None:
        resolved = settle(card, files)
        return resolved.card, resolved.notes
    return described(card, weights.settings_of(card, SETTINGS)), ()


def settle(card: Card, files: Mapping[str, Path]) -> Settled:
    """As `settled`, for files that are here.

    Raises:
        WeightsError: as `settled`.
    """
    if "root" in files:
        return Settled(described(card, files["root"]), files["root"])
    return _of_file(card, files["weights"])


def _of_file(card: Card, file: Path) -> Settled:
    """A checkpoint in one file with the folder of its settings: one of the same name beside it, or that of the model whose
    layout it has, if it is here. No file of this kind holds its tokenizer."""
    beside = file.with_suffix("")
    if (beside / "model_index.json").is_file():
        return Settled(described(card, beside), beside)
    tensors, metadata = _header(file)
    known = next((model for mark, model in MARKS.items() if mark in tensors), None)
    if known is None:
        raise WeightsError(
            f"{file}: no checkpoint whose layout is known; its settings and tokenizer are not in it",
            f"put a diffusers folder of the same kind beside it, as {beside}/",
            code="settings",
        )
    like = cards.find(known, "txt2img")
    local = weights.local_files(like)
    if local is None:
        raise WeightsError(
            f"{file} is laid out as {known}, whose settings and tokenizer it needs and does not hold",
            f"genkit models pull {known}, or put a diffusers folder of the same kind beside it, as {beside}/",
            code="settings",
        )
    folder = local["root"]
    if card.params.get("pipeline"):
        return Settled(card, folder)
    card = described(card, folder)
    if SD2 in tensors:
        if "turbo" in f"{file.stem} {metadata.get('modelspec.title', '')}".lower():
            note = f"{file.name} is taken for {TURBO} by its name: 1 step without guidance, unless told"
            return Settled(_with(card, {one.name: one.default for one in like.options}), folder, (note,))
        return _of_version_2(card, file, tensors, metadata, folder)
    if _prediction_told(tensors, metadata) == VELOCITY:
        card = dataclasses.replace(card, params={**card.params, "prediction": VELOCITY, "zero_snr": "ztsnr" in tensors})
    return Settled(card, folder)


def _of_version_2(card: Card, file: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str], folder: Path) -> Settled:
    prediction, reason = _prediction_told(tensors, metadata), ""
    if prediction is None:
        named = [one for one, side in SIDES.items() if str(side) in file.stem]
        prediction, reason = named[0] if len(named) == 1 else _guess(file, tensors), "its name"
        reason = reason if len(named) == 1 else "a guess from one of its tensors"
    side = SIDES[prediction]
    params = {**card.params, "prediction": prediction, "zero_snr": "ztsnr" in tensors}
    card = dataclasses.replace(_with(card, ORDINARY), params=params, limits={**card.limits, "size": side})
    notes = (
        f"{file.name} is laid out as Stable Diffusion 2 and does not say what it predicts: taken for {prediction} at {side} "
        f"pixels, by {reason}; if pictures are noise, put a diffusers folder of its kind beside it, as {file.stem}/",
    )
    return Settled(card, folder, notes if reason else ())


def _with(card: Card, defaults: Mapping[str, Any]) -> Card:
    options = tuple(dataclasses.replace(one, default=defaults.get(one.name, one.default)) for one in card.options)
    return dataclasses.replace(card, options=options)


def _prediction_told(tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> str | None:
    """What a file itself says: an empty tensor of that name, as trainers leave it, or the metadata of ModelSpec."""
    if "v_pred" in tensors or metadata.get("modelspec.architecture", "").endswith("-768-v"):
        return VELOCITY
    word = metadata.get("modelspec.prediction_type", "").lower()
    if word.startswith("v"):
        return VELOCITY
    return EPSILON if word == EPSILON or metadata.get("modelspec.architecture", "").endswith("v2-512") else None


def _guess(file: Path, tensors: Mapping[str, Any]) -> str:
    """What the network predicts, by the spread of one tensor; epsilon where that is not there or in a format of few bits."""
    import numpy as np

    one = tensors.get(TELLING)
    kind = {"F16": np.float16, "F32": np.float32, "F64": np.float64}.get(one["dtype"]) if one else None
    bits = one is not None and one["dtype"] == "BF16"
    if one is None or (kind is None and not bits):
        return EPSILON
    begin, end = one["data_offsets"]
    with file.open("rb") as stream:
        stream.seek(8 + int.from_bytes(stream.read(8), "little") + begin)
        raw = stream.read(end - begin)
    # bfloat16 is the upper half of a float32
    values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32) if bits else np.frombuffer(raw, kind)
    return VELOCITY if float(values.astype(np.float64).std()) > SPREAD else EPSILON


def _header(file: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors of a safetensors file by name (dtype, shape, data_offsets), and its metadata."""
    try:
        with file.open("rb") as stream:
            header = parse_json(stream.read(min(int.from_bytes(stream.read(8), "little"), LARGEST_HEADER)))
        metadata = header.pop("__metadata__", None) or {}
        return header, {str(key): str(value) for key, value in metadata.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{file}: damaged, or not safetensors", "fetch it again", code="damaged") from error
