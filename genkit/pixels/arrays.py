"""Pixels as what networks see, and back: (H, W, C) whole numbers, and (N, C, H, W) float32 in [0, 1]."""

from __future__ import annotations

import numpy as np


def to_images(window: np.ndarray) -> np.ndarray:
    """(H, W, C) uint8 or uint16 to (1, C, H, W) float32 [0, 1], new and contiguous."""
    images = np.empty((1, window.shape[2], *window.shape[:2]), np.float32)
    np.divide(window.transpose(2, 0, 1), np.float32(np.iinfo(window.dtype).max), out=images[0], dtype=np.float32)
    return images


def store(patch: np.ndarray, target: np.ndarray, peak: int) -> None:
    """Round (C, h, w) float [0, 1] into (h, w, C) uint8 or uint16."""
    values = np.multiply(patch, np.float32(peak))
    np.clip(np.rint(values, out=values), 0, peak, out=values)
    np.copyto(target, values.transpose(1, 2, 0), casting="unsafe")
