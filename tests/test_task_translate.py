"""The translate task: sizes, tiles with shared statistics, models of one side, strength, transparency, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genkit.errors import RunError, UsageError
from genkit.models.shapes import TranslateModel
from genkit.models.translate import animegan2, cyclegan, pix2pix, stargan
from genkit.pixels import resample, tiling
from genkit.pixels.arrays import to_images
from genkit.verbs.translate import task as translate
from genkit.verbs.translate.task import TranslateOptions

CPU = torch.device("cpu")


def cycle(norm: str = "instance", blocks: int = 1, **params: Any) -> Any:
    return cyclegan.transform(cyclegan.build(4, blocks, norm, **params), CPU, torch.float32)


def star() -> Any:
    return stargan.transform(stargan.build(2, 4, 1, mask=False), ["Day", "Night Sky"], CPU, torch.float32)


def unet(**options: Any) -> Any:
    return pix2pix.transform(pix2pix.build(5, 4, "instance"), CPU, torch.float32, **options)


def photo(height: int, width: int, channels: int = 3, kind: Any = np.uint8) -> np.ndarray:
    """Smooth colours with some noise, so that no two parts have the same statistics."""
    rng = np.random.default_rng(0)
    rows, columns = np.linspace(0, 3, height)[:, None, None], np.linspace(0, 5, width)[:, None]
    waves = 0.5 + 0.3 * np.sin(rows + np.arange(channels)) * np.cos(columns) + 0.1 * rng.random((height, width, channels))
    return (waves * np.iinfo(kind).max).astype(kind)


def run(model: Any, pixels: np.ndarray, notices: list[str] | None = None, **options: Any) -> np.ndarray:
    said = notices if notices is not None else []
    made, alpha = translate.translate(model, pixels, None, TranslateOptions(**options), said.append)
    assert alpha is None and made.shape == (*pixels.shape[:2], 3) and made.dtype == pixels.dtype
    return made


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (37, 22)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_size_and_depth_comes_back(size: tuple[int, int], kind: Any) -> None:
    pixels = photo(*size, kind=kind)
    for model in (cycle(), cycle("none"), unet(side=32), unet(side=32, fit="squash"), unet()):
        run(model, pixels)
    run(star(), pixels, to="day")
    run(cycle(), pixels[..., :1])


def test_a_local_network_is_tiled_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = cycle("none"), photo(150, 130)
    whole = run(model, pixels)
    monkeypatch.setattr(tiling, "CPU_TILE", 48)
    assert np.abs(run(model, pixels).astype(int) - whole).max() <= 1


@pytest.mark.parametrize("make", [cycle, star])
def test_tiles_with_the_statistics_of_the_whole_are_the_whole(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = make(), photo(152, 132)
    to = "day" if model.domains else None
    whole = run(model, pixels, to=to)
    monkeypatch.setattr(tiling, "CPU_TILE", 48)
    monkeypatch.setattr(translate, "most_pixels", lambda model: 152 * 132 - 1)
    monkeypatch.setattr(resample, "fitted", lambda width, height, side: (width, height))  # the copy is the picture itself
    notices: list[str] = []
    tiled = run(model, pixels, notices, to=to)
    assert "made in tiles" in notices[0]
    assert np.abs(tiled.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("family", ["cyclegan", "animegan2"])
def test_tiles_with_the_statistics_of_a_smaller_copy_are_near_it(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cycle() if family == "cyclegan" else animegan2.transform(animegan2.build(4), CPU, torch.float32)
    pixels = photo(256, 320)
    pixels[:, 160:] //= 3  # tiles by their own statistics would be nothing like it
    whole = run(model, pixels)
    monkeypatch.setattr(tiling, "CPU_TILE", 64)
    monkeypatch.setattr(tiling, "CPU_BLENDED_TILE", 96)
    monkeypatch.setattr(translate, "most_pixels", lambda model: 40000)
    assert np.abs(run(model, pixels).astype(int) - whole).mean() < 4


def test_statistics_belong_to_the_thread_that_uses_them() -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = cycle()
    pictures = [to_images(photo(32, 32)) * np.float32(scale) for scale in (0.2, 0.5, 0.8, 1.0)]
    alone = [model(one, statistics=model.measure(one)) for one in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda one: model(one, statistics=model.measure(one)), pictures * 4))
    assert all(np.allclose(made, alone[index % 4], atol=1e-5) for index, made in enumerate(together))


def test_out_of_memory_takes_the_way_through_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pixels = cycle(), photo(64, 80)
    plain, calls = model.__class__.__call__, []

    def short_of_memory(self: Any, images: np.ndarray, **options: Any) -> Any:
        calls.append(tuple(images.shape[-2:]))
        if "statistics" not in options:
            raise MemoryError("no more")
        return plain(self, images, **options)

    monkeypatch.setattr(model.__class__, "__call__", short_of_memory)
    notices: list[str] = []
    run(model, pixels, notices)
    assert calls[0] == (64, 80) and "made in tiles" in notices[0] and model.whole_limit == 64 * 80 // 2
    with pytest.raises(RunError, match="out of memory on cpu"):
        run(unet(side=32), pixels)


def test_what_sees_everything_is_made_smaller_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "most_pixels", lambda model: 32 * 64)
    notices: list[str] = []
    run(unet(), photo(64, 128), notices)
    assert notices == ["too large for the free memory at once: made at 64 x 32 and enlarged back"]


def test_a_model_of_one_side_keeps_proportions_or_not() -> None:
    class Echo(TranslateModel):
        side, fit, whole, device, dtype, scale = 32, "pad", True, CPU, torch.float32, 1

        def __call__(self, images: np.ndarray) -> np.ndarray:
            self.seen = images
            return images

    pixels = photo(40, 80)
    for fit in ("pad", "squash"):
        model: Any = Echo()
        notices: list[str] = []
        model.fit = fit
        made = run(model, pixels, notices)
        assert model.seen.shape == (1, 3, 32, 32) and np.abs(made.astype(int) - pixels).mean() < 12
        assert notices == ["the model draws 32 x 32 pixels: its result is enlarged to 80 x 40"]
        mirrored = np.allclose(model.seen[..., 7, :], model.seen[..., 8, :])
        assert mirrored == (fit == "pad"), "what is around the picture is its mirror image"


def test_strength_blends_with_the_input() -> None:
    model, pixels = cycle(), photo(24, 30)
    full, half = run(model, pixels).astype(int), run(model, pixels, strength=0.5).astype(int)
    assert (run(model, pixels, strength=0) == pixels).all()
    assert np.abs(half - (full + pixels) / 2).max() <= 1
    for strength in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match="--strength"):
            run(model, pixels, strength=strength)


def test_transparency_is_kept_and_hides_nothing() -> None:
    model, pixels = cycle("none"), photo(48, 48)
    alpha = np.full((48, 48), 255, np.uint8)
    alpha[:, 24:] = 0
    hidden = pixels.copy()
    hidden[:, 24:] = 0
    made = [translate.translate(model, one, alpha, TranslateOptions())[0] for one in (pixels, hidden)]
    assert (made[0] == made[1]).all(), "colours under what is transparent do not count"
    assert translate.translate(model, pixels, alpha, TranslateOptions())[1] is alpha


def test_the_work_size_bounds_what_the_model_sees() -> None:
    class Echo(TranslateModel):
        device, dtype, scale = CPU, torch.float32, 1
        stochastic = True

        def __call__(self, images: np.ndarray, *, seeds: list[int]) -> np.ndarray:
            self.seen, self.seeds = tuple(images.shape[-2:]), seeds
            return images

    model: Any = Echo()
    run(model, photo(50, 100), work_size=40, seed=7)
    assert model.seen == (20, 40) and model.seeds == [7]
    run(model, photo(50, 100), work_size=400)
    assert model.seen == (50, 100)
    with pytest.raises(UsageError, match="--work-size 3"):
        run(model, photo(50, 100), work_size=3)


def test_domains() -> None:
    model, pixels = star(), photo(20, 20)
    assert (run(model, pixels, to="night-sky") == run(model, pixels, to="Night Sky")).all()
    assert (run(model, pixels, to="night-sky") != run(model, pixels, to="day")).any()
    with pytest.raises(UsageError, match="say which") as missing:
        run(model, pixels)
    with pytest.raises(UsageError, match="--to dusk") as unknown:
        run(model, pixels, to="dusk")
    assert missing.value.hint == unknown.value.hint == "--to one of Day, Night Sky"
    with pytest.raises(UsageError, match="one kind of picture only"):
        run(cycle(), pixels, to="day")


def test_a_domain_may_be_left_to_a_model_that_can_do_without() -> None:
    class Echo(TranslateModel):
        device, dtype, scale, domains, domain_optional = CPU, torch.float32, 1, ("shirt", "dress"), True
        stochastic = False

        def __call__(self, images: np.ndarray, *, domain: int | None = None) -> np.ndarray:
            self.domain = domain
            return images

    model: Any = Echo()
    run(model, photo(20, 20))
    assert model.domain is None
    run(model, photo(20, 20), to="Dress")
    assert model.domain == 1


def test_edges_are_drawn_at_the_size_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit.pixels import edges

    model, sizes = unet(side=32, edges=True), []

    def edge_map(pixels: np.ndarray) -> np.ndarray:
        sizes.append(pixels.shape)
        assert pixels.dtype == np.uint8
        return np.where(pixels > 120, 255, 0).astype(np.uint8)

    monkeypatch.setattr(edges, "edge_map", edge_map)
    notices: list[str] = []
    drawn = run(model, photo(48, 96), notices, edges=True)
    run(model, photo(48, 96, kind=np.uint16), edges=True)
    assert sizes == [(16, 32, 3)] * 2 and not any("--edges" in one for one in notices)
    assert (drawn != run(model, photo(48, 96), notices)).any()
    assert any("looks like a photograph: --edges" in one for one in notices)
    with pytest.raises(UsageError, match="does not start from edges"):
        run(unet(side=32), photo(20, 20), edges=True)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_drawing_of_light_lines_on_dark_is_turned_round(kind: Any) -> None:
    model, notices = unet(side=32, edges=True), list[str]()
    peak = np.iinfo(kind).max
    drawing = np.full((32, 32, 3), peak, kind)
    drawing[8:24, 15:17] = 0
    assert (run(model, peak - drawing, notices) == run(model, drawing, notices)).all()
    assert len(notices) == 1 and "light on dark: it is taken inverted" in notices[0]
    run(model, np.zeros((32, 32, 3), kind), notices)  # nothing is drawn on it
    assert "looks like a photograph" in notices[-1]


def test_numbers_that_are_none_are_said() -> None:
    model = cycle()
    with torch.no_grad():
        model.network.model[1].weight.fill_(float("nan"))
    with pytest.raises(RunError, match="no numbers"):
        run(model, photo(20, 20))


def test_recolouring_a_strip_looks_at_no_more_than_a_strip() -> None:
    from genkit.models.translate import unet

    network = unet.build((2, 2, 2, 2), 1, ("red", "blue"), kept=True)
    model = unet.transform(network, CPU, torch.float32, ("red", "blue"), side=32)
    seen: list[tuple[int, ...]] = []
    model.network.register_forward_pre_hook(lambda network, inputs: seen.append(tuple(inputs[0].shape[2:])))
    made = model(to_images(photo(2, 600)), domain=1)
    assert made.shape == (1, 3, 2, 600) and seen == [(16, 128)]
