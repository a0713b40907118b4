"""Squares of pictures: the centre ones that are measured, the random ones that are trained on, and whole pictures fitted in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from genkit.data.names import read_names
from genkit.data.pictures import list_pictures
from genkit.errors import UsageError

Resampling = Image.Resampling


def centre_square(pixels: np.ndarray, side: int = 256, reduction: int = 2) -> np.ndarray:
    """The centre square of `side * reduction` pixels of uint8 (H, W, 3), reduced to (side, side, 3) by Pillow's BOX filter.

    Of a picture that is smaller the largest centre square is taken.
    """
    edge = min(side * reduction, *pixels.shape[:2])
    top, left = (pixels.shape[0] - edge) // 2, (pixels.shape[1] - edge) // 2
    square = Image.fromarray(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]))
    return np.asarray(square.resize((side, side), Resampling.BOX))


def random_square(pixels: np.ndarray, side: int, edge: float, rng: np.random.Generator, gap: float = 2.0) -> np.ndarray:
    """A square of `edge` pixels anywhere in uint8 (H, W, 3), brought to (side, side, 3), half of them mirrored; `gap` is
    Pillow's `reducing_gap`: the larger, the nearer to the exact filter."""
    height, width = pixels.shape[:2]
    left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
    box = (left, top, left + edge, top + edge)
    square = np.asarray(Image.fromarray(pixels).resize((side, side), Resampling.BICUBIC, box=box, reducing_gap=gap))
    return square[:, ::-1] if rng.integers(2) else square


def whole_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole of a picture (H, W, 3) in a square, its longer side at `side`, mirrored at the edges to fill it: what the
    translate task shows a model of one side."""
    from genkit.pixels.resample import fitted, resize

    width, height = fitted(pixels.shape[1], pixels.shape[0], side)
    left, top = (side - width) // 2, (side - height) // 2
    margins = ((top, side - height - top), (left, side - width - left), (0, 0))
    return np.pad(resize(pixels, width, height), margins, mode="symmetric")


def icon_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 4) as (side, side, 4): the middle of an opaque picture, or the whole of one with transparency. Pictures
    that fit twice or more keep their pixels as squares."""
    height, width = pixels.shape[:2]
    if (pixels[..., 3] == 255).all():
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        pixels = pixels[top : top + short, left : left + short]
    else:
        long = max(height, width)
        top, left = (long - height) // 2, (long - width) // 2
        pixels = np.pad(pixels, ((top, long - height - top), (left, long - width - left), (0, 0)))
    edge = len(pixels)
    if side % edge == 0:
        square = pixels.repeat(side // edge, 0).repeat(side // edge, 1)
    else:
        # Pillow reduces RGBA by weights of alpha, so that the colour of what is transparent does not show at edges
        enlarging = Resampling.NEAREST if 2 * edge <= side else Resampling.BICUBIC
        way = Resampling.LANCZOS if edge > side else enlarging
        square = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), way))
    return np.where(square[..., 3:] > 0, square, 0).astype(np.uint8)


def chosen_names(data: Path, listed: Path | None) -> list[str]:
    """The pictures of a folder or zip that a text file lists, in its order; all of them without one.

    Raises:
        UsageError: the file lists a picture that the data does not have.
    """
    names = list_pictures(data)
    if listed is None:
        return names
    wanted = read_names(listed)
    absent = sorted(set(wanted) - set(names))
    if absent:
        raise UsageError(f"{listed}: {absent[0]} is not in {data}", f"{len(absent)} of {len(wanted)} names are not there")
    return wanted
