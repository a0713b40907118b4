"""The cut-out network that genkit ships: the first stages of an EfficientNet-Lite0, and a light way up again.

What a subject is has to do with what things are, which a small network cannot learn from a few hundred pictures. So the way
down has the layout of EfficientNet-Lite0 (Tan and Le 2019, arXiv 1905.11946; Liu 2020, "Higher accuracy on vision models with
EfficientNet-Lite", without squeeze-and-excitation, ReLU6) up to its first block at a thirty-second of the side, so that its
published features can be begun with; normalisation is folded into the convolutions. At the coarsest level the mean over the
picture is added, and each step of the way up mixes in what lies beside it and looks around by a depthwise convolution of 5 x 5
(a U-Net, Ronneberger et al. 2015, arXiv 1505.04597).

Tensors: images (N, 3, S, S), RGB in [-1, 1], S a multiple of 32, to logits (N, 1, S, S); `Probability` gives masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, relu6

from genkit.models.checkpoints import open_checkpoint
from genkit.models.cutout.masking import Mask
from genkit.nets.norms import fold_norm

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 256
KERNELS, STRIDES = (3, 3, 5, 3, 5, 5), (1, 2, 2, 2, 1, 2)  # of the stages of EfficientNet-Lite0, from the first
STEM, WIDTHS, BLOCKS, EXPANSION = 32, (16, 24, 40, 80, 112, 192), (1, 2, 2, 3, 3, 1), 6
RISES = (96, 64, 40, 24)
PUBLISHED = {"_expand_conv": "expand", "_depthwise_conv": "depthwise", "_project_conv": "project"}
NORMS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
NORM_EPSILON = 1e-3  # of the published network
MEAN, STD = 127 / 255, 128 / 255  # of pictures in [0, 1], as EfficientNet-Lite0 wants them


def same(features: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution whose border is TensorFlow's SAME: with stride 2 one pixel more at the right and below."""
    side, stride = conv.kernel_size[0], conv.stride[0]
    height, width = (max((-(-length // stride) - 1) * stride + side - length, 0) for length in features.shape[-2:])
    return conv(pad(features, (width // 2, width - width // 2, height // 2, height - height // 2)))


class InvertedResidual(nn.Module):
    """MBConv without squeeze-and-excitation (Sandler et al. 2018, arXiv 1801.04381)."""

    def __init__(self, before: int, width: int, side: int, stride: int, expansion: int):
        super().__init__()
        inner = before * expansion
        if expansion > 1:
            self.expand = nn.Conv2d(before, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, side, stride, groups=inner)
        self.project = nn.Conv2d(inner, width, 1)
        self.expands, self.adds = expansion > 1, stride == 1 and before == width

    def forward(self, features: Tensor) -> Tensor:
        inner = relu6(self.expand(features)) if self.expands else features
        result = self.project(relu6(same(inner, self.depthwise)))
        return features + result if self.adds else result


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


class Cutter(nn.Module):
    """`widths` and `blocks` are those of the stages on the way down, `rises` the widths on the way up."""

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = BLOCKS,
        rises: Sequence[int] = RISES,
        stem: int = STEM,
        expansion: int = EXPANSION,
    ):
        super().__init__()
        self.stem = nn.Conv2d(3, stem, 3, 2)
        self.stages = nn.ModuleList()
        before = stem
        for place, (width, count, side, stride) in enumerate(zip(widths, blocks, KERNELS, STRIDES, strict=True)):
            stage = nn.Sequential()
            for number in range(count):
                step = stride if number == 0 else 1
                stage.append(InvertedResidual(before, width, side, step, expansion if place else 1))
                before = width
            self.stages.append(stage)
        deepest, beside = widths[5], (widths[4], widths[2], widths[1], widths[0])
        self.whole = nn.Conv2d(deepest, deepest, 1)
        self.rises = nn.ModuleList(
            Rise(low, side, width) for (low, width), side in zip(pairwise((deepest, *rises)), beside, strict=True)
        )
        self.leave = nn.Conv2d(rises[3], 4, 3, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        current = relu6(same(images, self.stem))  # (N, stem, S/2, S/2)
        kept = []
        for stage in self.stages:
            current = stage(current)
            kept.append(current)
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
    stem: int = STEM,
    expansion: int = EXPANSION,
    size: int = 0,
) -> Cutter:
    """Build the network with random weights."""
    return Cutter(widths, blocks, rises, stem, expansion)


def from_efficientnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way down out of a published EfficientNet-Lite0 (`_blocks.N._expand_conv.weight`, `_bn0.running_mean`), as far as
    ours goes; {} if the file is another's."""
    if "_conv_stem.weight" not in state:
        return {}

    def norm(name: str) -> dict[str, Tensor]:
        parts = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
        return {ours: state[f"{name}.{part}"] for ours, part in parts.items()}

    found: dict[str, Tensor] = {}

    def put(place: str, conv: str, normed: str) -> None:
        weight, bias = fold_norm(state[f"{conv}.weight"], None, **norm(normed), epsilon=NORM_EPSILON)
        found[f"{place}.weight"], found[f"{place}.bias"] = weight, bias

    put("stem", "_conv_stem", "_bn0")
    number = 0
    for stage, count in enumerate(BLOCKS):
        for block in range(count):
            for published, ours in PUBLISHED.items():
                if f"_blocks.{number}.{published}.weight" in state:
                    place = f"stages.{stage}.{block}.{ours}"
                    put(place, f"_blocks.{number}.{published}", f"_blocks.{number}.{NORMS[ours]}")
            number += 1
    return found


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout."""
    stages = range(len(WIDTHS))
    blocks = [sum(f"stages.{stage}.{block}.project.weight" in state for block in range(64)) for stage in stages]
    widths = [state.get(f"stages.{stage}.0.project.weight") for stage in stages]
    rises = [state.get(f"rises.{place}.point.weight") for place in range(len(RISES))]
    stem, expand = state.get("stem.weight"), state.get("stages.1.0.expand.weight")
    if any(one is None or one.ndim != 4 for one in [*widths, *rises, stem, expand]) or "whole.weight" not in state:
        return None
    return {
        "widths": [int(one.shape[0]) for one in widths],  # type: ignore[union-attr]
        "blocks": blocks,
        "rises": [int(one.shape[0]) for one in rises],  # type: ignore[union-attr]
        "stem": int(stem.shape[0]),  # type: ignore[union-attr]
        "expansion": int(expand.shape[0]) // max(1, int(expand.shape[1])),  # type: ignore[union-attr]
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Mask:
    """Load a checkpoint of this network, kept in any float format or in eight bits.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, files["weights"], "the cut-out network", recognise)
    return transform(checkpoint.into(Cutter), device, dtype, size=int(card.params.get("size", SIZE)))


def transform(network: Cutter, device: torch.device, dtype: torch.dtype, *, size: int = SIZE) -> Mask:
    """The network as the cutout task calls it."""
    return Mask(Probability(network), device=device, dtype=dtype, size=size, mean=(MEAN,) * 3, std=(STD,) * 3)
