"""Colours under fully transparent pixels: filled from what is visible beside them.

A network looks at a neighbourhood, so the black that many editors leave under transparent pixels would darken the visible
edge. The fill is the pull half of Gortler et al. 1996 ("The Lumigraph", section 3.4.3): average what is visible over blocks
of 2 x 2, again and again, and give every hole the first average that covers it. Visible pixels are not touched.
"""

from __future__ import annotations

import numpy as np

STRIP = 512  # rows handled at once, so that memory stays bounded


def bleed(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours (H, W, C) with the holes, where alpha (H, W) is 0, filled; the array itself where there are none."""
    visible = alpha > 0
    if visible.all() or not visible.any():
        return pixels
    return _fill(pixels, visible)


def _fill(pixels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    height, width, channels = pixels.shape
    half = ((height + 1) // 2, (width + 1) // 2)
    coarse, coarse_visible = np.zeros((*half, channels), pixels.dtype), np.zeros(half, bool)
    for top in range(0, height, STRIP):
        mean, any_visible = _pull(pixels[top : top + STRIP], visible[top : top + STRIP])
        coarse[top // 2 : top // 2 + len(mean)], coarse_visible[top // 2 : top // 2 + len(mean)] = mean, any_visible
    if not coarse_visible.all():
        coarse = _fill(coarse, coarse_visible)
    result = pixels.copy()
    for top in range(0, height, STRIP):
        holes = ~visible[top : top + STRIP]
        row, column = np.nonzero(holes)
        result[top + row, column] = coarse[(top + row) // 2, column // 2]
    return result


def _pull(pixels: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the visible pixels of each 2 x 2 block, and whether there are any."""
    pad = ((0, pixels.shape[0] % 2), (0, pixels.shape[1] % 2))
    visible = np.pad(visible, pad)
    total = np.pad(pixels, (*pad, (0, 0))).astype(np.uint32) * visible[..., None]
    total = total[0::2, 0::2] + total[1::2, 0::2] + total[0::2, 1::2] + total[1::2, 1::2]
    count = visible[0::2, 0::2].astype(np.uint32) + visible[1::2, 0::2] + visible[0::2, 1::2] + visible[1::2, 1::2]
    safe = np.maximum(count, 1)[..., None]
    return ((total + safe // 2) // safe).astype(pixels.dtype), count > 0
