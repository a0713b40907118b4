"""The style network that genkit ships: a photograph in the manner of any picture, in one pass.

Arbitrary style transfer by adaptive instance normalisation (Huang and Belongie 2017, arXiv 1703.06868) with two small encoders
of its own, after the idea of Wang et al. 2023 (MicroAST, arXiv 2211.15313) that a style can also modulate the decoder. Channel
statistics of the photograph's deep features are replaced by the style's at two depths; the style's statistics, through two
linear layers, scale and shift the channels of every convolution of the decoder. Only the encoder's features are normalised, so
the statistics of a whole picture can be gathered tile by tile in one round.

Tensors: images (N, 3, H, W) in [0, 1], H and W multiples of 4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from genkit.models.checkpoints import open_checkpoint
from genkit.models.style.stylizing import Stylize

if TYPE_CHECKING:
    from genkit.cards import Card

WIDTHS = (24, 48, 80)
EPSILON = 1e-5
STRIDE = 4  # of the deep features
RECEPTIVE = 48  # pixels that an output pixel looks at on every side
PIXEL_BYTES = 1024
Statistics = tuple[Tensor, Tensor]  # mean and standard deviation, each (N, C, 1, 1)


def statistics(features: Tensor) -> Statistics:
    """Mean and standard deviation of every channel over the picture."""
    variance, mean = torch.var_mean(features, (2, 3), keepdim=True)
    return mean, (variance + EPSILON).sqrt()


def _conv(before: int, after: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, size, stride, size // 2, padding_mode="reflect")


class Block(nn.Module):
    """Two convolutions around an identity; `marks` scale and shift the channels in between and after."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)

    def forward(self, features: Tensor, marks: Sequence[Statistics] = ()) -> Tensor:
        first, second = marks or (None, None)
        inner = leaky_relu(_marked(self.first(features), first), 0.2)
        return features + _marked(self.second(inner), second)


def _marked(features: Tensor, mark: Statistics | None) -> Tensor:
    return features if mark is None else features * (1 + mark[0]) + mark[1]


class Encoder(nn.Module):
    """Pictures to features at a quarter of the side, at two depths, each (N, widths[2], H/4, W/4)."""

    def __init__(self, widths: Sequence[int]):
        super().__init__()
        full, half, quarter = widths
        self.stem = _conv(3, full, 5)
        self.halve = nn.ModuleList([_conv(full, half, 3, 2), _conv(half, quarter, 3, 2)])
        self.blocks = nn.ModuleList([Block(quarter), Block(quarter)])

    def forward(self, images: Tensor) -> list[Tensor]:
        features = leaky_relu(self.stem(images * 2 - 1), 0.2)
        for halve in self.halve:
            features = leaky_relu(halve(features), 0.2)
        first = self.blocks[0](features)
        return [first, self.blocks[1](first)]


class Stylizer(nn.Module):
    """`widths` are the channels at full, half and a quarter of the side."""

    def __init__(self, widths: Sequence[int] = WIDTHS):
        super().__init__()
        full, half, quarter = widths
        self.content, self.style = Encoder(widths), Encoder(widths)
        self.blocks = nn.ModuleList([Block(quarter), Block(quarter)])
        self.rise = nn.ModuleList([_conv(quarter, half), _conv(half, full)])
        self.last = _conv(full, 3, 5)
        self.marked = [quarter] * 4 + [half, full]
        marking = nn.Linear(64, 2 * sum(self.marked))
        nn.init.zeros_(marking.weight)  # at first a style marks nothing
        nn.init.zeros_(marking.bias)
        self.mark = nn.Sequential(nn.Linear(4 * quarter, 64), nn.SiLU(), marking)

    def code(self, images: Tensor) -> list[Tensor]:
        """What is kept of a style: mean and deviation at both depths, each (N, C, 1, 1). Codes can be mixed."""
        return [part for features in self.style(images) for part in statistics(features)]

    def measured(self, images: Tensor) -> list[Tensor]:
        """The features whose statistics over the whole picture `paint` needs."""
        return self.content(images)

    def paint(self, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics]) -> Tensor:
        """Images (N, 3, H, W) in [0, 1] in the manner of `code`; `known`: statistics of the whole's `measured`."""
        return self.painted(self.measured(images), code, known)

    def painted(self, measured: Sequence[Tensor], code: Sequence[Tensor], known: Sequence[Statistics]) -> Tensor:
        """`paint` from what `measured` gave."""
        (shallow, deep), marks = measured, self._marks(code)
        features = self.blocks[0](_renewed(deep, known[1], code[2], code[3]), marks[0:2])
        features = features + _renewed(shallow, known[0], code[0], code[1])
        features = self.blocks[1](features, marks[2:4])
        for rise, mark in zip(self.rise, marks[4:], strict=True):
            features = interpolate(features, scale_factor=2, mode="nearest")
            features = leaky_relu(_marked(rise(features), mark), 0.2)
        return torch.sigmoid(self.last(features))

    def forward(self, images: Tensor, styles: Tensor, whose: Tensor | None = None) -> Tensor:
        """Images in the manner of `styles`, both (N, 3, any H, any W): each of its own, or of the one that `whose` says."""
        code = [part if whose is None else part[whose] for part in self.code(styles)]
        return self.paint(images, code, [statistics(one) for one in self.measured(images)])

    def _marks(self, code: Sequence[Tensor]) -> list[Statistics]:
        values = self.mark(torch.cat(list(code), 1).flatten(1))[:, :, None, None]
        parts = values.split([width for width in self.marked for _ in range(2)], 1)
        return list(zip(parts[::2], parts[1::2], strict=True))


def _renewed(features: Tensor, known: Statistics, mean: Tensor, deviation: Tensor) -> Tensor:
    return (features - known[0]) / known[1] * deviation + mean


def build(widths: Sequence[int] = WIDTHS) -> Stylizer:
    """Build the network with random weights."""
    return Stylizer(widths)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the widths from a state dict, or return None if it is not of this layout."""
    stems = [state.get(f"content.{name}.weight") for name in ("stem", "halve.0", "halve.1")]
    if any(stem is None or stem.ndim != 4 for stem in stems) or "mark.2.weight" not in state or "rise.1.weight" not in state:
        return None
    return {"widths": [int(stem.shape[0]) for stem in stems if stem is not None]}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Stylize:
    """Load a checkpoint of this network, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this network, or not of the widths that the card gives.
    """
    network = open_checkpoint(card, files["weights"], "the style network", recognise).into(build)
    return transform(network, device, dtype)


def transform(network: Stylizer, device: torch.device, dtype: torch.dtype) -> Stylize:
    """The network as the style task calls it."""
    return Stylize(
        network,
        device=device,
        dtype=dtype,
        style=lambda network, images: network.code(images),
        rounds=[lambda network, images, code, known: network.measured(images)],
        render=lambda network, images, code, known: network.paint(images, code, known),
        whole=_at_once,
        multiple=STRIDE,
        receptive=RECEPTIVE,
        pixel_bytes=PIXEL_BYTES,
    )


def _at_once(network: Stylizer, images: Tensor, code: Sequence[Tensor]) -> Tensor:
    measured = network.measured(images)
    return network.painted(measured, code, [statistics(one) for one in measured])
