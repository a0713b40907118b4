"""A picture to where something is in it: its subject, which `genkit cutout` runs and `--mask subject` stands for, or what words
name (`--mask sky`)."""

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


class WordMaskModel(PixelModel, Protocol):
    """`size` as of a `MaskModel`."""

    shape: ClassVar[Shape] = "word_mask"
    size: int

    def __call__(self, images: np.ndarray, words: str) -> np.ndarray:
        """(N, 3, H, W) to masks (N, 1, H, W), float32 [0, 1]: 1 is what the words name.

        Raises:
            UsageError: words that the network does not take.
        """
        ...
