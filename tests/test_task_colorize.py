"""The colorize task: lightness kept, gamut, edges, strength, hints, palettes, profiles, every size and depth."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genkit.errors import InputError, RunError, UsageError
from genkit.media.pictures.colour import to_srgb
from genkit.media.pictures.metadata import Metadata
from genkit.media.pictures.picture import Picture
from genkit.models.colorize.colorizing import Colorize
from genkit.models.upscale import compact
from genkit.nets.gamut import fit_gamut
from genkit.nets.lab import lab_to_rgb, rgb_to_lab
from genkit.verbs.colorize.hints import Hints
from genkit.verbs.colorize.palette import Palette
from genkit.verbs.colorize.task import STRIP_PIXELS, ColorizeOptions, check, colorize, lightness_of, put_together

CPU = torch.device("cpu")
Chroma = Callable[..., Tensor]


def model(chroma: Chroma, size: int = 32, **options: Any) -> Colorize:
    """A model whose chroma is a function of the lightness."""

    def run(network: nn.Module, lightness: Tensor, hints: Any = None, known: Any = None) -> Tensor:
        return chroma(lightness, hints, known)

    return Colorize(nn.Identity(), device=CPU, dtype=torch.float32, size=size, chroma=run, **options)


def fit(lab: Tensor) -> Tensor:
    return torch.from_numpy(fit_gamut(lab.numpy()))


def constant(a: float, b: float) -> Chroma:
    return lambda lightness, hints, known: torch.tensor([a, b]).view(1, 2, 1, 1).expand(-1, -1, *lightness.shape[2:]).clone()


def by_place(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
    """Every hue and saturation, at a quarter of the side, from -110 to 110."""
    height, width = (side // 4 for side in lightness.shape[2:])
    a, b = torch.meshgrid(torch.linspace(-110, 110, height), torch.linspace(-110, 110, width), indexing="ij")
    return torch.stack([a, b])[None]


def lightness_in(pixels: np.ndarray) -> np.ndarray:
    """Measured another way than the task does."""
    from skimage.color import rgb2lab

    values = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels
    return rgb2lab(values / np.float64(np.iinfo(pixels.dtype).max))[..., 0]


def texture(height: int, width: int, channels: int, dtype: Any = np.uint8) -> np.ndarray:
    """All values, blacks and whites among them."""
    rng = np.random.default_rng(height + width)
    peak = np.iinfo(dtype).max
    rough = rng.integers(0, peak, (height, width, channels), endpoint=True).astype(dtype)
    rough[: height // 4] //= 16
    rough[height // 4 : height // 3] = 0
    rough[-(height // 8) :] = peak
    return rough


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.0, 1.0, 2.0])
def test_lightness_is_the_inputs_own(dtype: Any, channels: int, strength: float) -> None:
    pixels = texture(61, 83, channels, dtype)
    result, _ = colorize(model(by_place), pixels, None, ColorizeOptions(strength=strength))
    assert result.shape == (61, 83, 3) and result.dtype == dtype
    drift = np.abs(lightness_in(result) - lightness_in(pixels))
    assert drift.max() <= (0.5 if dtype == np.uint8 else 0.01)
    if strength == 0 and channels == 1:
        assert (result == pixels).all()


def test_before_rounding_lightness_is_exact_and_every_colour_is_shown() -> None:
    lightness = torch.linspace(0, 100, 101).view(1, 1, 101, 1).expand(-1, -1, -1, 64)
    angle = torch.linspace(0, 6.28, 64).view(1, 1, 1, 64)
    for chroma in (5.0, 60.0, 180.0):
        ab = torch.cat([angle.cos(), angle.sin()], 1).expand(-1, -1, 101, -1) * chroma
        rgb = torch.from_numpy(put_together(lightness.numpy(), ab.numpy()))
        assert rgb.min() >= 0 and rgb.max() <= 1
        back = rgb_to_lab(rgb)
        assert (back[:, :1] - lightness).abs().max() < 0.005
        hue = back[:, 1] * ab[:, 1] - back[:, 2] * ab[:, 0]  # of the same direction: no turn in hue
        assert (hue.abs() / chroma).max() < 0.2


def test_only_what_does_not_fit_is_reduced_and_by_no_more_than_it_takes() -> None:
    inside = torch.tensor([50.0, 20.0, 10.0]).view(1, 3, 1, 1)
    assert np.array_equal(fit_gamut(inside.numpy()), lab_to_rgb(inside.numpy()).clip(0, 1))
    outside = torch.tensor([50.0, 150.0, 20.0]).view(1, 3, 1, 1)
    fitted = fit(outside)
    assert min(float(fitted.min()), 1 - float(fitted.max())) < 0.01, "on the boundary"
    assert fit(torch.tensor([0.0, 50, 50]).view(1, 3, 1, 1)).abs().max() < 1e-4
    assert (fit(torch.tensor([100.0, -50, 50]).view(1, 3, 1, 1)) - 1).abs().max() < 1e-3


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 50), (3, 400), (500, 2), (40, 40), (130, 61)])
@pytest.mark.parametrize("square", [False, True])
def test_any_size(height: int, width: int, square: bool) -> None:
    seen = []

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        seen.append(tuple(lightness.shape[2:]))
        return by_place(lightness, hints, known)

    pixels = texture(height, width, 1)
    alpha = np.arange(height * width).reshape(height, width).astype(np.uint8)
    result, kept = colorize(model(chroma, 32, multiple=8, square=square), pixels, alpha, ColorizeOptions())
    assert result.shape == (height, width, 3)
    assert kept is alpha
    assert np.abs(lightness_in(result) - lightness_in(pixels)).max() <= 0.5
    shorter, longer = min(seen[0]), max(seen[0])
    assert shorter % 8 == longer % 8 == 0 and longer <= 3 * 32 and shorter >= 8
    if square:
        assert seen[0] == (32, 32)


def test_the_working_size_keeps_the_aspect_ratio() -> None:
    shown = model(by_place, 256, multiple=16)
    assert shown.working_size(3000, 4000) == (256, 336)
    assert shown.working_size(4000, 3000) == (336, 256)
    assert shown.working_size(1000, 4000) == (192, 768)
    assert shown.working_size(10, 10000) == (80, 768)


def two_regions(side: int = 512) -> tuple[np.ndarray, Tensor]:
    """Dark and red beside bright and green, the border off the grid of the model, and its true ab."""
    pixels = np.full((side, side, 1), 70, np.uint8)
    border = side * 3 // 8 + 5
    pixels[:, border:] = 170
    ab = torch.zeros(1, 2, side, side)
    ab[:, 0, :, :border], ab[:, 0, :, border:] = 30, -30
    return pixels, ab


def test_edges_of_the_chroma_lie_on_edges_of_the_lightness() -> None:
    pixels, truth = two_regions()

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        return interpolate(truth, [side // 4 for side in lightness.shape[2:]], mode="bilinear", antialias=True)

    result, _ = colorize(model(chroma, 128), pixels, None, ColorizeOptions())
    lab = rgb_to_lab(torch.from_numpy(result).permute(2, 0, 1)[None] / 255)
    wrong = (lab[0, 1] - truth[0, 0]).abs()
    plain = interpolate(chroma(torch.zeros(1, 1, 128, 128), truth, truth), truth.shape[2:], mode="bilinear")
    plain_wrong = (plain[0, 0] - truth[0, 0]).abs()
    assert (plain_wrong > 6).sum(1).float().mean() > 10, "the problem that is solved here"
    assert (wrong > 6).sum(1).max() <= 2, "within a pixel or two"
    assert lab[0, 1].max() < 31.5 and lab[0, 1].min() > -31.5, "no halo"


def test_a_glint_brings_no_halo() -> None:
    pixels, truth = two_regions()
    pixels[200:203] = 255  # brighter than anything the model saw, and thinner than its pixels

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        return interpolate(truth, [side // 4 for side in lightness.shape[2:]], mode="bilinear", antialias=True)

    result, _ = colorize(model(chroma, 128), pixels, None, ColorizeOptions())
    ab = rgb_to_lab(torch.from_numpy(result).permute(2, 0, 1)[None] / 255)[0, 1:]
    assert ab[0].max() < 31.5 and ab[0].min() > -31.5 and ab[1].abs().max() < 2


def test_strength_scales_the_chroma() -> None:
    pixels = np.full((40, 40, 1), 30000, np.uint16)
    chroma = []
    for strength in (0, 0.5, 1, 2):
        result, _ = colorize(model(constant(12, -9)), pixels, None, ColorizeOptions(strength=strength))
        chroma.append(float(rgb_to_lab(torch.from_numpy(result / 65535).permute(2, 0, 1)[None])[:, 1:].norm(dim=1).mean()))
    assert chroma == pytest.approx([0, 7.5, 15, 30], abs=0.01)
    for strength in (-0.1, 2.1, float("nan")):
        with pytest.raises(UsageError, match="--strength"):
            check(ColorizeOptions(strength=strength))


def test_hidden_colours_do_not_reach_the_model() -> None:
    seen = []

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        seen.append(lightness)
        return torch.zeros(1, 2, 8, 8)

    pixels, alpha = np.full((64, 64, 3), 200, np.uint8), np.full((64, 64), 255, np.uint8)
    alpha[:, :40], pixels[:, :40] = 0, 0
    colorize(model(chroma), pixels, alpha, ColorizeOptions())
    assert seen[0].min() > 75


def strokes(side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    pixels, alpha = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.uint8)
    pixels[50:70, 20:60], alpha[50:70, 20:60] = (250, 40, 30), 255
    pixels[120:121, 100:190], alpha[120:121, 100:190] = (30, 60, 240), 200  # a thin line
    alpha[0:5, 0:5] = 100  # too faint to count
    return pixels, alpha


def test_hints_come_to_the_model_at_its_size() -> None:
    seen: list[Tensor] = []

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        seen.extend([hints, known])
        return hints

    hints = Hints.of(*strokes(), "strokes.png")
    taking = model(chroma, 32, hints=True)
    colorize(taking, np.full((400, 401, 1), 128, np.uint8), None, ColorizeOptions(hints=hints))
    given, known = seen
    assert set(known.unique().tolist()) == {0, 1} and known[0, 0, 0, 0] == 0
    assert given[0, 0, 9, 6] > 40 and known[0, 0, 9, 6] == 1
    assert known[0, 0, 19, 17:30].all(), "a line thinner than a working pixel is there"
    assert given[0, 1, 19, 20] < -40
    assert not given[:, :, known[0, 0] == 0].any()
    with pytest.raises(InputError, match="200x200 is another shape than the picture's 300x200"):
        colorize(taking, np.zeros((200, 300, 1), np.uint8), None, ColorizeOptions(hints=hints))
    with pytest.raises(UsageError, match="takes no hints"):
        colorize(model(chroma), np.zeros((20, 20, 1), np.uint8), None, ColorizeOptions(hints=hints))


def test_what_cannot_be_hints_or_a_reference_is_refused() -> None:
    pixels, alpha = strokes()
    with pytest.raises(UsageError, match="no transparency"):
        Hints.of(pixels, None, "a.png")
    with pytest.raises(UsageError, match="transparent everywhere"):
        Hints.of(pixels, alpha // 4, "a.png")
    for grey in (np.full((9, 9, 1), 50, np.uint8), np.full((9, 9, 3), 50, np.uint8)):
        with pytest.raises(UsageError, match="no colours"):
            Palette.of(grey, None, "a.png")


def sunset() -> np.ndarray:
    """Blue lights and orange shadows."""
    lightness = torch.linspace(10, 95, 60).view(1, 1, 60, 1).expand(-1, -1, -1, 60)
    turn = (lightness - 50) / 45
    wave = torch.linspace(-8, 8, 60).view(1, 1, 1, 60).expand(-1, -1, 60, -1)
    rgb = fit(torch.cat([lightness, -12 * turn + wave, -30 * turn], 1))
    return (rgb[0].permute(1, 2, 0) * 255).round().byte().numpy()


def mean_ab(pixels: np.ndarray) -> np.ndarray:
    return rgb_to_lab(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)[0, 1:].mean((1, 2)).numpy()


def test_a_reference_brings_pictures_together_and_says_which_light_has_which_colour() -> None:
    palette = Palette.of(sunset(), None, "sunset.png")
    rng = np.random.default_rng(0)
    ramp = np.linspace(20, 235, 96).astype(np.uint8)
    pictures = [np.tile(ramp, (96, 1))[..., None], np.tile(ramp[::-1], (64, 1)).T.copy()[..., None]]
    pictures.append(np.clip(pictures[0] + rng.normal(0, 20, pictures[0].shape), 0, 255).astype(np.uint8))

    def chroma(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        spread = by_place(lightness, hints, known) / 8
        return spread + torch.tensor([float(lightness.std()), -float(lightness[0, 0, 0, 0])]).view(1, 2, 1, 1) / 3

    plain = [colorize(model(chroma), one, None, ColorizeOptions())[0] for one in pictures]
    drawn = [colorize(model(chroma), one, None, ColorizeOptions(palette=palette))[0] for one in pictures]
    apart = np.ptp([mean_ab(one) for one in plain], axis=0).max()
    assert np.ptp([mean_ab(one) for one in drawn], axis=0).max() < 0.35 * apart
    bright, dark = mean_ab(drawn[0][:, -20:]), mean_ab(drawn[0][:, :20])
    assert bright[1] < -5 and dark[1] > 5, "blue lights, orange shadows, as the reference has"
    again = colorize(model(chroma), pictures[0], None, ColorizeOptions(palette=palette))[0]
    assert (again == drawn[0]).all()


def test_a_palette_does_not_blow_up_what_is_grey() -> None:
    palette = Palette.of(sunset(), None, "sunset.png")
    rng = np.random.default_rng(0)
    lightness, grey = rng.random((1, 1, 16, 16), np.float32) * 100, rng.standard_normal((1, 2, 16, 16), np.float32) * 0.01
    ab = palette.apply(lightness, grey)
    assert np.isfinite(ab).all() and np.abs(ab).max() < 50
    assert np.isfinite(palette.apply(lightness[..., :1, :1], 0 * grey[..., :1, :1])).all()


def test_a_model_that_fails_is_told() -> None:
    broken = model(lambda lightness, hints, known: torch.full((1, 2, 8, 8), torch.nan))
    with pytest.raises(RunError, match="no numbers"):
        colorize(broken, np.zeros((9, 9, 1), np.uint8), None, ColorizeOptions())

    def huge(lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(RunError, match="out of memory on cpu"):
        colorize(model(huge), np.zeros((9, 9, 1), np.uint8), None, ColorizeOptions())
    with pytest.raises(UsageError, match="gives no colours"):
        colorize(
            compact.transform(compact.build(4, 1, 2), CPU, torch.float32),
            np.zeros((9, 9, 1), np.uint8),
            None,
            ColorizeOptions(),
        )


def test_the_plain_call_keeps_lightness_too() -> None:
    images = torch.rand(2, 3, 37, 50)
    result = OnTensors(model(lambda *given: by_place(*given).expand(2, -1, -1, -1)))(images)
    assert result.shape == images.shape
    assert (rgb_to_lab(result)[:, 0] - rgb_to_lab(images)[:, 0]).abs().max() < 0.01


def test_memory_stays_bounded() -> None:
    pixels = np.tile(np.arange(256, dtype=np.uint8), (3000, 8))[..., None]  # six megapixels
    tracemalloc.start()
    colorize(model(constant(10, 10)), pixels, None, ColorizeOptions())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6 * (3 + 2) + 128 * STRIP_PIXELS, "the result, the lightness, and the float planes of one strip"


def profile(kind: str, **options: Any) -> bytes:
    imagecodecs = pytest.importorskip("imagecodecs")
    return imagecodecs.cms_profile(kind, **options)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_is_read_through_the_files_profile(dtype: Any) -> None:
    notices: list[str] = []
    peak = int(np.iinfo(dtype).max)
    grey = Picture(np.full((4, 4, 1), peak // 2, dtype), metadata=Metadata(icc=profile("gray", gamma=1.0)))
    shown = to_srgb(grey, notices.append)
    assert shown.metadata.icc is None and grey.metadata.icc is not None and "sRGB" in notices[0]
    assert float(lightness_of(shown.pixels).mean()) == pytest.approx(76.1, abs=0.4)  # half the light
    wide = Picture(np.full((4, 4, 3), peak // 2, dtype), metadata=Metadata(icc=profile("adobergb")))
    assert to_srgb(wide).metadata.icc is None and to_srgb(wide).pixels.dtype == dtype
    own = Picture(texture(4, 4, 3), metadata=Metadata(icc=profile("srgb")))
    assert to_srgb(own) is own
    none = Picture(texture(4, 4, 1))
    assert to_srgb(none) is none
    damaged = Picture(texture(4, 4, 3), metadata=Metadata(icc=b"x" * 200))
    assert (to_srgb(damaged, notices.append).pixels == damaged.pixels).all() and "damaged" in notices[-1]


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_the_lightness_that_is_looked_up_is_that_of_lab(depth: type) -> None:
    from genkit.nets.lab import rgb_to_lab

    peak = int(np.iinfo(depth).max)
    pixels = np.random.default_rng(0).integers(0, peak, (40, 50, 3), depth, endpoint=True)
    images = (pixels.astype(np.float32) / peak).transpose(2, 0, 1)[None]
    assert np.abs(lightness_of(pixels) - rgb_to_lab(images)[:, :1]).max() < 1e-3
    grey = lightness_of(pixels[..., :1])
    assert np.abs(grey - rgb_to_lab(images[:, :1].repeat(3, 1))[:, :1]).max() < 1e-3
