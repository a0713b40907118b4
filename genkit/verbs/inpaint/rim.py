"""How far a mask has to be grown: by a share of the picture's diagonal, or as far as what is to go has left traces.

Whoever draws a mask along a thing leaves some of it outside, such as its blurred edge, which differs in tone from what is
farther off. So the picture farther off is carried on to the rim (`bleed`), and what is really there is compared with it, ring
by ring: where nothing is left over, the rings differ no more than those farther off.
"""

from __future__ import annotations

import math

import numpy as np

from genkit.pixels.holes import distance_in, find_holes
from genkit.pixels.transparency import bleed

SHARE = 600  # of the diagonal: no pixel below 600, 2 at 1 megapixel, 8 at 12
FAR, LEAST_FAR = 8, 16  # margins and pixels: so far beyond the mask the picture is compared
MORE, LEAST = 2.5, 3.0  # how much more than the rings farther off, and than how many steps of 255, a trace is


def margin(shape: tuple[int, ...]) -> int:
    """So many pixels a mask grows by, and is feathered over, where nothing else is said: a share of the diagonal."""
    return int(math.hypot(*shape[:2]) / SHARE)


def traces(pixels: np.ndarray, mask: np.ndarray) -> int:
    """How many pixels beyond a mask (H, W) what it covers still shows in a picture (H, W, C), at most 3/4 of `FAR` margins."""
    most = max(LEAST_FAR, FAR * margin(mask.shape))
    total, count = np.zeros(2 * most + 1), np.zeros(2 * most + 1)
    peak = np.float32(np.iinfo(pixels.dtype).max)
    for box in find_holes(mask, 1):
        wide = box.grown(2 * most + 1, mask.shape)
        rings = np.ceil(distance_in(mask, wide, 2 * most)).astype(int)
        part = pixels[wide.slices]
        beyond = (rings > most) & (rings <= 2 * most)
        if not beyond.any():
            continue
        carried = bleed(part, beyond.astype(np.uint8))
        error = np.abs(part.astype(np.float32) - carried.astype(np.float32)).mean(2) * (255 / peak)
        near = (rings > 0) & (rings <= 2 * most)
        total += np.bincount(rings[near], error[near], 2 * most + 1)
        count += np.bincount(rings[near], minlength=2 * most + 1)
    if not count[1 : most + 1].any():
        return 0
    mean = total[1 : most + 1] / np.maximum(count[1 : most + 1], 1)
    outer = 3 * most // 4
    traced = np.flatnonzero(mean[:outer] > max(MORE * mean[outer:].mean(), LEAST))
    return int(traced[-1]) + 1 if len(traced) else 0
