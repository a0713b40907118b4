"""Lightness to chroma, in Lab units: what `genkit colorize` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    import numpy as np


class ColorizeModel(PixelModel, Protocol):
    """`hints`: it takes colours that the user gives. One that is `stochastic` takes the keyword `seed`."""

    shape: ClassVar[Shape] = "colorize"
    hints: bool = False

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) at which a picture of this size is shown to the network."""
        ...

    def chroma(
        self, lightness: np.ndarray, hints: np.ndarray | None = None, known: np.ndarray | None = None, **options: Any
    ) -> np.ndarray:
        """(N, 1, h, w) L 0 to 100, at a working size, to (N, 2, h', w') ab, float32; h' and w' may be smaller.

        `hints` (N, 2, h, w) ab count where `known` (N, 1, h, w) is 1.

        Raises:
            UsageError: hints for a network that takes none.
        """
        ...

    def __call__(self, images: np.ndarray, **options: Any) -> np.ndarray:
        """(N, 3, H, W) RGB float32 [0, 1] to the same: the lightness of the input with colours by the network."""
        ...
