"""Style as a task: tiles that share statistics, weights, strength, colours and masks, and what memory or a half format does."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors

from genkit.errors import RunError, UsageError
from genkit.models.style import johnson, microast, stylizer
from genkit.models.upscale import compact
from genkit.pixels import shared_statistics
from genkit.pixels.arrays import to_images
from genkit.verbs.style import task
from genkit.verbs.style.task import StyleOptions, Styles

CPU = torch.device("cpu")


def noise(height: int, width: int, seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    """A picture whose parts differ in brightness, so that statistics of parts are not those of the whole."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.1, 0.8, width)[None, :, None] * np.linspace(1, 0.4, height)[:, None, None]
    picture = np.clip(ramp + rng.uniform(0, 0.2, (height, width, 3)), 0, 1)
    return (picture * np.iinfo(dtype).max).astype(dtype)


def model_of(family: str) -> Any:
    """A random network whose last layer is turned until its pictures have contrast around a medium grey."""
    network: Any
    if family == "johnson":
        network = johnson.build("torch", (2, 3, 4), 1)
        model, last, peak = johnson.transform(network, CPU, torch.float32), network.deconv3.conv2d, 255
    elif family == "microast":
        network = microast.build(2)
        with torch.no_grad():  # as drawn, hardly anything of the picture arrives at the end, and rounding would be enlarged
            for weight in network.parameters():
                weight.mul_(2)
        model, last, peak = microast.transform(network, CPU, torch.float32), network.decoder.dec3[-1].conv_layer, 1
    else:
        network = stylizer.build((4, 6, 8))
        torch.nn.init.normal_(network.mark[2].weight, std=0.2)
        model, last, peak = stylizer.transform(network, CPU, torch.float32), network.last, 0
    images = torch.from_numpy(noise(64, 64)).permute(2, 0, 1)[None] / 255
    called = OnTensors(model)
    result = called(images, [] if model.own_style else called.style(images.flip(3)))
    factor = 0.15 / result.std((2, 3)).mean()
    last.weight.data *= factor
    if peak:
        last.bias.data = (0.5 * peak - factor * (result.mean((0, 2, 3)) * peak - last.bias)).detach()
    return model


@pytest.fixture
def model() -> Any:
    return model_of("stylizer")


def options_for(model: Any, **given: Any) -> StyleOptions:
    return StyleOptions(styles=None if model.own_style else Styles([noise(80, 90, 7)]), **given)


