"""The held-out squares on which colour and inpainting are measured: the centre of a picture, reduced by area averaging."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genkit.data.pictures import list_pictures
from genkit.errors import UsageError


def centre_square(pixels: np.ndarray, side: int = 256, reduction: int = 2) -> np.ndarray:
    """The centre square of `side * reduction` pixels of uint8 (H, W, 3), reduced to (side, side, 3) by Pillow's BOX filter.

    Of a picture that is smaller the largest centre square is taken.
    """
    from PIL import Image

    edge = min(side * reduction, *pixels.shape[:2])
    top, left = (pixels.shape[0] - edge) // 2, (pixels.shape[1] - edge) // 2
    square = Image.fromarray(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]))
    return np.asarray(square.resize((side, side), Image.Resampling.BOX))


def whole_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole of a picture (H, W, 3) in a square, its longer side at `side`, mirrored at the edges to fill it: what the
    translate task shows a model of one side."""
    from genkit.pixels.resample import fitted, resize

    width, height = fitted(pixels.shape[1], pixels.shape[0], side)
    left, top = (side - width) // 2, (side - height) // 2
    margins = ((top, side - height - top), (left, side - width - left), (0, 0))
    return np.pad(resize(pixels, width, height), margins, mode="symmetric")


def chosen_names(data: Path, listed: Path | None) -> list[str]:
    """The pictures of a folder or zip that a text file lists, in its order; all of them without one.

    Raises:
        UsageError: the file lists a picture that the data does not have.
    """
    names = list_pictures(data)
    if listed is None:
        return names
    wanted = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    absent = sorted(set(wanted) - set(names))
    if absent:
        raise UsageError(f"{listed}: {absent[0]} is not in {data}", f"{len(absent)} of {len(wanted)} names are not there")
    return wanted
