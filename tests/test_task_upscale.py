"""The upscale task: sizes, passes, exact sizes by resampling, 16 bit, grey, transparency, memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genkit.errors import UsageError
from genkit.models.shapes import TransformModel
from genkit.models.upscale import compact
from genkit.models.upscale.transform import Transform
from genkit.pixels.resample import resize
from genkit.pixels.transparency import bleed
from genkit.verbs.upscale.task import BOXES, UpscaleOptions, check, passes, target_size, upscale

CPU = torch.device("cpu")


class Nearest(TransformModel):
    """A model that repeats pixels."""

    device, dtype, receptive, channels = CPU, torch.float32, 1, 3

    def __init__(self, scale: int):
        self.scale, self.calls = scale, 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.calls += 1
        return images.repeat(self.scale, 2).repeat(self.scale, 3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (1200, 800)),
        ({"scale": 1.5}, (450, 300)),
        ({"scale": 0.5}, (150, 100)),
        ({"width": 1000}, (1000, 667)),
        ({"height": 1000}, (1500, 1000)),
        ({"width": 600, "height": 100}, (150, 100)),
        ({"size": "4k"}, (3240, 2160)),
        ({"size": "1080P"}, (1620, 1080)),
        ({"size": "640x640"}, (640, 427)),
        ({"size": "2k"}, (2160, 1440)),
    ],
)
def test_sizes(options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert target_size(300, 200, UpscaleOptions(**options), 4) == expected


def test_a_named_size_is_turned_for_an_upright_picture_and_fits_inside() -> None:
    assert target_size(200, 300, UpscaleOptions(size="4k"), 4) == (2160, 3240)
    for width, height in ((640, 480), (333, 1000), (1, 1), (1999, 3)):
        for box in BOXES.values():
            size = target_size(width, height, UpscaleOptions(size=f"{box[0]}x{box[1]}"), 4)
            assert size[0] <= box[0]
            assert size[1] <= box[1]
            assert size[0] == box[0] or size[1] == box[1]


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 0},
        {"scale": -2},
        {"scale": float("nan")},
        {"scale": 100},
        {"width": 0},
        {"height": -1},
        {"size": "huge"},
        {"size": "0x5"},
        {"tile": -1},
        {"scale": 2, "size": "4k"},
        {"scale": 2, "width": 100},
        {"size": "4k", "height": 100},
    ],
)
def test_impossible_sizes_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        check(UpscaleOptions(**options))


def test_the_model_runs_as_often_as_it_takes() -> None:
    assert [passes(ratio, 4) for ratio in (0.5, 1, 1.2, 4, 4.2, 5, 16, 60)] == [0, 0, 1, 1, 1, 2, 2, 2]
    assert [passes(ratio, 2) for ratio in (1, 2, 3, 4, 8, 16)] == [0, 1, 2, 2, 3, 4]
    assert passes(0.5, 1) == passes(3, 1) == 1  # a restoring model always runs


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{}, {"scale": 1.5}, {"scale": 8}, {"size": "300x300"}, {"width": 20}, {"scale": 1}])
def test_format_is_kept_and_the_size_is_exact(dtype: Any, channels: int, options: dict[str, Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (24, 37, channels)).astype(dtype)
    alpha = np.full((24, 37), np.iinfo(dtype).max, dtype)
    alpha[:5] = 0
    wanted = UpscaleOptions(**options)
    result, mask = upscale(Nearest(4), pixels, alpha, wanted)
    assert mask is not None
    width, height = target_size(37, 24, wanted, 4)
    assert result.shape == (height, width, channels)
    assert mask.shape == (height, width)
    assert result.dtype == mask.dtype == dtype
    if options == {"scale": 1}:
        assert (mask == alpha).all()


def test_a_picture_that_is_large_enough_is_reduced_without_the_model() -> None:
    model, notices = Nearest(4), list[str]()
    pixels = np.zeros((100, 200, 3), np.uint8)
    assert upscale(model, pixels, None, UpscaleOptions(width=50), notices.append)[0].shape == (25, 50, 3)
    assert model.calls == 0
    assert "200x100" in notices[0]
    assert upscale(model, pixels, None, UpscaleOptions(scale=1), notices.append)[0] is not None
    assert len(notices) == 1


def test_sixteen_bits_are_sixteen_bits_all_the_way() -> None:
    ramp = np.tile(np.arange(20000, 20768, 3, dtype=np.uint16)[None, :, None], (16, 1, 3))
    assert (upscale(Nearest(2), ramp, None, UpscaleOptions())[0] == ramp.repeat(2, 0).repeat(2, 1)).all()
    finer = upscale(Nearest(2), ramp, None, UpscaleOptions(scale=1.5))[0]
    assert len(np.unique(finer)) > 256
    assert np.abs(finer.astype(int).mean() - ramp.mean()) < 1


def test_grey_stays_grey_by_the_luma_of_what_the_model_makes() -> None:
    def tint(network: torch.nn.Module, images: Tensor) -> Tensor:
        return images * torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)

    tinted = Transform(torch.nn.Identity(), scale=1, device=CPU, dtype=torch.float32, receptive=0, run=tint)
    result, _ = upscale(tinted, np.full((8, 8, 1), 200, np.uint8), None, UpscaleOptions())
    assert result.shape == (8, 8, 1)
    assert set(result.flat) == {round(200 * (0.299 + 0.5 * 0.587))}


def disc(size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on nothing: black under the transparent part, as many editors leave it."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    inside = rows**2 + columns**2 < (size / 3) ** 2
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[inside] = (250, 200, 100)
    return pixels, (inside * 255).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"scale": 3}, {"scale": 1.3}])
def test_no_dark_fringe_around_what_is_visible(options: dict[str, Any]) -> None:
    model = compact.transform(compact.build(8, 2, 2), CPU, torch.float32)
    with torch.no_grad():  # close to a bicubic look: what the network sees beside a pixel does count
        for layer in model.network.body:
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.mul_(0.8)
    pixels, alpha = disc()
    result, mask = upscale(model, pixels, alpha, UpscaleOptions(**options))
    even, _ = upscale(model, np.full_like(pixels, (250, 200, 100)), None, UpscaleOptions(**options))
    assert mask is not None
    border = 12  # the networks pad with black at the very edge of the picture
    shown = (mask > 0)[border:-border, border:-border]
    assert shown.any()
    drift = np.abs(result.astype(int) - even)[border:-border, border:-border]
    assert drift[shown].max() <= 1
    if model.scale == 2 and not options:
        untreated, _ = upscale(model, pixels, None, UpscaleOptions())
        assert np.abs(untreated.astype(int) - even)[border:-border, border:-border][shown].max() > 20


def test_colours_bleed_into_holes_and_nowhere_else() -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.uint8, np.uint16):
        for height, width in ((1, 1), (1, 9), (37, 53), (1100, 3)):
            pixels = rng.integers(1, 200, (height, width, 3)).astype(dtype)
            alpha = (rng.random((height, width)) < 0.1).astype(dtype)
            alpha[height // 2, width // 2] = 3
            filled = bleed(pixels * (alpha > 0)[..., None].astype(dtype), alpha)
            assert (filled[alpha > 0] == pixels[alpha > 0]).all()
            assert filled.min() > 0
            assert filled.dtype == dtype
    solid = np.ones((4, 4, 3), np.uint8)
    assert bleed(solid, np.ones((4, 4), np.uint8)) is solid
    assert bleed(solid, np.zeros((4, 4), np.uint8)) is solid


@pytest.mark.parametrize("options", [{}, {"scale": 3}, {"width": 30}])
def test_no_ghost_beside_the_edge_of_a_mask(options: dict[str, Any]) -> None:
    """A network that rings everywhere may ring at the edge of the mask alone."""
    model = compact.transform(compact.build(8, 2, 2), CPU, torch.float32)
    pixels, alpha = disc()
    _, mask = upscale(model, pixels, alpha, UpscaleOptions(**options))
    assert mask is not None
    size = mask.shape[0]
    rows, columns = (np.mgrid[:size, :size] + 0.5) * 64 / size - 32
    distance = np.hypot(rows, columns) - 64 / 3
    assert set(mask[distance > 3]) == {0}
    assert set(mask[distance < -3]) == {255}


def test_even_transparency_needs_no_pass_of_its_own() -> None:
    model = Nearest(2)
    _, mask = upscale(model, np.zeros((20, 20, 3), np.uint8), np.full((20, 20), 77, np.uint8), UpscaleOptions())
    assert mask is not None
    assert mask.shape == (40, 40)
    assert set(mask.flat) == {77}
    assert model.calls == 1


def test_resampling_keeps_what_is_even_and_where_things_are() -> None:
    for dtype in (np.uint8, np.uint16):
        even = np.full((50, 70, 3), np.iinfo(dtype).max // 3, dtype)
        for size in ((33, 90), (200, 10), (1, 1), (70, 50)):
            assert (resize(even, *size) == even[0, 0]).all()
    ramp = np.tile(np.linspace(0, 65535, 300).astype(np.uint16)[None, :, None], (300, 1, 1))
    small = resize(ramp, 150, 150)
    assert np.abs(small[75, 5:-5, 0].astype(int) - ramp[0].reshape(150, 2).mean(1)[5:-5]).max() < 3


def test_resampling_matches_the_reference_filter() -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 65536, (90, 140, 1)).astype(np.uint16)
    for size in ((61, 47), (140, 33), (301, 200)):
        floating = Image.fromarray(pixels[..., 0].astype(np.float32)).resize(size, Image.Resampling.LANCZOS)
        reference = np.clip(np.rint(np.asarray(floating)), 0, 65535)
        assert np.abs(resize(pixels, *size)[..., 0] - reference).max() <= 1


def test_resampling_around_the_edge_keeps_a_texture_seamless() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (40, 60, 3)).astype(np.uint16)
    straight = resize(pixels, 30, 20, wrap=True).astype(int)
    rolled = resize(np.roll(pixels, (10, 20), (0, 1)), 30, 20, wrap=True)
    assert np.abs(np.roll(rolled, (-5, -10), (0, 1)) - straight).max() <= 1


def test_memory_is_the_canvas_and_a_few_strips() -> None:
    """numpy's part is counted here; torch holds one tile at a time, whose size the free memory bounds."""
    model = Nearest(2)
    pixels = np.zeros((1500, 2000, 3), np.uint8)
    alpha = np.zeros((1500, 2000), np.uint8)
    alpha[200:900, 300:1500] = 255
    tracemalloc.start()
    result, mask = upscale(model, pixels, alpha, UpscaleOptions())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert mask is not None
    outputs = result.nbytes + mask.nbytes
    assert peak < outputs + 2.2 * (pixels.nbytes + alpha.nbytes) + (16 << 20)


