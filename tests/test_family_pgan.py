"""The progressively grown GAN: the authors' layout, their whole files, and the arithmetic of the paper."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genkit import cards, models
from genkit.errors import UsageError, WeightsError
from genkit.models.gan import pgan
from genkit.models.gan.sampling import Sample

CPU = torch.device("cpu")
SIZES: dict[str, Any] = {"latent": 8, "widths": [12, 8, 4], "channels": 3}


def load(state: Any, folder: Path, **params: Any) -> Sample:
    torch.save(state, folder / "net.pth")
    card: Any = SimpleNamespace(name="test", params=params)
    return pgan.load(card, {"weights": folder / "net.pth"}, CPU, torch.float32)


def random() -> pgan.Pgan:
    network = pgan.build(**SIZES)
    for name, one in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(one)
    return network


@pytest.fixture
def settings() -> Iterator[Any]:
    """The authors' class of plain settings, for as long as a file is written."""
    names = ("models", "models.utils", "models.utils.config")
    made = {name: types.ModuleType(name) for name in names}

    class BaseConfig:
        pass

    BaseConfig.__module__, BaseConfig.__qualname__ = names[-1], "BaseConfig"
    made[names[-1]].BaseConfig = BaseConfig  # type: ignore[attr-defined]
    sys.modules.update(made)
    yield BaseConfig
    for name in names:
        sys.modules.pop(name, None)


def test_keys_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        state = pgan.Pgan(512, [512, 512, 512, 512, 256, 128, 64], 3, "none").state_dict()
    shapes = {key: tuple(one.shape) for key, one in state.items() if key.endswith("weight")}
    assert shapes["formatLayer.module.weight"] == (8192, 512) and shapes["groupScale0.0.module.weight"] == (512, 512, 3, 3)
    assert shapes["scaleLayers.3.0.module.weight"] == (256, 512, 3, 3) and shapes["toRGBLayers.6.module.weight"] == (
        3,
        64,
        1,
        1,
    )
    assert len(state) == 2 * (1 + 1 + 12 + 7)
    family, params = models.recognise(state) or ("", {})
    assert family == "pgan" and params["widths"] == [512, 512, 512, 512, 256, 128, 64] and params["latent"] == 512


@pytest.mark.parametrize("legacy", [True, False])
def test_the_authors_whole_file_is_read(settings: Any, legacy: bool, tmp_path: Path) -> None:
    network = random()
    chosen = settings()
    chosen.depthOtherScales, chosen.alpha = [8, 4], 0
    other = {key: torch.zeros_like(one) for key, one in network.state_dict().items()}
    whole = {"config": chosen, "netG": other, "netD": {"a": torch.zeros(2)}, "avgG": network.state_dict()}
    path = tmp_path / "net.pth"
    torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
    card: Any = SimpleNamespace(name="test", params={})
    made = pgan.load(card, {"weights": path}, CPU, torch.float32)([1, 2])
    assert made.shape == (2, 3, 16, 16)
    assert np.array_equal(made, pgan.sample(network, CPU, torch.float32)([1, 2])), "the average is taken"
    older = {key.replace(".module", ""): one for key, one in network.state_dict().items()}
    assert np.array_equal(load(older, tmp_path)([1, 2]), made), "older names"
    assert np.array_equal(load({"netG": network.state_dict()}, tmp_path)([1, 2]), made), "without an average"


def test_settings_do_not_open_the_door_to_others(settings: Any, tmp_path: Path) -> None:
    import os

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    chosen = settings()
    chosen.a = Evil()
    for whole in ({"config": chosen, "netG": random().state_dict()}, {"config": settings(), "netG": {"a": Evil()}}):
        with pytest.raises(WeightsError, match=r"net.pth: a pickle that holds more than tensors"):
            load(whole, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_features_keep_unit_mean_square() -> None:
    features = pgan.unit(torch.randn(2, 16, 4, 4) * 7)
    assert torch.allclose(features.square().mean(1), torch.ones(2, 4, 4), atol=1e-4)
    layer = pgan.Scaled(torch.nn.Conv2d(8, 4, 3))
    assert layer.factor == pytest.approx((2 / 72) ** 0.5)
    torch.nn.init.ones_(layer.module.bias)
    assert torch.allclose(layer(torch.zeros(1, 8, 3, 3)), torch.tensor(layer.factor)), "the bias is scaled, too"


def test_seeds_output_and_refusals(tmp_path: Path) -> None:
    state = random().state_dict()
    model = load(state, tmp_path)
    made = model([1, 2, 3])
    assert np.allclose(made[1], model([2])[0], atol=1e-4) and not model.labels
    assert not np.allclose(load(state, tmp_path, output="tanh")([1]), made[:1])
    with pytest.raises(UsageError, match="no truncation"):
        model([1], truncation=0.5)
    with pytest.raises(WeightsError, match="output 'relu' is not one of none, tanh"):
        load(state, tmp_path, output="relu")
    with pytest.raises(WeightsError, match="latent 8, not 512"):
        load(state, tmp_path, latent=512)
    with pytest.raises(WeightsError, match="is not a checkpoint of a progressively grown GAN"):
        load({"a": torch.zeros(2)}, tmp_path)
    with pytest.raises(WeightsError, match="does not fit"):
        load({key: one for key, one in state.items() if key != "scaleLayers.1.0.module.bias"}, tmp_path)


def test_the_published_cards_are_of_this_family() -> None:
    found = [card for card in cards.all_cards("gan") if card.family == "pgan"]
    assert len(found) == 4 and not any(card.verified or card.commercial for card in found)
    assert all(str(card.files["weights"].hash).startswith("sha256-prefix:") for card in found)
