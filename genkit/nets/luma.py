"""Grey of colours: luma of ITU-R BT.601, the weights that Pillow and most networks' training use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue


def luma(images: Tensor) -> Tensor:
    """(N, 3, H, W) to (N, 1, H, W) in the same range."""
    return (images * images.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
