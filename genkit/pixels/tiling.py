"""Run a network over a picture of any size in tiles, with bounded memory.

The picture and the result stay 8- or 16-bit arrays; only the tile in hand is float. A tile
is read with a halo of context. Where the halo covers what the network looks at (`model.receptive`) the tiled result is
the untiled one. Where that is not known, neighbours overlap and are blended over a half-cosine ramp, in strips of one row
of tiles.

Three failures mend themselves, each with a notice: out of memory (halve the tile, at last go from the GPU to the CPU),
numbers out of range in a half format (again in float32, and so from there on), and black results in a half format.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit import runtime
from genkit.errors import RunError
from genkit.nets.luma import luma
from genkit.pixels.arrays import store, to_images

if TYPE_CHECKING:
    from genkit.models.shapes import TiledModel, TransformModel

Notify = Callable[[str], None]

# Measured with genkit-x4 (48 features, 8 layers) in core-seconds: tiles of 192 give 0.25 megapixels a second, 128 give 0.22,
# 64 give 0.15, and a whole picture of 384 x 384 gives 0.20, its features falling out of the caches. A GPU wants large tiles.
CPU_TILE, GPU_TILE = 192, 1024
CPU_BLENDED_TILE = 256  # with the wide halo of an unknown receptive field, smaller tiles would mostly be halo
FLOOR = 32  # below this the halo costs far more than the tile, and what still does not fit will not fit
UNKNOWN_HALO = 32  # context where the receptive field is not known: half of it blended, half of it left out
MEMORY_SHARE = 0.4  # of the free memory, because the estimate is rough and other work goes on beside ours


@dataclass(frozen=True)
class Span:
    """Along one axis, in input pixels: the tile itself [start, stop), what it writes, and what it reads."""

    start: int
    stop: int
    write_start: int
    write_stop: int
    read_start: int
    read_stop: int


def spans(length: int, tile: int, halo: int, feather: int, multiple: int = 1, wrap: bool = False) -> list[Span]:
    """Cut one axis into tiles of equal size that start at multiples of `multiple`; 0 = one tile.

    Tiles write `feather` pixels beyond themselves, to be blended, and read `halo`. With `wrap` reading goes on past both ends.
    """
    count = 1 if tile <= 0 else math.ceil(length / tile)
    size = math.ceil(length / count / multiple) * multiple
    feather = min(feather, size // 2)  # the ramps at a tile's two ends must not meet
    halo = math.ceil(halo / multiple) * multiple
    starts = [start for start in range(0, length, size) if start == 0 or length - start >= max(feather, 1)]
    result = []
    for index, start in enumerate(starts):
        stop = starts[index + 1] if index + 1 < len(starts) else length  # a remainder too thin to blend joins the last
        read = (start - halo, stop + halo) if wrap else (max(0, start - halo), min(length, stop + halo))
        result.append(Span(start, stop, max(0, start - feather), min(length, stop + feather), *read))
    return result


def choose_tile(model: TiledModel, halo: int) -> int:
    """The side in input pixels of tiles that suit the device and fit into its free memory."""
    free = runtime.free_memory(model.device)
    half = runtime.is_half(model.dtype)
    pixel_bytes = model.pixel_bytes // (2 if half else 1)
    fitting = int((MEMORY_SHARE * free / pixel_bytes) ** 0.5) - 2 * halo
    on_cpu = CPU_TILE if model.receptive is not None else CPU_BLENDED_TILE
    preferred = on_cpu if model.device.type == "cpu" else GPU_TILE
    return _round_tile(min(preferred, fitting, model.tile_limit or preferred), model)


def _round_tile(tile: int, model: TiledModel) -> int:
    return max(tile // model.multiple * model.multiple, smallest_tile(model))


def smallest_tile(model: TiledModel) -> int:
    """The side in input pixels below which no tile is cut."""
    return math.ceil(max(FLOOR, model.minimum) / model.multiple) * model.multiple


def run_tiled(
    model: TransformModel,
    pixels: np.ndarray,
    *,
    tile: int | None = None,
    wrap: bool = False,
    tta: bool = False,
    options: Mapping[str, Any] | None = None,
    notify: Notify = lambda message: None,
) -> np.ndarray:
    """Take (H, W, C) uint8 or uint16 through the model: (scale*H, scale*W, C), same dtype; C = 1 stays grey.

    `tile`: None = from the free memory, 0 = the whole picture at once, else the side in input pixels. `wrap`: the picture is
    a torus. `tta`: the mean over the 8 turns and mirrors.

    Raises:
        RunError: it does not fit into memory, or the model gives no numbers in float32 either.
    """
    halo = UNKNOWN_HALO if model.receptive is None else model.receptive
    feather = UNKNOWN_HALO // 2 if model.receptive is None else 0
    automatic = tile is None
    side = tile if tile is not None else choose_tile(model, halo) if model.tiles else 0
    while True:
        try:
            return _run(_Pass(model, pixels, wrap, tta, options or {}, notify), side, halo, feather)
        except (RuntimeError, MemoryError) as error:
            if not runtime.is_out_of_memory(error):
                raise
            out_of_memory = str(error).splitlines()[0] if str(error) else type(error).__name__
        # outside the except block, so that the traceback no longer holds the tensors that did not fit
        runtime.release(model.device)
        side = after_out_of_memory(model, pixels, side, automatic, halo, out_of_memory, notify)


def after_out_of_memory(
    model: TiledModel, pixels: np.ndarray, side: int, automatic: bool, halo: int, reason: str, notify: Notify
) -> int:
    """Halve the tile, or move to the CPU and choose anew; the next pictures start from what was learnt."""
    largest = max(pixels.shape[:2])
    effective = min(side or largest, largest)
    if effective > smallest_tile(model):
        smaller = _round_tile(effective // 2, model)
        notify(f"out of memory on {model.device}: tiles of {smaller} pixels instead of {effective}")
        if automatic:
            model.tile_limit = smaller
        return smaller
    if model.fallback and model.device.type != "cpu":
        notify(f"out of memory on {model.device} with the smallest tiles: going on on the CPU, which is slower")
        model.to("cpu", "float32")
        model.tile_limit = CPU_TILE
        return choose_tile(model, halo)
    raise RunError(
        f"out of memory on {model.device}, with tiles of {effective} pixels too ({reason})",
        "close other programs, take a smaller model, or --device cpu" if model.device.type != "cpu" else "take a smaller model",
    )


@dataclass
class _Pass:
    """One picture on its way through a model."""

    model: TransformModel
    pixels: np.ndarray
    wrap: bool
    tta: bool
    options: Mapping[str, Any]
    notify: Notify

    @property
    def peak(self) -> int:
        return 65535 if self.pixels.dtype == np.uint16 else 255

    def patch(self, rows: Span, columns: Span) -> np.ndarray:
        """What the tile writes: float [0, 1], (C, scale*h, scale*w)."""
        scale = self.model.scale
        window = _window(self.pixels, rows, columns, self.wrap)
        images = to_images(window)  # (1, C, h, w)
        result = self._checked(images)
        if self.pixels.shape[2] == 1 and result.shape[1] == 3:
            result = luma(result)
        top, left = (rows.write_start - rows.read_start) * scale, (columns.write_start - columns.read_start) * scale
        height, width = (rows.write_stop - rows.write_start) * scale, (columns.write_stop - columns.write_start) * scale
        return result[0, :, top : top + height, left : left + width]

    def _checked(self, images: np.ndarray) -> np.ndarray:
        """The model's result, made again in float32 if a half format spoilt it."""
        model = self.model
        result = self._forward(images)
        half = runtime.is_half(model.dtype)
        finite = bool(np.isfinite(result.sum()))
        if finite and not (half and _black(images, result)):
            return np.clip(result, 0, 1)
        if half:
            fault = "black" if finite else "not-a-number"
            self.notify(f"{fault} result in {runtime.dtype_name(model.dtype)}: going on in float32")
            model.to(model.device, "float32")
            return self._checked(images)
        raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")

    def _forward(self, images: np.ndarray) -> np.ndarray:
        if images.shape[1] == 1 and self.model.channels != 1:
            images = np.repeat(images, 3, 1)
        if not self.tta:
            return self.model(images, **self.options)
        total: np.ndarray | float = 0.0
        for turn in range(4):
            for mirror in (False, True):
                view = np.rot90(images, turn, (2, 3))
                result = self.model(np.ascontiguousarray(view[..., ::-1] if mirror else view), **self.options)
                result = np.rot90(result[..., ::-1] if mirror else result, -turn, (2, 3))
                total = total + np.clip(result, 0, 1)
        assert isinstance(total, np.ndarray)
        return total / 8


