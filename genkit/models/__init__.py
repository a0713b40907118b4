"""The families of networks, found by name and imported on demand: one module each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.cards import Card

Report = Callable[[str], None]

FAMILIES = {
    "compact": "upscale.compact",
    "colorizer": "colorize.colorizer",
    "inpainter": "inpaint.inpainter",
    "cutter": "cutout.cutter",
    "sketcher": "translate.sketcher",
    "unet": "translate.unet",
    "stylizer": "style.stylizer",
    "microast": "style.microast",
    "johnson": "style.johnson",
    "magenta": "style.magenta",
    "zhang": "colorize.zhang",
    "ddcolor": "colorize.ddcolor",
    "vgg19": "style.vgg19",
    "u2net": "cutout.u2net",
    "birefnet": "cutout.birefnet",
    "migan": "inpaint.migan",
    "cyclegan": "translate.cyclegan",
    "pix2pix": "translate.pix2pix",
    "animegan2": "translate.animegan2",
    "stargan": "translate.stargan",
    "stylegan2": "gan.stylegan2",
    "style_dcgan": "gan.style_dcgan",
    "pgan": "gan.pgan",
    "biggan_deep": "gan.biggan_deep",
    "dcgan": "gan.dcgan",
    "spandrel": "spandrel",
    "diffusers": "diffusers",
    "vits": "tts.vits",
    "fastspeech2": "tts.fastspeech2",
    "speecht5": "tts.speecht5",
    "bark": "tts.bark",
    "kokoro": "tts.kokoro",
    "piper": "tts.piper",
    "hibari": "tts.hibari",
    "kokoro_onnx": "tts.kokoro_onnx",
    "clipseg": "mask.clipseg",
    "sam3": "mask.sam3",
    "lpips": "measure.lpips",
    "inception": "measure.inception",
    "distill_mos": "measure.distill_mos",
    "whisper": "measure.whisper",
}  # name: module, in the order in which they are asked to recognise a checkpoint: ours first
DTYPES = ("float32", "bfloat16", "float16")  # of a family that says nothing else


def family_module(name: str) -> ModuleType:
    """Import a family.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in FAMILIES:
        raise UsageError(f"there is no model family {name!r}", f"families: {', '.join(FAMILIES)}")
    return importlib.import_module(f"genkit.models.{FAMILIES[name]}")


def load_model(
    card: Card,
    files: Mapping[str, Path],
    device: Any,
    dtype: Any,
    *,
    fallback: bool = False,
    engine: str = "torch",
    report: Report = lambda message: None,
    pixels: int | None = None,
) -> Any:
    """Load what a card describes from its local files, as a model of its verb's shape (see `models.shapes`), which the caller
    names.

    `fallback` and `engine` are as of `runtime.Runtime`, `pixels` as of `Session.model`.

    Raises:
        UsageError: an unknown family, or an engine that does not run it.
        WeightsError: files that are not what the card says.
    """

    def in_torch() -> Any:
        from genkit import runtime

        return family_module(card.family).load(card, files, *runtime.as_torch(device, dtype))

    if engine == "torch":
        model = in_torch()
    else:
        from genkit.models.engines import load_on_engine

        model = load_on_engine(card, files, engine, in_torch, report, pixels)
    model.card, model.fallback = card, fallback
    return model


def dtypes_of(family: str, state: Mapping[str, Any]) -> tuple[str, ...]:
    """The number formats for the card of a checkpoint: its `DTYPES`, or what its `allowed_dtypes` reads from the file."""
    module = vars(family_module(family))
    return module["allowed_dtypes"](state) if "allowed_dtypes" in module else module.get("DTYPES", DTYPES)


def recognise(state: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Find the family of a state dict by its keys and shapes: (family, card parameters), or None."""
    for name in FAMILIES:
        params = family_module(name).recognise(state)
        if params is not None:
            return name, params
    return None
