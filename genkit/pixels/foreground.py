"""The colours of a subject without those of what was behind it, so that its soft edges bring no halo along.

Where alpha is between, a pixel is a mixture. Forte 2021, "Approximate Fast Foreground Colour Estimation" (ICIP, blur-fusion):
the subject's colour is first a mean of colours around, weighed by alpha, the other one weighed by the rest, and what both
leave unexplained is given to the subject; twice, in large windows and then in small ones. Here the large windows are taken on a
reduced copy, and the small ones in strips, so that memory stays bounded.
"""

from __future__ import annotations

import numpy as np

from genkit.nets.guided import enlarge_rows, window_mean
from genkit.pixels.arrays import store, to_images

STRIP = 256  # rows handled at once
WIDE, NEAR, NEAR_MOST = 24, 3, 6  # radius of windows: in pixels of the reduced copy, and of the picture at most
LEAST = 1e-4


def _means(colours: np.ndarray, behind: np.ndarray, alpha: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours (1, C, h, w) of the subject and of what is behind it, each weighed by its share."""
    front = window_mean(colours * alpha, radius) / np.maximum(window_mean(alpha, radius), LEAST)
    rest = 1 - alpha
    back = window_mean(behind * rest, radius) / np.maximum(window_mean(rest, radius), LEAST)
    return front, back


def _explained(colours: np.ndarray, front: np.ndarray, back: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Equation 5: the subject's colour, with what the mixture of both means does not explain."""
    return np.clip(front + alpha * (colours - alpha * front - (1 - alpha) * back), 0, 1)


def foreground(pixels: np.ndarray, alpha: np.ndarray, small: np.ndarray, small_alpha: np.ndarray) -> np.ndarray:
    """Colours (H, W, C) uint8 or uint16 of the subject, alike where alpha (H, W), of the same dtype, is full; `small`
    (1, C, h, w) and `small_alpha` (1, 1, h, w) are reduced copies, float32 [0, 1]."""
    front, back = _means(small, small, small_alpha, WIDE)
    front = _explained(small, front, back, small_alpha)
    wide = np.concatenate([front, back], 1)  # (1, 2C, h, w)
    height, width, channels = pixels.shape
    peak = int(np.iinfo(pixels.dtype).max)
    radius = min(NEAR_MOST, max(1, round(NEAR * height / small.shape[2])))
    result = pixels.copy()
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        share = alpha[top:bottom]
        mixed = (share > 0) & (share < peak)
        if not mixed.any():
            continue
        columns = np.flatnonzero(mixed.any(0))
        first, last = max(0, top - 2 * radius), min(height, bottom + 2 * radius)
        left, right = max(0, columns[0] - 2 * radius), min(width, columns[-1] + 1 + 2 * radius)
        colours = to_images(pixels[first:last, left:right])
        shares = to_images(alpha[first:last, left:right, None])
        enlarged = enlarge_rows(wide, first, last - first, height, width)[..., left:right]
        near = _means(enlarged[:, :channels], enlarged[:, channels:], shares, radius)
        found = _explained(colours, *near, shares)[0, :, top - first : bottom - first]
        patch = np.empty((bottom - top, right - left, channels), pixels.dtype)
        store(found, patch, peak)
        inside = mixed[:, left:right]
        result[top:bottom, left:right][inside] = patch[inside]
    return result
