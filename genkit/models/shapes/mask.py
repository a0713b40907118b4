"""A picture to where its subject is: what `genkit cutout` runs, and what `--mask subject` stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    import numpy as np


class MaskModel(PixelModel, Protocol):
    """`size` is the side in pixels at which the network looks at a picture, whatever its shape: finer than that, its masks tell
    nothing, and a larger picture need not be given whole."""

    shape: ClassVar[Shape] = "mask"
    size: int

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """(N, 3, H, W) to masks (N, 1, H, W), float32 [0, 1]: 1 is the subject, between is what is partly it."""
        ...
