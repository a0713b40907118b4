"""The convolutions of a DCGAN under the styles of StyleGAN2: for training on processors and on few pictures.

What each is from:

- a dense layer makes 4 x 4 pixels of w, then transposed convolutions of kernel 4 double the side (Radford, Metz, Chintala 2015,
  arXiv 1511.06434): cheap on processors, and a dense layer learns shapes at once, where a constant under styles has to bend
  one shape into all others;
- a mapping network makes w of z and a class, and w scales the channels of every convolution, whose outputs are brought to unit
  variance (Karras et al. 2020, arXiv 1912.04958, equations 1 and 3), so that truncation, mixing and directions are there.

`main.0` is the dense layer, the others are convolutions in their order: those that double, each followed by one of kernel 3
where `refined`, and the last, which doubles and makes the picture.

Tensors in and out of the network: z (N, z_dim), classes (N, c_dim), w (N, layers, w_dim), RGB or RGBA -1 to 1, or a little
beyond.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genkit.errors import WeightsError
from genkit.models.fitting import fit
from genkit.models.sampling import Sample
from genkit.models.style_space import MappingNetwork, class_rows, classes_of, embedding
from genkit.models.style_space import options_of as options_of
from genkit.models.stylegan2_layers import EPSILON, FullyConnected, activated
from genkit.models.translating import check_params, read

if TYPE_CHECKING:
    from genkit.cards import Card

START = 4  # the side that the dense layer makes


class Dense(nn.Module):
    """w (N, w_dim) to (N, channels, 4, 4)."""

    def __init__(self, w_dim: int, channels: int):
        super().__init__()
        self.linear = FullyConnected(w_dim, channels * START * START)

    def forward(self, w: Tensor) -> Tensor:
        return activated(self.linear(w)).view(len(w), -1, START, START)


class Convolution(nn.Module):
    """(N, inputs, H, W) to (N, outputs, H, W), or twice the side: the weight is then that of a transposed convolution, (inputs,
    outputs, 4, 4). The last one makes the picture, without unit variance and without an activation."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, doubles: bool, last: bool = False):
        super().__init__()
        self.affine = FullyConnected(w_dim, inputs, start=1.0)
        shape = (inputs, outputs, 4, 4) if doubles else (outputs, inputs, 3, 3)
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.doubles, self.last = doubles, last

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w)
        taps = 4 if self.doubles else 9  # of the kernel that one output pixel is made of
        if self.last:
            styles = styles / math.sqrt(taps * styles.shape[1])
        made = features * styles.to(features.dtype)[:, :, None, None]
        kernel = self.weight.to(features.dtype)
        made = F.conv_transpose2d(made, kernel, stride=2, padding=1) if self.doubles else F.conv2d(made, kernel, padding=1)
        if not self.last:
            energy = self.weight.float().square().sum((2, 3))
            energy = energy.t() / 4 if self.doubles else energy  # (outputs, inputs)
            made = made * (styles.square() @ energy.t() + EPSILON).rsqrt().to(made.dtype)[:, :, None, None]
        made = made + self.bias.to(made.dtype)[:, None, None]
        return made if self.last else activated(made)


