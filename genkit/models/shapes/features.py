"""Pictures to the features of a network's layers: what pictures are compared by, and `style --method optimize` works with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Protocol

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    from torch import Tensor


class FeaturesModel(PixelModel, Protocol):
    """`layers` are the names that a call takes, from the input on; `content` and `style` those that a picture's content and
    style are best compared by (Gatys et al. 2015). `minimum` is a picture's least side; `pixel_bytes` is with gradients."""

    shape: ClassVar[Shape] = "features"
    layers: tuple[str, ...]
    content: tuple[str, ...]
    style: tuple[str, ...]
    minimum: int

    def __call__(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """(N, 3, H, W) in [0, 1] to (N, C, h, w) float32 by layer, differentiable in the images.

        Raises:
            UsageError: a layer that this network does not have.
        """
        ...
