"""Resize a picture to an exact size: separable Lanczos filter, widened when reducing so that nothing aliases.

Filter after Duchon 1979 ("Lanczos filtering in one and two dimensions"), three lobes; pixel centres at half integers. 8 and
16 bit, in strips, so that memory stays bounded. Pillow, which has the same filter, has none for 16-bit colour.
"""

from __future__ import annotations

import numpy as np

LOBES = 3
STRIP = 64  # output rows or columns in one matrix product: short enough to waste few zeros, long enough to be fast


def resize(pixels: np.ndarray, width: int, height: int, *, wrap: bool = False) -> np.ndarray:
    """(H, W, C) uint8 or uint16 to (height, width, C), same dtype; with `wrap` the picture is a torus."""
    if pixels.shape[:2] == (height, width):
        return pixels
    peak = np.iinfo(pixels.dtype).max
    result = np.empty((height, width, pixels.shape[2]), pixels.dtype)
    across = [weights(pixels.shape[1], width, start, min(start + STRIP, width), wrap) for start in range(0, width, STRIP)]
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        rows, down = weights(pixels.shape[0], height, top, bottom, wrap)
        source = pixels[rows].astype(np.float32)  # (taken rows, W, C)
        strip = (down @ source.reshape(len(rows), -1)).reshape(bottom - top, *pixels.shape[1:])
        for index, (columns, mix) in enumerate(across):
            block = np.matmul(mix, strip[:, columns])  # (rows, columns, C)
            np.rint(block, out=block)
            np.clip(block, 0, peak, out=block)
            result[top:bottom, index * STRIP : index * STRIP + len(mix)] = block
    return result


def weights(source: int, target: int, start: int, stop: int, wrap: bool) -> tuple[np.ndarray, np.ndarray]:
    """For output places [start, stop) of one axis: the input places they take from, and float32 (stop - start, places)."""
    ratio = source / target
    reach = LOBES * max(ratio, 1.0)
    centres = (np.arange(start, stop) + 0.5) * ratio
    first, last = int(np.floor(centres[0] - reach)), int(np.ceil(centres[-1] + reach))
    places = np.arange(first, last)
    distances = (places + 0.5 - centres[:, None]) / max(ratio, 1.0)
    mix = np.where(np.abs(distances) < LOBES, np.sinc(distances) * np.sinc(distances / LOBES), 0.0)
    if wrap:
        return places % source, (mix / mix.sum(1, keepdims=True)).astype(np.float32)
    inside = (places >= 0) & (places < source)  # beyond the edge there is nothing: the rest is weighted up
    mix = mix[:, inside]
    return places[inside], (mix / mix.sum(1, keepdims=True)).astype(np.float32)
