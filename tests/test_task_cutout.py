"""Cutting out: edges at full resolution, soft ones, colours without what was behind, and what a subject is put before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from genkit.models.shapes import MaskModel
from genkit.pixels import foreground, matting, subject
from genkit.pixels.arrays import to_images
from genkit.verbs.cutout import background
from genkit.verbs.cutout.task import CutoutOptions, cutout

GREEN, RED = (20, 160, 40), (200, 30, 30)


class Coarse(MaskModel):
    """What is more red than green is the subject, seen at few pixels a side: a network that is right and no finer."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self, size: int = 24) -> None:
        self.seen: list[np.ndarray] = []
        self.size = size

    def to(self, device: torch.device, dtype: torch.dtype) -> Coarse:
        return self

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.seen.append(images)
        square = torch.nn.functional.interpolate(torch.from_numpy(images), (self.size, self.size), mode="area")
        mask = ((square[:, :1] - square[:, 1:2]) * 4 + 0.5).clamp(0, 1)
        return torch.nn.functional.interpolate(mask, images.shape[-2:], mode="bilinear").clamp(0, 1).numpy()


def disc(height: int = 180, width: int = 240, dtype: Any = np.uint8, soft: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green, (H, W, 3), and its true alpha (H, W) in [0, 1]; `soft` blurs the edge by so many pixels."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    away = np.hypot(rows - height / 2, columns - width / 2) - height / 3
    truth = np.clip(0.5 - away / max(1.0, 2 * soft), 0, 1)
    scale = np.iinfo(dtype).max / 255
    mixed = truth[..., None] * np.array(RED) + (1 - truth[..., None]) * np.array(GREEN)
    return np.rint(mixed * scale).astype(dtype), truth


@pytest.fixture
def model() -> Coarse:
    return Coarse()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_edges_are_the_pictures_and_not_the_networks(model: Coarse, dtype: Any) -> None:
    pixels, truth = disc(dtype=dtype)
    colours, alpha = cutout(model, pixels, None, CutoutOptions())
    assert alpha is not None and colours.dtype == alpha.dtype == dtype and colours.shape == pixels.shape
    peak = np.iinfo(dtype).max
    error = np.abs(alpha / peak - truth)
    coarse = model(to_images(pixels))[0, 0]
    assert error.mean() < 0.004 < 0.02 < np.abs(coarse - truth).mean()
    assert alpha[90, 120] == peak and alpha[0, 0] == 0


@pytest.mark.parametrize("matte", [False, True])
def test_what_is_half_the_subject_keeps_no_colour_of_what_was_behind(model: Coarse, matte: bool) -> None:
    pixels, _ = disc(soft=2.5)
    colours, alpha = cutout(model, pixels, None, CutoutOptions(matte=matte))
    assert alpha is not None
    edge = (alpha > 25) & (alpha < 230)
    assert edge.sum() > 100
    away = np.abs(colours[edge].astype(int) - np.array(RED)).mean()
    assert away < 0.3 * np.abs(pixels[edge].astype(int) - np.array(RED)).mean()
    inside = alpha == 255
    assert np.array_equal(colours[inside], pixels[inside])


def test_a_matte_follows_soft_edges(model: Coarse) -> None:
    pixels, truth = disc(soft=4)
    errors = {}
    for matte in (False, True):
        mask, none = cutout(model, pixels, None, CutoutOptions(matte=matte, mask_only=True))
        assert none is None and mask.shape == (180, 240, 1)
        errors[matte] = np.abs(mask[..., 0] / 255 - truth).mean()
    assert errors[True] < 0.006 and errors[True] < errors[False]


def test_large_pictures_are_done_at_full_resolution_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, truth = disc(1200, 1600)
    model = Coarse(128)
    whole, alpha = cutout(model, pixels, None, CutoutOptions())
    assert max(model.seen[0].shape[2:]) <= subject.WORKING
    assert alpha is not None and np.abs(alpha / 255 - truth).mean() < 0.004
    for module in (subject, foreground):
        monkeypatch.setattr(module, "STRIP", 100)
    strips, again = cutout(model, pixels, None, CutoutOptions())
    assert np.abs(alpha.astype(int) - again).max() <= 1
    assert np.abs(whole.astype(int) - strips).max() <= 2


def test_grey_pictures_stay_grey_and_keep_their_edges() -> None:
    class Middle(Coarse):
        def __call__(self, images: np.ndarray) -> np.ndarray:
            assert images.shape[1] == 3
            mask = torch.zeros(1, 1, *images.shape[-2:])
            mask[..., 40:140, 60:180] = 1
            return avg_pool2d(mask, 21, 1, 10).numpy()

    pixels = np.full((180, 240, 1), 60, np.uint8)
    pixels[40:140, 60:180] = 190
    colours, alpha = cutout(Middle(), pixels, None, CutoutOptions())
    assert colours.shape == pixels.shape and alpha is not None
    truth = np.zeros((180, 240))
    truth[40:140, 60:180] = 1
    assert np.abs(alpha / 255 - truth).mean() < 0.01
    white, none = cutout(Middle(), pixels, None, CutoutOptions("white"))
    assert none is None and white.shape[2] == 1 and white[0, 0, 0] == 255
    orange, _ = cutout(Middle(), pixels, None, CutoutOptions("#ff8000"))
    assert orange.shape[2] == 3 and tuple(orange[0, 0]) == (255, 128, 0)


def test_what_is_transparent_is_no_subject(model: Coarse) -> None:
    pixels, _ = disc()
    visible = np.full((180, 240), 255, np.uint8)
    visible[:, :120] = 0
    pixels[:, :120] = RED  # what an editor left where nobody sees
    _, alpha = cutout(model, pixels, visible, CutoutOptions())
    assert alpha is not None and not alpha[:, :120].any() and alpha[90, 140] == 255


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_backgrounds(model: Coarse, dtype: Any) -> None:
    pixels, truth = disc(dtype=dtype)
    scale = np.iinfo(dtype).max // 255
    outside, inside = truth == 0, truth == 1
    laid, alpha = cutout(model, pixels, None, CutoutOptions("#0000ff"))
    assert alpha is None and laid.dtype == dtype
    assert np.array_equal(laid[5, 5], np.array((0, 0, 255)) * scale)
    assert np.quantile(np.abs(laid[inside].astype(int) - pixels[inside]), 0.99) <= 2 * scale
    behind = np.zeros((90, 400, 3), np.uint8)
    behind[..., 2] = np.linspace(0, 255, 400).astype(np.uint8)
    covered, _ = cutout(model, pixels, None, CutoutOptions(behind=behind))
    # the middle 120 of 400 columns cover 240
    assert covered[2, 2, 2] / scale == pytest.approx(behind[0, 140, 2], abs=3)
    assert covered[2, -3, 2] / scale == pytest.approx(behind[0, 259, 2], abs=3)
    blurred, _ = cutout(model, pixels, None, CutoutOptions(background.BLUR))
    glow = blurred[outside][:, 0].astype(int) - pixels[outside][:, 0].astype(int)
    assert glow.max() < 25 * scale, "the subject leaves no glow around itself"


def test_crop(model: Coarse) -> None:
    pixels, truth = disc()
    rows, columns = np.flatnonzero((truth > 0.5).any(1)), np.flatnonzero((truth > 0.5).any(0))
    colours, alpha = cutout(model, pixels, None, CutoutOptions(crop=True))
    assert alpha is not None and colours.shape[:2] == alpha.shape
    assert abs(alpha.shape[0] - len(rows)) <= 3 and abs(alpha.shape[1] - len(columns)) <= 3


def test_nothing_is_said_where_nothing_is_found(model: Coarse) -> None:
    said: list[str] = []
    pixels = np.full((40, 50, 3), GREEN, np.uint8)
    _, alpha = cutout(model, pixels, None, CutoutOptions(crop=True), said.append)
    assert alpha is not None and not alpha.any() and alpha.shape == (40, 50)
    assert len(said) == 1 and "no subject was found" in said[0]


def test_masks_by_name(model: Coarse) -> None:
    pixels, _ = disc()
    inside, outside = (subject.mask_of(model, pixels, None, outside=which, called="x") for which in (False, True))
    assert inside.pixels.shape == (180, 240, 1) and inside.alpha is None and inside.name == "x"
    assert np.array_equal(inside.pixels, 255 - outside.pixels) and inside.pixels[90, 120] == 255


def test_closed_form_finds_the_share_of_two_plain_colours() -> None:
    """Where colours are mixtures of two, alpha is a line in them everywhere: it is found to the bit."""
    pixels, truth = disc(60, 80, soft=5)
    colours = torch.from_numpy(pixels / np.float32(255)).permute(2, 0, 1)[None].float()
    exact = torch.from_numpy(truth)[None, None].float()
    unknown = (exact > 0.02) & (exact < 0.98)
    begun = torch.where(unknown, torch.full_like(exact, 0.5), exact)
    found = matting.closed_form(colours, begun, unknown)
    assert float((found - exact).abs()[unknown].mean()) < 0.03 < 0.2 < float((begun - exact).abs()[unknown].mean())
    assert torch.equal(found[~unknown], (exact[~unknown] >= 0.5).float())


def test_the_laplacian_is_symmetric_and_knows_lines() -> None:
    torch.manual_seed(0)
    colours = torch.rand(1, 3, 14, 17)
    product = matting.Laplacian(colours, radius=2, epsilon=1e-6)
    first, second = torch.randn(1, 1, 14, 17), torch.randn(1, 1, 14, 17)
    assert float((first * (product @ second)).sum()) == pytest.approx(float((second * (product @ first)).sum()), rel=1e-3)
    line = (colours * torch.tensor([0.3, -0.2, 0.7])[:, None, None]).sum(1, keepdim=True) + 0.1
    assert float((product @ line).abs().max()) < 1e-2 < float((product @ first).abs().max())
    assert float((first * (product @ first)).sum()) > 0


@pytest.mark.parametrize(
    ("text", "colour"), [("white", (255, 255, 255)), ("Orange", (255, 165, 0)), ("#08f", (0, 136, 255)), ("blur", None)]
)
def test_words_of_background(text: str, colour: Any) -> None:
    assert background.is_word(text) and background.parse(text) == colour
    assert not background.is_word(f"./{text}") and not background.is_word(f"{text}.jpg" if text[0] != "#" else "x")
