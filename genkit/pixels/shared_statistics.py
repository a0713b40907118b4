"""Take a picture of any size through a style network in tiles that share the statistics of the whole picture.

Style networks normalise features by their mean and deviation over the picture; tiles that each used their own would differ in
colour and contrast, with a seam at every border. So the picture is gone over once for each round of statistics that the
network wants (`models/style/stylizing.py`), gathering moments from every tile's inner part, and once more to render. With a
halo that covers what the network looks at, the result is that of the untiled picture, with bounded memory.

The moments of parts are joined as Chan, Golub and LeVeque 1979 ("Updating formulae and a pairwise algorithm for computing
sample variances") do it, in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genkit import runtime
from genkit.errors import RunError
from genkit.pixels.arrays import store, to_images
from genkit.pixels.tiling import Notify, Span, after_out_of_memory, smallest_tile, spans

if TYPE_CHECKING:
    from genkit.models.shapes import StyleModel
    from genkit.models.shapes.style import Statistics


# Sides in pixels: halves of a megapixel keep the two passes' halos small, and a few of them at once fit anywhere.
CPU_TILE, GPU_TILE = 768, 1536
CPU_WHOLE, GPU_WHOLE = 1 << 21, 1 << 23  # pixels up to which a picture is not cut: one pass instead of two or three
MEMORY_SHARE = 0.2  # of the free memory, because several pictures may be worked on at once


def stylize(
    model: StyleModel,
    pixels: np.ndarray,
    code: Sequence[np.ndarray],
    *,
    tile: int | None = None,
    notify: Notify = lambda message: None,
) -> np.ndarray:
    """(H, W, 1 or 3) uint8 or uint16 in the style of `code`, at full strength: (H, W, 3), same dtype.

    `tile`: None = from the free memory, 0 = the whole picture at once, else the side in pixels.

    Raises:
        RunError: it does not fit into memory, or the model gives no numbers in float32 either.
    """
    height, width = pixels.shape[:2]
    extended = _extended(pixels, *model.extended(height, width))
    side = tile if tile is not None else choose_side(model, *extended.shape[:2])
    while True:
        try:
            return _run(model, extended, code, side, notify)[:height, :width]
        except _NoNumbersError as error:
            if runtime.dtype_name(model.dtype) == "float32":
                raise RunError(
                    "the model gives values that are no numbers", "the weights may be damaged: genkit models verify"
                ) from error
            notify(f"not-a-number result in {runtime.dtype_name(model.dtype)}: going on in float32")
            model.to(model.device, "float32")
            continue
        except (RuntimeError, MemoryError) as error:
            if not runtime.is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        # outside the except block, so that the traceback no longer holds the tensors that did not fit
        runtime.release(model.device)
        side = after_out_of_memory(model, extended, side, tile is None, model.receptive, reason, notify)


def choose_side(model: StyleModel, height: int, width: int) -> int:
    """The side of tiles that suit the device and fit into its free memory; 0 for a picture that need not be cut.

    A network of many rounds is spared tiles as long as memory lets it: each of its rounds costs a pass.
    """
    on_cpu = model.device.type == "cpu"
    half = runtime.is_half(model.dtype)
    room = int(MEMORY_SHARE * runtime.free_memory(model.device) / (model.pixel_bytes // (2 if half else 1)))  # in pixels
    spared = (CPU_WHOLE if on_cpu else GPU_WHOLE) * max(1, model.rounds // 2)
    if height * width <= min(room, spared) and model.tile_limit is None:
        return 0
    side = min(CPU_TILE if on_cpu else GPU_TILE, int(room**0.5) - 2 * model.receptive, model.tile_limit or GPU_TILE)
    return max(side // model.multiple * model.multiple, smallest_tile(model))


class Moments:
    """Mean and variance (1, C, 1, 1) of feature maps that come in parts."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray | float = 0.0
        self.squares: np.ndarray | float = 0.0  # sum of squared distances from the mean

    def add(self, features: np.ndarray) -> None:
        """Take in a part (1, C, h, w)."""
        count = features.shape[2] * features.shape[3]
        mean = features.mean((2, 3), keepdims=True, dtype=np.float64)
        variance = np.square(features - mean).mean((2, 3), keepdims=True)
        total = self.count + count
        away = mean - self.mean
        self.mean = self.mean + away * (count / total)
        self.squares = self.squares + variance * count + away**2 * (self.count * count / total)
        self.count = total

    def statistics(self, epsilon: float, unbiased: bool) -> Statistics:
        """Mean and deviation as a network wants them, float32."""
        assert isinstance(self.mean, np.ndarray) and isinstance(self.squares, np.ndarray)
        variance = self.squares / max(1, self.count - int(unbiased))
        return self.mean.astype(np.float32), np.sqrt(variance + epsilon).astype(np.float32)