def _black(images: np.ndarray, result: np.ndarray) -> bool:
    return float(result.max()) < 1e-3 and float(images.max()) > 0.05


def _window(pixels: np.ndarray, rows: Span, columns: Span, wrap: bool) -> np.ndarray:
    if not wrap:
        return pixels[rows.read_start : rows.read_stop, columns.read_start : columns.read_stop]
    row_indices = np.arange(rows.read_start, rows.read_stop) % pixels.shape[0]
    column_indices = np.arange(columns.read_start, columns.read_stop) % pixels.shape[1]
    return pixels[row_indices[:, None], column_indices[None, :]]


def _run(work: _Pass, side: int, halo: int, feather: int) -> np.ndarray:
    height, width, channels = work.pixels.shape
    scale = work.model.scale
    multiple = work.model.multiple
    rows = spans(height, side, halo, feather, multiple, work.wrap)
    columns = spans(width, side, halo, feather, multiple, work.wrap)
    canvas = np.empty((height * scale, width * scale, channels), work.pixels.dtype)
    if feather == 0 or len(rows) == len(columns) == 1:
        for row in rows:
            for column in columns:
                patch = work.patch(row, column)
                target = canvas[row.write_start * scale : row.write_stop * scale, :]
                store(patch, target[:, column.write_start * scale : column.write_stop * scale], work.peak)
        return canvas
    for top, strip in _blended(work, rows, columns, scale):
        store(strip, canvas[top : top + strip.shape[1]], work.peak)
    return canvas


