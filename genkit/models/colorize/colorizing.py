"""A loaded network as the colorize task calls it: lightness in, chroma out, both in Lab units, whatever the network wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genkit.errors import UsageError
from genkit.models.shapes import ColorizeModel
from genkit.nets.gamut import fit_gamut
from genkit.nets.lab import rgb_to_lab

LONGEST = 3  # the longer side of the working size, in shorter sides: what is longer still is squeezed
AB_PEAK = 128.0  # what Lab's a and b are held within: some networks leave it, which shows as blotches


class Colorize(ColorizeModel):
    """`size` is the side in pixels that the network is best at: the shorter one, or with `square` both; `multiple` what divides
    sides. `chroma` is called with float32 tensors: (network, lightness, hints, known, **options)."""

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        dtype: torch.dtype,
        size: int,
        chroma: Callable[..., Tensor],
        hints: bool = False,
        multiple: int = 1,
        square: bool = False,
        stochastic: bool = False,
        pixel_bytes: int = 8192,
    ):
        self.network = network.eval().requires_grad_(False)
        self.size, self.hints, self.multiple, self.square = size, hints, multiple, square
        self.stochastic, self.pixel_bytes = stochastic, pixel_bytes
        self._chroma = chroma
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network, channels last: on the CPU that is quicker."""
        self.network.to(device, dtype)
        self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) at which a picture of this size is shown to the network.

        The aspect ratio is kept up to LONGEST to one; beyond, the longer side is squeezed, but never the shorter one below a
        third of `size`.
        """
        if self.square:
            return self._rounded(self.size), self._rounded(self.size)
        shorter, longer = min(height, width), max(height, width)
        scale = min(self.size / shorter, LONGEST * self.size / longer)
        sides = max(shorter * scale, self.size / LONGEST), longer * scale
        shorter, longer = self._rounded(sides[0]), self._rounded(sides[1])
        return (shorter, longer) if height <= width else (longer, shorter)

    def _rounded(self, side: float) -> int:
        return max(1, round(side / self.multiple)) * self.multiple

    def chroma(self, lightness: Tensor, hints: Tensor | None = None, known: Tensor | None = None, **options: Any) -> Tensor:
        lightness = lightness.to(self.device, torch.float32)
        if hints is None or known is None:
            known = torch.zeros_like(lightness)
            hints = known.expand(-1, 2, -1, -1)
        elif not self.hints:
            raise UsageError("this model takes no hints")
        else:
            known = known.to(self.device, torch.float32)
            hints = hints.to(self.device, torch.float32) * known
        result = self._chroma(self.network, lightness, hints, known, **options)
        return result.float().clamp(-AB_PEAK, AB_PEAK)

    def __call__(self, images: Tensor, **options: Any) -> Tensor:
        lightness = rgb_to_lab(images.float())[:, :1]
        size = self.working_size(*images.shape[-2:])
        small = interpolate(lightness, size, mode="bilinear", antialias=True)
        ab = interpolate(self.chroma(small, **options), images.shape[-2:], mode="bilinear", antialias=True)
        return fit_gamut(torch.cat([lightness.to(ab.device), ab], 1))
