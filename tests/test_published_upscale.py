"""Checkpoints that others published give the scores that others measured. They are no part of the project."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit import cards, models
from genkit.errors import WeightsError
from genkit.evaluate.fidelity import crop_border, luma, psnr
from genkit.verbs.upscale.task import UpscaleOptions, upscale
from genkit.weights import read_state_dict

ROOT = Path(__file__).parent.parent
PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", ROOT / "../shared/weights-published"))
BENCH = Path(os.environ.get("GENKIT_DATA", ROOT / "../shared/data")) / "sr_bench.zip"
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.published,
    pytest.mark.skipif(not PUBLISHED.is_dir() or not BENCH.is_file(), reason="the published checkpoints are not here"),
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def pictures(folder: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(low, high) resolution, uint8 RGB."""
    with zipfile.ZipFile(BENCH) as bench:

        def read(name: str) -> np.ndarray:
            return np.asarray(Image.open(io.BytesIO(bench.read(name))).convert("RGB"))

        for name in sorted(bench.namelist()):
            if name.startswith(f"{folder}/LR_x4/") and name.endswith(".png"):
                yield read(name), read(name.replace("LR", "HR"))


def score(model: Any, low: np.ndarray, high: np.ndarray) -> float:
    result, _ = upscale(model, low, None, UpscaleOptions())
    return psnr(crop_border(luma(result), 4), crop_border(luma(high), 4))


def load(card_name: str, file: str) -> Any:
    return models.load_model(cards.find(card_name, "upscale"), {"weights": PUBLISHED / file}, CPU, torch.float32)


@pytest.fixture(scope="module")
def craft() -> Any:
    return load("craft-x4", "craft-x4.pth")


def test_craft_on_the_butterfly(craft: Any) -> None:
    low, high = list(pictures("Set5"))[2]
    assert score(craft, low, high) == pytest.approx(29.19, abs=0.02)


@pytest.mark.slow
def test_craft_on_set5(craft: Any) -> None:
    assert np.mean([score(craft, *pair) for pair in pictures("Set5")]) == pytest.approx(32.39, abs=0.02)


def test_a_compact_network_of_somebody_else_runs_on_our_own() -> None:
    path = PUBLISHED / "realesr-animevideov3.pth"
    family, params = models.recognise(read_state_dict(path)) or ("", {})
    assert (family, params) == ("compact", {"num_feat": 64, "num_conv": 16, "scale": 4})
    card: Any = SimpleNamespace(name="anime", family=family, params=params, limits={}, options=())
    model = models.load_model(card, {"weights": path}, CPU, torch.float32)
    assert np.mean([score(model, *pair) for pair in pictures("Set5")]) == pytest.approx(28.23, abs=0.02)


def test_a_grey_denoiser() -> None:
    model = load("dncnn-25", "dncnn_25.pth")
    assert (model.scale, model.channels) == (1, 1)
    clean = luma(list(pictures("Set5"))[1][1])[64:224, 64:224]
    noisy = np.clip(np.rint(clean + np.random.default_rng(0).normal(0, 25, clean.shape)), 0, 255).astype(np.uint8)
    result, _ = upscale(model, noisy[..., None], None, UpscaleOptions())
    assert psnr(noisy, clean) == pytest.approx(20.4, abs=0.3)
    assert psnr(result[..., 0], clean) > 30.5


@pytest.mark.parametrize("name", ["vdsr-pickled-module.pth"])
def test_a_pickled_module_is_refused_by_name(name: str) -> None:
    with pytest.raises(WeightsError, match="more than tensors") as caught:
        read_state_dict(PUBLISHED / name)
    assert name in caught.value.message


RAN = {
    "craft-x4": {"weights": "craft-x4.pth"},
    "dncnn-25": {"weights": "dncnn_25.pth"},
    "mnist-cwgan": {"weights": "mnist-cwgan.pth"},
    "microast": {
        role: f"microast/{role}_iter_160000.pth.tar" for role in ("content_encoder", "style_encoder", "modulator", "decoder")
    },
}


@pytest.mark.parametrize("name", RAN)
def test_what_is_said_to_have_run_is_what_the_card_pins(name: str) -> None:
    card = cards.find(name)
    pinned = {role: (str(one.hash), one.size) for role, one in card.files.items()}
    data = {role: (PUBLISHED / file).read_bytes() for role, file in RAN[name].items()}
    assert card.ran and pinned == {role: (f"sha256:{hashlib.sha256(one).hexdigest()}", len(one)) for role, one in data.items()}


OTHERS = {
    "SINet.pth": None,
    "mnist-dcgan.pth": "dcgan",
    "vgg19_relu3_1.safetensors": "vgg19",
    "cyclegan-photo2sketch.pth": "cyclegan",
}


@pytest.mark.parametrize(("name", "family"), OTHERS.items())
def test_networks_of_another_kind_are_not_taken_for_one(name: str, family: str | None) -> None:
    found = models.recognise(read_state_dict(PUBLISHED / name))
    assert (found[0] if found else None) == family
