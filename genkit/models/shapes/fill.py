"""A picture and a mask to the picture with the hole filled: what `genkit inpaint` runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    import numpy as np


class FillModel(PixelModel, Protocol):
    """`size` is the side in pixels of the crop that the network is best at (None: any), `reach` the thickest hole there that it
    fills well at once. `options` are the names that a call takes."""

    shape: ClassVar[Shape] = "fill"
    size: int | None
    reach: int
    options: tuple[str, ...] = ()

    def __call__(
        self, images: np.ndarray, masks: np.ndarray, *, seeds: Sequence[int] | None = None, **options: Any
    ) -> np.ndarray:
        """(N, 3, H, W) and masks (N, 1, H, W), 1 = repaint, to (N, 3, H, W), float32 [0, 1]. What lies under the
        mask never reaches the network, and what the result shows outside of it is the network's own business.

        Raises:
            UsageError: an option that the model does not have. InputError: a safety checker withheld a picture.
        """
        ...
