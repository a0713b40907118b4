"""What the jobs of translation share: building a family's network, calling it in its own range, and squares of pictures."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from genkit.data.squares import random_square
from genkit.data.tensors import to_tensor
from genkit.models import family_module
from genkit.train.config import TrainConfig
from genkit.train.job import built

Pictures = list[np.ndarray]
SIGNED = ("pix2pix", "cyclegan", "stargan")  # families whose networks work from -1 to 1, as published


def network_of(config: TrainConfig) -> nn.Module:
    network: nn.Module = built(family_module(config.family).build, config.network)
    return network


def call(family: str, network: nn.Module, images: Tensor, codes: Tensor | None = None) -> Tensor:
    """A family's network on pictures in [0, 1], with codes (N,) of domains where it has any."""
    domains = () if codes is None else (codes,)
    return (network(images * 2 - 1, *domains) + 1) / 2 if family in SIGNED else network(images, *domains)


def cut_square(pixels: np.ndarray, side: int, reduction: float, rng: np.random.Generator) -> np.ndarray:
    """A random square (side, side, 3) of a picture whose shorter side is brought to between `side` and `reduction` times it,
    half of them mirrored."""
    return random_square(pixels, side, min(pixels.shape[:2]) / rng.uniform(1.0, reduction), rng)


def to_device(pixels: np.ndarray, network: nn.Module) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1], where the network is."""
    return to_tensor(pixels, next(network.parameters()).device)


def gradient_loss(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of the gradients of (N, C, H, W), which keeps lines sharp; a scalar."""
    across = (first.diff(dim=3) - second.diff(dim=3)).abs().mean()
    return across + (first.diff(dim=2) - second.diff(dim=2)).abs().mean()
