"""A small U-Net that redraws pictures: edges to photographs, or a thing in another colour, by the name of a domain.

Ronneberger et al. 2015 (arXiv 1505.04597) at four sizes, with pixels shuffled into channels at both ends (Shi et al. 2016,
arXiv 1609.05158). Its blocks are scaled and shifted (Perez et al. 2018, "FiLM", arXiv 1709.07871) by what the mean of the
deepest features and the domain say, so that one decision about colour holds for the whole picture; the domain itself is asked
for by number, as in StarGAN (Choi et al. 2018, arXiv 1711.09020). With `kept` the network gives a change and a mask of where
it holds, as in GANimation (Pumarola et al. 2018, arXiv 1807.09251), and what is outside the mask stays.

Tensors: images (N, 3, H, W), RGB [0, 1], H and W multiples of 16; codes (N,), 0 = no domain asked for, 1 + i = domain i.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from genkit.models.checkpoints import open_checkpoint
from genkit.models.translate.recolouring import Recolour
from genkit.models.translate.translating import Translate, sizes_of

if TYPE_CHECKING:
    from genkit.cards import Card

WIDTHS = (32, 64, 96, 128)
STRIDE, CODE = 16, 64


class Block(nn.Module):
    """Two convolutions around an identity; the features in between are scaled and shifted."""

    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)

    def forward(self, features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        inner = self.first(features) * (1 + scale) + shift
        return features + self.second(leaky_relu(inner, 0.2))


class UNet(nn.Module):
    """`widths` are the channels at 1/2, 1/4, 1/8 and 1/16 of the side; `blocks` work at the deepest; `domains` is how many
    there are to ask for."""

    def __init__(self, widths: Sequence[int] = WIDTHS, blocks: int = 2, domains: int = 0, kept: bool = False):
        super().__init__()
        half, quarter, eighth, deepest = widths
        self.domains, self.kept = domains, kept
        self.enter = nn.Conv2d(4 * 3, half, 3, 1, 1)
        self.down = nn.ModuleList(
            nn.Conv2d(before, after, 3, 2, 1) for before, after in ((half, quarter), (quarter, eighth), (eighth, deepest))
        )
        self.body = nn.ModuleList(Block(deepest) for _ in range(blocks))
        self.rise = nn.ModuleList(
            nn.Conv2d(before + kept_back, kept_back, 3, 1, 1)
            for before, kept_back in ((deepest, eighth), (eighth, quarter), (quarter, half))
        )
        self.leave = nn.Conv2d(half, 4 * (4 if kept else 3), 3, 1, 1)
        self.marked = [deepest] * blocks + [eighth, quarter, half]
        self.code = nn.Linear(deepest + domains, CODE)
        self.mark = nn.Linear(CODE, 2 * sum(self.marked))

    def forward(self, images: Tensor, codes: Tensor | None = None) -> Tensor:
        parts = self.parts(images, codes)
        if not self.kept:
            return torch.sigmoid(parts)
        return images + torch.sigmoid(parts[:, 3:]) * parts[:, :3]

    def parts(self, images: Tensor, codes: Tensor | None = None) -> Tensor:
        """What the last layer gives: (N, 3, H, W), or with `kept` (N, 4, H, W), a change and the logit of its mask."""
        features = leaky_relu(self.enter(pixel_unshuffle(images * 2 - 1, 2)), 0.2)  # (N, half, H/2, W/2)
        left = [features]
        for down in self.down:
            features = leaky_relu(down(features), 0.2)
            left.append(features)
        marks = self._marks(left.pop(), codes)
        for block, (scale, shift) in zip(self.body, marks, strict=False):
            features = block(features, scale, shift)
        for rise, (scale, shift) in zip(self.rise, marks[len(self.body) :], strict=True):
            raised = interpolate(features, scale_factor=2.0, mode="nearest")
            features = rise(torch.cat([raised, left.pop()], 1)) * (1 + scale) + shift
            features = leaky_relu(features, 0.2)
        return pixel_shuffle(self.leave(features), 2)

    def _marks(self, deepest: Tensor, codes: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        condition = deepest.mean((2, 3))
        if self.domains:
            if codes is None:
                codes = torch.zeros(len(condition), dtype=torch.long, device=condition.device)
            own = torch.arange(1, self.domains + 1, device=codes.device) == codes[:, None]
            condition = torch.cat([condition, own.to(condition)], 1)
        values = self.mark(nn.functional.silu(self.code(condition)))[:, :, None, None]
        parts = values.split([width for width in self.marked for _ in range(2)], 1)
        return list(zip(parts[::2], parts[1::2], strict=True))


def build(widths: Sequence[int] = WIDTHS, blocks: int = 2, domains: Sequence[str] = (), kept: bool = False) -> UNet:
    """Build the network with random weights; with `kept` it begins near its input."""
    network = UNet(widths, blocks, len(domains), kept)
    with torch.no_grad():
        network.mark.weight.mul_(0.3)
        network.leave.weight.mul_(0.3)
        for block in network.body:
            assert isinstance(block, Block)
            block.second.weight.mul_(0.3)
    return network


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout; the domains' names no tensor tells."""
    names = ("enter.weight", "down.0.weight", "down.1.weight", "down.2.weight")
    weights = [state.get(name) for name in (*names, "leave.weight", "code.weight", "mark.weight")]
    if any(one is None for one in weights) or any(state[name].ndim != 4 for name in names):
        return None
    if state["enter.weight"].shape[1] != 12:
        return None
    blocks = sum(f"body.{place}.first.weight" in state for place in range(64))
    kept = int(state["leave.weight"].shape[0]) == 16
    return {"widths": [int(state[name].shape[0]) for name in names], "blocks": blocks, "kept": kept}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Translate:
    """Load a checkpoint of this network, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes and domains that the card gives.
    """
    domains = [str(one) for one in card.params.get("domains", ())]
    checkpoint = open_checkpoint(card, files["weights"], "the U-Net with the domains of its card", recognise)
    network = checkpoint.into(UNet, domains=len(domains))
    return transform(network, device, dtype, domains, bool(card.params.get("domain_optional", False)), **sizes_of(card))


def transform(
    network: UNet,
    device: torch.device,
    dtype: torch.dtype,
    domains: Sequence[str] = (),
    domain_optional: bool = False,
    side: int | None = None,
    fit: str = "pad",
    edges: bool = False,
) -> Translate:
    """The network as the translate task calls it."""
    if network.kept:
        return Recolour(network, device=device, dtype=dtype, domains=domains, size=side or 128, forward=_redraw)
    return Translate(
        network,
        device=device,
        dtype=dtype,
        whole=True,
        receptive=None,
        tiles=False,
        multiple=STRIDE,
        minimum=2 * STRIDE,
        pixel_bytes=2048,
        side=side,
        fit=fit,
        domains=domains,
        domain_optional=domain_optional,
        edges=edges,
        forward=_redraw,
    )


def _redraw(network: UNet, inputs: Tensor, domain: int = -1) -> Tensor:
    return network(inputs / 2 + 0.5, _codes(inputs, domain)) * 2 - 1


def _codes(images: Tensor, domain: int | Tensor) -> Tensor:
    return (torch.zeros(len(images), device=images.device) + domain + 1).long()