class _NoNumbersError(ArithmeticError):
    """Something became not a number, or infinite."""


@dataclass(frozen=True)
class _Tile:
    row: Span
    column: Span

    def inner(self, features: np.ndarray) -> np.ndarray:
        """Maps (1, C, h, w) of what the tile reads, cut to what it stands for."""
        stride = (self.row.read_stop - self.row.read_start) // features.shape[2]
        top, left = self.row.start - self.row.read_start, self.column.start - self.column.read_start
        height, width = self.row.stop - self.row.start, self.column.stop - self.column.start
        down = slice(top // stride, (top + height) // stride)
        return features[:, :, down, left // stride : (left + width) // stride]


def _run(model: StyleModel, pixels: np.ndarray, code: Sequence[np.ndarray], side: int, notify: Notify) -> np.ndarray:
    height, width = pixels.shape[:2]
    rows = spans(height, side, model.receptive, 0, model.multiple)
    columns = spans(width, side, model.receptive, 0, model.multiple)
    tiles = [_Tile(row, column) for row in rows for column in columns]
    result = np.empty((height, width, 3), pixels.dtype)
    peak = int(np.iinfo(pixels.dtype).max)
    if len(tiles) == 1:
        store(_finite(model(_images(pixels, tiles[0]), code))[0], result, peak)
        return result
    known: list[Statistics] = []
    for index in range(model.rounds):
        known += _measured(model, pixels, tiles, index, code, known)
    for tile in tiles:
        patch = tile.inner(_finite(model.render(_images(pixels, tile), code, known)))
        row, column = tile.row, tile.column
        store(patch[0], result[row.start : row.stop, column.start : column.stop], peak)
    return result


def _measured(
    model: StyleModel,
    pixels: np.ndarray,
    tiles: Sequence[_Tile],
    index: int,
    code: Sequence[np.ndarray],
    known: Sequence[Statistics],
) -> Iterator[Statistics]:
    """The statistics of one round, each over the whole picture."""
    moments: list[Moments] = []
    for tile in tiles:
        maps = model.measure(index, _images(pixels, tile), code, known)
        moments = moments or [Moments() for _ in maps]
        for one, features in zip(moments, maps, strict=True):
            one.add(tile.inner(features))
    for one in moments:
        mean, deviation = one.statistics(model.epsilon, model.unbiased)
        yield _finite(mean), _finite(deviation)


def _images(pixels: np.ndarray, tile: _Tile) -> np.ndarray:
    window = pixels[tile.row.read_start : tile.row.read_stop, tile.column.read_start : tile.column.read_stop]
    images = to_images(window)
    return np.repeat(images, 3, 1) if images.shape[1] == 1 else images


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values.sum()):
        raise _NoNumbersError
    return values


def _extended(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Go on below and to the right in mirror images, as `Stylize` does with a whole picture."""
    margins = (0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0)
    return np.pad(pixels, margins, mode="reflect") if margins[0][1] or margins[1][1] else pixels
