"""Tiny pipelines by the cards of the published ones, as fixtures that conftest.py makes known to all tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genkit import cards, models

# The card by which each pipeline class is published.
FILLING = {
    "StableDiffusionInpaintPipeline": "sd15-inpaint",
    "StableDiffusionXLInpaintPipeline": "sdxl-inpaint",
    "ZImageInpaintPipeline": "zimage-inpaint",
    "Flux2KleinInpaintPipeline": "flux2-klein-inpaint",
}
EDITING = {
    "StableDiffusionInstructPix2PixPipeline": "instruct-pix2pix",
    "Flux2KleinPipeline": "flux2-klein-edit",
    "QwenImageEditPlusPipeline": "qwen-image-edit",
    "LongCatImageEditPipeline": "longcat-image-edit-turbo",
    "StableDiffusionImg2ImgPipeline": "sd15-img2img",
    "StableDiffusionXLImg2ImgPipeline": "sdxl-img2img",
    "ZImageImg2ImgPipeline": "zimage-img2img",
}


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of tiny pipelines, each built once."""
    from tiny_pipelines import build

    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = build(name, tmp_path_factory.mktemp("pipelines") / name)
        return made[name]

    return folder


@pytest.fixture(scope="session")
def load_pipeline(pipeline_folder: Callable[[str], Path]) -> Callable[[str], Any]:
    """Load a tiny pipeline by the card of the real one, through the family's own entrance; each once."""
    import torch

    made: dict[str, Any] = {}

    def model(name: str) -> Any:
        if name not in made:
            made[name] = models.load_model(card_for(name), {"root": pipeline_folder(name)}, torch.device("cpu"), torch.float32)
        return made[name]

    return model


def card_for(name: str, **changes: Any) -> cards.Card:
    """The card of the published pipeline of that class; `changes` to its fields."""
    return dataclasses.replace(cards.find((FILLING | EDITING)[name]), **changes)
