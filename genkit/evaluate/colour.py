"""How colourful a picture is, and the grey picture it is compared with."""

from __future__ import annotations

import numpy as np

from genkit.data.tensors import to_pixels, to_tensor
from genkit.nets.lab import lab_to_rgb, rgb_to_lab


def colourfulness(pixels: np.ndarray) -> float:
    """Hasler and Süsstrunk 2003 ("Measuring colourfulness in natural images", equation for M3) of uint8 (H, W, 3).

    0 for grey, 15 slightly, 33 moderately, 59 quite, 109 extremely colourful.
    """
    red, green, blue = pixels.astype(np.float64).transpose(2, 0, 1)
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    deviation = np.hypot(red_green.std(), yellow_blue.std())
    mean = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(deviation + 0.3 * mean)


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """The picture with its Lab lightness and no chroma; uint8 (H, W, 3)."""
    lab = rgb_to_lab(to_tensor(pixels))
    lab[:, 1:] = 0
    return to_pixels(lab_to_rgb(lab))
