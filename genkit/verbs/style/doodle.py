"""Style by regions: what a map paints in one colour takes after what another map paints in that colour.

The idea is Champandard's (2016, "Semantic Style Transfer and Turning Two-Bit Doodles into Fine Artworks", arXiv 1603.01768). A
photograph goes through the style network region by region: statistics of its features and of the style's are taken inside the
region alone (Gatys et al. 2017, arXiv 1611.07865, section 4, have them so for Gram matrices; `optimize.py` does that), and the
results are blended over soft edges. A picture that is nothing but its regions has no features to normalise: it is painted from
patches of the style (`patches.py`).

A map's colours are the few it has much of; pixels between them (soft edges, JPEG) go to the nearest. It has the size of its
picture, or its proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genkit.errors import InputError, RunError
from genkit.models.shapes import StyleModel, TransformModel

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.run.verb import Notify


MOST_REGIONS = 16
LEAST_SHARE = 0.004  # of a map's pixels: a colour with less is an edge between others
NEAR = 36  # of 255: colours nearer than this, by their farthest channel, are one
EVEN = 12  # of 255: neighbours that differ by more lie on an edge
PROPORTIONS = 0.01  # how much the aspect ratios of map and picture may differ
SOFT = 4  # pixels over which regions blend, to each side
CALM = 0.35  # of the whole picture's deviation: no region counts as calmer, or its noise would be painted
FLAT = 4.0  # of 255: mean deviation inside regions below which a picture is nothing but its regions
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Map:
    """A picture of regions: pixels (h, w, 1 or 3), and what messages call it."""

    pixels: np.ndarray
    name: str


@dataclass(frozen=True)
class Regions:
    """Labels of the picture (H, W) and of the style (h, w), uint8, from 0 to `count` - 1: like takes after like."""

    content: np.ndarray
    style: np.ndarray
    count: int


def read_regions(
    content: Map, content_size: tuple[int, int], style: Map, style_size: tuple[int, int], notify: Notify
) -> Regions:
    """Match the colours of two maps; the sizes (height, width) are those of their pictures.

    Raises:
        InputError: a map does not go with its picture, has too many colours, or one that the other does not have.
    """
    maps = [_eight_bit(fit_map(one, size)) for one, size in ((content, content_size), (style, style_size))]
    colours = [colours_of(pixels, one.name) for pixels, one in zip(maps, (content, style), strict=True)]
    pairs = [min(colours[1], key=lambda other, one=one: _apart(one, other)) for one in colours[0]]  # type: ignore[misc]
    missing = [one for one, other in zip(colours[0], pairs, strict=True) if _apart(one, other) > NEAR]
    if missing:
        raise InputError(
            f"{content.name} has {_words(missing)}, and {style.name} has not: it has {_words(colours[1])}",
            "both maps say by the same colours what belongs together",
            code="region-missing",
        )
    unused = [one for one in colours[1] if one not in pairs]
    if unused:
        notify(f"{style.name}: {_words(unused)} not in {content.name}, so that part of the style is not used")
    kept = list(dict.fromkeys(pairs))
    order = np.array([kept.index(one) for one in pairs], np.uint8)
    # what is unused keeps a label of its own until here, so that it does not go to its neighbours
    style_order = np.array([kept.index(one) if one in kept else 255 for one in colours[1]], np.uint8)
    return Regions(order[_labels(maps[0], colours[0])], style_order[_labels(maps[1], colours[1])], len(kept))


def fit_map(one: Map, size: tuple[int, int]) -> np.ndarray:
    """A map at its picture's size (height, width), by nearest neighbours.

    Raises:
        InputError: it has other proportions.
    """
    height, width = one.pixels.shape[:2]
    down, across = size[0] / height, size[1] / width
    rounding = 0.5 / width + 0.5 / height  # of a picture that was reduced to whole pixels
    if abs(across - down) > PROPORTIONS * max(across, down) + rounding:
        raise InputError(
            f"{one.name} is {width}x{height}, and its picture {size[1]}x{size[0]}",
            "give a map of the picture's size, or of its proportions",
            code="map-size",
        )
    rows, columns = ((np.arange(count) + 0.5) * side / count for count, side in ((size[0], height), (size[1], width)))
    return one.pixels[np.ix_(rows.astype(int), columns.astype(int))]


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, 2)


def colours_of(pixels: np.ndarray, name: str) -> list[Colour]:
    """The colours that a map (H, W, 3) uint8 has much of, the most frequent first.

    Raises:
        InputError: they are more than a map of regions has.
    """
    packed = pixels.astype(np.uint32) @ np.array([65536, 256, 1], np.uint32)
    values, counts = np.unique(packed[_even(pixels)], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:4096]
    colours: list[Colour] = []
    amounts: list[int] = []
    for value, count in zip(values[order].tolist(), counts[order].tolist(), strict=True):
        colour = (value >> 16, value >> 8 & 255, value & 255)
        near = [place for place, other in enumerate(colours) if _apart(colour, other) <= NEAR]
        if near:
            amounts[near[0]] += count
        else:
            colours.append(colour)
            amounts.append(count)
    kept = [one for one, amount in zip(colours, amounts, strict=True) if amount >= LEAST_SHARE * packed.size]
    if not 1 <= len(kept) <= MOST_REGIONS:
        raise InputError(
            f"{name} has {len(kept) or 'no'} colours that count, and a map of regions has 1 to {MOST_REGIONS}",
            "paint each region in one plain colour",
            code="not-a-map",
        )
    return kept


def _even(pixels: np.ndarray) -> np.ndarray:
    """Where (H, W) a map is of one colour with its neighbours: the mixtures on soft edges are not."""
    even = np.ones(pixels.shape[:2], bool)
    for axis in (0, 1):
        steps = (np.abs(np.diff(pixels.astype(np.int16), axis=axis)) <= EVEN).all(2)
        before, after = (np.s_[:-1], np.s_[1:]) if axis == 0 else (np.s_[:, :-1], np.s_[:, 1:])
        even[before] &= steps
        even[after] &= steps
    return even


def _apart(one: Sequence[int], other: Sequence[int]) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def _words(colours: Sequence[Colour]) -> str:
    return ", ".join("#{:02x}{:02x}{:02x}".format(*one) for one in colours)


def _labels(pixels: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """The nearest colour of each pixel (H, W)."""
    result = np.empty(pixels.shape[:2], np.uint8)
    for top in range(0, len(pixels), 256):
        part = pixels[top : top + 256].astype(np.int32)
        result[top : top + 256] = np.argmin([np.square(part - one).sum(2) for one in colours], 0)
    return result


def is_flat(pixels: np.ndarray, regions: Regions) -> bool:
    """Whether a picture is nothing but its regions: a map, or a drawing in plain colours."""
    small = _eight_bit(pixels[:: max(1, len(pixels) // 512), :: max(1, pixels.shape[1] // 512)]).astype(np.float32)
    labels = regions.content[:: max(1, len(pixels) // 512), :: max(1, pixels.shape[1] // 512)]
    spread = sum(float((labels == one).mean()) * float(small[labels == one].std(0).mean()) for one in np.unique(labels))
    return spread < FLAT


def soft_masks(labels: np.ndarray, count: int, height: int, width: int) -> Tensor:
    """Labels (H, W) as planes (1, count, height, width) of shares; they sum to 1 wherever a label is below `count`."""
    import torch
    from torch.nn.functional import interpolate

    planes = torch.stack([torch.from_numpy(labels == one) for one in range(count)])[None].float()
    return interpolate(planes, (height, width), mode="bilinear", antialias=True, align_corners=False)


def doodle(
    model: StyleModel,
    pixels: np.ndarray,
    style: np.ndarray,
    regions: Regions,
    *,
    tile: int | None = None,
    notify: Notify = lambda message: None,
) -> np.ndarray:
    """Pixels (H, W, 1 or 3) through a style model, each region in the manner of the style's (h, w, 3): (H, W, 3).

    `style` has the size at which the network is to see it, and the regions' style labels any. `tile`: None = from the free
    memory, 0 = the whole picture at once, else the side in pixels.

    Raises:
        RunError: out of memory, or a model that fails.
    """
    from genkit import runtime
    from genkit.pixels.tiling import run_tiled

    pixels = pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, 2)
    present = [one for one in range(regions.count) if bool((regions.content == one).any())]
    try:
        codes = {one: model.style(region_sample(style, regions.style, one)) for one in present}
        known = {one: _measure(model, pixels, regions.content == one, codes[one], tile) for one in present}
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        raise RunError(f"out of memory on {model.device}", "take a smaller style picture, or --device cpu") from error
    # the labels travel as a fourth channel, so that every tile knows its own
    marked = np.concatenate([pixels, regions.content[..., None].astype(pixels.dtype)], 2)
    painted = run_tiled(_ByRegion(model, codes, known, _peak(pixels)), marked, tile=tile, notify=notify)
    return np.ascontiguousarray(painted[..., :3])


def _peak(pixels: np.ndarray) -> int:
    return int(np.iinfo(pixels.dtype).max)


class _ByRegion(TransformModel):
    """A style model as `tiling` calls it: (1, 4, h, w), of which the fourth channel is the label, to (1, 4, h, w)."""

    def __init__(self, model: StyleModel, codes: dict[int, Any], known: dict[int, Any], peak: int):
        self.model, self.codes, self.known, self.peak = model, codes, known, peak
        self.scale, self.channels, self.device, self.dtype = 1, 4, model.device, model.dtype
        self.receptive, self.multiple, self.minimum = max(model.receptive, SOFT), model.multiple, model.minimum
        self.pixel_bytes, self.fallback = 2 * model.pixel_bytes, model.fallback

    def to(self, device: Any, dtype: Any) -> Self:
        self.model.to(device, dtype)
        self.device, self.dtype = self.model.device, self.model.dtype
        return self

    def __call__(self, images: np.ndarray, **options: Any) -> np.ndarray:
        from genkit.nets.guided import window_mean

        height, width = images.shape[2:]
        labels = np.rint(images[:, 3:] * self.peak)
        planes = np.concatenate([(labels == one).astype(np.float32) for one in self.codes], 1)
        planes = window_mean(planes, SOFT, repeated=False)  # (1, regions, h, w)
        whole = extend(self.model, images[:, :3])
        result = np.zeros_like(images)
        for index, (one, code) in enumerate(self.codes.items()):
            weights = planes[:, index : index + 1]
            if weights.any():
                painted = self.model.render(whole, code, self.known[one])[..., :height, :width]
                result[:, :3] += np.clip(painted, 0, 1) * weights
        return result


def extend(model: StyleModel, images: np.ndarray) -> np.ndarray:
    """Images (N, 3, H, W) with mirrored edges below and to the right, at a size that the model takes."""
    from genkit.nets.mirror import reflect

    height, width = model.extended(*images.shape[2:])
    return reflect(images, height - images.shape[2], width - images.shape[3])


def _measure(
    model: StyleModel, pixels: np.ndarray, mask: np.ndarray, code: Any, tile: int | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The statistics that a model wants, of the places of `mask` (H, W) alone; taken in tiles."""
    from genkit.pixels.arrays import to_images
    from genkit.pixels.tiling import choose_tile, spans

    known: list[tuple[np.ndarray, np.ndarray]] = []
    halo = model.receptive
    side = choose_tile(model, halo) if tile is None else tile
    rows, columns = (spans(length, side, halo, 0, model.multiple) for length in pixels.shape[:2])
    for index in range(model.rounds):
        sums: dict[int, list[Any]] = {}
        for row in rows:
            for column in columns:
                area = np.s_[row.read_start : row.read_stop, column.read_start : column.read_stop]
                images = extend(model, to_images(pixels[area]))
                weights = np.zeros((2, *images.shape[2:]), np.float32)  # of the region, and of the whole
                top, left = row.start - row.read_start, column.start - column.read_start
                inner = np.s_[top : top + row.stop - row.start, left : left + column.stop - column.start]
                weights[0][inner] = mask[row.start : row.stop, column.start : column.stop]
                weights[1][inner] = 1
                for place, features in enumerate(model.measure(index, images, code, known)):
                    height, width = features.shape[2:]
                    cells = weights.reshape(2, height, images.shape[2] // height, width, images.shape[3] // width)
                    shares = cells.mean((2, 4), dtype=np.float64).reshape(2, -1)
                    flat = features[0].reshape(features.shape[1], -1).astype(np.float64)
                    moments = [shares.sum(1), shares @ flat.T, shares @ np.square(flat).T]
                    sums[place] = [a + b for a, b in zip(sums[place], moments, strict=True)] if place in sums else moments
        known += [_statistics(sums[place], model) for place in sorted(sums)]
    return known


def _statistics(moments: Sequence[np.ndarray], model: StyleModel) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the region (row 0), which is held up by the whole picture's (row 1)."""
    count, total, squares = moments
    count = np.maximum(count, 1e-9)[:, None]
    mean = total / count
    variance = np.maximum(squares / count - np.square(mean), 0)
    deviation = np.sqrt(np.maximum(variance[0], CALM**2 * variance[1]) + model.epsilon)
    return tuple(one.astype(np.float32).reshape(1, -1, 1, 1) for one in (mean[0], deviation))


def region_sample(style: np.ndarray, labels: np.ndarray, one: int) -> np.ndarray:
    """A picture (1, 3, h, w) of nothing but one region of the style: its box, the rest filled with mirror images of it."""
    from genkit.pixels.arrays import to_images

    rows = ((np.arange(style.shape[0]) + 0.5) * labels.shape[0] / style.shape[0]).astype(int)
    columns = ((np.arange(style.shape[1]) + 0.5) * labels.shape[1] / style.shape[1]).astype(int)
    inside = labels[np.ix_(rows, columns)] == one
    if not inside.any():  # too small to be seen at this size
        inside[:] = True
    down, across = np.nonzero(inside.any(1))[0], np.nonzero(inside.any(0))[0]
    box = np.s_[down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    row, column = mirrored(inside[box])
    return to_images(style[box][row, column])


def mirrored(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every place of a mask (h, w) one that is inside: itself, or its mirror image at the nearest edge.

    Nearest places by jump flooding (Rong and Tan 2006, "Jump Flooding in GPU with Applications to Voronoi Diagrams").
    """
    height, width = inside.shape
    rows, columns = np.mgrid[:height, :width]
    near_row, near_column = np.where(inside, rows, 10 * height + 10**4), np.where(inside, columns, 10 * width + 10**4)
    step = 1 << max(height, width).bit_length() - 1
    while step:
        for down in (-step, 0, step):
            for across in (-step, 0, step):
                from_row = (rows + down).clip(0, height - 1)
                from_column = (columns + across).clip(0, width - 1)
                other_row, other_column = near_row[from_row, from_column], near_column[from_row, from_column]
                nearer = np.hypot(other_row - rows, other_column - columns) < np.hypot(near_row - rows, near_column - columns)
                near_row, near_column = np.where(nearer, other_row, near_row), np.where(nearer, other_column, near_column)
        step //= 2
    over_row, over_column = np.abs(2 * near_row - rows), np.abs(2 * near_column - columns)  # and again at the borders
    over_row, over_column = (
        np.minimum(over_row, 2 * height - 2 - over_row),
        np.minimum(over_column, 2 * width - 2 - over_column),
    )
    mirrors = inside[over_row, over_column]
    return np.where(mirrors, over_row, near_row), np.where(mirrors, over_column, near_column)
