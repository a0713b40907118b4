"""Normalisation over a whole picture that can also be done tile by tile.

Instance normalisation (Ulyanov et al. 2016, arXiv 1607.08022) and group normalisation with one group (Wu and He 2018, arXiv
1803.08494) take mean and variance over height and width, so a tile of a picture comes out unlike the same place in the whole.
Here the statistics can be kept from one pass and given to others: those of a reduced copy stand in for the whole picture's
(thumbnail instance normalisation, Chen et al. 2022, arXiv 2103.11784), and tiles meet without seams.

    with keeping() as statistics:
        network(small copy)
    with using(statistics):
        network(tile)

What is kept belongs to the thread that asked: several may run one network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

EPSILON = 1e-5
Statistics = list[tuple[Tensor, Tensor]]

_kept: ContextVar[Statistics | None] = ContextVar("kept", default=None)
_given: ContextVar[Iterator[tuple[Tensor, Tensor]] | None] = ContextVar("given", default=None)


@contextmanager
def keeping() -> Iterator[Statistics]:
    """Collect mean and variance of every `PictureNorm`, in the order in which they run."""
    statistics: Statistics = []
    token = _kept.set(statistics)
    try:
        yield statistics
    finally:
        _kept.reset(token)


@contextmanager
def using(statistics: Statistics) -> Iterator[None]:
    """Let every `PictureNorm` use what was kept, in the same order, in place of its input's own."""
    token = _given.set(iter(statistics))
    try:
        yield
    finally:
        _given.reset(token)


class PictureNorm(nn.Module):
    """(N, C, H, W) to the same, of mean 0 and variance 1: each channel by itself, or all of a picture `together`.

    `affine` adds a learnt scale and shift a channel. Keys are those of torch's InstanceNorm2d and GroupNorm.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, channels: int, *, affine: bool = False, together: bool = False):
        super().__init__()
        self.together = together
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if affine else None)

    def forward(self, features: Tensor) -> Tensor:
        kept, statistics = _kept.get(), _given.get()
        if kept is None and statistics is None:
            if self.together:
                return nn.functional.group_norm(features, 1, self.weight, self.bias, EPSILON)
            return nn.functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=EPSILON)
        mean, variance = next(statistics) if statistics is not None else self._measure(features)
        if kept is not None:
            kept.append((mean, variance))
        scale, shift = (variance + EPSILON).rsqrt(), -mean * (variance + EPSILON).rsqrt()  # (N, C or 1, 1, 1) float32
        if self.weight is not None and self.bias is not None:
            weight, bias = self.weight.float()[:, None, None], self.bias.float()[:, None, None]
            scale, shift = scale * weight, shift * weight + bias
        return features * scale.to(features.dtype) + shift.to(features.dtype)

    def _measure(self, features: Tensor) -> tuple[Tensor, Tensor]:
        axes = (1, 2, 3) if self.together else (2, 3)
        variance, mean = torch.var_mean(features.float(), axes, correction=0, keepdim=True)
        return mean, variance


def fold_norm(
    weight: Tensor, bias: Tensor | None, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor, epsilon: float = 1e-5
) -> tuple[Tensor, Tensor]:
    """Weight (O, ...) and bias (O,) of a convolution that does what it and the batch normalisation after it did."""
    factor = scale / (variance + epsilon).sqrt()
    moved = shift - mean * factor if bias is None else shift + (bias - mean) * factor
    return weight * factor.view(-1, *[1] * (weight.ndim - 1)), moved
