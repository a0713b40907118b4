"""Pictures that go on in their mirror image, up to a size that a network takes."""

from __future__ import annotations

import numpy as np


def reflect(images: np.ndarray, bottom: int, right: int) -> np.ndarray:
    """Extend (N, C, H, W) below and to the right by mirror images, as many as it takes; a single row or column is repeated."""
    if not bottom and not right:
        return images
    for axis, more in ((2, bottom), (3, right)):
        if more:
            margins = [(0, more if place == axis else 0) for place in range(4)]
            images = np.pad(images, margins, mode="reflect" if images.shape[axis] > 1 else "edge")
    return images
