"""Inception-v3 as FID takes its features (Szegedy et al. 2016, arXiv 1512.00567; Heusel et al. 2017, arXiv 1706.08500).

The weights of 2015-12-05 that the paper's code used, as pytorch-fid carried them over: torchvision's names, 1008 classes, no
auxiliary classifier. They were trained where averages leave out what lies beyond the edge, and where the last block takes the
greatest of a neighbourhood instead of the mean; a network with torchvision's pooling gives other features.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu

from genkit.models.checkpoints import open_checkpoint

if TYPE_CHECKING:
    from genkit.cards import Card

SIDE, WIDTH, CLASSES = 299, 2048, 1008
EPSILON = 1e-3  # of batch normalisation
DTYPES = ("float32",)

Kernel = int | tuple[int, int]
Step = tuple[str, int, Kernel] | tuple[str, int, Kernel, int]  # what a convolution's name ends in, its width, kernel, stride
Branches = dict[str, list[Step | list[Step]]]  # steps that stand in a list of their own part, and are joined again
ROW, COLUMN = (1, 7), (7, 1)


def same(pool: int) -> Branches:
    """Mixed_5b to 5d; `pool` is the width of the branch that pools first."""
    return {
        "branch1x1": [("", 64, 1)],
        "branch5x5": [("_1", 48, 1), ("_2", 64, 5)],
        "branch3x3dbl": [("_1", 64, 1), ("_2", 96, 3), ("_3", 96, 3)],
        "branch_pool": [("", pool, 1)],
    }


def factored(width: int) -> Branches:
    """Mixed_6b to 6e: 7 x 7 as a row and a column."""
    double: list[Step | list[Step]] = [("_1", width, 1), ("_2", width, COLUMN), ("_3", width, ROW), ("_4", width, COLUMN)]
    return {
        "branch1x1": [("", 192, 1)],
        "branch7x7": [("_1", width, 1), ("_2", width, ROW), ("_3", 192, COLUMN)],
        "branch7x7dbl": [*double, ("_5", 192, ROW)],
        "branch_pool": [("", 192, 1)],
    }


HALVED: Branches = {
    "branch3x3": [("", 384, 3, 2)],
    "branch3x3dbl": [("_1", 64, 1), ("_2", 96, 3), ("_3", 96, 3, 2)],
}
HALVED_AGAIN: Branches = {
    "branch3x3": [("_1", 192, 1), ("_2", 320, 3, 2)],
    "branch7x7x3": [("_1", 192, 1), ("_2", 192, ROW), ("_3", 192, COLUMN), ("_4", 192, 3, 2)],
}
PARTED: Branches = {
    "branch1x1": [("", 320, 1)],
    "branch3x3": [("_1", 384, 1), [("_2a", 384, (1, 3)), ("_2b", 384, (3, 1))]],
    "branch3x3dbl": [("_1", 448, 1), ("_2", 384, 3), [("_3a", 384, (1, 3)), ("_3b", 384, (3, 1))]],
    "branch_pool": [("", 192, 1)],
}
STEM: dict[str, tuple[int, int, int, int]] = {  # width, kernel, stride, padding
    "Conv2d_1a_3x3": (32, 3, 2, 0),
    "Conv2d_2a_3x3": (32, 3, 1, 0),
    "Conv2d_2b_3x3": (64, 3, 1, 1),
    "Conv2d_3b_1x1": (80, 1, 1, 0),
    "Conv2d_4a_3x3": (192, 3, 1, 0),
}
POOLED_AFTER = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")
BLOCKS: dict[str, Branches] = {
    "Mixed_5b": same(32),
    "Mixed_5c": same(64),
    "Mixed_5d": same(64),
    "Mixed_6a": HALVED,
    "Mixed_6b": factored(128),
    "Mixed_6c": factored(160),
    "Mixed_6d": factored(160),
    "Mixed_6e": factored(192),
    "Mixed_7a": HALVED_AGAIN,
    "Mixed_7b": PARTED,
    "Mixed_7c": PARTED,
}
GREATEST = "Mixed_7c"


class ConvNorm(nn.Module):
    """A convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, width: int, kernel: Kernel, stride: int = 1, padding: Kernel = 0):
        super().__init__()
        self.conv = nn.Conv2d(before, width, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=EPSILON)

    def forward(self, features: Tensor) -> Tensor:
        return relu(self.bn(self.conv(features)))


class Block(nn.Module):
    """Branches beside each other, their results one behind the other; `halves` and pools the input itself besides, where no
    branch pools."""

    def __init__(self, branches: Branches, before: int, *, greatest: bool):
        super().__init__()
        self.branches, self.greatest, self.halves = branches, greatest, "branch_pool" not in branches
        self.width = before if self.halves else 0
        for name, steps in branches.items():
            width = before
            for step in steps:
                apart = step if isinstance(step, list) else [step]
                for suffix, out, kernel, *stride in apart:
                    high, wide = (kernel, kernel) if isinstance(kernel, int) else kernel
                    padding = (0, 0) if stride else (high // 2, wide // 2)
                    self.add_module(f"{name}{suffix}", ConvNorm(width, out, kernel, stride[0] if stride else 1, padding))
                width = sum(one[1] for one in apart)
            self.width += width

    def forward(self, features: Tensor) -> Tensor:
        made = []
        for name, steps in self.branches.items():
            current = self._pooled(features) if name == "branch_pool" else features
            for step in steps:
                apart = step if isinstance(step, list) else [step]
                current = torch.cat([self.get_submodule(f"{name}{one[0]}")(current) for one in apart], 1)
            made.append(current)
        return torch.cat([*made, *([max_pool2d(features, 3, 2)] if self.halves else [])], 1)

    def _pooled(self, features: Tensor) -> Tensor:
        if self.greatest:
            return max_pool2d(features, 3, 1, 1)
        return avg_pool2d(features, 3, 1, 1, count_include_pad=False)


class Inception(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] to features (N, 2048): at 299 pixels a side (bilinear, as pytorch-fid does it), averaged
    over the last maps."""

    def __init__(self) -> None:
        super().__init__()
        width = 3
        for name, (out, kernel, stride, padding) in STEM.items():
            self.add_module(name, ConvNorm(width, out, kernel, stride, padding))
            width = out
        for name, branches in BLOCKS.items():
            self.add_module(name, block := Block(branches, width, greatest=name == GREATEST))
            width = block.width
        self.fc = nn.Linear(width, CLASSES)  # in the file, and of no use here

    def forward(self, images: Tensor) -> Tensor:
        current = 2 * interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False) - 1
        for name in STEM:
            current = self.get_submodule(name)(current)
            if name in POOLED_AFTER:
                current = max_pool2d(current, 3, 2)
        for name in BLOCKS:
            current = self.get_submodule(name)(current)
        return current.mean((2, 3))


def build() -> Inception:
    """Build the network with random weights; it has one size."""
    return Inception()


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """{} for the layout of FID's weights, None for any other."""
    wanted = {"Mixed_7c.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1), "fc.weight": (CLASSES, WIDTH)}
    return {} if all(key in state and tuple(state[key].shape) == shape for key, shape in wanted.items()) else None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Inception:
    """Load the network, frozen.

    Raises:
        WeightsError: unreadable, or not of this layout.
    """
    network = open_checkpoint(card, files["weights"], "FID's Inception-v3", recognise).into(Inception)
    return network.to(device, dtype).eval().requires_grad_(False)
