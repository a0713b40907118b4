"""Cut out a subject: find it, free its edges of the colours behind it, and lay it on what it is to stand before.

A background picture covers the whole, cut at its longer sides' middle as CSS's `cover` does. A blurred one is made of what is
behind the subject alone (normalised convolution, Knutsson and Westin 1993), so the subject leaves no glow around itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genkit.models.shapes import MaskModel
    from genkit.pixels.subject import Subject
    from genkit.run.verb import Notify

STRIP = 256  # rows handled at once
BLURRED = 40  # the longer side over this is the radius of the blur


@dataclass(frozen=True)
class CutoutOptions:
    """`background` is a colour or `blur`, `behind` a picture (h, w, 1 or 3); with neither what is behind is transparent."""

    background: str | None = None
    behind: np.ndarray | None = None
    matte: bool = False
    mask_only: bool = False
    crop: bool = False


def cutout(
    model: MaskModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    options: CutoutOptions,
    notify: Notify = lambda message: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """(H, W, C) uint8 or uint16, C 1 or 3, and alpha (H, W) or None, to pixels and alpha in the same dtype; smaller with
    `crop`."""
    from genkit.pixels.foreground import foreground
    from genkit.pixels.subject import find_subject
    from genkit.pixels.transparency import bleed

    subject = find_subject(model, pixels, alpha, matte=options.matte)
    if subject.empty:
        notify("no subject was found: nothing stands out enough (another --model may see it)")
    window = _window(subject.alpha) if options.crop else (slice(None), slice(None))
    if options.mask_only:
        return np.ascontiguousarray(subject.alpha[window][..., None]), None
    seen = pixels if alpha is None else bleed(pixels, alpha)
    colours = foreground(seen, subject.alpha, subject.small, subject.small_alpha)
    if options.background is None and options.behind is None:
        return np.ascontiguousarray(colours[window]), np.ascontiguousarray(subject.alpha[window])
    behind = _behind(seen, subject, options)
    laid = _laid_on(colours, subject.alpha, behind)
    return np.ascontiguousarray(laid[window]), None


def _window(alpha: np.ndarray) -> tuple[slice, slice]:
    """Where anything shows; the whole where nothing does."""
    shows = alpha > int(np.iinfo(alpha.dtype).max) // 50
    rows, columns = np.flatnonzero(shows.any(1)), np.flatnonzero(shows.any(0))
    if not len(rows):
        return slice(None), slice(None)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _behind(pixels: np.ndarray, subject: Subject, options: CutoutOptions) -> np.ndarray:
    """(H, W, C), or (1, 1, C) for a colour, in the picture's dtype."""
    from genkit.verbs.cutout.background import parse

    if options.behind is not None:
        return _covering(options.behind, pixels.shape[1], pixels.shape[0], pixels.dtype)
    assert options.background is not None
    colour = parse(options.background)
    if colour is None:
        return _blurred(pixels, subject)
    scale = int(np.iinfo(pixels.dtype).max) // 255
    grey = pixels.shape[2] == 1 and len(set(colour)) == 1
    return (np.array(colour[:1] if grey else colour, np.uint32) * scale).astype(pixels.dtype)[None, None]


def _covering(picture: np.ndarray, width: int, height: int, dtype: np.dtype) -> np.ndarray:
    """A picture that covers width x height, its middle, in a dtype."""
    from genkit.pixels.resample import in_depth, resize

    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    wide, high = min(columns, round(width / scale)), min(rows, round(height / scale))
    top, left = (rows - high) // 2, (columns - wide) // 2
    cut = resize(np.ascontiguousarray(picture[top : top + high, left : left + wide]), width, height)
    return in_depth(cut, dtype)


def _blurred(pixels: np.ndarray, subject: Subject) -> np.ndarray:
    """What is behind, out of focus: made at the working size, where it is smooth, and enlarged in strips."""
    from genkit.nets.guided import enlarge_rows, window_mean
    from genkit.pixels.arrays import store

    height, width = pixels.shape[:2]
    result = np.empty_like(pixels)
    share = np.square(1 - subject.small_alpha)  # little of what is half the subject
    planes = np.concatenate([subject.small * share, share + np.float32(1e-4) * (subject.small_alpha < 1)], 1)
    radius = max(2, round(max(planes.shape[2:]) / BLURRED))
    for _ in range(3):  # three boxes are nearly a Gaussian
        planes = window_mean(planes, radius)
    mean = planes[:, :-1].mean((2, 3), keepdims=True) / np.maximum(planes[:, -1:].mean((2, 3), keepdims=True), 1e-6)
    # far inside a subject nothing is known of what is behind: there it is the mean
    smooth = (planes[:, :-1] + np.float32(1e-4) * mean) / (planes[:, -1:] + np.float32(1e-4))
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        rows = enlarge_rows(smooth, top, bottom - top, height, width)
        store(rows[0], result[top:bottom], int(np.iinfo(pixels.dtype).max))
    return result


def _laid_on(colours: np.ndarray, alpha: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Colours (H, W, C) over (H, W or 1, C); in colour where either is."""
    height, width = alpha.shape
    channels = max(colours.shape[2], behind.shape[2])
    peak = int(np.iinfo(colours.dtype).max)
    result = np.empty((height, width, channels), colours.dtype)
    for top in range(0, height, STRIP):
        rows = slice(top, top + STRIP)
        share = alpha[rows, :, None].astype(np.uint64)
        under = behind[rows] if behind.shape[0] > 1 else behind
        result[rows] = (colours[rows].astype(np.uint64) * share + under * (peak - share) + peak // 2) // peak
    return result
