"""LPIPS, the distance of pictures that papers print: features of AlexNet, weighted as people judged (Zhang et al. 2018, "The
unreasonable effectiveness of deep features as a perceptual metric", arXiv 1801.03924), version 0.1, linear layers on.

Checkpoints have AlexNet's five convolutions under `trunk.N` and the weights of their channels under `lin.N`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from genkit.models.checkpoints import open_checkpoint

if TYPE_CHECKING:
    from genkit.cards import Card

MEAN, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of pictures from -1 to 1
CONVOLUTIONS = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1), (256, 256, 3, 1, 1))
POOLED_BEFORE = (1, 2)  # convolutions that see every other place
SMALLEST = 31  # pixels a side, or nothing is left after the pooling
DTYPES = ("float32",)


class Lpips(nn.Module):
    """Two batches of RGB (N, 3, H, W) in [0, 1], sides of 31 at least, to their distances (N,), or with `spatial` to a map
    (N, 1, H, W) whose mean is nearly that. 0: alike; differences that are plain to see are above about 0.3."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.ModuleList(nn.Conv2d(*one) for one in CONVOLUTIONS)
        self.lin = nn.ParameterList(torch.zeros(1, width, 1, 1) for _, width, *_ in CONVOLUTIONS)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(SPREAD).view(1, 3, 1, 1), persistent=False)

    def forward(self, first: Tensor, second: Tensor, spatial: bool = False) -> Tensor:
        return self.between(self.features(first), self.features(second), first.shape[-2:] if spatial else None)

    def between(self, ones: Sequence[Tensor], others: Sequence[Tensor], spatial: Sequence[int] | None = None) -> Tensor:
        """The same of `features`, for pictures that are compared more than once; `spatial` is the height and width of a map."""
        places = []
        for one, other, weight in zip(ones, others, self.lin, strict=True):
            layer = ((one - other).square() * weight).sum(1, keepdim=True)
            whole = interpolate(layer, tuple(spatial), mode="bilinear", align_corners=False) if spatial else layer.mean((2, 3))
            places.append(whole)
        total = torch.stack(places).sum(0)
        return total if spatial else total[:, 0]

    def features(self, images: Tensor) -> list[Tensor]:
        """The five layers, each place's features scaled to unit length."""
        layer, found = (images * 2 - 1 - self.mean) / self.spread, []
        for number, convolution in enumerate(self.trunk):
            layer = relu(convolution(max_pool2d(layer, 3, 2) if number in POOLED_BEFORE else layer))
            found.append(layer / (layer.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found


def build() -> Lpips:
    return Lpips()


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = {f"trunk.{number}.weight": (out, into, side, side) for number, (into, out, side, *_) in enumerate(CONVOLUTIONS)}
    wanted |= {f"lin.{number}": (1, out, 1, 1) for number, (_, out, *_) in enumerate(CONVOLUTIONS)}
    return {} if all(key in state and tuple(state[key].shape) == shape for key, shape in wanted.items()) else None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Lpips:
    """Load the measure, frozen.

    Raises:
        WeightsError: unreadable, or not of this layout.
    """
    network = open_checkpoint(card, files["weights"], "LPIPS (AlexNet)", recognise).into(Lpips, meta=False)
    return network.to(device, dtype).eval().requires_grad_(False)
