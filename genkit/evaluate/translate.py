"""`genkit eval translate`."""

from __future__ import annotations

import numpy as np


def whole_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole of a picture (H, W, 3) in a square, its longer side at `side`, mirrored at the edges to fill it: what the
    translate task shows a model of one side."""
    from genkit.tasks.resample import resize
    from genkit.tasks.translate import fitted

    width, height = fitted(pixels.shape[1], pixels.shape[0], side)
    left, top = (side - width) // 2, (side - height) // 2
    margins = ((top, side - height - top), (left, side - width - left), (0, 0))
    return np.pad(resize(pixels, width, height), margins, mode="symmetric")
