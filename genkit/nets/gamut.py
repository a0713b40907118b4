"""Bring Lab colours into sRGB at constant lightness and hue, by as little as it takes.

Clipping RGB channels one by one changes lightness and hue, which shows as blotches; here chroma alone is reduced, each pixel
by the largest factor that fits (bisection along the line to its grey).
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.nets.lab import lab_to_rgb

TOLERANCE = 1e-5  # in sRGB units: what rounding in float32 makes of colours on the boundary
STEPS = 13  # of the bisection: the factor is found to 1/8192, a hundredth of a Lab unit for the most saturated colours


def fit_gamut(lab: Tensor) -> Tensor:
    """(N, 3, H, W) Lab, L within 0 to 100, to sRGB (N, 3, H, W) in [0, 1] of the same lightness and hue."""
    rgb = lab_to_rgb(lab)
    outside = ~_fits(rgb)  # (N, H, W)
    if outside.any():
        colours = lab.permute(0, 2, 3, 1)[outside].T[None, :, None]  # (1, 3, 1, M)
        rgb.permute(0, 2, 3, 1)[outside] = _reduced(colours)[0, :, 0].T
    return rgb.clamp_(0, 1)


def _fits(rgb: Tensor) -> Tensor:
    least, most = torch.aminmax(rgb, dim=1)
    return (least >= -TOLERANCE) & (most <= 1 + TOLERANCE)


def _reduced(colours: Tensor) -> Tensor:
    lightness, chroma = colours[:, :1], colours[:, 1:]
    factor, step = torch.zeros_like(lightness), 0.5  # grey always fits
    for _ in range(STEPS):
        trial = factor + step
        fits = _fits(lab_to_rgb(torch.cat([lightness, chroma * trial], 1)))[:, None]
        factor = torch.where(fits, trial, factor)
        step /= 2
    return lab_to_rgb(torch.cat([lightness, chroma * factor], 1))
