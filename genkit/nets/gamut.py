"""Bring Lab colours into sRGB at constant lightness and hue, by as little as it takes.

Clipping RGB channels one by one changes lightness and hue, which shows as blotches; here chroma alone is reduced, each pixel
by the largest factor that fits (bisection along the line to its grey).
"""

from __future__ import annotations

import numpy as np

from genkit.nets.lab import lab_to_rgb

TOLERANCE = 1e-5  # in sRGB units: what rounding in float32 makes of colours on the boundary
STEPS = 13  # of the bisection: the factor is found to 1/8192, a hundredth of a Lab unit for the most saturated colours


def fit_gamut(lab: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) Lab, L within 0 to 100, to sRGB (N, 3, H, W) in [0, 1] of the same lightness and hue."""
    rgb = lab_to_rgb(lab)
    outside = ~_fits(rgb)  # (N, H, W)
    if outside.any():
        colours = np.moveaxis(lab, 1, 3)[outside].T[None, :, None]  # (1, 3, 1, M)
        np.moveaxis(rgb, 1, 3)[outside] = _reduced(np.ascontiguousarray(colours))[0, :, 0].T
    return np.clip(rgb, 0, 1)


def _fits(rgb: np.ndarray) -> np.ndarray:
    return (rgb.min(1) >= -TOLERANCE) & (rgb.max(1) <= 1 + TOLERANCE)


def _reduced(colours: np.ndarray) -> np.ndarray:
    lightness, chroma = colours[:, :1], colours[:, 1:]
    factor, step = np.zeros_like(lightness), np.float32(0.5)  # grey always fits
    for _ in range(STEPS):
        trial = factor + step
        fits = _fits(lab_to_rgb(np.concatenate([lightness, chroma * trial], 1)))[:, None]
        factor = np.where(fits, trial, factor)
        step /= 2
    return lab_to_rgb(np.concatenate([lightness, chroma * factor], 1))
