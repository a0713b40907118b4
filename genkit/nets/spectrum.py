"""From short-time spectra back to sound, in numpy."""

from __future__ import annotations

import numpy as np


def inverse(real: np.ndarray, imaginary: np.ndarray, hop: int) -> np.ndarray:
    """The sound ((F - 1) * hop,) float32 whose transform, under Hann's window, is nearest to (window / 2 + 1, F)."""
    bins, frames = real.shape
    length = 2 * (bins - 1)
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    parts = np.fft.irfft((real + 1j * imaginary).T, length, axis=1).astype(np.float32) * hann
    sound, weight = np.zeros((2, (frames - 1) * hop + length), np.float32)
    for place, part in enumerate(parts):
        sound[place * hop : place * hop + length] += part
        weight[place * hop : place * hop + length] += hann**2
    within = slice(length // 2, length // 2 + (frames - 1) * hop)
    return sound[within] / weight[within]
