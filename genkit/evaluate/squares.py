"""The held-out squares on which colour and inpainting are measured: the centre of a picture, reduced by area averaging."""

from __future__ import annotations

import numpy as np


def centre_square(pixels: np.ndarray, side: int = 256, reduction: int = 2) -> np.ndarray:
    """The centre square of `side * reduction` pixels of uint8 (H, W, 3), reduced to (side, side, 3) by Pillow's BOX filter.

    Of a picture that is smaller the largest centre square is taken.
    """
    from PIL import Image

    edge = min(side * reduction, *pixels.shape[:2])
    top, left = (pixels.shape[0] - edge) // 2, (pixels.shape[1] - edge) // 2
    square = Image.fromarray(np.ascontiguousarray(pixels[top : top + edge, left : left + edge]))
    return np.asarray(square.resize((side, side), Image.Resampling.BOX))
