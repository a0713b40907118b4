"""The cut-out network that genkit ships: the first stages of an EfficientNet-Lite0, and a light way up again.

What a subject is has to do with what things are, which a small network cannot learn from a few hundred pictures. So the way
down has the layout of EfficientNet-Lite0 up to its first block at a thirty-second of the side, so that its published features
can be begun with. At the coarsest level the mean over the picture is added, and each step of the way up mixes in what lies
beside it and looks around by a depthwise convolution of 5 x 5 (a U-Net, Ronneberger et al. 2015, arXiv 1505.04597).

Tensors: images (N, 3, S, S), RGB in [-1, 1], S a multiple of 32, to logits (N, 1, S, S); `Probability` gives masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, relu6

from genkit.models.checkpoints import open_checkpoint
from genkit.models.cutout.masking import Mask
from genkit.nets import efficientnet
from genkit.nets.efficientnet import EfficientNetLite

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 256
WIDTHS, BLOCKS = efficientnet.WIDTHS[:6], (1, 2, 2, 3, 3, 1)
RISES = (96, 64, 40, 24)


class Rise(nn.Module):
    """Twice the side: enlarged, mixed with what lies beside it, then a look around."""

    def __init__(self, before: int, beside: int, width: int):
        super().__init__()
        self.mix = nn.Conv2d(before + beside, width, 1)
        self.around = nn.Conv2d(width, width, 5, 1, 2, groups=width)
        self.point = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor, beside: Tensor) -> Tensor:
        enlarged = interpolate(features, beside.shape[-2:], mode="bilinear", align_corners=False)
        mixed = relu6(self.mix(torch.cat([enlarged, beside], 1)))
        return mixed + self.point(relu6(self.around(mixed)))


class Cutter(EfficientNetLite):
    """`widths` and `blocks` are those of the stages on the way down, `rises` the widths on the way up."""

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = BLOCKS,
        rises: Sequence[int] = RISES,
        stem: int = efficientnet.STEM,
        expansion: int = efficientnet.EXPANSION,
    ):
        super().__init__(3, widths, blocks, stem, expansion)
        deepest, beside = widths[5], (widths[4], widths[2], widths[1], widths[0])
        self.whole = nn.Conv2d(deepest, deepest, 1)
        self.rises = nn.ModuleList(
            Rise(low, side, width) for (low, width), side in zip(pairwise((deepest, *rises)), beside, strict=True)
        )
        self.leave = nn.Conv2d(rises[3], 4, 3, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        kept = self.features(images)
        current = kept[-1]
        current = current + self.whole(current.mean((2, 3), keepdim=True))  # (N, widths[5], S/32, S/32)
        for rise, place in zip(self.rises, (4, 2, 1, 0), strict=True):
            current = rise(current, kept[place])
        return pixel_shuffle(self.leave(current), 2)  # (N, 1, S, S)


class Probability(nn.Module):
    """The network with a sigmoid behind it."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).sigmoid()


def build(
    widths: Sequence[int] = WIDTHS,
    blocks: Sequence[int] = BLOCKS,
    rises: Sequence[int] = RISES,
    stem: int = efficientnet.STEM,
    expansion: int = efficientnet.EXPANSION,
    size: int = 0,
) -> Cutter:
    """Build the network with random weights."""
    return Cutter(widths, blocks, rises, stem, expansion)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout."""
    sizes = efficientnet.sizes_of(state, len(WIDTHS))
    rises = [state.get(f"rises.{place}.point.weight") for place in range(len(RISES))]
    if sizes is None or any(one is None or one.ndim != 4 for one in rises) or "whole.weight" not in state:
        return None
    return sizes | {"rises": [int(one.shape[0]) for one in rises]}  # type: ignore[union-attr]


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Mask:
    """Load a checkpoint of this network, kept in any float format or in eight bits.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, files["weights"], "the cut-out network", recognise)
    return transform(checkpoint.into(Cutter), device, dtype, size=int(card.params.get("size", SIZE)))


def transform(network: Cutter, device: torch.device, dtype: torch.dtype, *, size: int = SIZE) -> Mask:
    """The network as the cutout task calls it."""
    return Mask(
        Probability(network), device=device, dtype=dtype, size=size, mean=(efficientnet.MEAN,) * 3, std=(efficientnet.STD,) * 3
    )
