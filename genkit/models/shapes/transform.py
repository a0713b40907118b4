"""Picture to picture: what `genkit upscale` runs, and anything that may be cut into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import Shape, TiledModel

if TYPE_CHECKING:
    import numpy as np


class TransformModel(TiledModel, Protocol):
    """`scale` is how many times larger the result is; `channels` what the network sees: 1 (each alone), 3 or 4. `tiles`: it may
    be given parts of a picture at all."""

    shape: ClassVar[Shape] = "transform"
    scale: int
    channels: int = 3
    tiles: bool = True

    def __call__(self, images: np.ndarray, **options: Any) -> np.ndarray:
        """(N, 3 or 1, H, W) to (N, 3 or 1, scale*H, scale*W), float32 [0, 1].

        Raises:
            UsageError: an option that the model does not have.
        """
        ...
