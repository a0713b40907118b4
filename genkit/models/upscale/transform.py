"""A loaded network as the pixel verbs call it: RGB float32 [0, 1] in and out, whatever the network wants inside.

Number format, memory layout, size rules (by reflection, cropped afterwards) and the number of channels are seen to here, so
callers need not know them. A network of one channel sees the channels one after another and also takes (N, 1, H, W).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.shapes import TranslateModel
from genkit.models.shapes.model import Shape
from genkit.nets.mirror import reflect


class Transform(TranslateModel):
    """Also what `translate` may run, for which nothing of a picture is needed as a whole.

    `multiple`, `minimum` and `square` are the network's size rules; `run(network, images)` calls it, and
    `configure(**options)` takes the options of each call.
    """

    shape: ClassVar[Shape] = "transform"

    def __init__(
        self,
        network: nn.Module,
        *,
        scale: int,
        device: torch.device,
        dtype: torch.dtype,
        channels: int = 3,
        receptive: int | None = None,
        multiple: int = 1,
        minimum: int = 1,
        square: bool = False,
        tiles: bool = True,
        pixel_bytes: int = 16384,
        run: Callable[[nn.Module, Tensor], Tensor] | None = None,
        configure: Callable[..., None] | None = None,
    ):
        self.network = network.eval().requires_grad_(False)
        self.scale, self.channels, self.receptive = scale, channels, receptive
        self.multiple, self.minimum, self.square, self.tiles = multiple, minimum, square, tiles
        self.pixel_bytes = pixel_bytes
        self._run = run or (lambda network, images: network(images))
        self._configure = configure
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network, channels last: on the CPU 1.0 to 1.5 times as fast (ESRGAN, SwinIR, SPAN), compact 3 times."""
        self.network.to(device, dtype)
        self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, images: Tensor, **options: Any) -> Tensor:
        if self._configure is not None:
            self._configure(**options)
        elif options:
            raise UsageError(f"this model has no option {next(iter(options))!r}")
        height, width = images.shape[-2:]
        padded = reflect(images, *self._padding(height, width)).to(self.dtype)
        result = self._run(self.network, self._fit_channels(padded))
        result = self._restore_channels(result, images.shape[0], images.shape[1])
        return result[..., : height * self.scale, : width * self.scale].float()

    def _padding(self, height: int, width: int) -> tuple[int, int]:
        new_height = -(-max(height, self.minimum) // self.multiple) * self.multiple
        new_width = -(-max(width, self.minimum) // self.multiple) * self.multiple
        if self.square:
            new_height = new_width = max(new_height, new_width)
        return new_height - height, new_width - width

    def _fit_channels(self, images: Tensor) -> Tensor:
        count, channels, height, width = images.shape
        if self.channels == 1:
            images = images.reshape(count * channels, 1, height, width)
        elif self.channels == 4:
            images = torch.cat([images, torch.ones_like(images[:, :1])], 1)  # opaque
        return images.contiguous(memory_format=torch.channels_last)

    def _restore_channels(self, result: Tensor, count: int, channels: int) -> Tensor:
        if self.channels == 1:
            return result.reshape(count, channels, *result.shape[-2:])
        return result[:, :3]
