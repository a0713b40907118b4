"""The compact super-resolution network that genkit ships: plain 3 x 3 convolutions at low resolution, then a pixel shuffle.

Layout and key names are those of SRVGGNetCompact (Wang et al. 2021, "Real-ESRGAN", arXiv 2107.10833, released with
Real-ESRGAN v0.2.3), so Real-ESRGAN, spandrel and the tools built on them open our checkpoints, and this family opens
theirs. The upsampling is the sub-pixel convolution of Shi et al. 2016 (arXiv 1609.05158); the network predicts the residual
to the nearest-neighbour enlargement of its input.

Tensors in and out: RGB, float, [0, 1], (N, 3, H, W) to (N, 3, scale*H, scale*W). The output is not clamped here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.upscale.transform import Transform

if TYPE_CHECKING:
    from genkit.cards import Card


class Compact(nn.Module):
    """`num_conv` hidden convolutions of `num_feat` channels, each followed by a PReLU with one slope a channel."""

    def __init__(self, num_feat: int = 48, num_conv: int = 8, scale: int = 4):
        super().__init__()
        self.num_feat, self.num_conv, self.scale = num_feat, num_conv, scale
        layers: list[nn.Module] = [nn.Conv2d(3, num_feat, 3, 1, 1), nn.PReLU(num_feat)]
        for _ in range(num_conv):
            layers += [nn.Conv2d(num_feat, num_feat, 3, 1, 1), nn.PReLU(num_feat)]
        layers.append(nn.Conv2d(num_feat, 3 * scale * scale, 3, 1, 1))
        self.body = nn.ModuleList(layers)

    @property
    def receptive_radius(self) -> int:
        """How far an output pixel looks, in input pixels to each side: one for every 3 x 3 convolution."""
        return sum(isinstance(layer, nn.Conv2d) for layer in self.body)

    def forward(self, images: Tensor) -> Tensor:
        features = images
        for layer in self.body:
            features = layer(features)  # (N, num_feat, H, W), at last (N, 3*scale*scale, H, W)
        # adding a pixel to all the places it is shuffled to is the nearest-neighbour enlargement, at low resolution
        features = features.to(images.dtype)  # autocast in training may have made it a half format
        features = features + images.repeat_interleave(self.scale**2, 1)  # not in place: a view changed so is lost in a graph
        return nn.functional.pixel_shuffle(features, self.scale)  # (N, 3, scale*H, scale*W)


def build(num_feat: int = 48, num_conv: int = 8, scale: int = 4) -> Compact:
    """Build the network with random weights, hidden layers near the identity.

    A plain stack of PReLU convolutions trains slowly from the usual random start. Adding a Dirac kernel to small random
    weights lets the picture through from the first step, as a residual connection would, and leaves the layout alone.
    """
    network = Compact(num_feat, num_conv, scale)
    with torch.no_grad():
        convolutions = [layer for layer in network.body if isinstance(layer, nn.Conv2d)]
        for layer in convolutions[1:-1]:
            identity = torch.zeros_like(layer.weight)
            nn.init.dirac_(identity)
            layer.weight.mul_(0.5).add_(identity)
        convolutions[-1].weight.mul_(0.1)
    return network


def grow(state: Mapping[str, Tensor], num_conv: int, num_feat: int = 0) -> dict[str, Tensor]:
    """Make a trained network deeper and wider, so that it gives the same at first, or almost: hidden layers that start as the
    identity are spread among its own, and nothing listens to the new channels yet.

    After Chen et al. 2016, "Net2Net" (arXiv 1511.05641), section 2. Where the small network has learnt what it can, the large
    one goes on from there. Tensors of a network that is deep and wide enough come back as they are.
    """
    params = recognise(state)
    if params is None:
        return dict(state)
    old, width = params["num_conv"], max(num_feat, params["num_feat"])
    if (old, params["num_feat"]) == (max(old, num_conv), width):
        return dict(state)
    layers = [
        _wider(
            state[f"body.{2 * i}.weight"], state[f"body.{2 * i}.bias"], state[f"body.{2 * i + 1}.weight"], width, first=i == 0
        )
        for i in range(old + 1)
    ]
    added = [round((i + 1) * old / (num_conv - old)) for i in range(num_conv - old)]  # new layers follow these
    grown = layers[:1]
    for number, layer in enumerate(layers[1:], 1):
        grown.append(layer)
        # a slope below one lets the new layers bend
        grown += [(_near_identity(width), torch.zeros(width), torch.full((width,), 0.9)) for _ in range(added.count(number))]
    result: dict[str, Tensor] = {}
    for place, (weight, bias, slope) in enumerate(grown):
        result |= {f"body.{2 * place}.weight": weight, f"body.{2 * place}.bias": bias, f"body.{2 * place + 1}.weight": slope}
    last, end = 2 * (old + 1), 2 * len(grown)
    final = state[f"body.{last}.weight"]
    silent = final.new_zeros(final.shape[0], width - final.shape[1], 3, 3)
    return result | {f"body.{end}.weight": torch.cat([final, silent], 1), f"body.{end}.bias": state[f"body.{last}.bias"]}


def _near_identity(width: int) -> Tensor:
    """A convolution that passes its input on; a little noise tells the channels apart."""
    identity = torch.zeros(width, width, 3, 3)
    nn.init.dirac_(identity)
    return identity + 0.003 * torch.randn_like(identity)


def _wider(weight: Tensor, bias: Tensor, slope: Tensor, width: int, *, first: bool) -> tuple[Tensor, Tensor, Tensor]:
    """A layer with channels up to `width`, of which the old ones hear nothing."""
    more = width - weight.shape[0]
    if not more:
        return weight, bias, slope
    if first:
        new = 0.2 * torch.randn(more, weight.shape[1], 3, 3).to(weight)
    else:
        new = _near_identity(width)[-more:].to(weight)
        weight = torch.cat([weight, weight.new_zeros(weight.shape[0], more, 3, 3)], 1)
    return torch.cat([weight, new]), torch.cat([bias, bias.new_zeros(more)]), torch.cat([slope, slope.new_full((more,), 0.5)])


def recognise(state: Mapping[str, Any]) -> dict[str, int] | None:
    """Read the sizes from the keys and shapes of a state dict, or return None if it is not of this layout."""
    keys = set(state)
    if not {"body.0.weight", "body.1.weight"} <= keys or any(not key.startswith("body.") for key in keys):
        return None
    last = max(int(key.split(".")[1]) for key in keys if key.split(".")[1].isdigit())
    first, final = state["body.0.weight"], state.get(f"body.{last}.weight")
    if final is None or len(first.shape) != 4 or len(final.shape) != 4 or first.shape[1] != 3 or last % 2:
        return None
    scale = round((final.shape[0] / 3) ** 0.5)
    if 3 * scale * scale != final.shape[0] or state["body.1.weight"].shape != (first.shape[0],):
        return None
    return {"num_feat": int(first.shape[0]), "num_conv": (last - 2) // 2, "scale": scale}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Transform:
    """Load a checkpoint of this layout, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this layout, or not of the sizes that the card gives.
    """
    network = open_checkpoint(card, files["weights"], "the compact network", recognise).into(Compact)
    return transform(network, device, dtype)


def transform(network: Compact, device: torch.device, dtype: torch.dtype) -> Transform:
    """The network as the upscale task calls it."""
    features, scale = network.num_feat, network.scale
    # two layers of features at a time, the last convolution, the shuffled result and the enlarged input
    pixel_bytes = 4 * (3 * features + 4 * 3 * scale * scale)
    receptive = network.receptive_radius
    return Transform(network, scale=scale, device=device, dtype=dtype, receptive=receptive, pixel_bytes=pixel_bytes)
