"""A loaded network as `inpaint` calls it: a picture and a mask in, the whole picture with the hole filled out.

What lies under the mask never reaches the network: it is set to zero here. Number format, memory layout and size rules (by
reflection, cropped afterwards) are seen to here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.shapes import FillModel
from genkit.nets.mirror import reflect


class Fill(FillModel):
    """`reach` is half of `size` where it is not given. `run(network, images, masks, **options)` gets the `seeds` of stochastic
    networks as a keyword."""

    def __init__(
        self,
        network: Any,
        *,
        device: torch.device,
        dtype: torch.dtype,
        size: int | None,
        multiple: int = 1,
        minimum: int = 1,
        stochastic: bool = False,
        reach: int | None = None,
        run: Callable[..., Tensor] | None = None,
        options: tuple[str, ...] = (),
        pixel_bytes: int = 16384,
    ):
        self.network = network.eval().requires_grad_(False) if isinstance(network, nn.Module) else network
        self.size, self.multiple, self.minimum, self.stochastic = size, multiple, minimum, stochastic
        self.reach = reach or (size or 512) // 2
        self.options, self.pixel_bytes = options, pixel_bytes
        self._run = run or (lambda network, images, masks: network(images, masks))
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network, channels last where it is one of convolutions."""
        self.network.to(device, dtype)
        if isinstance(self.network, nn.Module):
            self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, images: Tensor, masks: Tensor, *, seeds: Sequence[int] | None = None, **options: Any) -> Tensor:
        if unknown := [name for name in options if name not in self.options]:
            raise UsageError(f"this model has no option {unknown[0]!r}")
        height, width = images.shape[-2:]
        masks = (masks >= 0.5).to(self.device, torch.float32)
        images = images.to(self.device, torch.float32) * (1 - masks)
        margins = self._margins(height), self._margins(width)
        # a hole at the edge goes on in the mirror, where nothing is known either
        images, masks = reflect(images, *margins).to(self.dtype), reflect(masks, *margins).to(self.dtype)
        if isinstance(self.network, nn.Module):
            images = images.contiguous(memory_format=torch.channels_last)
        if self.stochastic:
            options["seeds"] = list(seeds) if seeds is not None else list(range(len(images)))
        result = self._run(self.network, images, masks, **options)
        return result[:, :3, :height, :width].float()

    def _margins(self, length: int) -> int:
        return -(-max(length, self.minimum) // self.multiple) * self.multiple - length