class Generator(nn.Module):
    """z (N, z_dim) and classes (N, c_dim), or their indices (N,), to pictures (N, channels, side, side).

    `widths` are the channels at 4, 8, ... pixels, `side` / 2 the last of them. After each of the first `refined` doublings
    there is a second convolution.
    """

    def __init__(
        self,
        side: int = 64,
        z_dim: int = 128,
        c_dim: int = 0,
        w_dim: int = 128,
        depth: int = 2,
        channels: int = 3,
        widths: Sequence[int] = (256, 128, 64, 32),
        refined: int = 2,
    ):
        super().__init__()
        if not widths or START << len(widths) != side:
            raise ValueError(f"{len(widths)} widths do not make a side of {side}: {START} is doubled once for each")
        if refined >= len(widths):
            raise ValueError(f"{refined} refined sides of {len(widths) - 1}")
        self.z_dim, self.c_dim, self.w_dim, self.channels = z_dim, c_dim, w_dim, channels
        self.side = side
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, depth)
        parts: list[nn.Module] = [Dense(w_dim, widths[0])]
        for place, (before, after) in enumerate(pairwise(widths)):
            parts.append(Convolution(before, after, w_dim, doubles=True))
            parts += [Convolution(after, after, w_dim, doubles=False)] if place < refined else []
        parts.append(Convolution(widths[-1], channels, w_dim, doubles=True, last=True))
        self.main = nn.ModuleList(parts)
        self.layers = len(parts)

    @property
    def dense(self) -> Dense:
        return self.main[0]  # type: ignore[return-value]

    @property
    def convolutions(self) -> list[Convolution]:
        return list(self.main[1:])  # type: ignore[arg-type]

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, layers, w_dim), the same for every layer."""
        return self.mapping(z, class_rows(labels, self.c_dim))[:, None].expand(-1, self.layers, -1)

    def draw(self, w: Tensor) -> Tensor:
        """Pictures of w (N, layers, w_dim)."""
        features = self.dense(w[:, 0]).to(self.convolutions[0].weight.dtype)
        for place, part in enumerate(self.convolutions, 1):
            features = part(features, w[:, place])
        return features.float()

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.draw(self.styles(z, labels))


def build(
    side: int = 64,
    z_dim: int = 128,
    c_dim: int = 0,
    w_dim: int = 128,
    depth: int = 2,
    channels: int = 3,
    widths: Sequence[int] = (256, 128, 64, 32),
    refined: int = 2,
) -> Generator:
    """Build the generator with random weights; see `Generator`.

    Raises:
        ValueError: widths that do not make the side, or more refined sides than there are.
    """
    return Generator(side, z_dim, c_dim, w_dim, depth, channels, widths, refined)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from the state dict of a generator, or return None if it is not of this layout."""
    dense, first = state.get("main.0.linear.weight"), state.get("mapping.fc0.weight")
    if dense is None or first is None or dense.ndim != 2 or first.ndim != 2:
        return None
    places = sorted(int(found[1]) for key in state if (found := re.fullmatch(r"main\.(\d+)\.weight", key)))
    weights = [state[f"main.{place}.weight"] for place in places]
    if not places or places != list(range(1, len(places) + 1)) or any(one.ndim != 4 for one in weights):
        return None
    doubling = [one for one in weights if one.shape[2:] == (4, 4)]
    widths = [int(one.shape[0]) for one in doubling]
    if not doubling or dense.shape[0] != widths[0] * START * START:
        return None
    embed, w_dim = state.get("mapping.embed.weight"), int(first.shape[0])
    return {
        "side": START << len(doubling),
        "z_dim": int(first.shape[1]) - (w_dim if embed is not None else 0),
        "c_dim": int(embed.shape[1]) if embed is not None else 0,
        "w_dim": w_dim,
        "depth": len({found[1] for key in state if (found := re.match(r"mapping\.(fc\d+)\.weight$", key))}),
        "channels": int(doubling[-1].shape[1]),
        "widths": widths,
        "refined": len(weights) - len(doubling),
    }


def allowed_dtypes(state: Mapping[str, Any]) -> tuple[str, ...]:
    """The number formats for a card."""
    return ("float32", "bfloat16")


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load a generator. `params.labels` and `params.centre` are as for `genkit.models.stylegan2`.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    path = files["weights"]
    state = read(path)
    found = recognise(state)
    if found is None:
        raise WeightsError(f"{path.name} is not a checkpoint of a style_dcgan generator")
    check_params(card, found, path)
    names, centre = classes_of(card, found["c_dim"], path)
    network = Generator(**found)
    fit(network, state, path, "the style_dcgan generator")
    return sample(network, device, dtype, names, centre)


def sample(
    network: Generator, device: torch.device, dtype: torch.dtype, labels: Sequence[str] | int = 0, centre: str = "global"
) -> Sample:
    """The network as the gan task calls it."""
    network.float().eval().cpu()
    return Sample(
        network,
        device=device,
        dtype=dtype,
        latent=network.z_dim,
        labels=labels or network.c_dim,
        side=network.side,
        channels=max(3, network.channels),
        draw=lambda network, w, noise, truncation: network.draw(w),
        embed=embedding(network, centre),
        truncation=0.7,
        layers=network.layers,
        mean=lambda network: network.mapping.w_avg,
        modulation=modulation,
        precise=lambda network: [one for one in network.modules() if isinstance(one, (FullyConnected, MappingNetwork))],
        pixel_bytes=4 * 3 * network.convolutions[-1].weight.shape[0],
    )


def modulation(network: Generator) -> list[Tensor]:
    """For each layer's w the rows (N, w_dim) by which it acts: the dense layer's numbers, then the scales of channels."""
    return [network.dense.linear.weight, *(part.affine.weight for part in network.convolutions)]
