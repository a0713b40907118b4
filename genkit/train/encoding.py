"""An encoder beside a GAN: the generator learns to draw given pictures again before, and while, it learns to please.

VAE/GAN: Larsen, Sønderby, Larochelle, Winther 2015 (arXiv 1512.09300); the variational part: Kingma and Welling 2013 (arXiv
1312.6114). On clothes at 64 pixels it brought silhouettes after 4,000 pictures, where an adversary alone had none after 8,000.
Differences from the paper: pictures are compared by their pixels and by the features of a frozen network at half the side
instead of the discriminator's, and the encoder is kept for training alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from genkit.errors import UsageError
from genkit.models import stylegan2_discriminator
from genkit.models.stylegan2 import widths_of
from genkit.train.judging import load_judge


@dataclass(frozen=True)
class EncodeOptions:
    """The first `steps` have no adversary, with weights `kl` for the distance of codes from the normal distribution and 1 for
    drawing again; afterwards this is done at every `every`th step, weighed by `weight`. `pixels` weighs the mean absolute
    difference against that of features (`data.features`)."""

    steps: int = 1000
    kl: float = 0.002
    weight: float = 0.3
    every: int = 2
    pixels: float = 2.0
    channel_base: int = 1024
    channel_max: int = 128

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> EncodeOptions:
        known = [one.name for one in fields(cls)]
        if unknown := sorted(set(given) - set(known)):
            raise UsageError(f"[data.encode]: unknown field {', '.join(unknown)}", f"known fields: {', '.join(known)}")
        return cls(**given)


class Encoder(nn.Module):
    """Pictures (N, channels, side, side), -1 to 1, to mean and logarithm of the variance of their code, (N, latent) each."""

    def __init__(self, side: int, channels: int, latent: int, channel_base: int, channel_max: int):
        super().__init__()
        self.trunk = stylegan2_discriminator.build(side, 0, channels, channel_base, channel_max)
        self.trunk.b4 = stylegan2_discriminator.Epilogue(widths_of(side, channel_base, channel_max)[4], 2 * latent, group=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread = self.trunk(images).float().chunk(2, 1)
        return mean, spread.clamp(-8, 4)


class Likeness:
    """How much drawn pictures differ from what they should be, both (N, 3 or 4, H, W), -1 to 1; a scalar."""

    def __init__(self, weight: float, features: str):
        self._weight = weight
        self._features = load_judge(features, "an encoder beside a GAN")

    def __call__(self, made: Tensor, wanted: Tensor) -> Tensor:
        self._features.to(made.device)
        pixels = (made - wanted).abs().mean()
        with torch.no_grad():
            goal = self._features(_seen(wanted))
        found = self._features(_seen(made))
        apart = [(_unit(a) - _unit(b)).square().sum(1).mean() for a, b in zip(found, goal, strict=True)]
        return self._weight * pixels + torch.stack(apart).mean()


def _seen(images: Tensor) -> Tensor:
    """RGB in [0, 1] at half the side; transparent places show grey."""
    images = (avg_pool2d(images, 2) + 1) / 2
    if images.shape[1] == 4:
        alpha = images[:, 3:]
        images = images[:, :3] * alpha + 0.5 * (1 - alpha)
    return images


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True) + 1e-6).sqrt()


def divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """Kullback-Leibler divergence of codes from the standard normal distribution, nats a picture (appendix B of Kingma and
    Welling 2013)."""
    return 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()
