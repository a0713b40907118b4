"""The inpaint task with networks that say what they saw: exactness, crops, coarse to fine, seams, and what must be refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors

from genkit.errors import InputError, RunError, UsageError
from genkit.models.inpaint import inpainter
from genkit.models.inpaint.filling import Fill
from genkit.nets.pyramid import fill_smoothly
from genkit.pixels.holes import distance
from genkit.verbs.inpaint import rim
from genkit.verbs.inpaint.task import InpaintOptions, inpaint

CPU = torch.device("cpu")
PLAIN = InpaintOptions(grow=2, feather=3)


class Seen:
    """A filler that answers smoothly and notes the crops it was given."""

    def __init__(self) -> None:
        self.crops: list[tuple[int, int]] = []
        self.seeds: list[Any] = []

    def to(self, *args: Any, **options: Any) -> Seen:
        return self

    def __call__(self, network: Any, images: torch.Tensor, masks: torch.Tensor, **options: Any) -> torch.Tensor:
        self.crops.append((images.shape[-2], images.shape[-1]))
        self.seeds.append(options.get("seeds"))
        assert not bool((images * masks).any()), "what is under the mask reached the network"
        return fill_smoothly(images, masks)


def smooth(size: int = 64, **options: Any) -> tuple[Fill, Seen]:
    seen = Seen()
    return Fill(seen, device=CPU, dtype=torch.float32, size=size, run=seen, **options), seen


def scene(height: int, width: int, kind: type = np.uint8, channels: int = 3) -> np.ndarray:
    """Gradients with fine noise on them."""
    rows, columns = np.mgrid[:height, :width]
    planes = [rows / height, columns / width, (rows + columns) / (height + width)][:channels]
    noise = np.random.default_rng(0).normal(0, 0.02, (height, width, channels))
    return (np.clip(np.stack(planes, 2) * 0.8 + 0.1 + noise, 0, 1) * np.iinfo(kind).max).astype(kind)


def disc(height: int, width: int, row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.hypot(rows - row, columns - column) <= radius


MASKS = {
    "a disc": disc(200, 300, 90, 120, 20),
    "a disc thicker than the crop": disc(200, 300, 100, 150, 80),
    "at the edge": disc(200, 300, 0, 299, 50),
    "a wire": np.abs(np.subtract.outer(np.arange(200) * 1.4, np.arange(300))) < 3,
    "two discs": disc(200, 300, 30, 30, 10) | disc(200, 300, 150, 250, 15),
    "all but a strip": np.arange(300)[None].repeat(200, 0) > 20,
    "one pixel": disc(200, 300, 199, 0, 0.5),
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_not_one_bit_changes_outside_and_every_pixel_is_repainted_inside(name: str, kind: type, channels: int) -> None:
    mask, pixels = MASKS[name], scene(200, 300, kind, channels)
    marked = pixels.copy()
    marked[mask] = np.iinfo(kind).max  # what is to go is white, and nothing else is
    result, alpha = inpaint(smooth()[0], marked, None, mask, PLAIN)
    kept = distance(mask, 5) > 5
    assert (result[kept] == marked[kept]).all() and alpha is None
    assert result.dtype == kind and result.shape == pixels.shape
    assert result[mask].max() < np.iinfo(kind).max
    difference = np.abs(result.astype(int) - pixels)[mask] / np.iinfo(kind).max
    assert difference.mean() < (0.1 if mask.mean() < 0.5 else 0.4)
    assert (marked[mask] == np.iinfo(kind).max).all(), "the input was written to"


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (7, 9), (130, 65)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    network = inpainter.build([4, 8, 8], [1, 2])
    model = inpainter.transform(network, CPU, torch.float32, size=64)
    pixels, mask = scene(*size), np.zeros(size, bool)
    mask[: -(-size[0] // 3), : -(-size[1] // 3)] = True
    if size == (1, 1):
        with pytest.raises(InputError, match="the whole picture"):
            inpaint(model, pixels, None, mask, InpaintOptions(0, 0))
        return
    result, _ = inpaint(model, pixels, None, mask, InpaintOptions(0, 0))
    assert (result[~mask] == pixels[~mask]).all() and result.shape == pixels.shape


def test_an_empty_mask_is_no_work_and_a_full_one_is_refused() -> None:
    model, seen = smooth()
    pixels, said = scene(20, 20), []
    result, _ = inpaint(model, pixels, None, np.zeros((20, 20), bool), PLAIN, said.append)
    assert (result == pixels).all() and not seen.crops and "empty" in said[0]
    with pytest.raises(InputError, match="covers the whole picture: nothing"):
        inpaint(model, pixels, None, np.ones((20, 20), bool), PLAIN)
    almost = np.ones((20, 20), bool)
    almost[0, 0] = False
    with pytest.raises(InputError, match="once it is grown by 2 pixels"):
        inpaint(model, pixels, None, almost, PLAIN)


def test_a_model_with_a_prompt_paints_the_whole_picture() -> None:
    model, seen = smooth(stochastic=True, options=("prompt",))
    options = InpaintOptions(model_options={"prompt": "a lake"})
    inpaint(model, scene(64, 64), None, np.ones((64, 64), bool), options, seed=7)
    assert seen.seeds == [[7]]


def test_a_small_hole_in_a_large_picture_costs_its_crop() -> None:
    model, seen = smooth()
    inpaint(model, scene(1000, 1500), None, disc(1000, 1500, 500, 700, 10), PLAIN)
    assert seen.crops == [(64, 64)]


def test_a_wire_is_filled_at_full_resolution_in_crops() -> None:
    model, seen = smooth()
    inpaint(model, scene(200, 300), None, MASKS["a wire"], PLAIN)
    assert len(seen.crops) > 4 and set(seen.crops) == {(64, 64)}


def test_a_thick_hole_goes_coarse_to_fine_without_a_visible_step() -> None:
    model, seen = smooth()
    pixels, mask = scene(256, 256), disc(256, 256, 128, 128, 70)
    result, _ = inpaint(model, pixels, None, mask, replace(PLAIN, texture=0))
    assert len(seen.crops) > 3
    step = np.abs(np.diff(result.astype(int), axis=1)).max(2)[:, 1:][mask[:, 2:]]
    assert np.percentile(step, 99) <= 8, "the noise around the hole has steps of this size"


def test_a_drawing_model_is_asked_once_at_its_own_size_with_the_seed() -> None:
    model, seen = smooth(stochastic=True)
    said: list[str] = []
    inpaint(model, scene(400, 400), None, disc(400, 400, 200, 200, 100), PLAIN, said.append, seed=3)
    assert seen.crops == [(64, 64)] and seen.seeds == [[3]] and "enlarged" in said[0]
    inpaint(model, scene(20, 20), None, disc(20, 20, 9, 9, 3), PLAIN)
    assert seen.crops[-1] == (64, 64), "a small picture is enlarged for a model that draws"


def test_transparency() -> None:
    pixels, mask = scene(60, 60), disc(60, 60, 30, 30, 8)
    alpha = np.where(mask, 0, 255).astype(np.uint8)
    alpha[:, 0] = 0
    pixels[mask] = pixels[:, 0] = 0
    result, opaque = inpaint(smooth()[0], pixels, alpha, mask, PLAIN, opaque=True)
    assert opaque is not None and opaque[mask].min() == 255 and (opaque[:, 0] == 0).all()
    assert result[mask].min() > 40, "the black under transparent pixels was looked at"
    kept = distance(mask, 5) > 5
    assert (result[kept] == pixels[kept]).all()
    _, same = inpaint(smooth()[0], pixels, alpha, mask, PLAIN)
    assert same is alpha


def test_what_is_hidden_by_transparency_keeps_its_bits_and_is_not_looked_at() -> None:
    pixels, alpha = scene(64, 64), np.full((64, 64), 255, np.uint8)
    alpha[:, 40:] = 0
    pixels[:, 40:] = (255, 0, 255)
    mask = disc(64, 64, 32, 30, 8)
    result, _ = inpaint(smooth()[0], pixels, alpha, mask, replace(PLAIN, texture=0))
    kept = distance(mask, 5) > 5
    assert (result[kept] == pixels[kept]).all()
    assert np.abs(result[mask].astype(int) - scene(64, 64)[mask]).max() < 60


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="--feather 2000"):
        inpaint(smooth()[0], scene(8, 8), None, np.eye(8, dtype=bool), InpaintOptions(feather=2000))


def test_a_model_without_numbers_is_refused() -> None:
    def broken(network: Any, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        return images / 0 * 0

    model = Fill(Seen(), device=CPU, dtype=torch.float32, size=64, run=broken)
    with pytest.raises(RunError, match="no numbers"):
        inpaint(model, scene(20, 20), None, disc(20, 20, 9, 9, 2), PLAIN)


def test_out_of_memory_on_the_cpu_is_told() -> None:
    def hungry(network: Any, images: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    model = Fill(Seen(), device=CPU, dtype=torch.float32, size=64, run=hungry)
    with pytest.raises(RunError, match="out of memory on cpu"):
        inpaint(model, scene(20, 20), None, disc(20, 20, 9, 9, 2), PLAIN)


@pytest.mark.parametrize("size", [(64, 64), (17, 90), (5, 3)])
def test_the_shape_pads_by_its_rules_and_hides_what_is_masked(size: tuple[int, int]) -> None:
    seen = Seen()
    model = OnTensors(Fill(seen, device=CPU, dtype=torch.float32, size=64, multiple=8, minimum=16, run=seen))
    images, masks = torch.rand(2, 3, *size), torch.zeros(2, 1, *size)
    masks[..., :2, :2] = 1
    assert model(images, masks).shape == images.shape
    assert all(side % 8 == 0 and side >= 16 for side in seen.crops[0])
    with pytest.raises(UsageError, match="no option 'steps'"):
        model(images, masks, steps=3)


def leaves(height: int, width: int, kind: type = np.uint8, channels: int = 3) -> np.ndarray:
    """Coarse noise: what a smooth filling lacks is plain to see."""
    noise = np.random.default_rng(2).normal(0, 1, (height, width, channels))
    rough = sum(np.roll(noise, (row, column), (0, 1)) for row in range(3) for column in range(3)) / 3
    return (np.clip(0.5 + 0.15 * rough, 0, 1) * np.iinfo(kind).max).astype(kind)


def roughness(pixels: np.ndarray, where: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean(2)[where[:, 1:]].mean() / np.iinfo(pixels.dtype).max)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_wide_hole_gets_the_texture_around_it(kind: type, channels: int) -> None:
    pixels, mask = leaves(160, 200, kind, channels), disc(160, 200, 80, 100, 30)
    filled, _ = inpaint(smooth()[0], pixels, None, mask, PLAIN)
    plain, _ = inpaint(smooth()[0], pixels, None, mask, replace(PLAIN, texture=0))
    kept = distance(mask, 5) > 5
    assert (filled[kept] == pixels[kept]).all()
    assert roughness(plain, mask) < 0.3 * roughness(pixels, ~mask), "the model painted texture, and the test tests nothing"
    assert 0.6 < roughness(filled, mask) / roughness(pixels, ~mask) < 1.3
    half, _ = inpaint(smooth()[0], pixels, None, mask, replace(PLAIN, texture=0.5))
    assert roughness(plain, mask) < roughness(half, mask) < roughness(filled, mask)


def test_the_texture_differs_by_the_seed_and_repeats_by_it() -> None:
    pixels, mask = leaves(160, 200), disc(160, 200, 80, 100, 30)
    once, again, other = (inpaint(smooth()[0], pixels, None, mask, PLAIN, seed=seed)[0] for seed in (0, 0, 1))
    assert (once == again).all() and (once != other).any()


@pytest.mark.parametrize("name", ["a flat picture", "a thin hole"])
def test_what_lacks_no_texture_stays_as_the_model_gave_it(name: str) -> None:
    pixels, mask = leaves(160, 200), disc(160, 200, 80, 100, 30)
    if name == "a flat picture":
        pixels = np.full_like(pixels, 90)
    else:
        mask = np.zeros_like(mask)
        mask[80:84, 20:180] = True
    auto, _ = inpaint(smooth()[0], pixels, None, mask, PLAIN)
    plain, _ = inpaint(smooth()[0], pixels, None, mask, replace(PLAIN, texture=0))
    assert (auto == plain).all()


def test_no_texture_comes_from_what_is_transparent() -> None:
    pixels, mask = leaves(160, 200), disc(160, 200, 80, 100, 25)
    alpha = np.full((160, 200), 255, np.uint8)
    alpha[:, 130:] = 0
    one, two = pixels.copy(), pixels.copy()
    one[:, 130:], two[:, 130:] = (255, 0, 255), (0, 255, 0)
    painted = [inpaint(smooth()[0], each, alpha, mask, PLAIN)[0][mask & (alpha > 0)] for each in (one, two)]
    assert (painted[0] == painted[1]).all()


def test_the_feathered_band_is_evidence_and_is_blended() -> None:
    class Known(Seen):
        def __call__(self, network: Any, images: torch.Tensor, masks: torch.Tensor, **options: Any) -> torch.Tensor:
            self.hidden = int(masks.sum())
            return torch.ones_like(images)  # also where the picture is known, as a decoder of latents does

    seen = Known()
    model = Fill(seen, device=CPU, dtype=torch.float32, size=64, run=seen)
    model.stochastic = True
    mask = disc(64, 64, 32, 32, 5)
    before = np.full((64, 64, 3), 100, np.uint8)
    result, _ = inpaint(model, before, None, mask, InpaintOptions(grow=0, feather=6, texture=0))
    assert seen.hidden == mask.sum()
    band = (distance(mask, 8) <= 6) & ~mask
    assert (result[mask] == 255).all() and (result[~mask & ~band] == 100).all()
    ring = [float(result[np.rint(distance(mask, 8)) == step].mean()) for step in range(1, 7)]
    assert ring == sorted(ring, reverse=True) and ring[0] > 230 and 100 < ring[-1] < 130


def test_margins_follow_the_size_of_the_picture() -> None:
    assert [rim.margin(shape) for shape in ((256, 256), (480, 640), (1000, 1000), (3000, 4000))] == [0, 1, 2, 8]


@pytest.mark.parametrize(("halo", "least", "most"), [(0, 0, 1), (4, 4, 6), (8, 7, 10)])
def test_grow_auto_finds_what_the_mask_has_left(halo: int, least: int, most: int) -> None:
    pixels = scene(300, 300).astype(float)
    thing = disc(300, 300, 150, 140, 30)
    fading = np.clip(1 - (distance(thing, 20) - halo + 1) / 2, 0, 1) if halo else thing.astype(float)
    shown = (pixels * (1 - fading[..., None]) + 20 * fading[..., None]).astype(np.uint8)
    assert least <= rim.traces(shown, thing) <= most


def test_a_tile_stays_a_tile() -> None:
    rows, columns = np.mgrid[:96, :128]
    waves = 128 + 60 * np.sin(2 * np.pi * (rows / 96 + 2 * columns / 128)) + 40 * np.cos(2 * np.pi * 3 * rows / 96)
    tile = np.repeat(waves[..., None], 3, 2).astype(np.uint8)
    mask = np.roll(disc(96, 128, 48, 64, 9), (48, 64), (0, 1))  # over the corner
    cut = np.where(mask[..., None], np.uint8(0), tile)
    model, _ = smooth()

    def error(**options: Any) -> float:
        result, _ = inpaint(model, cut, None, mask, InpaintOptions(grow=0, feather=0, texture=0, **options))
        assert (result[~mask] == tile[~mask]).all()
        turned = np.roll(result, (48, 64), (0, 1)).astype(float)
        return float(np.abs(np.diff(turned, axis=0))[47].max() + np.abs(np.diff(turned, axis=1))[:, 63].max())

    assert error(wrap=True) < error() / 2


def test_a_hole_round_the_whole_torus_is_closed() -> None:
    mask = np.zeros((96, 96), bool)
    mask[40:56] = mask[:, 30:50] = True  # no row and no column is free of it
    tile = scene(96, 96)
    model, _ = smooth()
    options = InpaintOptions(grow=0, feather=0, texture=0, wrap=True)
    result, _ = inpaint(model, np.where(mask[..., None], np.uint8(0), tile), None, mask, options)
    assert (result[~mask] == tile[~mask]).all() and (result[mask] > 0).any(1).all()
