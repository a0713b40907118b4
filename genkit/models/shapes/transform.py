"""Picture to picture: what `genkit upscale` runs, and anything that may be cut into tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import Model, Shape

if TYPE_CHECKING:
    from torch import Tensor


class TransformModel(Model, Protocol):
    """`scale` is how many times larger the result is; `channels` what the network sees: 1 (each alone), 3 or 4.

    `receptive` is how far an output pixel looks, in input pixels; None: not known, or over the whole picture. Parts of a
    picture begin at multiples of `multiple` and are no smaller than `minimum`. `tiles`: it may be given parts at all.
    `tile_limit` is the side of parts that memory was found to bear, None before it was found wanting.
    """

    shape: ClassVar[Shape] = "transform"
    scale: int
    channels: int = 3
    receptive: int | None = None
    multiple: int = 1
    minimum: int = 1
    tiles: bool = True
    tile_limit: int | None = None

    def __call__(self, images: Tensor, **options: Any) -> Tensor:
        """(N, 3 or 1, H, W) to (N, 3 or 1, scale*H, scale*W), float32 [0, 1] on `device`.

        Raises:
            UsageError: an option that the model does not have.
        """
        ...
