"""The network that draws photographs as lines with a little tone: small, local, and so for pictures of any size.

Pixels are shuffled into channels (Shi et al. 2016, arXiv 1609.05158), a few dilated residual convolutions look around at a
quarter of the side, and a drawing of one channel is shuffled back. Nothing looks at the whole picture, so tiles give the same
drawing as the whole.

Tensors: images (N, 3, H, W), RGB [0, 1], H and W multiples of 4; drawings (N, 1, H, W), not clamped, 1 = paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from genkit.models.checkpoints import open_checkpoint
from genkit.models.upscale.transform import Transform

if TYPE_CHECKING:
    from genkit.cards import Card

WIDTHS, DILATIONS = (24, 48), (1, 2, 1, 2)


class Sketcher(nn.Module):
    """`widths` are those at a half and a quarter of the side; one residual convolution there for each of `dilations`."""

    def __init__(self, widths: Sequence[int] = WIDTHS, dilations: Sequence[int] = DILATIONS):
        super().__init__()
        half, quarter = widths
        self.dilations = tuple(dilations)
        self.enter = nn.Conv2d(4 * 3, half, 3, 1, 1)
        self.down = nn.Conv2d(half, quarter, 3, 2, 1)
        self.body = nn.ModuleList(nn.Conv2d(quarter, quarter, 3, 1, one, one) for one in dilations)
        self.rise = nn.Conv2d(quarter + half, half, 3, 1, 1)
        self.leave = nn.Conv2d(half, 4, 3, 1, 1)

    @property
    def receptive_radius(self) -> int:
        """How far a pixel of the drawing looks: what each convolution adds at its own size, and the sizes' own cells."""
        return 4 * sum(self.dilations) + 2 + 2 + 2 + 2 + 4 + 4

    def forward(self, images: Tensor) -> Tensor:
        fine = leaky_relu(self.enter(pixel_unshuffle(images * 2 - 1, 2)), 0.2)  # (N, half, H/2, W/2)
        features = leaky_relu(self.down(fine), 0.2)  # (N, quarter, H/4, W/4)
        for layer in self.body:
            features = features + leaky_relu(layer(features), 0.2)
        raised = interpolate(features, scale_factor=2.0, mode="nearest")
        features = leaky_relu(self.rise(torch.cat([raised, fine], 1)), 0.2)
        return 1 + pixel_shuffle(self.leave(features), 2)  # (N, 1, H, W)


def build(widths: Sequence[int] = WIDTHS, dilations: Sequence[int] = DILATIONS) -> Sketcher:
    """Build the network with random weights; it begins near blank paper."""
    network = Sketcher(widths, dilations)
    with torch.no_grad():
        network.leave.weight.mul_(0.1)
        for layer in network.body:
            assert isinstance(layer, nn.Conv2d)
            layer.weight.mul_(0.5)
    return network


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout.

    How far its blocks are dilated no tensor tells: with as many blocks as ours they are taken to be ours.
    """
    names = ("enter.weight", "down.weight", "rise.weight", "leave.weight")
    weights = [state.get(name) for name in names]
    if any(one is None or one.ndim != 4 for one in weights) or "body.0.weight" not in state:
        return None
    half, quarter = int(state["enter.weight"].shape[0]), int(state["down.weight"].shape[0])
    if state["enter.weight"].shape[1] != 12 or tuple(state["leave.weight"].shape[:2]) != (4, half):
        return None
    blocks = sum(f"body.{place}.weight" in state for place in range(64))
    return {"widths": [half, quarter]} | ({"dilations": list(DILATIONS)} if blocks == len(DILATIONS) else {})


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Transform:
    """Load a checkpoint of this network, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, files["weights"], "the sketching network", recognise, of_card=("dilations",))
    checkpoint.need("dilations", "[1, 2, 1]")
    return transform(checkpoint.into(Sketcher), device, dtype)


def transform(network: Sketcher, device: torch.device, dtype: torch.dtype) -> Transform:
    """The network as the translate task calls it: the drawing in all three channels."""

    def run(network: nn.Module, images: Tensor) -> Tensor:
        return network(images).repeat(1, 3, 1, 1)

    receptive = network.receptive_radius
    return Transform(
        network, scale=1, device=device, dtype=dtype, receptive=receptive, multiple=4, minimum=8, run=run, pixel_bytes=512
    )
