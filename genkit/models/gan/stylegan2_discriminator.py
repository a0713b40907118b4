"""The discriminator of StyleGAN2, for training: residual blocks, minibatch standard deviation, a projection on the class.

Karras et al. 2020 (arXiv 1912.04958; classes as in arXiv 2006.06676, by projection as in Miyato and Koyama 2018, arXiv
1802.05637). Key names are those of the published StyleGAN2-ADA networks; this implementation is our own.

Tensors in and out: RGB -1 to 1 (N, channels, side, side), classes as in `stylegan2.Generator`; one number an item (N, 1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genkit.models.gan.stylegan2 import MappingNetwork, class_rows, resolutions, widths_of
from genkit.models.gan.stylegan2_layers import GAIN, FullyConnected, activated, blur, downsample, filter_taps

HALF = math.sqrt(0.5)  # two branches are added: each brings half of the variance


class Convolution(nn.Module):
    """A convolution with equalised learning rate; with `down` the filter and every other pixel."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, *, down: bool = False, active: bool = True, gain: float = 1.0):
        super().__init__()
        self.down, self.active, self.gain = down, active, gain
        self.register_buffer("resample_filter", filter_taps())
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        if active:
            self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        weight = (self.weight / math.sqrt(self.weight[0].numel())).to(features.dtype)
        if not self.down:
            result = F.conv2d(features, weight, padding=kernel // 2)
        elif kernel == 1:
            result = F.conv2d(downsample(features, self.resample_filter), weight)
        else:
            result = F.conv2d(blur(features, self.resample_filter, (2, 2, 2, 2)), weight, stride=2)
        if not self.active:
            return result * self.gain
        return activated(result + self.bias.to(result.dtype)[:, None, None], GAIN * self.gain)


class Block(nn.Module):
    """Half the side: two convolutions, and a 1 x 1 one past them. The first block takes the picture."""

    resample_filter: Tensor

    def __init__(self, channels: int, before: int, after: int):
        super().__init__()
        self.register_buffer("resample_filter", filter_taps())
        self.takes_picture = bool(channels)
        if channels:
            self.fromrgb = Convolution(channels, before, 1)
        self.conv0 = Convolution(before, before, 3)
        self.conv1 = Convolution(before, after, 3, down=True, gain=HALF)
        self.skip = Convolution(before, after, 1, down=True, active=False, gain=HALF)

    def forward(self, features: Tensor) -> Tensor:
        if self.takes_picture:
            features = self.fromrgb(features)
        return self.skip(features) + self.conv1(self.conv0(features))


class Epilogue(nn.Module):
    """What 4 x 4 features (N, C, 4, 4) say of the picture: (N, outputs)."""

    def __init__(self, width: int, outputs: int, group: int):
        super().__init__()
        self.group = group
        self.conv = Convolution(width + 1, width, 3)
        self.fc = FullyConnected(width * 16, width, active=True)
        self.out = FullyConnected(width, outputs)

    def forward(self, features: Tensor) -> Tensor:
        features = self.conv(torch.cat([features, deviation(features, self.group)], 1))
        return self.out(self.fc(features.flatten(1)))


def deviation(features: Tensor, group: int) -> Tensor:
    """How much items differ, as one more channel (N, 1, H, W): the mean standard deviation within groups of up to `group`."""
    count = len(features)
    size = next(one for one in range(min(group, count), 0, -1) if count % one == 0)
    members = features.float().reshape(size, count // size, *features.shape[1:])
    spread = (members.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))  # of each group
    return spread.to(features.dtype).repeat(size)[:, None, None, None].expand(-1, 1, *features.shape[2:])


class Discriminator(nn.Module):
    """Pictures (N, channels, side, side) and classes to one number an item (N, 1), float32: above 0 for real ones."""

    def __init__(
        self,
        side: int = 64,
        c_dim: int = 0,
        channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        depth: int = 8,
        group: int = 4,
    ):
        super().__init__()
        widths = widths_of(side, channel_base, channel_max)
        self.side, self.c_dim = side, c_dim
        self.sides = resolutions(side)[::-1]
        for at in self.sides[:-1]:
            self.add_module(f"b{at}", Block(channels if at == side else 0, widths[at], widths[at // 2]))
        self.b4 = Epilogue(widths[4], widths[4] if c_dim else 1, group)
        if c_dim:
            self.mapping = MappingNetwork(0, c_dim, widths[4], depth, average=False)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = images
        for at in self.sides:
            features = self.get_submodule(f"b{at}")(features)
        if not self.c_dim:
            return features
        toward = self.mapping(None, class_rows(labels, self.c_dim))
        return (features * toward).sum(1, keepdim=True) / math.sqrt(toward.shape[1])


def build(
    side: int = 64,
    c_dim: int = 0,
    channels: int = 3,
    channel_base: int = 32768,
    channel_max: int = 512,
    depth: int = 8,
    group: int = 4,
) -> Discriminator:
    """Build the discriminator of a generator of the same `side`, `c_dim`, `channels` and widths, with random weights."""
    if side <= 4:
        raise ValueError("the discriminator begins at a side of 8")
    return Discriminator(side, c_dim, channels, channel_base, channel_max, depth, group)
