"""A generator and the discriminator that it learns against, by family, and how training calls the two.

`stylegan2` as in `genkit.models.gan.stylegan2`; `dcgan` and `style_dcgan` with a discriminator that mirrors them (Radford,
Metz, Chintala 2015, arXiv 1511.06434, section 3): strided convolutions of kernel 4, batch normalisation but for the first,
leaky rectifiers; classes by projection (Miyato and Koyama 2018, arXiv 1802.05637), and by a name for each picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genkit.errors import UsageError
from genkit.models.gan import dcgan, style_dcgan, style_space, stylegan2, stylegan2_discriminator

FAMILIES = ("stylegan2", "style_dcgan", "dcgan")
W_AVERAGE = 0.998  # of the running mean of w, a step


@dataclass(frozen=True)
class Adversaries:
    """`latent` is the length of z; `styles(generator, z, labels) -> w` and `draw(generator, w, random | None) -> images`, -1
    to 1, are the generator's stages; `mixes` is whether w has a row for each layer. Without a generator of random numbers the
    noise is the network's constant one."""

    generator: nn.Module
    rival: nn.Module
    latent: int
    styles: Callable[[Any, Tensor, Tensor | None], Tensor]
    draw: Callable[[Any, Tensor, torch.Generator | None], Tensor]
    mixes: bool = False


def adversaries_of(
    family: str, side: int, channels: int, classes: int, network: Mapping[str, Any], rival: Mapping[str, Any]
) -> Adversaries:
    """Build both with random weights. `network` are the generator's sizes, `rival` what is different for its adversary.

    Raises:
        UsageError: a family that cannot be trained here, sizes that it does not take, or a side that it does not draw.
    """
    if family not in FAMILIES:
        raise UsageError(f"family {family}: only {', '.join(FAMILIES)} can be trained")
    try:
        return MAKERS[family](side, channels, classes, network, rival)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the network of this configuration cannot be built: {error}") from error


def _stylegan2(side: int, channels: int, classes: int, network: Mapping[str, Any], rival: Mapping[str, Any]) -> Adversaries:
    shared = {"side": side, "c_dim": classes, "channels": channels}
    widths = {key: network[key] for key in ("channel_base", "channel_max") if key in network}
    generator = stylegan2.build(**{**network, **shared})
    judge = stylegan2_discriminator.build(**{**widths, **rival, **shared})
    return Adversaries(generator, judge, generator.z_dim, _mapped, _synthesised, mixes=True)


def _mapped(generator: Any, z: Tensor, labels: Tensor | None) -> Tensor:
    # Half precision is too coarse for a mapping whose weights are scaled a hundredfold.
    with torch.autocast(z.device.type, enabled=False):
        w = generator.mapping(z, style_space.class_rows(labels, generator.c_dim))
    if generator.training:
        generator.mapping.follow(w, W_AVERAGE)
    return w[:, None].expand(-1, generator.layers, -1)


def _synthesised(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
    if random is None:
        return generator.synthesis(w)
    sides = generator.synthesis.noise_sides
    noise = [torch.randn((len(w), 1, side, side), generator=random, device=w.device) for side in sides]
    return generator.synthesis(w, noise)


def _dcgan(side: int, channels: int, classes: int, network: Mapping[str, Any], rival: Mapping[str, Any]) -> Adversaries:
    generator = dcgan.build(**{**network, "channels": channels, **({"classes": classes} if classes else {})})
    if generator.side != side or network.get("output", "tanh") != "tanh":
        raise UsageError(f"this DCGAN draws a side of {generator.side}, not {side}", "network.kernels and network.widths")
    widths = tuple(rival.get("widths", tuple(network.get("widths", (512, 256, 128, 64)))[::-1]))
    latent = int(network.get("latent", 100))

    def styles(generator: Any, z: Tensor, labels: Tensor | None) -> Tensor:
        return generator.join(z, labels)[:, None]

    def draw(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
        return generator(w[:, 0])

    return Adversaries(generator, DcganRival(side, channels, widths, classes), latent, styles, draw)


def _style_dcgan(side: int, channels: int, classes: int, network: Mapping[str, Any], rival: Mapping[str, Any]) -> Adversaries:
    generator = style_dcgan.build(**{**network, "side": side, "channels": channels, "c_dim": classes})
    widths = rival.get("widths", network.get("widths", style_dcgan.widths_of(side))[::-1])
    judge = DcganRival(side, channels, tuple(widths), classes, bool(rival.get("naming", False)))

    def draw(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
        return generator.draw(w)

    return Adversaries(generator, judge, generator.z_dim, _mapped, draw, mixes=True)


MAKERS: Mapping[str, Callable[..., Adversaries]] = {"stylegan2": _stylegan2, "style_dcgan": _style_dcgan, "dcgan": _dcgan}


def opinion_of(rival: nn.Module, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """What a discriminator thinks of pictures, float32 (N, 1), and how far it is from naming the classes given: the mean cross
    entropy, nats; 0 where it names none."""
    found = rival(images, labels)
    if not isinstance(found, tuple) or labels is None:
        opinion = found[0] if isinstance(found, tuple) else found
        return opinion.float(), opinion.new_zeros(())
    opinion, logits = found
    return opinion.float(), cross_entropy(logits.float(), labels)


class DcganRival(nn.Module):
    """Pictures (N, channels, side, side), -1 to 1, and classes (N,) to one number an item (N, 1); where it is `naming`, beside
    what class each picture is of, logits (N, classes), as in AC-GAN (Odena, Olah, Shlens 2017, arXiv 1610.09585)."""

    def __init__(self, side: int, channels: int, widths: Sequence[int], classes: int = 0, naming: bool = False):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((channels, *widths)):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(after)] if before != channels else []
            layers.append(nn.LeakyReLU(0.2))
        rest = side >> len(widths)
        if rest < 1:
            raise ValueError(f"{len(widths)} halvings are too many for a side of {side}")
        self.layers = nn.Sequential(*layers)
        self.opinion = nn.Conv2d(widths[-1], 1, rest)
        self.classes = nn.Embedding(classes, widths[-1]) if classes else None
        self.naming = nn.Linear(widths[-1] * rest * rest, classes) if naming and classes else None
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Embedding)):  # classes of unit spread would outvote the pictures for long
                nn.init.normal_(layer.weight, 0, 0.02)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1, 0.02)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        features = self.layers(images)
        opinion = self.opinion(features).flatten(1)
        if self.classes is not None and labels is not None:
            opinion = opinion + (features.mean((2, 3)) * self.classes(labels)).sum(1, keepdim=True)
        return opinion if self.naming is None else (opinion, self.naming(features.flatten(1)))
