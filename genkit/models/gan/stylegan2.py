"""StyleGAN2: a generator whose latent is first mapped to styles, one for each of its layers.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (arXiv 1912.04958), in the configuration with skip
connections to the picture; classes as in Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data"
(arXiv 2006.06676): the normalised embedding of the class joins the normalised latent. Key names are those of the published
StyleGAN2-ADA networks (`mapping.fc0.weight`, `synthesis.b4.const`, ...); this implementation is our own. Their `.pkl` files
come in through `genkit models import`, which reads them without running what is in them.

Tensors in and out of the network: z (N, z_dim), classes (N, c_dim), w (N, layers, w_dim), RGB -1 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.gan.sampling import Sample
from genkit.models.gan.style_space import MappingNetwork, class_rows, classes_of, embedding
from genkit.models.gan.style_space import options_of as options_of
from genkit.models.gan.stylegan2_layers import FullyConnected, SynthesisBlock

if TYPE_CHECKING:
    from genkit.cards import Card

SMALLEST = 4
DTYPES = ("float32", "float16", "bfloat16")


def widths_of(side: int, channel_base: int, channel_max: int) -> dict[int, int]:
    """The channels at each resolution from 4 to `side`."""
    return {at: min(channel_base // at, channel_max) for at in resolutions(side)}


def resolutions(side: int) -> list[int]:
    """4, 8, ... `side`."""
    return [1 << power for power in range(2, side.bit_length())]


class Synthesis(nn.Module):
    """w (N, layers, w_dim) to pictures (N, channels, side, side)."""

    def __init__(self, w_dim: int, side: int, channels: int, channel_base: int, channel_max: int):
        super().__init__()
        widths = widths_of(side, channel_base, channel_max)
        self.sides = resolutions(side)
        before = 0
        for at in self.sides:
            self.add_module(f"b{at}", SynthesisBlock(before, widths[at], w_dim, at, channels))
            before = widths[at]

    @property
    def blocks(self) -> list[SynthesisBlock]:
        return [self.get_submodule(f"b{at}") for at in self.sides]  # type: ignore[misc]

    @property
    def noise_sides(self) -> list[int]:
        return [layer.side for block in self.blocks for layer in block.convolutions]

    def forward(self, w: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """`noise`: a map (N or 1, 1, side, side) for each convolution; None for the constant one."""
        maps = list(noise) if noise is not None else [None] * len(self.noise_sides)
        features: Tensor | None = None
        image: Tensor | None = None
        place = 0
        for block in self.blocks:
            count = len(block.convolutions)
            # the picture of one resolution and the first convolution of the next share their w
            features, image = block(features, image, w[:, place : place + count + 1], maps[place : place + count])
            place += count
        assert image is not None
        return image


class Generator(nn.Module):
    """z (N, z_dim) and classes (N, c_dim), or their indices (N,), to pictures (N, channels, side, side), -1 to 1."""

    def __init__(
        self,
        side: int = 64,
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        depth: int = 8,
        channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
    ):
        super().__init__()
        if side < SMALLEST or side & (side - 1):
            raise ValueError(f"the side is {SMALLEST} or a higher power of two, not {side}")
        self.side, self.z_dim, self.c_dim, self.w_dim, self.channels = side, z_dim, c_dim, w_dim, channels
        self.synthesis = Synthesis(w_dim, side, channels, channel_base, channel_max)
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, depth)
        self.layers = len(self.synthesis.noise_sides) + 1

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, layers, w_dim), the same for every layer."""
        return self.mapping(z, class_rows(labels, self.c_dim))[:, None].expand(-1, self.layers, -1)

    def draw(self, w: Tensor, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        """Pictures of w (N, layers, w_dim)."""
        images: Tensor = self.synthesis(w, noise)
        return images

    def forward(self, z: Tensor, labels: Tensor | None = None, noise: Sequence[Tensor | None] | None = None) -> Tensor:
        return self.draw(self.styles(z, labels), noise)


def build(
    side: int = 64,
    z_dim: int = 512,
    c_dim: int = 0,
    w_dim: int = 512,
    depth: int = 8,
    channels: int = 3,
    channel_base: int = 32768,
    channel_max: int = 512,
) -> Generator:
    """Build the generator with random weights.

    At a resolution r it has min(channel_base // r, channel_max) channels; `depth` layers map z to w; `c_dim` classes.
    """
    return Generator(side, z_dim, c_dim, w_dim, depth, channels, channel_base, channel_max)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from the state dict of a generator, or return None if it is not of this layout.

    Any sequence of widths that `channel_base` and `channel_max` can give is found; others are not of this kind.
    """
    const, first = state.get("synthesis.b4.const"), state.get("mapping.fc0.weight")
    if const is None or first is None or const.ndim != 3 or first.ndim != 2 or "synthesis.b4.torgb.weight" not in state:
        return None
    sides = sorted({int(match[1]) for key in state if (match := re.match(r"synthesis\.b(\d+)\.", key))})
    depth = len({match[1] for key in state if (match := re.match(r"mapping\.(fc\d+)\.weight$", key))})
    if sides != resolutions(sides[-1]):
        return None
    weights = [state.get(f"synthesis.b{at}.conv1.weight") for at in sides]
    if any(one is None or one.ndim != 4 for one in weights):
        return None
    widths = {at: int(one.shape[0]) for at, one in zip(sides, weights, strict=True) if one is not None}
    channel_max = max(widths.values())
    channel_base = max(at * width for at, width in widths.items() if width < channel_max or at == sides[-1])
    if widths_of(sides[-1], channel_base, channel_max) != widths:
        return None
    embed = state.get("mapping.embed.weight")
    w_dim = int(first.shape[0])
    return {
        "side": sides[-1],
        "z_dim": int(first.shape[1]) - (w_dim if embed is not None else 0),
        "c_dim": int(embed.shape[1]) if embed is not None else 0,
        "w_dim": w_dim,
        "depth": depth,
        "channels": int(state["synthesis.b4.torgb.weight"].shape[0]),
        "channel_base": channel_base,
        "channel_max": channel_max,
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load a generator. `params.labels` are the classes' names; `params.centre = "class"` truncates towards each class's own
    mean, which keeps classes apart, and not towards that of all, as published networks do.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a StyleGAN2 generator", recognise)
    names, centre = classes_of(card, checkpoint.recognised["c_dim"], checkpoint.path)
    # not on the meta device: torch's arithmetic there brings in its compiler and takes two seconds
    return sample(checkpoint.into(Generator, meta=False), device, dtype, names, centre)


def sample(
    network: Generator, device: torch.device, dtype: torch.dtype, labels: Sequence[str] | int = 0, centre: str = "global"
) -> Sample:
    """The network as the gan task calls it."""
    network.float()
    broadest = network.synthesis.blocks[-1].conv1.weight.shape[0]
    network.eval().cpu()
    return Sample(
        network,
        device=device,
        dtype=dtype,
        latent=network.z_dim,
        labels=labels or network.c_dim,
        side=network.side,
        channels=max(3, network.channels),
        draw=_draw,
        embed=embedding(network, centre),
        truncation=0.7,
        layers=network.layers,
        noise_sides=network.synthesis.noise_sides,
        mean=lambda network: network.mapping.w_avg,
        modulation=modulation,
        precise=lambda network: [one for one in network.modules() if isinstance(one, (FullyConnected, MappingNetwork))],
        pixel_bytes=4 * 6 * broadest,
    )


def modulation(network: Generator) -> list[Tensor]:
    """For each layer's w the rows (channels, w_dim) by which it scales channels, those of the picture's layer included."""
    rows: list[list[Tensor]] = [[] for _ in range(network.layers)]
    place = 0
    for block in network.synthesis.blocks:
        for layer in block.convolutions:
            rows[place].append(layer.affine.weight)
            place += 1
        rows[place].append(block.torgb.affine.weight)
    return [torch.cat(one) for one in rows]


def _draw(network: Generator, w: Tensor, noise: Sequence[Tensor] | None, truncation: float) -> Tensor:
    dtype = network.synthesis.blocks[0].conv1.weight.dtype
    return network.draw(w, [one.to(dtype) for one in noise] if noise is not None else None)
