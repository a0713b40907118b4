"""Run a network over a picture of any size in tiles, with bounded memory.

The picture and the result stay 8- or 16-bit arrays on the CPU; only the tile in hand is float, on the model's device. A tile
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
import torch
from torch import Tensor

from genkit import runtime
from genkit.errors import RunError
from genkit.nets.luma import luma

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
    half = model.dtype in (torch.float16, torch.bfloat16)
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
            with runtime.inference():
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
        model.to(torch.device("cpu"), torch.float32)
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

    def patch(self, rows: Span, columns: Span) -> Tensor:
        """What the tile writes: float [0, 1] on the model's device, (C, scale*h, scale*w)."""
        model, scale = self.model, self.model.scale
        window = _window(self.pixels, rows, columns, self.wrap)
        images = to_images(window, model.device)  # (1, C, h, w)
        result = self._checked(images)
        if self.pixels.shape[2] == 1 and result.shape[1] == 3:
            result = luma(result)
        top, left = (rows.write_start - rows.read_start) * scale, (columns.write_start - columns.read_start) * scale
        height, width = (rows.write_stop - rows.write_start) * scale, (columns.write_stop - columns.write_start) * scale
        return result[0, :, top : top + height, left : left + width]

    def _checked(self, images: Tensor) -> Tensor:
        """The model's result, made again in float32 if a half format spoilt it."""
        model = self.model
        result = self._forward(images)
        half = model.dtype in (torch.float16, torch.bfloat16)
        finite = bool(torch.isfinite(result.sum()))
        if finite and not (half and _black(images, result)):
            return result.clamp_(0, 1)
        if half:
            fault = "black" if finite else "not-a-number"
            self.notify(f"{fault} result in {str(model.dtype).removeprefix('torch.')}: going on in float32")
            model.to(model.device, torch.float32)
            return self._checked(images)
        raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")

    def _forward(self, images: Tensor) -> Tensor:
        if images.shape[1] == 1 and self.model.channels != 1:
            images = images.expand(-1, 3, -1, -1)
        if not self.tta:
            return self.model(images, **self.options)
        total: Tensor | None = None
        for turn in range(4):
            for mirror in (False, True):
                view = torch.rot90(images, turn, (2, 3))
                result = self.model(view.flip(3) if mirror else view, **self.options)
                result = torch.rot90(result.flip(3) if mirror else result, -turn, (2, 3)).clamp(0, 1)
                total = result if total is None else total.add_(result)
        assert total is not None
        return total / 8


def _black(images: Tensor, result: Tensor) -> bool:
    return float(result.amax()) < 1e-3 and float(images.amax()) > 0.05


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


def _blended(work: _Pass, rows: list[Span], columns: list[Span], scale: int) -> Iterator[tuple[int, Tensor]]:
    """Finished strips (C, h, scale*W) with their first output row: what no later row of tiles changes any more."""
    width, channels = work.pixels.shape[1] * scale, work.pixels.shape[2]
    waiting: Tensor | None = None  # the lower overlap of the row of tiles above, already weighted
    for index, row in enumerate(rows):
        strip = torch.zeros(channels, (row.write_stop - row.write_start) * scale, width)
        for column in columns:
            patch = work.patch(row, column).to("cpu", torch.float32)
            patch = patch * _ramps(row, scale)[:, None] * _ramps(column, scale)
            strip[:, :, column.write_start * scale : column.write_stop * scale] += patch
        if waiting is not None:
            strip[:, : waiting.shape[1]] += waiting
        following = rows[index + 1].write_start if index + 1 < len(rows) else row.write_stop
        done = (following - row.write_start) * scale
        waiting = strip[:, done:].clone()
        yield row.write_start * scale, strip[:, :done]


def _ramps(span: Span, scale: int) -> Tensor:
    """Weights along one axis that sum to one with the neighbours': half-cosine over each overlap."""
    weights = torch.ones((span.write_stop - span.write_start) * scale)
    for overlap, rising in ((span.start - span.write_start, True), (span.write_stop - span.stop, False)):
        if overlap:
            steps = 2 * overlap * scale  # the overlap reaches as far to the other side of the seam
            ramp = 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(steps) + 0.5) / steps)
            if rising:
                weights[:steps] *= ramp
            else:
                weights[-steps:] *= ramp.flip(0)
    return weights


def to_images(window: np.ndarray, device: torch.device) -> Tensor:
    """(H, W, C) uint8 or uint16 to (1, C, H, W) float32 [0, 1] on the device; moved while it is small."""
    window = np.ascontiguousarray(window)
    if not window.flags.writeable:  # torch warns of arrays that it must not write to, although it only reads here
        window = window.copy()
    if window.dtype == np.uint16:
        # torch moves and converts signed 16-bit numbers on every device, unsigned ones not on all
        signed = torch.from_numpy(window.view(np.int16)).to(device)
        values = signed.to(torch.float32)
        values = torch.where(values < 0, values + 65536, values).div_(65535)
    else:
        values = torch.from_numpy(window).to(device).to(torch.float32).div_(255)
    return values.permute(2, 0, 1)[None]


def store(patch: Tensor, target: np.ndarray, peak: int) -> None:
    """Round (C, h, w) float [0, 1] into (h, w, C) uint8 or uint16."""
    values = patch.permute(1, 2, 0).mul(peak).round_().clamp_(0, peak)
    if peak == 255:
        torch.from_numpy(target).copy_(values.to(torch.uint8))
    else:
        np.copyto(target, values.to(torch.int32).cpu().numpy(), casting="unsafe")
