"""PSNR and SSIM as the super-resolution literature measures them.

Y is the luma of ITU-R BT.601 in its 16 to 235 range, as MATLAB's rgb2ycbcr makes it; a border is left out because the
networks see nothing beyond it; 8-bit results. SSIM is that of Wang et al. 2004 (IEEE TIP 13(4)): an 11 x 11 Gaussian window
of sigma 1.5, C1 = (0.01*255)^2, C2 = (0.03*255)^2, over the places where the whole window fits.
"""

from __future__ import annotations

import numpy as np


def luma(pixels: np.ndarray) -> np.ndarray:
    """Y of YCbCr, float64 (H, W) in [16, 235], of uint8 (H, W, 3)."""
    return 16.0 + pixels.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255.0


def crop_border(pixels: np.ndarray, border: int) -> np.ndarray:
    return pixels[border : pixels.shape[0] - border, border : pixels.shape[1] - border] if border else pixels


def psnr(result: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB, peak 255; infinite for equal arrays."""
    error = float(np.mean((result.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * float(np.log10(255.0**2 / error))


def ssim(result: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity in [-1, 1]; colour arrays (H, W, C) are averaged over their channels."""
    if result.ndim == 3:
        return float(np.mean([ssim(result[..., c], truth[..., c]) for c in range(result.shape[2])]))
    a, b = result.astype(np.float64), truth.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _window(a), _window(b)
    var_a = _window(a * a) - mean_a**2
    var_b = _window(b * b) - mean_b**2
    covariance = _window(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))))


def _window(values: np.ndarray) -> np.ndarray:
    """Gaussian-weighted mean over 11 x 11, separable, valid places only."""
    offsets = np.arange(11) - 5
    kernel = np.exp(-(offsets**2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    height, width = values.shape
    rows = sum(weight * values[at : height - 10 + at] for at, weight in enumerate(kernel))
    return np.asarray(sum(weight * rows[:, at : width - 10 + at] for at, weight in enumerate(kernel)))
