"""A small convolutional autoencoder: pictures to latents of a fraction of their side, and back.

Residual blocks with group normalisation, as in the autoencoder of Rombach et al. 2022 (arXiv 2112.10752), without attention:
what lies far apart is the business of whatever draws the latents. Of `widths`, given from the latents' side to the picture's,
each after the first stands for twice the side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUP = 8  # channels that are normalised together


class Residual(nn.Module):
    """(N, before, H, W) to (N, after, H, W)."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.norm0 = nn.GroupNorm(math.gcd(before, max(1, before // GROUP)), before)
        self.conv0 = nn.Conv2d(before, after, 3, padding=1)
        self.norm1 = nn.GroupNorm(math.gcd(after, max(1, after // GROUP)), after)
        self.conv1 = nn.Conv2d(after, after, 3, padding=1)
        self.skip = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        made = self.conv0(F.silu(self.norm0(features)))
        return self.skip(features) + self.conv1(F.silu(self.norm1(made)))


class Decoder(nn.Module):
    """Latents (N, latents, h, w), of unit spread, to pictures (N, channels, h * 2^k, w * 2^k), -1 to 1 or a little beyond.

    `mean` and `spread` (latents,) take the unit spread back.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, latents: int, channels: int, widths: Sequence[int]):
        super().__init__()
        self.latents, self.widths = latents, tuple(widths)
        self.register_buffer("mean", torch.zeros(latents))
        self.register_buffer("spread", torch.ones(latents))
        self.first = nn.Conv2d(latents, widths[0], 3, padding=1)
        self.middle = Residual(widths[0], widths[0])
        self.levels = nn.ModuleList(Residual(before, after) for before, after in pairwise(widths))
        self.norm = nn.GroupNorm(math.gcd(widths[-1], max(1, widths[-1] // GROUP)), widths[-1])
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    @property
    def times(self) -> int:
        """How much larger the side is than the latents'."""
        return 1 << len(self.levels)

    def forward(self, latents: Tensor) -> Tensor:
        features = latents * self.spread[:, None, None] + self.mean[:, None, None]
        features = self.middle(self.first(features.to(self.first.weight.dtype)))
        for level in self.levels:
            features = level(F.interpolate(features, scale_factor=2.0, mode="nearest"))
        return self.last(F.silu(self.norm(features)))


class Encoder(nn.Module):
    """Pictures (N, channels, H, W), -1 to 1, to mean and logarithm of the variance of their latents; the mirror image of a
    `Decoder` with the same `widths`."""

    def __init__(self, latents: int, channels: int, widths: Sequence[int]):
        super().__init__()
        across = tuple(widths)[::-1]
        self.first = nn.Conv2d(channels, across[0], 3, padding=1)
        self.levels = nn.ModuleList(Residual(before, after) for before, after in pairwise(across))
        self.middle = Residual(across[-1], across[-1])
        self.norm = nn.GroupNorm(math.gcd(across[-1], max(1, across[-1] // GROUP)), across[-1])
        self.last = nn.Conv2d(across[-1], 2 * latents, 3, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.first(images)
        for level in self.levels:
            features = level(F.avg_pool2d(features, 2))
        mean, logvar = self.last(F.silu(self.norm(self.middle(features)))).float().chunk(2, 1)
        return mean, logvar.clamp(-30, 20)


class Codec(nn.Module):
    """Both, for training."""

    def __init__(self, latents: int, channels: int, widths: Sequence[int]):
        super().__init__()
        self.encoder = Encoder(latents, channels, widths)
        self.decoder = Decoder(latents, channels, widths)

    @torch.no_grad()
    def normalise(self, latents: Tensor) -> Tensor:
        """Let the decoder expect latents of unit spread: those given (N, latents, h, w), as the encoder makes them, say by how
        much; they come back normalised."""
        self.decoder.mean.copy_(latents.mean((0, 2, 3)))
        self.decoder.spread.copy_(latents.std((0, 2, 3)).clamp_min(1e-6))
        return (latents - self.decoder.mean[:, None, None]) / self.decoder.spread[:, None, None]