def test_sharpen_adds_what_a_blur_takes_away(genkit: Any, tiny: str, tmp_path: Path) -> None:
    from PIL import Image

    from genkit.pixels.unsharp import unsharp

    edge = np.full((9, 12, 3), 60, np.uint8)
    edge[:, 6:] = 180
    for pixels in (edge, edge.astype(np.uint16) * 257):
        sharp = unsharp(pixels, 0.5)
        assert sharp.dtype == pixels.dtype and np.array_equal(sharp[:, 0], pixels[:, 0]), "flat places stay"
        assert (sharp[:, 5] < pixels[:, 5]).all() and (sharp[:, 6] > pixels[:, 6]).all(), "an edge gets steeper"
        assert np.array_equal(unsharp(pixels, 0.0), pixels)
    Image.fromarray(edge).save(tmp_path / "a.png")
    plain, sharpened = tmp_path / "plain.png", tmp_path / "sharp.png"
    assert genkit("upscale", tmp_path / "a.png", "-o", plain).code == 0
    assert genkit("upscale", tmp_path / "a.png", "--sharpen", "0.5", "-o", sharpened).code == 0
    assert np.array_equal(np.asarray(Image.open(sharpened)), unsharp(np.asarray(Image.open(plain)), 0.5))
    assert '"sharpen": 0.5' in Image.open(sharpened).text["genkit"]  # type: ignore[attr-defined]
    assert genkit("upscale", tmp_path / "a.png", "--sharpen", "2", "-o", tmp_path / "b.png").code == 2
