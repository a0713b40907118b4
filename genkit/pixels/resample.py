"""Resize a picture to an exact size: separable Lanczos filter, widened when reducing so that nothing aliases.

Filter after Duchon 1979 ("Lanczos filtering in one and two dimensions"), three lobes; pixel centres at half integers. 8 and
16 bit, in strips, so that memory stays bounded. Pillow, which has the same filter, has none for 16-bit colour.
"""

from __future__ import annotations

import numpy as np

LOBES = 3
STRIP = 64  # output rows or columns in one matrix product: short enough to waste few zeros, long enough to be fast


def in_depth(pixels: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """uint8 or uint16 as the other, or as it is; white stays white."""
    if pixels.dtype == dtype:
        return pixels
    return pixels.astype(np.uint16) * 257 if dtype == np.uint16 else ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def resize(pixels: np.ndarray, width: int, height: int, *, wrap: bool = False) -> np.ndarray:
    """(H, W, C) uint8 or uint16 to (height, width, C), same dtype; with `wrap` the picture is a torus."""
    if pixels.shape[:2] == (height, width):
        return pixels
    peak = int(np.iinfo(pixels.dtype).max)
    source_height, source_width, channels = pixels.shape
    result = np.empty((height, width, channels), pixels.dtype)
    across = [_mix(source_width, width, start, wrap) for start in range(0, width, STRIP)]
    for top in range(0, height, STRIP):
        rows, down = _mix(source_height, height, top, wrap)
        source = pixels[rows].astype(np.float32).reshape(-1, source_width * channels)  # (taken rows, W*C)
        strip = (down @ source).reshape(-1, source_width, channels)
        turned = np.ascontiguousarray(strip.transpose(1, 0, 2)).reshape(source_width, -1)  # the second product is plain too
        target = result[top : top + STRIP].transpose(1, 0, 2)
        for index, (columns, mix) in enumerate(across):
            block = mix @ turned[columns]
            np.clip(np.rint(block, out=block), 0, peak, out=block)
            target[index * STRIP : index * STRIP + len(mix)] = block.reshape(len(mix), -1, channels)
    return result


def _mix(source: int, target: int, start: int, wrap: bool) -> tuple[slice | np.ndarray, np.ndarray]:
    places, mix = weights(source, target, start, min(start + STRIP, target), wrap)
    taken = places if wrap else slice(int(places[0]), int(places[-1]) + 1)
    return taken, mix


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


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """(width, height) with the longer one at `side` and the proportions kept."""
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
