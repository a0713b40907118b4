"""The inpainting network that genkit ships: gated convolutions that correct a smooth filling.

The hole is first filled by pull-push averaging (`nets/pyramid.py`), which is right about everything that is soft; the network
sees that picture and the mask and predicts what is missing from it. So it starts from a sound answer and needs few weights.
Convolutions are gated (Yu et al. 2019, "Free-Form Image Inpainting with Gated Convolution", arXiv 1806.03589): one half of the
channels decides, place by place, how much of the other half passes, because filled and seen places must not count alike. The
body works at an eighth of the side with growing dilation (Yu et al. 2018, arXiv 1801.07892, section 4) to see across holes.

Tensors: images (N, 3, H, W), RGB [0, 1], masks (N, 1, H, W), 1 = repaint; H and W multiples of 8; the output is not clamped and
equals the input outside the mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, interpolate, pixel_shuffle, pixel_unshuffle

from genkit.models.checkpoints import open_checkpoint
from genkit.models.inpaint.filling import Fill
from genkit.nets.pyramid import fill_smoothly

if TYPE_CHECKING:
    from genkit.cards import Card

WIDTHS, DILATIONS = (32, 64, 128), (1, 2, 4, 8, 1)
STRIDE, SIZE = 8, 256


class Gated(nn.Module):
    """A convolution and its gate: `elu(a) * sigmoid(b)`."""

    def __init__(self, before: int, width: int, side: int = 3, stride: int = 1, dilation: int = 1):
        super().__init__()
        self.both = nn.Conv2d(before, 2 * width, side, stride, dilation * (side // 2), dilation)

    def forward(self, features: Tensor) -> Tensor:
        value, gate = self.both(features).chunk(2, 1)
        return elu(value) * gate.sigmoid()


class Inpainter(nn.Module):
    """`widths` are those at 1/2, 1/4 and 1/8 of the side; one gated block at 1/8 for each of `dilations`."""

    def __init__(self, widths: Sequence[int] = WIDTHS, dilations: Sequence[int] = DILATIONS):
        super().__init__()
        half, quarter, eighth = widths
        self.enter = Gated(4 * 4, half)
        self.down = nn.ModuleList([Gated(half, quarter, stride=2), Gated(quarter, eighth, stride=2)])
        self.body = nn.ModuleList(Gated(eighth, eighth, dilation=dilation) for dilation in dilations)
        self.rise = nn.ModuleList([nn.Conv2d(eighth + quarter, quarter, 3, 1, 1), nn.Conv2d(quarter + half, half, 3, 1, 1)])
        self.leave = nn.Conv2d(half, 4 * 3, 3, 1, 1)

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        return self.corrected(fill_smoothly(images, masks), masks)

    def corrected(self, smooth: Tensor, masks: Tensor) -> Tensor:
        """The same from a picture whose holes are filled smoothly, (N, 3, H, W): what follows decides nothing by the data."""
        inputs = torch.cat([smooth * 2 - 1, masks], 1).to(self.leave.weight.dtype)
        fine = self.enter(pixel_unshuffle(inputs, 2))  # (N, half, H/2, W/2)
        middle = self.down[0](fine)
        features = self.down[1](middle)  # (N, eighth, H/8, W/8)
        for gated in self.body:
            features = features + gated(features)
        for rise, kept in zip(self.rise, (middle, fine), strict=True):
            features = elu(rise(torch.cat([interpolate(features, scale_factor=2.0, mode="nearest"), kept], 1)))
        correction = pixel_shuffle(self.leave(features), 2).to(smooth.dtype)  # (N, 3, H, W)
        return smooth + masks * correction


def build(widths: Sequence[int] = WIDTHS, dilations: Sequence[int] = DILATIONS) -> Inpainter:
    """Build the network with random weights; it begins as the smooth filling."""
    network = Inpainter(widths, dilations)
    with torch.no_grad():
        network.leave.weight.mul_(0.1)
        assert network.leave.bias is not None
        network.leave.bias.zero_()
        for gated in network.body:
            assert isinstance(gated, Gated)
            gated.both.weight.mul_(0.5)
    return network


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout.

    How far its blocks are dilated no tensor tells: a network with as many blocks as ours is taken to have our dilations, and
    for any other the card must say them.
    """
    names = ("enter.both.weight", "down.0.both.weight", "down.1.both.weight")
    weights = [state.get(name) for name in names]
    if any(one is None or one.ndim != 4 for one in weights) or "leave.weight" not in state or state[names[0]].shape[1] != 16:
        return None
    blocks = sum(f"body.{place}.both.weight" in state for place in range(64))
    sizes: dict[str, Any] = {"widths": [int(state[name].shape[0]) // 2 for name in names]}
    return sizes | ({"dilations": list(DILATIONS)} if blocks == len(DILATIONS) else {})


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Fill:
    """Load a checkpoint of this network, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, files["weights"], "the inpainting network", recognise, of_card=("dilations",))
    checkpoint.need("dilations", "[1, 2, 4]")
    size, views = int(card.params.get("size", SIZE)), int(card.params.get("views", 1))
    return transform(checkpoint.into(Inpainter), device, dtype, size=size, views=views)


def transform(network: Inpainter, device: torch.device, dtype: torch.dtype, *, size: int = SIZE, views: int = 1) -> Fill:
    """The network as the inpaint task calls it; with 2 `views` the filling is the mean of the picture's and its mirror image's,
    which is nearer to the truth and takes twice the time."""
    return Fill(
        network,
        device=device,
        dtype=dtype,
        size=size,
        multiple=STRIDE,
        minimum=2 * STRIDE,
        run=lambda network, smooth, masks: network.corrected(smooth, masks),
        pixel_bytes=2048,
        smooth=True,
        mirrored=views == 2,
    )
