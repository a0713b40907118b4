"""Unsharp masking: what a picture has more than its blurred self, added once more."""

from __future__ import annotations

import numpy as np
import torch

from genkit import runtime

RADIUS = 1.0  # standard deviation of the blur in pixels: the softness that resampling leaves
REACH = 3  # pixels on each side that the blur looks at
STRIP = 256  # rows worked on at once, so that memory stays bounded


def unsharp(pixels: np.ndarray, amount: float, *, wrap: bool = False) -> np.ndarray:
    """Sharpen (H, W, C) uint8 or uint16 by `amount`, 0 (not at all) to 1; with `wrap` the picture is a torus."""
    peak = int(np.iinfo(pixels.dtype).max)
    offsets = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    kernel = torch.exp(-(offsets**2) / (2 * RADIUS**2))
    kernel /= kernel.sum()
    margins = ((REACH, REACH), (REACH, REACH), (0, 0))
    padded = np.pad(pixels, margins, mode="wrap" if wrap else "edge")
    result = np.empty_like(pixels)
    with runtime.inference():
        for top in range(0, len(pixels), STRIP):
            part = torch.from_numpy(padded[top : top + STRIP + 2 * REACH].astype(np.float32))  # (rows, W + 2 REACH, C)
            planes = part.permute(2, 0, 1)[:, None]  # (C, 1, rows, W + 2 REACH)
            blurred = torch.nn.functional.conv2d(planes, kernel[None, None, :, None])
            blurred = torch.nn.functional.conv2d(blurred, kernel[None, None, None, :])
            sharp = planes[..., REACH:-REACH, REACH:-REACH]
            sharp = (sharp + amount * (sharp - blurred)).round_().clamp_(0, peak)
            result[top : top + STRIP] = sharp[:, 0].permute(1, 2, 0).numpy().astype(pixels.dtype)
    return result
