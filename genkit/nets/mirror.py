"""Pictures that go on in their mirror image, up to a size that a network takes."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def reflect(images: Tensor, bottom: int, right: int) -> Tensor:
    """Extend (N, C, H, W) below and to the right by mirror images, as many as it takes."""
    while bottom or right:
        height, width = images.shape[-2:]
        # a mirror has size - 1 pixels to give; a single row or column has none and is repeated
        step_down, step_right = min(bottom, max(height - 1, 1)), min(right, max(width - 1, 1))
        if step_down:
            images = pad(images, (0, 0, 0, step_down), "reflect" if height > 1 else "replicate")
        if step_right:
            images = pad(images, (0, step_right, 0, 0), "reflect" if width > 1 else "replicate")
        bottom, right = bottom - step_down, right - step_right
    return images
