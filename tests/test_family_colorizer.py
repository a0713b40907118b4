"""The colour network that ships: sizes from its tensors, chroma within Lab, a temperature, and two views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors

from genkit.errors import UsageError
from genkit.models.colorize import colorizer
from genkit.nets.lab import rgb_to_lab

SIZES = {"widths": [4, 6, 8, 10], "depths": [0, 1, 1, 1], "fine": 6}


def network() -> Any:
    made = spread(colorizer.build(**SIZES))
    return made.eval()


def loaded(folder: Path, dtype: torch.dtype = torch.float32, **params: Any) -> Any:
    return OnTensors(colorizer.load(card_of(**params), saved(folder, network().state_dict()), CPU, dtype))


def test_files(tmp_path: Path) -> None:
    made = colorizer.build(**SIZES)
    check_files(colorizer, "colorizer", made, SIZES, tmp_path, {"fine": 8}, "the colour network")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_chroma_of_a_working_size(tmp_path: Path, dtype: torch.dtype) -> None:
    model = loaded(tmp_path, dtype, size=64)
    height, width = model.working_size(37, 90)
    assert min(height, width) == 64 and height % 16 == width % 16 == 0 and not model.hints
    ab = model.chroma(torch.rand(2, 1, height, width) * 100)
    assert ab.shape == (2, 2, height // 4, width // 4) and ab.dtype == torch.float32
    assert 0 < float(ab.abs().max()) <= 128
    with pytest.raises(UsageError, match="no hints"):
        model.chroma(torch.rand(1, 1, 64, 64), torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64))


def test_the_picture_keeps_its_lightness(tmp_path: Path) -> None:
    images = torch.rand(1, 3, 33, 50)
    result = loaded(tmp_path, size=32)(images)
    assert result.shape == images.shape and float(result.min()) >= 0 and float(result.max()) <= 1
    assert (rgb_to_lab(result)[:, 0] - rgb_to_lab(images)[:, 0]).abs().max() < 0.01


def test_the_lower_the_temperature_the_nearer_the_likeliest_bin(tmp_path: Path) -> None:
    model, lightness = loaded(tmp_path), torch.rand(1, 1, 64, 64) * 100
    logits = torch.randn(1, len(model.network.centres), 4, 4)
    likeliest = model.network.centres[logits.argmax(1)].permute(0, 3, 1, 2)
    away = [float((model.network.ab(logits, one, ceiling=1e6) - likeliest).norm(dim=1).mean()) for one in (1.0, 0.1, 0.001)]
    assert away[0] > away[1] > away[2] and away[2] < 1
    assert torch.equal(model.chroma(lightness), model.chroma(lightness, temperature=colorizer.TEMPERATURE))
    for wrong in (0.0, 1.5):
        with pytest.raises(UsageError, match="temperature"):
            model.chroma(lightness, temperature=wrong)


def test_two_views_are_those_of_the_picture_and_of_its_mirror_image(tmp_path: Path) -> None:
    lightness = torch.rand(1, 1, 64, 64) * 100
    one, both = loaded(tmp_path), loaded(tmp_path, views=2)
    mean = (one.chroma(lightness) + one.chroma(lightness.flip(3)).flip(3)) / 2
    assert torch.allclose(both.chroma(lightness), mean, atol=1e-4)
    assert not torch.allclose(one.chroma(lightness), mean, atol=1e-2)
