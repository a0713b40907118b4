"""Transparency around a network: colours under what is invisible, and masks without ripples.

A network looks at a neighbourhood, so the black that many editors leave under transparent pixels would darken the visible
edge. The fill is the pull half of Gortler et al. 1996 ("The Lumigraph", section 3.4.3): average what is visible over blocks
of 2 x 2, again and again, and give every hole the first average that covers it. Visible pixels are not touched.

A network draws the edge of a mask far better than a resampler, but also a faint ripple beside it, which shows as a ghost on
another background. Holding every pixel between the least and the most opaque of the 3 x 3 around its place removes it.
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


def hold(grown: np.ndarray, alpha: np.ndarray, *, wrap: bool = False) -> np.ndarray:
    """Keep an enlarged mask (h, w), changed in place, within what the mask (H, W) it was made from has around each place."""
    padded = np.pad(alpha, 1, mode="wrap" if wrap else "edge")
    least, most = padded, padded
    for axis in (0, 1):
        length = alpha.shape[axis]
        least = np.minimum.reduce([least.take(range(step, step + length), axis) for step in range(3)])
        most = np.maximum.reduce([most.take(range(step, step + length), axis) for step in range(3)])
    columns = (np.arange(grown.shape[1]) + 0.5) * alpha.shape[1] // grown.shape[1]
    rows = (np.arange(grown.shape[0]) + 0.5) * alpha.shape[0] // grown.shape[0]
    for top in range(0, grown.shape[0], STRIP):
        taken = np.ix_(rows[top : top + STRIP].astype(int), columns.astype(int))
        np.clip(grown[top : top + STRIP], least[taken], most[taken], out=grown[top : top + STRIP])
    return grown
