"""The blocks that the generator and the discriminator of StyleGAN2 share, and those of the generator's synthesis.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv
1912.04958). Key names are those of the published StyleGAN2-ADA networks; this implementation is our own, from the paper.

Weights are kept at unit variance and scaled where they are used (equalised learning rate, Karras et al. 2018, arXiv
1710.10196). A leaky rectifier of slope 0.2 is followed by a gain of sqrt(2), which keeps the variance.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
GAIN = math.sqrt(2)
TAPS = (1.0, 3.0, 3.0, 1.0)
EPSILON = 1e-8
CLAMP = 256.0  # in half precision only: large activations of few channels would overflow


def filter_taps() -> Tensor:
    """The low-pass filter (4, 4) around a change of resolution, of sum 1."""
    taps = torch.tensor(TAPS)
    kernel = taps[:, None] * taps[None]
    return kernel / kernel.sum()


def blur(images: Tensor, kernel: Tensor, padding: tuple[int, int, int, int], stride: int = 1) -> Tensor:
    """Filter every channel of (N, C, H, W) alike, after `padding` (left, right, top, bottom) with zeros."""
    channels = images.shape[1]
    weight = kernel.to(images.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(images, padding), weight, stride=stride, groups=channels)


def upsample(images: Tensor, kernel: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, 2H, 2W): zeros between the pixels, then the filter at four times its strength."""
    channels = images.shape[1]
    weight = (4 * kernel).to(images.dtype).expand(channels, 1, -1, -1)
    return F.conv_transpose2d(images, weight, stride=2, padding=1, groups=channels)


def downsample(images: Tensor, kernel: Tensor) -> Tensor:
    """(N, C, H, W) to (N, C, H/2, W/2): the filter, then every other pixel."""
    return blur(images, kernel, (1, 1, 1, 1), stride=2)


def activated(features: Tensor, gain: float = GAIN) -> Tensor:
    """Leaky rectifier with its gain, held within bounds in half precision."""
    features = F.leaky_relu(features, SLOPE) * gain
    return features.clamp(-CLAMP * gain, CLAMP * gain) if features.dtype == torch.float16 else features


class FullyConnected(nn.Module):
    """(..., inputs) to (..., outputs), in float32. `rate` multiplies the learning rate of its weights."""

    def __init__(self, inputs: int, outputs: int, *, active: bool = False, rate: float = 1.0, start: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), start))
        self.active, self.rate = active, rate

    def forward(self, features: Tensor) -> Tensor:
        weight = self.weight.float() * (self.rate / math.sqrt(self.weight.shape[1]))
        result = F.linear(features.float(), weight, self.bias.float() * self.rate)
        return activated(result) if self.active else result


def modulated(
    features: Tensor,
    weight: Tensor,
    styles: Tensor,
    *,
    demodulate: bool = True,
    up: Tensor | None = None,
) -> Tensor:
    """Convolve (N, I, H, W) by `weight` (O, I, k, k) whose input channels are scaled by `styles` (N, I), for each item anew.

    Demodulated, the outputs keep unit variance (equation 3 of the paper). Scaling the features before and after one common
    convolution is the same as scaling the weights, and needs no grouped convolution. `up` is the filter for twice the side.
    """
    half = features.dtype != torch.float32
    if half and demodulate:
        # What the styles have in common is divided out again, so that the features may stay small.
        styles = styles / styles.abs().amax(1, keepdim=True).clamp_min(EPSILON)
    result = features * styles.to(features.dtype)[:, :, None, None]
    kernel = weight.to(features.dtype)
    if up is None:
        result = F.conv2d(result, kernel, padding=weight.shape[-1] // 2)
    else:
        result = blur(F.conv_transpose2d(result, kernel.transpose(0, 1), stride=2), 4 * up, (1, 1, 1, 1))
    if not demodulate:
        return result
    energy = weight.float().square().sum((2, 3))  # (O, I)
    scale = (styles.square() @ energy.t() + EPSILON).rsqrt()
    return result * scale.to(result.dtype)[:, :, None, None]


class SynthesisLayer(nn.Module):
    """A modulated 3 x 3 convolution with noise, a bias and an activation."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int, up: bool):
        super().__init__()
        self.up, self.side = up, side
        self.register_buffer("resample_filter", filter_taps())
        self.affine = FullyConnected(w_dim, inputs, start=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        result = modulated(features, self.weight, self.affine(w), up=self.resample_filter if self.up else None)
        noise_map = self.noise_const[None, None] if noise is None else noise
        result = result + (noise_map.float() * self.noise_strength.float()).to(result.dtype)
        return activated(result + self.bias.to(result.dtype)[:, None, None])


class ToRgb(nn.Module):
    """A modulated 1 x 1 convolution to the picture's channels; not demodulated."""

    def __init__(self, inputs: int, outputs: int, w_dim: int):
        super().__init__()
        self.affine = FullyConnected(w_dim, inputs, start=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) / math.sqrt(self.weight.shape[1])
        colours = modulated(features, self.weight, styles, demodulate=False)
        return colours.float() + self.bias.float()[:, None, None]


class SynthesisBlock(nn.Module):
    """One resolution: (but for the first, twice the side,) convolutions, and what they add to the picture."""

    resample_filter: Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, side: int, channels: int):
        super().__init__()
        self.register_buffer("resample_filter", filter_taps())
        if inputs:
            self.conv0 = SynthesisLayer(inputs, outputs, w_dim, side, up=True)
        else:
            self.const = nn.Parameter(torch.randn(outputs, side, side))
        self.first = not inputs
        self.conv1 = SynthesisLayer(outputs, outputs, w_dim, side, up=False)
        self.torgb = ToRgb(outputs, channels, w_dim)

    @property
    def convolutions(self) -> list[SynthesisLayer]:
        return [self.conv1] if self.first else [self.conv0, self.conv1]

    def forward(
        self, features: Tensor | None, image: Tensor | None, w: Tensor, noise: list[Tensor | None]
    ) -> tuple[Tensor, Tensor]:
        """`w` (N, convolutions + 1, w_dim): one for each convolution, the last for the picture."""
        if features is None:
            features = self.const.expand(w.shape[0], -1, -1, -1)
        for place, layer in enumerate(self.convolutions):
            features = layer(features, w[:, place], noise[place])
        colours = self.torgb(features, w[:, len(self.convolutions)])
        return features, colours if image is None else colours + upsample(image, self.resample_filter)
