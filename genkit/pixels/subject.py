"""Where the subject of a picture is, at the picture's full resolution.

A network sees a picture at a few hundred pixels. Its mask is brought to the picture's edges by the guided filter in its fast
form (He et al. 2013, IEEE TPAMI 35(6); He and Sun 2015, arXiv 1505.00996): at a working size alpha is fitted as a line in the
colours of each window, and these lines, enlarged, are used with the full picture's colours, strip by strip. `matte` first
solves for soft edges at the working size (`matting.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genkit.nets.guided import enlarge_rows, lines_in
from genkit.pixels.arrays import store, to_images
from genkit.pixels.mask_kinds import MaskPicture
from genkit.pixels.resample import fitted, resize
from genkit.pixels.transparency import bleed

if TYPE_CHECKING:
    from genkit.models.shapes import MaskModel

WORKING, MATTE_WORKING = 768, 640  # longer side in pixels at which edges are found, and soft ones
STRIP = 256  # rows handled at once
# In pixels of the working size, and variance of colours in [0, 1].
SHARP_RADIUS, SHARP_EPSILON, SHARPENED = 5, 1e-4, 3.0
MATTE_RADIUS, MATTE_EPSILON = 2, 1e-5
BAND = 110  # how far doubt reaches around the edge of a mask: the longer side over this
NEARLY, NEARLY_SOFT = 0.02, 0.06  # alpha nearer than this to 0 or 1 is that


@dataclass(frozen=True)
class Subject:
    """`alpha` (H, W) in the picture's dtype; `small` (1, C, h, w) and `small_alpha` (1, 1, h, w) are the copy at the working
    size, float32 [0, 1]."""

    alpha: np.ndarray
    small: np.ndarray
    small_alpha: np.ndarray

    @property
    def empty(self) -> bool:
        return not bool((self.alpha > np.iinfo(self.alpha.dtype).max // 2).any())


def find_subject(model: MaskModel, pixels: np.ndarray, alpha: np.ndarray | None, *, matte: bool = False) -> Subject:
    """Find it in (H, W, C) uint8 or uint16, C 1 or 3; what is transparent in a picture with alpha (H, W) is none of it."""
    height, width, channels = pixels.shape
    seen = pixels if alpha is None else bleed(pixels, alpha)
    small_pixels = resize(seen, *fitted(width, height, min(MATTE_WORKING if matte else WORKING, max(width, height))))
    small = to_images(small_pixels)
    mask = model(np.repeat(small, 3, 1) if channels == 1 else small)
    if alpha is not None:
        mask = mask * to_images(resize(alpha[..., None], small.shape[3], small.shape[2]))
    slope, level, small_alpha = _lines(small, mask, matte=matte)
    found = _enlarged(seen, slope, level, matte=matte)
    if alpha is not None:
        peak = int(np.iinfo(alpha.dtype).max)
        for top in range(0, height, STRIP):
            part = found[top : top + STRIP].astype(np.uint64) * alpha[top : top + STRIP]
            found[top : top + STRIP] = (part + peak // 2) // peak
    return Subject(found, small, small_alpha)


def mask_of(model: MaskModel, pixels: np.ndarray, alpha: np.ndarray | None, *, outside: bool, called: str) -> MaskPicture:
    """The subject, or all that is `outside` of it, as a mask that somebody could have drawn; `called` is what messages say."""
    found = find_subject(model, pixels, alpha).alpha
    return MaskPicture((np.iinfo(found.dtype).max - found if outside else found)[..., None], None, called)


def _lines(small: np.ndarray, mask: np.ndarray, *, matte: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes (1, C, h, w) and levels (1, 1, h, w) of alpha as lines in colours, and alpha (1, 1, h, w) itself."""
    if matte:
        from genkit.pixels.matting import matted

        mask = matted(small, mask, max(2, round(max(small.shape[2:]) / BAND)))
        slope, level = lines_in(small, mask, MATTE_RADIUS, MATTE_EPSILON)
    else:
        slope, level = lines_in(small, mask, SHARP_RADIUS, SHARP_EPSILON)
    slope = slope[:, 0]
    return slope, level, _settled((slope * small).sum(1, keepdims=True) + level, matte=matte)


def _settled(values: np.ndarray, *, matte: bool) -> np.ndarray:
    """Alpha in [0, 1]: as it is for soft edges, steeper around a half for plain ones."""
    if not matte:
        values = (values - 0.5) * SHARPENED + 0.5
    nearly = NEARLY_SOFT if matte else NEARLY
    return np.clip((values - nearly) / (1 - 2 * nearly), 0, 1)


def _enlarged(pixels: np.ndarray, slope: np.ndarray, level: np.ndarray, *, matte: bool) -> np.ndarray:
    height, width, _ = pixels.shape
    peak = int(np.iinfo(pixels.dtype).max)
    result = np.empty((height, width), pixels.dtype)
    planes = np.concatenate([slope, level], 1)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        colours = to_images(pixels[top:bottom])
        lines = enlarge_rows(planes, top, bottom - top, height, width)
        values = (lines[:, :-1] * colours).sum(1, keepdims=True) + lines[:, -1:]
        store(_settled(values, matte=matte)[0], result[top:bottom, :, None], peak)
    return result
