"""The colour networks that we train: sizes from their tensors, chroma within Lab, a temperature, and two views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors
from test_family_cutter import published

from genkit.errors import UsageError
from genkit.models.colorize import colorizer, lite
from genkit.nets import efficientnet
from genkit.nets.efficientnet import EfficientNetLite
from genkit.nets.lab import rgb_to_lab

WIDTHS = (2, 3, 4, 4, 5, 6, 7)
SIZES: dict[str, dict[str, Any]] = {
    "first": {"widths": [4, 6, 8, 10], "depths": [0, 1, 1, 1], "fine": 6},
    "lite": {
        "rises": [6, 5, 4],
        "depths": [2, 1, 1],
        "widths": list(WIDTHS),
        "blocks": [1, 2, 1, 1, 1, 1, 1],
        "stem": 4,
        "expansion": 2,
    },
}
layouts = pytest.mark.parametrize("layout", SIZES)


def network(layout: str) -> Any:
    made = spread(colorizer.build(**SIZES[layout]), 0.2 if layout == "first" else 0.5)
    return made.eval()


def loaded(folder: Path, layout: str = "lite", dtype: torch.dtype = torch.float32, **params: Any) -> Any:
    return OnTensors(colorizer.load(card_of(**params), saved(folder, network(layout).state_dict()), CPU, dtype))


@layouts
def test_files(tmp_path: Path, layout: str) -> None:
    made = colorizer.build(**SIZES[layout])
    other: dict[str, Any] = {"first": {"fine": 8}, "lite": {"rises": [7, 5, 4]}}[layout]
    check_files(colorizer, "colorizer", made, SIZES[layout], tmp_path, other, "the colour network")


@layouts
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_chroma_of_a_working_size(tmp_path: Path, layout: str, dtype: torch.dtype) -> None:
    model = loaded(tmp_path, layout, dtype, size=64)
    height, width = model.working_size(37, 90)
    assert min(height, width) == 64 and height % model.network.stride == width % model.network.stride == 0 and not model.hints
    ab = model.chroma(torch.rand(2, 1, height, width) * 100)
    assert ab.shape == (2, 2, height // 4, width // 4) and ab.dtype == torch.float32
    assert 0 < float(ab.abs().max()) <= 128
    with pytest.raises(UsageError, match="no hints"):
        model.chroma(torch.rand(1, 1, 64, 64), torch.zeros(1, 2, 64, 64), torch.ones(1, 1, 64, 64))


@layouts
def test_the_picture_keeps_its_lightness(tmp_path: Path, layout: str) -> None:
    images = torch.rand(1, 3, 33, 50)
    result = loaded(tmp_path, layout, size=32)(images)
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


@layouts
def test_two_views_are_those_of_the_picture_and_of_its_mirror_image(tmp_path: Path, layout: str) -> None:
    lightness = torch.rand(1, 1, 64, 64) * 100
    one, both = loaded(tmp_path, layout), loaded(tmp_path, layout, views=2)
    mean = (one.chroma(lightness) + one.chroma(lightness.flip(3)).flip(3)) / 2
    assert torch.allclose(both.chroma(lightness), mean, atol=1e-4)
    assert not torch.allclose(one.chroma(lightness), mean, atol=1e-2)


def test_the_published_features_see_grey_as_three_equal_channels() -> None:
    torch.manual_seed(0)
    state = published()
    found = lite.from_published(state, efficientnet.BLOCKS)
    made = colorizer.build(rises=[8, 8, 8], depths=[1, 1, 1]).eval()
    own = made.state_dict()
    assert set(found) == {key for key in own if key.startswith("encoder.")}
    made.load_state_dict({**own, **found})
    coloured = EfficientNetLite(3, efficientnet.WIDTHS, efficientnet.BLOCKS, efficientnet.STEM, efficientnet.EXPANSION)
    coloured.load_state_dict(efficientnet.from_published(state, efficientnet.BLOCKS))
    grey = torch.rand(1, 1, 64, 96)
    with torch.no_grad():
        for one, other in zip(made.encoder.features(grey), coloured.features(grey.repeat(1, 3, 1, 1)), strict=True):
            assert torch.allclose(one, other, atol=1e-4 * float(other.abs().max()))
    assert lite.from_published({"conv1.weight": torch.zeros(1)}, efficientnet.BLOCKS) == {}


@layouts
def test_thinned_logits_are_those_of_their_rows_and_columns(layout: str) -> None:
    made, lightness = network(layout), torch.rand(1, 1, 64, 96) * 100
    with torch.no_grad():
        every, some = made(lightness), made(lightness, 2, 1, 0)
    assert torch.allclose(some, every[:, :, 1::2, ::2], rtol=1e-3, atol=1e-3 * float(every.abs().max()))
