"""A loaded network as `cutout` calls it: a picture of any size in, the mask of its subject in the same size out.

Such networks see the picture at one size, squeezed to a square, and were trained so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genkit.models.shapes import MaskModel

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Mask(MaskModel):
    """`network` gives masks (N, 1, size, size) of squares that `prepare` has normalised. With `stretched` the least of each
    mask becomes 0 and the most 1, as publishers of saliency networks do."""

    pixel_bytes = 64  # of the picture: the network's own memory goes by its size alone

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        dtype: torch.dtype,
        size: int,
        prepare: Callable[[Tensor], Tensor],
        stretched: bool = False,
    ):
        self.network = network.eval().requires_grad_(False)
        self.size, self.prepare, self.stretched = size, prepare, stretched
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network, channels last as convolutions want it."""
        self.network.to(device, dtype).to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        square = (self.size, self.size)
        images = interpolate(images.to(self.device, torch.float32), square, mode="bilinear", antialias=True)
        inputs = self.prepare(images).to(self.dtype).contiguous(memory_format=torch.channels_last)
        masks = self.network(inputs).float()
        if self.stretched:
            least, most = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
            masks = (masks - least) / (most - least).clamp_min(1e-6)
        return interpolate(masks, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def brightest_is_one(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(N, 3, H, W) in [0, 1], each divided by its brightest number, then normalised by channel."""
    return normalised(images / images.amax((1, 2, 3), keepdim=True).clamp_min(1e-6), mean, std)


def normalised(images: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(N, 3, H, W), each channel less its mean, over its standard deviation."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[:, None, None]
