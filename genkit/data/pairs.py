"""Pairs to learn a translation from and to measure one on: two folders of equal names, pictures side by side, or made from
photographs.

A pair is two uint8 arrays (H, W, 3) of one size, source and target, and the code of the colour of the thing in it (1 + its
place in `colours.NAMES`), 0 where nobody asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from genkit.data import colours
from genkit.data.names import split_names
from genkit.data.pictures import list_pictures, read_pictures, split_sources
from genkit.data.squares import centre_square, whole_square
from genkit.data.tensors import to_pixels, to_tensor
from genkit.errors import UsageError
from genkit.nets.guided import window_mean
from genkit.nets.luma import luma
from genkit.pixels.edges import EDGES, LineOptions, lines

Pair = tuple[np.ndarray, np.ndarray, int]
INK, DEPTH, TONE_RADIUS = 0.9, 0.45, 6  # how black a line is, how dark the darkest tone is, and its window
SHARES = (1.0, 0.5, 2 / 3)  # of a photograph's size at which it is drawn, in turns


def folder_pairs(text: str, holdout: Path | None, side: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs (training, held out) of `A:B`, two folders or zips of equal names but for the suffix, or of one folder: with
    folders `A` and `B` in it, or of pictures with both halves side by side, the source at the left.

    Both are brought to `side` on the shorter side of the source.

    Raises:
        UsageError: names without a partner, or no pair.
    """
    first, second = _two(text)
    if second is None:
        training, held = split_names(list_pictures(first), holdout)
        parts = [[_halves(pixels, side) for _, pixels in read_pictures(first, names)] for names in (training, held)]
        return parts[0], parts[1]
    partners = {_stem(name): name for name in list_pictures(second)}
    names = list_pictures(first)
    lonely = [name for name in names if _stem(name) not in partners]
    if lonely:
        raise UsageError(
            f"{second}: has no partner for {lonely[0]}", f"{len(lonely)} of {len(names)} have none; names must agree"
        )
    training, held = split_names(names, holdout)
    parts = []
    for chosen in (training, held):
        sources = dict(read_pictures(first, chosen))
        targets = dict(read_pictures(second, [partners[_stem(name)] for name in chosen]))
        both = [(pixels, targets.get(partners[_stem(name)])) for name, pixels in sources.items()]
        parts.append([_fitted(source, target, side) for source, target in both if target is not None])
    if not parts[0]:
        raise UsageError(f"{text}: no pair that can be read")
    return parts[0], parts[1]


def _two(text: str) -> tuple[Path, Path | None]:
    whole = Path(text)
    if whole.exists():
        if whole.is_dir() and (whole / "A").is_dir() and (whole / "B").is_dir():
            return whole / "A", whole / "B"
        return whole, None
    for place in (i for i, sign in enumerate(text) if sign == ":"):  # a drive letter has a colon too
        first, second = Path(text[:place]), Path(text[place + 1 :])
        if first.exists() and second.exists():
            return first, second
    raise UsageError(f"{text}: not a folder, a zip, or two of them as A:B")


def _stem(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _halves(pixels: np.ndarray, side: int) -> Pair:
    middle = pixels.shape[1] // 2
    return _fitted(pixels[:, :middle], pixels[:, middle : 2 * middle], side)


def _fitted(source: np.ndarray, target: np.ndarray, side: int) -> Pair:
    size = _size(source, side)
    return _resized(source, size), _resized(target, size), 0


def _size(pixels: np.ndarray, side: int) -> tuple[int, int]:
    """(width, height) with `side` on the shorter side."""
    height, width = pixels.shape[:2]
    share = side / min(height, width)
    return max(side, round(width * share)), max(side, round(height * share))


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    smaller = pixels.shape[1] > size[0]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX if smaller else Image.Resampling.BICUBIC))


def made_pairs(
    kind: str,
    data: Sequence[Path],
    holdout: Path | None,
    side: int,
    leave_out: Sequence[str],
    count: int,
    named: bool = False,
) -> tuple[list[Pair], list[Pair]]:
    """Pairs made from photographs, of which at most `count` are held out; with `named` the thing's colour is looked for.

    `sketch`: a photograph and its drawing, every second one at half its size and every third at two thirds; `edges`: the edge
    map of a picture that was fitted into a square of `side`, and that square.

    Raises:
        UsageError: no such kind, or no picture.
    """
    makers = {"sketch": _sketch_pair, "edges": _edge_pair}
    if kind not in makers:
        raise UsageError(f"data.make = {kind}: not a kind of pairs", f"there are {', '.join(makers)}")
    sources = split_sources(data, holdout, leave_out)

    def make(pictures: Iterator[np.ndarray]) -> Iterator[Pair]:
        for number, pixels in enumerate(pictures):
            yield *makers[kind](pixels, side, number), _colour_code(pixels) if named else 0

    training = [pair for source in sources for pair in make(source.training_pictures())]
    return training, [pair for source in sources for pair in make(source.held_pictures(count))]


def measured_pairs(
    kind: str, data: Path, names: Sequence[str], side: int, named: bool
) -> Iterator[tuple[str, np.ndarray, np.ndarray, int]]:
    """(name, source, target, colour) of pictures of a folder or zip: `edges`, or `sketch` of the middle square of `side`."""
    for name, pixels in read_pictures(data, names):
        pair = _edge_pair(pixels, side, 0) if kind == "edges" else _sketch_pair(centre_square(pixels, side, 1), side, 0)
        yield name, *pair, _colour_code(pixels) if named else 0


def _colour_code(pixels: np.ndarray) -> int:
    return 1 + colours.NAMES.index(colours.find(pixels)[0])


def _edge_pair(pixels: np.ndarray, side: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    picture = whole_square(pixels, side)
    return _drawn(picture, lambda images: lines(images, EDGES)), picture


def _sketch_pair(pixels: np.ndarray, side: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The drawing is made at the size at which it is learnt, because reducing one would thin its lines."""
    shorter = min(pixels.shape[:2])
    picture = _resized(pixels, _size(pixels, max(min(side, shorter), round(shorter * SHARES[number % len(SHARES)]))))
    return picture, _drawn(picture, sketch)


def _drawn(pixels: np.ndarray, draw: Callable[[Tensor], Tensor]) -> np.ndarray:
    with torch.inference_mode():
        return to_pixels(draw(to_tensor(pixels)))


def sketch(images: Tensor, options: LineOptions = LineOptions(thickness=1.0, flow=2.4, length=4.0, shy=0.975)) -> Tensor:
    """Draw pictures (N, 3, H, W) with pencil: (N, 1, H, W), coherent lines over a light tone that follows the darkness.

    The tone is the lightness smoothed by itself (guided filter, He et al. 2013), so that it ends where things end.
    """
    lightness = luma(images)
    mean = _mean(lightness)
    variance = (_mean(lightness * lightness) - mean * mean).clamp_min(0)
    slope = variance / (variance + 0.02)
    smooth = _mean(slope) * lightness + _mean(mean - slope * mean)
    tone = 1 - DEPTH * (1 - smooth).clamp(0, 1) ** 1.6
    return tone * (1 - INK * (1 - lines(images, options)))


def _mean(planes: Tensor) -> Tensor:
    return torch.from_numpy(window_mean(planes.numpy(), TONE_RADIUS))
