"""A loaded network as the style task calls it, of the functions that its family gives: see `models/shapes/style.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.models.shapes import StyleModel
from genkit.models.shapes.style import Code, Statistics
from genkit.nets.mirror import reflect

# both take (network, images, code, known)
Round = Callable[[Any, Tensor, Sequence[Tensor], Sequence[Statistics]], list[Tensor]]
Render = Callable[[Any, Tensor, Sequence[Tensor], Sequence[Statistics]], Tensor]


class Stylize(StyleModel):
    """`style` makes a code, None for a network of one style; `rounds` and `render` are the stages, `whole` the untiled
    result in one pass."""

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        dtype: torch.dtype,
        style: Callable[[Any, Tensor], list[Tensor]] | None,
        rounds: Sequence[Round],
        render: Render,
        whole: Callable[[Any, Tensor, Sequence[Tensor]], Tensor],
        receptive: int,
        pixel_bytes: int,
        multiple: int = 1,
        minimum: int = 16,
        epsilon: float = 1e-5,
        unbiased: bool = True,
    ):
        self.network = network.eval().requires_grad_(False)
        self.rounds, self.multiple, self.minimum = len(rounds), multiple, minimum
        self.receptive, self.pixel_bytes = receptive, pixel_bytes
        self.epsilon, self.unbiased = epsilon, unbiased
        self.own_style = style is None
        self._style, self._rounds, self._render, self._at_once = style, tuple(rounds), render, whole
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network, channels last: on the CPU that is quicker."""
        self.network.to(device, dtype)
        self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def extended(self, height: int, width: int) -> tuple[int, int]:
        height, width = (-(-max(side, self.minimum) // self.multiple) * self.multiple for side in (height, width))
        return height, width

    def style(self, images: Tensor) -> Code:
        if self._style is None:
            raise UsageError("this model has one style of its own, and takes no other")
        return [part.float() for part in self._style(self.network, self._entering(self._whole(images)))]

    def measure(self, index: int, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics]) -> list[Tensor]:
        features = self._rounds[index](self.network, self._entering(images), *self._given(code, known))
        return [one.float() for one in features]

    def render(self, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics]) -> Tensor:
        return self._render(self.network, self._entering(images), *self._given(code, known)).float()

    def __call__(self, images: Tensor, code: Sequence[Tensor] = ()) -> Tensor:
        height, width = images.shape[-2:]
        result = self._at_once(self.network, self._entering(self._whole(images)), self._given(code, ())[0])
        return result[..., :height, :width].float()

    def _whole(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        wanted = self.extended(height, width)
        return reflect(images, wanted[0] - height, wanted[1] - width)

    def _entering(self, images: Tensor) -> Tensor:
        return images.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)

    def _given(self, code: Sequence[Tensor], known: Sequence[Statistics]) -> tuple[list[Tensor], list[Statistics]]:
        """Code and statistics as the network's own numbers."""

        def own(numbers: Tensor) -> Tensor:
            return numbers.to(self.device, self.dtype)

        return [own(part) for part in code], [(own(mean), own(deviation)) for mean, deviation in known]
