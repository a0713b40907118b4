"""Tiles: what they give is what the whole picture gives; what goes wrong on the way mends itself and is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genkit import runtime
from genkit.errors import RunError, UsageError
from genkit.models.shapes import TransformModel
from genkit.models.upscale import compact
from genkit.models.upscale.transform import Transform
from genkit.nets.mirror import reflect
from genkit.pixels import tiling
from genkit.pixels.tiling import run_tiled, spans

CPU = torch.device("cpu")


def tiny(scale: int = 2, **attributes: Any) -> Transform:
    model = compact.transform(compact.build(8, 2, scale), CPU, torch.float32)
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


def picture(height: int = 75, width: int = 101, channels: int = 3, dtype: Any = np.uint8) -> np.ndarray:
    """Smooth shapes with some noise, so that neither ringing nor seams hide."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    waves = 0.5 + 0.4 * np.sin(rows / 7 + columns / 11)[..., None] * np.ones(channels)
    values = np.clip(waves + rng.normal(0, 0.05, waves.shape), 0, 1)
    return (values * np.iinfo(dtype).max).astype(dtype)


def difference(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_tiles_with_the_receptive_halo_are_the_whole(dtype: Any, channels: int, scale: int) -> None:
    model, pixels = tiny(scale), picture(channels=channels, dtype=dtype)
    whole = run_tiled(model, pixels, tile=0)
    assert whole.shape == (75 * scale, 101 * scale, channels)
    assert whole.dtype == dtype
    for tile in (16, 33, 100):
        assert difference(run_tiled(model, pixels, tile=tile), whole) <= (1 if dtype is np.uint16 else 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("tile", [8, 32, 48])
def test_tiles_are_feathered_where_the_receptive_field_is_not_known(dtype: Any, tile: int) -> None:
    model, pixels = tiny(), picture(dtype=dtype)
    whole = run_tiled(model, pixels, tile=0)
    model.receptive = None
    assert difference(run_tiled(model, pixels, tile=tile), whole) <= 1


def test_feathering_hides_a_step_between_tiles() -> None:
    """A model that shifts the brightness of each tile as a whole: no seam may be steeper than the ramp."""

    class Moody(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images * 0 + images.mean()

    model = Transform(Moody(), scale=1, device=CPU, dtype=torch.float32)
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 96:] = 255
    result = run_tiled(model, pixels, tile=64).astype(int)
    assert result.max() - result.min() > 150
    assert np.abs(np.diff(result[:, :, 0], axis=1)).max() < 16


def test_spans_cover_the_axis_once() -> None:
    for length in (1, 5, 31, 64, 65, 100, 257):
        for tile in (0, 8, 32, 100):
            for multiple, feather in ((1, 0), (8, 16), (16, 4)):
                cut = spans(length, tile, 20, feather, multiple)
                assert [span.start for span in cut] == [0, *(span.stop for span in cut[:-1])]
                assert cut[-1].stop == length
                assert all(span.start % multiple == 0 for span in cut)
                assert all(0 <= span.read_start <= span.write_start and span.write_stop <= span.read_stop for span in cut)
                weights = np.zeros(length)
                for span in cut:
                    weights[span.write_start : span.write_stop] += tiling._ramps(span, 1)
                np.testing.assert_allclose(weights, 1, atol=1e-6)


def test_a_seamless_texture_stays_seamless() -> None:
    model, pixels = tiny(), picture(60, 84)
    rolled = np.roll(pixels, (17, 29), (0, 1))
    straight = run_tiled(model, pixels, wrap=True)
    assert difference(np.roll(run_tiled(model, rolled, wrap=True, tile=32), (-34, -58), (0, 1)), straight) == 0
    assert difference(run_tiled(model, pixels), straight) > 0  # the edge of a plain pass does see the edge


def test_wrapping_reaches_around_a_picture_smaller_than_the_halo() -> None:
    model, pixels = tiny(), picture(2, 3)
    repeated = run_tiled(model, np.tile(pixels, (4, 4, 1)), wrap=True)
    assert difference(run_tiled(model, pixels, wrap=True), repeated[:4, :6]) == 0


def test_self_ensemble_does_not_depend_on_how_the_picture_is_turned() -> None:
    model, pixels = tiny(), picture(40, 56)
    straight = run_tiled(model, pixels, tta=True)
    assert difference(np.rot90(run_tiled(model, np.rot90(pixels), tta=True), -1), straight) <= 1
    assert difference(run_tiled(model, pixels, tta=True, tile=24), straight) == 0
    assert difference(run_tiled(model, pixels), straight) > 0


class Hungry(TransformModel):
    """A model that runs out of memory above so many pixels."""

    scale, channels, receptive, dtype, device = 2, 3, 2, torch.float32, CPU

    def __init__(self, affordable: int):
        self.affordable, self.sides = affordable, list[int]()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.sides.append(max(images.shape[2:]))
        if images.shape[2] * images.shape[3] > self.affordable:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory")
        return images.repeat(2, 2).repeat(2, 3)


def test_out_of_memory_halves_the_tile_and_says_so() -> None:
    notices: list[str] = []
    model, pixels = Hungry(50 * 50), picture(150, 150)
    result = run_tiled(model, pixels, notify=notices.append)
    assert difference(result, pixels.repeat(2, 0).repeat(2, 1)) == 0
    assert len(notices) == 2
    assert "tiles of 37 pixels instead of 75" in notices[1]
    before = len(model.sides)
    run_tiled(model, pixels, notify=notices.append)  # the next picture starts with what fitted
    assert len(notices) == 2
    assert max(model.sides[before:]) ** 2 <= model.affordable


def test_out_of_memory_with_the_smallest_tiles_is_an_error_with_a_way_out() -> None:
    with pytest.raises(RunError, match="out of memory on cpu") as caught:
        run_tiled(Hungry(100), picture(150, 150))
    assert caught.value.hint


def test_out_of_memory_on_a_gpu_goes_on_on_the_cpu_only_where_the_device_was_left_to_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moves: list[Any] = []
    notices: list[str] = []
    monkeypatch.setattr(runtime, "free_memory", lambda device: 8 << 30)
    model = tiny()
    model.runner.device, model.runner.dtype, model.fallback = torch.device("cuda"), torch.float16, True

    def move(device: str, dtype: str) -> None:
        moves.append((str(device), dtype))
        model.runner.device, model.runner.dtype = device, dtype

    monkeypatch.setattr(model, "to", move)
    arguments = (model, picture(20, 20), 20, True, 4, "CUDA out of memory", notices.append)
    assert tiling.after_out_of_memory(*arguments) == tiling.CPU_TILE
    assert moves == [("cpu", "float32")]
    assert "CPU" in notices[0]
    model.runner.device, model.fallback = torch.device("cuda"), False
    with pytest.raises(RunError, match="cuda"):
        tiling.after_out_of_memory(*arguments)


class Overflowing(nn.Module):
    """Beyond what float16 holds on the way, fine in float32; or black there, as some GPUs' kernels have it."""

    def __init__(self, black: bool = False):
        super().__init__()
        self.black, self.weight = black, nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        if self.black and self.weight.dtype is torch.float16:
            return images * 0
        return images * self.weight * 60000 * 2 / 120000


@pytest.mark.parametrize("black", [False, True])
def test_a_spoilt_half_result_is_made_again_in_float32_once_and_for_all(black: bool) -> None:
    notices: list[str] = []
    model = Transform(Overflowing(black), scale=1, device=CPU, dtype=torch.float16, receptive=0)
    pixels = picture(64, 64)
    assert difference(run_tiled(model, pixels, tile=32, notify=notices.append), pixels) == 0
    assert len(notices) == 1
    assert "float32" in notices[0]
    assert model.dtype == "float32"
    dark = np.zeros((40, 40, 3), np.uint8)
    model = Transform(Overflowing(True), scale=1, device=CPU, dtype=torch.float16, receptive=0)
    run_tiled(model, dark, notify=notices.append)  # a black picture may well come out black
    assert len(notices) == 1


def test_a_model_that_gives_no_numbers_in_float32_is_an_error() -> None:
    class Broken(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images / 0 * 0

    with pytest.raises(RunError, match="no numbers"):
        run_tiled(Transform(Broken(), scale=1, device=CPU, dtype=torch.float32), picture())


def test_a_failure_that_is_not_memory_is_passed_on() -> None:
    def broken(network: nn.Module, images: Tensor) -> Tensor:
        raise RuntimeError("size mismatch")

    with pytest.raises(RuntimeError, match="size mismatch"):
        run_tiled(Transform(nn.Identity(), scale=1, device=CPU, dtype=torch.float32, receptive=1, run=broken), picture())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (5, 7), (21, 33)])
def test_size_rules_are_met_by_mirroring_and_cropped_away(height: int, width: int) -> None:
    seen: list[tuple[int, int]] = []

    class Strict(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append((images.shape[2], images.shape[3]))
            return images

    model = Transform(Strict(), scale=1, device=CPU, dtype=torch.float32, multiple=8, minimum=16, square=True)
    images = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    assert np.array_equal(model(images), images)
    assert seen[0][0] == seen[0][1] >= 16
    assert seen[0][0] % 8 == 0


def test_mirroring_goes_on_as_long_as_it_takes() -> None:
    row = np.arange(3.0).reshape(1, 1, 1, 3)
    assert reflect(row, 0, 6).flatten().tolist() == [0, 1, 2, 1, 0, 1, 2, 1, 0]
    assert reflect(row, 2, 0).shape == (1, 1, 3, 3)


def test_tiles_of_a_window_network_start_on_its_grid() -> None:
    starts: list[int] = []

    class Grid(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            starts.append(round(float(images[0, 0, 0, 0]) * 65535))
            return images

    model = Transform(Grid(), scale=1, device=CPU, dtype=torch.float32, multiple=16)
    ramp = np.tile(np.arange(200, dtype=np.uint16)[None, :, None], (16, 1, 3))
    assert difference(run_tiled(model, ramp, tile=40), ramp) <= 1
    assert len(starts) > 3
    assert all(start % 16 == 0 for start in starts)


def test_a_network_of_one_channel_sees_the_channels_one_by_one() -> None:
    class Grey(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            assert images.shape[1] == 1
            return images * 0.5

    model = Transform(Grey(), scale=1, device=CPU, dtype=torch.float32, channels=1, receptive=0)
    for channels in (1, 3):
        pixels = picture(channels=channels)
        assert difference(run_tiled(model, pixels), np.rint(pixels / 2).astype(np.uint8)) <= 1


def test_an_option_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="denoise"):
        run_tiled(tiny(), picture(), options={"denoise": 0.5})


def test_tiles_fit_into_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    monkeypatch.setattr(runtime, "free_memory", lambda device: 64 << 30)
    assert tiling.choose_tile(model, 4) == tiling.CPU_TILE
    model.pixel_bytes = 16384
    monkeypatch.setattr(runtime, "free_memory", lambda device: 256 << 20)
    tile = tiling.choose_tile(model, 4)
    assert tiling.FLOOR <= tile < tiling.CPU_TILE
    assert (tile + 8) ** 2 * 16384 < 256 << 20
    monkeypatch.setattr(runtime, "free_memory", lambda device: 0)
    assert tiling.choose_tile(model, 4) == tiling.FLOOR


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
def test_a_gpu_in_half_precision_gives_nearly_what_the_cpu_gives() -> None:
    """Its twin on the CPU: test_tiles_with_the_receptive_halo_are_the_whole."""
    model, pixels = tiny(), picture()
    whole = run_tiled(model, pixels, tile=0)
    model.to(torch.device("cuda"), torch.float16)
    assert difference(run_tiled(model, pixels, tile=33), whole) <= 2
    assert difference(run_tiled(model, picture(dtype=np.uint16), tile=33) // 256, whole.astype(np.uint16)) <= 3