@pytest.mark.parametrize("family", ["stylizer", "microast", "johnson"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_give_the_picture_that_the_whole_gives(family: str, dtype: Any) -> None:
    model = model_of(family)
    pixels = noise(203, 310, dtype=dtype)
    options = options_for(model, tile=0)
    whole, _ = task.style(model, pixels, None, options)
    tiled, _ = task.style(model, pixels, None, replace(options, tile=96))
    assert whole.shape == tiled.shape == pixels.shape and whole.dtype == dtype
    step = 1 if dtype == np.uint8 else 16  # a sixteenth of that: float32 rounds otherwise in parts than in the whole
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= step
    left = model(to_images(pixels[:96, :96]), _code(model, options))
    part = left[0].transpose(1, 2, 0).clip(0, 1) * np.iinfo(dtype).max
    assert np.abs(part - whole[:96, :96]).max() > step * 2  # with its own statistics a tile is another picture


def _code(model: Any, options: StyleOptions) -> Any:
    return options.styles.code(model) if options.styles else []


def test_moments_of_parts_are_those_of_the_whole() -> None:
    features = torch.rand(1, 3, 40, 50) + 100
    moments = shared_statistics.Moments()
    for part in (features[:, :, :7], features[:, :, 7:39], features[:, :, 39:]):
        moments.add(part.numpy())
    for unbiased in (True, False):
        mean, deviation = map(torch.from_numpy, moments.statistics(1e-5, unbiased))
        variance, expected = torch.var_mean(features.double(), (2, 3), keepdim=True, correction=int(unbiased))
        assert torch.allclose(mean, expected.float()) and torch.allclose(deviation, (variance + 1e-5).sqrt().float())


def test_strength_runs_from_the_input_to_the_style(model: Any) -> None:
    pixels = noise(40, 50)
    options = options_for(model)
    whole = task.style(model, pixels, None, options)[0].astype(int)
    assert (task.style(model, pixels, None, replace(options, strength=0))[0] == pixels).all()
    before = pixels.astype(int)
    assert np.abs(task.style(model, pixels, None, replace(options, strength=0.001))[0] - before).max() <= 2
    half = task.style(model, pixels, None, replace(options, strength=0.5))[0].astype(int)
    assert np.abs(half - (before + whole) / 2).max() <= 0.5
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="--strength"):
            task.style(model, pixels, None, replace(options, strength=wrong))


def test_styles_are_mixed_by_their_shares(model: Any) -> None:
    first, second = noise(64, 70, 1), 255 - noise(90, 64, 2)
    codes = [Styles([one]).code(model) for one in (first, second)]
    mixed = Styles([first, second], [3, 1]).code(model)
    for one, two, both in zip(*codes, mixed, strict=True):
        assert np.allclose(both, 0.75 * one + 0.25 * two, atol=1e-6)
    alone = Styles([first, second], [1, 0]).code(model)
    assert all(np.allclose(one, two) for one, two in zip(alone, codes[0], strict=True))


@pytest.mark.parametrize(
    ("count", "weights", "size", "message"),
    [
        (2, [1], None, "--weight is given 1 times for 2 styles"),
        (2, [1, -1], None, "expected numbers from 0 on"),
        (2, [0, 0], None, "not all of them 0"),
        (1, [float("inf")], None, "expected numbers"),
        (1, [], 3, "--style-size 3"),
    ],
)
def test_weights_and_sizes_that_cannot_be(count: int, weights: list[float], size: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        task.check_styles(count, weights, size)


def test_a_style_is_reduced_but_enlarged_only_if_asked() -> None:
    assert task.fitted(noise(600, 900), None, 512).shape == (512, 768, 3)
    assert task.fitted(noise(100, 150), None, 512).shape == (100, 150, 3)
    assert task.fitted(noise(100, 150), 200, 512).shape == (200, 300, 3)
    assert task.fitted(noise(10, 3000), 64, 512).shape == (64, 256, 3)


def test_colours_are_kept(model: Any) -> None:
    from skimage.color import rgb2lab

    pixels = noise(40, 50)
    pixels[..., 0] //= 2  # a tint
    options = options_for(model)
    whole, _ = task.style(model, pixels, None, options)
    kept, _ = task.style(model, pixels, None, replace(options, keep_colors=True))
    lab, before, styled = (rgb2lab(one / 255) for one in (kept, pixels, whole))
    assert np.abs(lab[..., 0] - styled[..., 0]).max() < 0.6
    given, wanted = lab[..., 1] + 1j * lab[..., 2], before[..., 1] + 1j * before[..., 2]
    assert (np.abs(given) < np.abs(wanted) + 1).all()  # less where sRGB cannot show it at its new lightness
    assert np.abs(np.angle(given / wanted))[np.abs(given) > 10].max() < 0.15
    grey, _ = task.style(model, pixels[..., :1], None, replace(options, keep_colors=True))
    assert np.ptp(grey.astype(int), axis=2).max() <= 1


def test_nothing_changes_outside_a_mask_and_alpha_is_kept(model: Any) -> None:
    pixels, alpha = noise(60, 70), np.full((60, 70), 255, np.uint8)
    alpha[:, :20] = 0
    mask = np.zeros((60, 70), bool)
    mask[10:50, 15:60] = True
    options = options_for(model)
    result, given = task.style(model, pixels, alpha, replace(options, mask=mask))
    whole, _ = task.style(model, pixels, alpha, options)
    assert given is alpha and (result[~mask] == pixels[~mask]).all()
    assert (result[16:44, 21:54] == whole[16:44, 21:54]).all()
    edge = np.abs(result[10, 20:50].astype(int) - pixels[10, 20:50]).mean()
    assert edge < np.abs(whole[10, 20:50].astype(int) - pixels[10, 20:50]).mean() / 2  # blended in, not cut out
    told: list[str] = []
    same, _ = task.style(model, pixels, None, replace(options, mask=np.zeros_like(mask)), told.append)
    assert (same == pixels).all() and "mask is empty" in told[0]


def test_a_style_is_asked_for_where_there_is_a_choice(model: Any) -> None:
    with pytest.raises(UsageError, match="needs a style"):
        task.style(model, noise(20, 20), None, StyleOptions())
    with pytest.raises(UsageError, match="one style of its own"):
        task.style(model_of("johnson"), noise(20, 20), None, StyleOptions(styles=Styles([noise(64, 64)])))
    with pytest.raises(UsageError, match="gives no style"):
        task.style(compact.transform(compact.build(4, 1, 2), CPU, torch.float32), noise(20, 20), None, StyleOptions())


def test_out_of_memory_ends_in_smaller_tiles(model: Any) -> None:
    pixels, options = noise(200, 260), options_for(model)
    expected, _ = task.style(model, pixels, None, options)
    stages, told = model.runner.stages, list[str]()
    before = dict(stages)

    def small(stage: str, network: Any, images: torch.Tensor, *rest: Any, **options: Any) -> Any:
        if images.shape[2] * images.shape[3] > 40000:
            raise RuntimeError("not enough memory: you tried to allocate")
        return before[stage](network, images, *rest, **options)

    stages |= {stage: partial(small, stage) for stage in ("render", "whole")}
    result, _ = task.style(model, pixels, None, options, told.append)
    assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1
    assert told and all("out of memory on cpu: tiles of" in one for one in told)
    assert shared_statistics.choose_side(model, 200, 260) == model.tile_limit
    stages["render"] = stages["whole"] = lambda *rest, **options: (_ for _ in ()).throw(MemoryError())
    with pytest.raises(RunError, match="out of memory on cpu"):
        task.style(model, pixels, None, options)


def test_numbers_out_of_range_in_a_half_format_are_made_again(model: Any) -> None:
    model.to(CPU, torch.bfloat16)
    stages, told = model.runner.stages, list[str]()
    whole = stages["whole"]

    def spoilt(network: Any, images: torch.Tensor, *code: Any) -> torch.Tensor:
        return whole(network, images, *code) * (torch.nan if images.dtype == torch.bfloat16 else 1)

    stages["whole"] = spoilt
    task.style(model, noise(30, 30), None, options_for(model), told.append)
    assert told == ["not-a-number result in bfloat16: going on in float32"] and model.dtype == "float32"
    stages["whole"] = lambda network, images, *code: whole(network, images, *code) * torch.nan
    with pytest.raises(RunError, match="no numbers"):
        task.style(model, noise(30, 30), None, options_for(model))


def test_tiles_come_from_the_free_memory(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shared_statistics.choose_side(model, 512, 512) == 0
    assert shared_statistics.choose_side(model, 4000, 6000) == shared_statistics.CPU_TILE
    monkeypatch.setattr("genkit.runtime.free_memory", lambda device: 400 << 20)
    side = shared_statistics.choose_side(model, 4000, 6000)
    assert side % 4 == 0 and (side + 2 * model.receptive) ** 2 * model.pixel_bytes < 100 << 20
    monkeypatch.setattr("genkit.runtime.free_memory", lambda device: 1 << 20)
    assert shared_statistics.choose_side(model, 4000, 6000) == 32