def _blended(work: _Pass, rows: list[Span], columns: list[Span], scale: int) -> Iterator[tuple[int, np.ndarray]]:
    """Finished strips (C, h, scale*W) with their first output row: what no later row of tiles changes any more."""
    width, channels = work.pixels.shape[1] * scale, work.pixels.shape[2]
    waiting: np.ndarray | None = None  # the lower overlap of the row of tiles above, already weighted
    for index, row in enumerate(rows):
        strip = np.zeros((channels, (row.write_stop - row.write_start) * scale, width), np.float32)
        for column in columns:
            patch = work.patch(row, column) * _ramps(row, scale)[:, None] * _ramps(column, scale)
            strip[:, :, column.write_start * scale : column.write_stop * scale] += patch
        if waiting is not None:
            strip[:, : waiting.shape[1]] += waiting
        following = rows[index + 1].write_start if index + 1 < len(rows) else row.write_stop
        done = (following - row.write_start) * scale
        waiting = strip[:, done:].copy()
        yield row.write_start * scale, strip[:, :done]


def _ramps(span: Span, scale: int) -> np.ndarray:
    """Weights along one axis that sum to one with the neighbours': half-cosine over each overlap."""
    weights = np.ones((span.write_stop - span.write_start) * scale, np.float32)
    for overlap, rising in ((span.start - span.write_start, True), (span.write_stop - span.stop, False)):
        if overlap:
            steps = 2 * overlap * scale  # the overlap reaches as far to the other side of the seam
            ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(steps) + 0.5) / steps)).astype(np.float32)
            if rising:
                weights[:steps] *= ramp
            else:
                weights[-steps:] *= ramp[::-1]
    return weights
