"""Pictures of one side with their classes, for networks that draw pictures: what they learn from and are measured against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from genkit.data.names import matches
from genkit.data.pictures import list_pictures, read_pictures
from genkit.errors import UsageError

NONE, FOLDERS = "none", "folders"
Classes = str | Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Preparation:
    """How a picture becomes a square of `side`: its centre is cut out, after its longer side was pressed by up to `squeeze`,
    which keeps more of a long thing in sight. With `pixel_art` no pixel is ever mixed with another: smaller pictures are put
    in the middle, whole multiples are reduced, others are left out. With `alpha` transparency is a fourth channel, the colour
    of what is wholly transparent being black; pictures of which less than the share `covered` is to be seen are left out."""

    side: int
    squeeze: float = 1.15
    pixel_art: bool = False
    alpha: bool = False
    covered: float = 0.0

    def params(self) -> dict[str, Any]:
        """What a card says of it, besides the side."""
        return {"squeeze": self.squeeze, "pixel_art": self.pixel_art, "covered": self.covered}


@dataclass(frozen=True)
class LabelledPictures:
    """`pixels` uint8 (N, side, side, 3 or 4), `labels` int64 (N,), 0 for all where there are no `classes`."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    names: tuple[str, ...]


def read_labelled(
    source: Path, classes: Classes, preparation: Preparation, names: Sequence[str] | None = None, known: Sequence[str] = ()
) -> LabelledPictures:
    """Read the pictures of a folder or zip, or those of `names`.

    `classes`: "none"; "folders", each named by the folder that holds it; or patterns of names for each class, the first that
    fits, pictures that none fits being left out. `known` gives the order of classes.

    Raises:
        UsageError: nothing that can be read is left, or another word for `classes`.
    """
    names = list_pictures(source) if names is None else list(names)
    by_name = {name: label for name in names if (label := class_of(name, classes)) is not None}
    order = tuple(known) or (tuple(classes) if isinstance(classes, Mapping) else tuple(sorted(set(by_name.values()))))
    pixels: list[np.ndarray] = []
    kept: list[str] = []
    for name, picture in read_pictures(source, list(by_name), "RGBA" if preparation.alpha else "RGB"):
        square = prepare(picture, preparation) if by_name[name] in order or classes == NONE else None
        if square is not None:
            pixels.append(square)
            kept.append(name)
    if not pixels:
        raise UsageError(f"{source}: no picture that can be read, is large enough and has a class")
    labels = [0 if classes == NONE else order.index(by_name[name]) for name in kept]
    return LabelledPictures(
        np.stack(pixels), np.array(labels, np.int64), () if classes == NONE else tuple(map(str, order)), tuple(kept)
    )


def class_of(name: str, classes: Classes) -> str | None:
    """The class of a picture by its name, None where it has none; the empty string where there are no classes."""
    if isinstance(classes, Mapping):
        return next((label for label, patterns in classes.items() if matches(name, patterns)), None)
    if classes == NONE:
        return ""
    if classes != FOLDERS:
        raise UsageError(f"classes {classes!r}: give {NONE}, {FOLDERS}, or patterns for each class in the configuration")
    return PurePosixPath(name).parent.name or None


def prepare(pixels: np.ndarray, preparation: Preparation) -> np.ndarray | None:
    """uint8 (H, W, C) as (side, side, C), or None where it would have to be enlarged more than twice, or is left out."""
    square = _as_pixel_art(pixels, preparation.side) if preparation.pixel_art else _pressed(pixels, preparation)
    if square is not None and preparation.alpha:
        if (square[..., 3] > 127).mean() < preparation.covered:
            return None
        square = np.where(square[..., 3:] > 0, square, 0).astype(np.uint8)
    return square


def _pressed(pixels: np.ndarray, preparation: Preparation) -> np.ndarray | None:
    from PIL import Image

    height, width = pixels.shape[:2]
    short = min(height, width)
    if 2 * short < preparation.side:
        return None
    long = min(max(height, width), round(short * preparation.squeeze))
    rows, columns = (long, short) if height > width else (short, long)
    top, left = (height - rows) // 2, (width - columns) // 2
    part = Image.fromarray(np.ascontiguousarray(pixels[top : top + rows, left : left + columns]))
    return np.asarray(part.resize((preparation.side, preparation.side), Image.Resampling.LANCZOS))


def _as_pixel_art(pixels: np.ndarray, side: int) -> np.ndarray | None:
    height, width, channels = pixels.shape
    times = max(height, width) // side
    if times > 1 and height == width == times * side:
        pixels = pixels[times // 2 :: times, times // 2 :: times]
        height = width = side
    if max(height, width) > side or 2 * min(height, width) < side:
        return None
    square = np.zeros((side, side, channels), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square


def opaque(pixels: np.ndarray, background: int = 128) -> np.ndarray:
    """uint8 (..., 3 or 4) as (..., 3), before an even grey."""
    if pixels.shape[-1] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.float32) / 255
    return np.round(pixels[..., :3] * alpha + background * (1 - alpha)).astype(np.uint8)
