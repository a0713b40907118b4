"""The transformer of Magenta's style networks: conditional instance normalisation (Dumoulin, Shlens and Kudlur 2017, arXiv
1610.07629; Ghiasi et al. 2017, arXiv 1705.06830), where a style is nothing but a scale and a shift of every normalised channel.

Three convolutions bring the side to a quarter, residual blocks follow, then two convolutions behind enlargements by repetition,
and a last one. All see the picture go on in its mirror image. A code of numbers, linear in each layer, gives the scales and
shifts: 100 numbers that another network makes of a style picture, or the shares of the styles that it learnt.

Tensors: images (N, 3, H, W) in [0, 1], H and W multiples of 4; codes (N or 1, code, 1, 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate, pad, relu

Statistics = tuple[Tensor, Tensor]  # mean and standard deviation, each (N, C, 1, 1)
STRIDE = 4
EPSILON = 1e-5


class Layer(nn.Module):
    """A convolution and, where it is `normed`, what a code says of its channels; `bias` of the convolution or of the code."""

    def __init__(
        self, before: int, after: int, size: int, code: int, *, stride: int = 1, rise: bool = False, normed: bool, bias: bool
    ):
        super().__init__()
        self.rise, self.normed = rise, normed
        self.conv = nn.Conv2d(before, after, size, stride, bias=not normed)
        if normed:
            self.scale, self.shift = nn.Linear(code, after, bias=bias), nn.Linear(code, after, bias=bias)

    def forward(self, features: Tensor) -> Tensor:
        if self.rise:
            features = interpolate(features, scale_factor=2, mode="nearest")
        return self.conv(pad(features, (self.conv.kernel_size[0] // 2,) * 4, "reflect"))

    def norm(self, features: Tensor, code: Tensor, known: Statistics | None) -> Tensor:
        """Normalised, with the statistics of the whole picture where `features` are a part of it."""
        scale, shift = (part(code.flatten(1))[:, :, None, None] for part in (self.scale, self.shift))
        if known is None:
            return instance_norm(features, eps=EPSILON) * scale + shift
        return (features - known[0]) * (scale / known[1]) + shift


class StyleTransformer(nn.Module):
    """`contract` and `expand` are the channels on the way down and up, `code` the numbers of a style. `normed`: the layers on
    the way down are normalised, too (else they have biases, into which what normalised them in training was folded)."""

    def __init__(self, code: int, contract: Sequence[int], blocks: int, expand: Sequence[int], *, normed: bool):
        super().__init__()
        self.code, self.blocks, self.normed = code, blocks, normed
        deep = contract[-1]
        down = list(zip((3, *contract[:-1]), contract, (9, 3, 3), (1, 2, 2), strict=True))
        up = list(zip((deep, *expand), (*expand, 3), (3, 3, 9), strict=True))
        bias = not normed
        self.layers = nn.ModuleList(
            [
                *(Layer(a, b, size, code, stride=stride, normed=normed, bias=bias) for a, b, size, stride in down),
                *(Layer(deep, deep, 3, code, normed=True, bias=bias) for _ in range(2 * blocks)),
                *(Layer(a, b, size, code, rise=size == 3, normed=True, bias=bias) for a, b, size in up),
            ]
        )

    @property
    def rounds(self) -> list[int]:
        """The layers that are normalised, by their place."""
        return [place for place, layer in enumerate(self.layers) if layer.normed]

    @property
    def receptive(self) -> int:
        """How far an output pixel looks: both ends, the steps down and up, two places of a quarter for each block."""
        return 16 + 2 * STRIDE * (self.blocks + 1)

    def forward(
        self, images: Tensor, code: Tensor, known: Sequence[Statistics] | None = None, stop: int | None = None
    ) -> Tensor:
        """The result (N, 3, H, W), or, with `stop`, the features that the normalisation of that place gets."""
        given = iter(known) if known is not None else None
        features = entered = images
        last = len(self.layers) - 1
        for place, (layer, where) in enumerate(self._places()):
            entered = features if where == "enters" else entered
            features = layer(features)
            if place == stop:
                return features
            if layer.normed:
                features = layer.norm(features, code, None if given is None else next(given))
            if where == "leaves":
                features = features + entered
            elif place != last:
                features = relu(features)
        return torch.sigmoid(features)

    def _places(self) -> Iterator[tuple[Layer, str]]:
        """Each layer, and whether it enters or leaves a block."""
        for place, layer in enumerate(self.layers):
            inside = place - 3
            kind = ("enters", "leaves")[inside % 2] if 0 <= inside < 2 * self.blocks else "plain"
            yield layer, kind  # type: ignore[misc]
