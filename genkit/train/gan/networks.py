"""A generator and the discriminator that it learns against, by family, and how training calls the two.

`stylegan2` as in `genkit.models.gan.stylegan2`; `dcgan` and `style_dcgan` with a discriminator that mirrors them (Radford,
Metz, Chintala 2015, arXiv 1511.06434, section 3): strided convolutions of kernel 4, batch normalisation but for the first,
leaky rectifiers; classes by projection (Miyato and Koyama 2018, arXiv 1802.05637), and by an auxiliary classifier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from genkit.errors import UsageError
from genkit.models.gan import dcgan, style_dcgan, style_space, stylegan2, stylegan2_discriminator
from genkit.train.job import built

W_AVERAGE = 0.998  # of the running mean of w, a step


@dataclass(frozen=True)
class Networks:
    """`latent` is the length of z; `mapping(generator, z, labels) -> w` and `synthesis(generator, w, random | None) -> images`,
    -1 to 1, are the generator's stages; `mixes` is whether w has a row for each layer. Without a generator of random numbers
    the noise is the network's constant one."""

    generator: nn.Module
    discriminator: nn.Module
    latent: int
    mapping: Callable[[Any, Tensor, Tensor | None], Tensor]
    synthesis: Callable[[Any, Tensor, torch.Generator | None], Tensor]
    mixes: bool = False


def build_networks(
    family: str, side: int, channels: int, classes: int, generator: Mapping[str, Any], discriminator: Mapping[str, Any]
) -> Networks:
    """Build both with random weights. `generator` are its sizes, `discriminator` those that differ for the other.

    Raises:
        UsageError: a family that cannot be trained here, sizes that it does not take, or a side that it does not draw.
    """
    if family not in BUILDERS:
        raise UsageError(f"family {family}: only {', '.join(BUILDERS)} can be trained")
    return built(partial(BUILDERS[family], side, channels, classes), {"sizes": generator, "others": discriminator})


Sizes = Mapping[str, Any]


def _stylegan2(side: int, channels: int, classes: int, sizes: Sizes, others: Sizes) -> Networks:
    shared = {"side": side, "c_dim": classes, "channels": channels}
    widths = {key: sizes[key] for key in ("channel_base", "channel_max") if key in sizes}
    generator = stylegan2.build(**{**sizes, **shared})
    discriminator = stylegan2_discriminator.build(**{**widths, **others, **shared})
    return Networks(generator, discriminator, generator.z_dim, _mapping, _synthesis, mixes=True)


def _mapping(generator: Any, z: Tensor, labels: Tensor | None) -> Tensor:
    # Half precision is too coarse for a mapping whose weights are scaled a hundredfold.
    with torch.autocast(z.device.type, enabled=False):
        w = generator.mapping(z, style_space.class_rows(labels, generator.c_dim))
    if generator.training:
        generator.mapping.follow(w, W_AVERAGE)
    return w[:, None].expand(-1, generator.layers, -1)


def _synthesis(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
    if random is None:
        return generator.synthesis(w)
    sides = generator.synthesis.noise_sides
    noise = [torch.randn((len(w), 1, side, side), generator=random, device=w.device) for side in sides]
    return generator.synthesis(w, noise)


def _dcgan(side: int, channels: int, classes: int, sizes: Sizes, others: Sizes) -> Networks:
    generator = dcgan.build(**{**sizes, "channels": channels, **({"classes": classes} if classes else {})})
    if generator.side != side or sizes.get("output", "tanh") != "tanh":
        raise UsageError(f"this DCGAN draws a side of {generator.side}, not {side}", "network.kernels and network.widths")
    widths = sizes.get("widths", (512, 256, 128, 64))[::-1]
    discriminator = DcganDiscriminator(side, channels, **{"widths": widths, **others}, classes=classes)

    def mapping(generator: Any, z: Tensor, labels: Tensor | None) -> Tensor:
        return generator.join(z, labels)[:, None]

    def synthesis(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
        return generator(w[:, 0])

    return Networks(generator, discriminator, int(sizes.get("latent", 100)), mapping, synthesis)


def _style_dcgan(side: int, channels: int, classes: int, sizes: Sizes, others: Sizes) -> Networks:
    generator = style_dcgan.build(**{**sizes, "side": side, "channels": channels, "c_dim": classes})
    widths = sizes.get("widths", style_dcgan.widths_of(side))[::-1]
    discriminator = DcganDiscriminator(side, channels, **{"widths": widths, **others}, classes=classes)

    def synthesis(generator: Any, w: Tensor, random: torch.Generator | None) -> Tensor:
        return generator.draw(w)

    return Networks(generator, discriminator, generator.z_dim, _mapping, synthesis, mixes=True)


BUILDERS: Mapping[str, Callable[..., Networks]] = {"stylegan2": _stylegan2, "style_dcgan": _style_dcgan, "dcgan": _dcgan}


def discriminate(discriminator: nn.Module, images: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits of pictures, float32 (N, 1), and the auxiliary classifier's loss by their classes, a scalar; 0 without one."""
    result = discriminator(images, labels)
    logits, class_logits = result if isinstance(result, tuple) else (result, None)
    if class_logits is None or labels is None:
        return logits.float(), logits.new_zeros(())
    return logits.float(), cross_entropy(class_logits.float(), labels)


class DcganDiscriminator(nn.Module):
    """Pictures (N, channels, side, side), -1 to 1, and classes (N,) to logits (N, 1); with an `aux_classifier`, beside these,
    what class each picture is of, logits (N, classes), as in AC-GAN (Odena, Olah, Shlens 2017, arXiv 1610.09585)."""

    def __init__(self, side: int, channels: int, widths: Sequence[int], classes: int = 0, aux_classifier: bool = False):
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
        self.logits = nn.Conv2d(widths[-1], 1, rest)
        self.classes = nn.Embedding(classes, widths[-1]) if classes else None
        self.aux_classifier = nn.Linear(widths[-1] * rest * rest, classes) if aux_classifier and classes else None
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Embedding)):  # classes of unit spread would outvote the pictures for long
                nn.init.normal_(layer.weight, 0, 0.02)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1, 0.02)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        features = self.layers(images)
        logits = self.logits(features).flatten(1)
        if self.classes is not None and labels is not None:
            logits = logits + (features.mean((2, 3)) * self.classes(labels)).sum(1, keepdim=True)
        return logits if self.aux_classifier is None else (logits, self.aux_classifier(features.flatten(1)))
