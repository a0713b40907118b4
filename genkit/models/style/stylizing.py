"""A loaded network as the style task calls it: pictures and a style's code in, pictures in that style out.

`model.style(images (1, 3, H, W)) -> Code` keeps of a style picture what the network needs, as a list of tensors; the code of
several styles at once is the weighted sum of theirs. A network of one style has no such stage (`own_style`), and its code is
empty. `model(images (N, 3, H, W), code) -> (N, 3, H, W)`, both float32 RGB [0, 1] on `device`, is the untiled whole.

Networks of this kind normalise features by their mean and deviation over the whole picture, so a picture in tiles takes
rounds: `model.measure(i, images, code, known)` gives the feature maps whose statistics over the whole picture are needed
next, and `model.render(images, code, known)` the result once all of them are `known`. Every size here is a multiple of
`multiple` and at least `minimum`; a whole picture is extended to that by reflection (`extended`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.nets.mirror import reflect

Code = list[Tensor]
Statistics = tuple[Tensor, Tensor]  # mean and standard deviation, each (N, C, 1, 1)
# both take (network, images, code, known)
Round = Callable[[Any, Tensor, Sequence[Tensor], Sequence[Statistics]], list[Tensor]]
Render = Callable[[Any, Tensor, Sequence[Tensor], Sequence[Statistics]], Tensor]


class Stylize:
    """`receptive` is how far an output pixel looks, in pixels, beyond what the statistics bring it; `pixel_bytes` about what
    one pixel takes in float32 while it runs. `whole` is the untiled result in one pass. A deviation is the root of the
    variance and `epsilon`; `unbiased` says that the variance is divided by one less than the number of places."""

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
        self.fallback = False
        self._style, self._rounds, self._render, self._at_once = style, tuple(rounds), render, whole
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Stylize:
        """Move the network, channels last: on the CPU that is quicker."""
        self.network.to(device, dtype)
        self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def extended(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that a picture of this size is extended to."""
        height, width = (-(-max(side, self.minimum) // self.multiple) * self.multiple for side in (height, width))
        return height, width

    def style(self, images: Tensor) -> Code:
        """The code of a style picture (1, 3, H, W), any size; float32 on `device`.

        Raises:
            UsageError: the network has one style, its own.
        """
        if self._style is None:
            raise UsageError("this model has one style of its own, and takes no other")
        return [part.float() for part in self._style(self.network, self._entering(self._whole(images)))]

    def measure(self, index: int, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics]) -> list[Tensor]:
        """The feature maps (N, C, h, w) float32 that round `index` wants the statistics of; h and w divide H and W."""
        features = self._rounds[index](self.network, self._entering(images), *self._given(code, known))
        return [one.float() for one in features]

    def render(self, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics]) -> Tensor:
        """The result (N, 3, H, W), not clamped, once every round's statistics are known."""
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
