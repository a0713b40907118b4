"""The block of our colour networks (Liu et al. 2022, arXiv 2201.03545, with batch normalisation)."""

from __future__ import annotations

from torch import Tensor, nn


class Block(nn.Module):
    """Depthwise 5 x 5, then pointwise to twice the width and back, around an identity."""

    def __init__(self, width: int):
        super().__init__()
        self.spread = nn.Conv2d(width, width, 5, 1, 2, groups=width, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(2 * width, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.narrow(nn.functional.silu(self.widen(self.norm(self.spread(features)))))
