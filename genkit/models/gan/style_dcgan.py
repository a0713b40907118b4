"""DCGAN with classes and styles, for training on processors and on few pictures.

What each is from:

- a dense layer makes 4 x 4 pixels of w, then transposed convolutions of kernel 4 double the side, with batch normalisation
  before each (Radford, Metz, Chintala 2015, arXiv 1511.06434): cheap on processors. The dense layer learns shapes at once,
  where a constant under styles has to bend one shape into all others, and normalising the batch keeps pictures apart;
- w is z beside what stands for the class, with no mapping network; it gives the gain and the shift of every normalised channel
  too (Karras et al. 2019, arXiv 1812.04948; Chen, Lucic, Houlsby, Gelly 2018, "On Self Modulation",
  arXiv 1810.01365), so that truncation, mixing and directions are there. At the start these styles do nothing.

`main.0` is the dense layer, the others are the convolutions in their order. A DCGAN whose kernels
are all 4 is one of these without classes: see `from_dcgan`.

Tensors in and out of the network: z (N, z_dim), classes (N, c_dim), w (N, layers, width), RGB or RGBA -1 to 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genkit.models.checkpoints import open_checkpoint
from genkit.models.gan.dcgan import own_keys
from genkit.models.gan.dcgan import recognise as recognise_dcgan
from genkit.models.gan.sampling import Sample
from genkit.models.gan.style_space import MappingNetwork, class_rows, classes_of, embedding
from genkit.models.gan.style_space import options_of as options_of
from genkit.models.gan.stylegan2_layers import FullyConnected

if TYPE_CHECKING:
    from genkit.cards import Card

START = 4  # the side that the dense layer makes
WIDEST = 256
SPREAD = 0.02  # of first weights, as in DCGAN
DTYPES = ("float32", "bfloat16")


def widths_of(side: int) -> tuple[int, ...]:
    """Channels at 4, 8, ... `side` / 2 pixels, as many as fit a processor: 32 at the last, twice as many at each before it."""
    return tuple(min(WIDEST, 16 * side >> power) for power in range(2, side.bit_length() - 1))


class Dense(nn.Module):
    """w (N, width) to (N, channels, 4, 4)."""

    def __init__(self, width: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(width, channels * START * START, bias=False)

    def forward(self, w: Tensor) -> Tensor:
        projected: Tensor = self.linear(w.to(self.linear.weight.dtype))
        return projected.view(w.shape[0], -1, START, START)


class Convolution(nn.Module):
    """(N, inputs, H, W), normalised, under the style of w (N, width) and through a rectifier, to (N, outputs, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int, width: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs, affine=False)
        self.affine = nn.Linear(width, 2 * inputs)
        self.convolution = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        gain, shift = self.affine(w.to(self.affine.weight.dtype))[:, :, None, None].chunk(2, 1)
        if self.training:
            styled = self.norm(features) * (1 + gain) + shift
        else:  # the same in one step; and weights that statistics are not folded into are still the checkpoint's
            mean, spread = (self.norm.get_buffer(f"running_{name}").float()[:, None, None] for name in ("mean", "var"))
            scale = (1 + gain.float()) * (spread + self.norm.eps).rsqrt()
            styled = features * scale.to(features.dtype) + (shift.float() - mean * scale).to(features.dtype)
        result: Tensor = self.convolution(F.relu(styled))
        return result


class Generator(nn.Module):
    """z (N, z_dim) and classes (N, c_dim), or their indices (N,), to pictures (N, channels, side, side).

    `widths` are the channels at 4, 8, ... `side` / 2 pixels (without: `widths_of`); a class stands as `w_dim` numbers.
    """

    def __init__(
        self,
        side: int = 64,
        z_dim: int = 100,
        c_dim: int = 0,
        w_dim: int = 32,
        channels: int = 3,
        widths: Sequence[int] | None = None,
    ):
        super().__init__()
        widths = widths_of(side) if widths is None else widths
        if not widths or START << len(widths) != side:
            raise ValueError(f"{len(widths)} widths do not make a side of {side}: {START} is doubled once for each")
        self.z_dim, self.c_dim, self.w_dim, self.channels = z_dim, c_dim, w_dim, channels
        self.side = side
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, depth=0)
        parts: list[nn.Module] = [Dense(self.mapping.width, widths[0])]
        parts += [Convolution(before, after, self.mapping.width) for before, after in pairwise((*widths, channels))]
        self.main = nn.ModuleList(parts)
        self.layers = len(parts)
        nn.init.normal_(self.dense.linear.weight, 0, SPREAD)
        for part in self.convolutions:
            nn.init.normal_(part.convolution.weight, 0, SPREAD)
            nn.init.zeros_(part.affine.weight)
            nn.init.zeros_(part.affine.bias)

    @property
    def dense(self) -> Dense:
        return self.main[0]  # type: ignore[return-value]

    @property
    def convolutions(self) -> list[Convolution]:
        return list(self.main[1:])  # type: ignore[arg-type]

    def styles(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """w (N, layers, width), the same for every layer."""
        return self.mapping(z, class_rows(labels, self.c_dim))[:, None].expand(-1, self.layers, -1)

    def draw(self, w: Tensor) -> Tensor:
        """Pictures of w (N, layers, width)."""
        features = self.dense(w[:, 0])
        for place, part in enumerate(self.convolutions, 1):
            features = part(features, w[:, place])
        return features.float().tanh()

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.draw(self.styles(z, labels))


def build(
    side: int = 64,
    z_dim: int = 100,
    c_dim: int = 0,
    w_dim: int = 32,
    channels: int = 3,
    widths: Sequence[int] | None = None,
) -> Generator:
    """Build the generator with random weights; see `Generator`.

    Raises:
        ValueError: widths that do not make the side.
    """
    return Generator(side, z_dim, c_dim, w_dim, channels, widths)


def from_dcgan(state: Mapping[str, Tensor], network: Generator) -> dict[str, Tensor]:
    """The tensors of a DCGAN (`genkit.models.gan.dcgan`, layout transposed, with batch normalisation) as those of `network`,
    which has the same latent and widths and draws the same until it learns of classes; {} if it is another."""
    sizes, own = recognise_dcgan(state), network.state_dict()
    widths = [part.norm.num_features for part in network.convolutions]
    wanted = {"layout": "transposed", "latent": network.z_dim, "widths": widths, "channels": network.channels, "norm": "batch"}
    if sizes is None or {key: sizes[key] for key in wanted} != wanted or set(sizes["kernels"]) != {4}:
        return {}
    plain = own_keys(state)
    dense = torch.zeros_like(own["main.0.linear.weight"])
    dense[:, : network.z_dim] = plain["main.0.weight"].permute(1, 2, 3, 0).flatten(0, 2)
    converted = {"main.0.linear.weight": dense}
    for place in range(1, len(widths) + 1):
        norm, ours = f"main.{3 * place - 2}", f"main.{place}"
        converted[f"{ours}.affine.bias"] = torch.cat([plain[f"{norm}.weight"] - 1, plain[f"{norm}.bias"]])
        converted |= {f"{ours}.norm.{name}": plain[f"{norm}.{name}"] for name in ("running_mean", "running_var")}
        converted[f"{ours}.convolution.weight"] = plain[f"main.{3 * place}.weight"]
    return {key: one.to(own[key].dtype) for key, one in converted.items()}


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from the state dict of a generator, or return None if it is not of this layout."""
    dense = state.get("main.0.linear.weight")
    places = sorted(int(match[1]) for key in state if (match := re.fullmatch(r"main\.(\d+)\.convolution\.weight", key)))
    weights = [state[f"main.{place}.convolution.weight"] for place in places]
    square = all(one.ndim == 4 and one.shape[2:] == (4, 4) for one in weights)
    if dense is None or dense.ndim != 2 or not places or places != list(range(1, len(places) + 1)) or not square:
        return None
    widths = [int(one.shape[0]) for one in weights]
    embed = state.get("mapping.embed.weight")
    if dense.shape[0] != widths[0] * START * START:
        return None
    w_dim = int(embed.shape[0]) if embed is not None else int(dense.shape[1])
    return {
        "side": START << len(widths),
        "z_dim": int(dense.shape[1]) - (w_dim if embed is not None else 0),
        "c_dim": int(embed.shape[1]) if embed is not None else 0,
        "w_dim": w_dim,
        "channels": int(weights[-1].shape[1]),
        "widths": widths,
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load a generator. `params.labels` and `params.centre` are as for `genkit.models.gan.stylegan2`.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a style_dcgan generator", recognise)
    names, centre = classes_of(card, checkpoint.recognised["c_dim"], checkpoint.path)
    return sample(checkpoint.into(Generator, meta=False), device, dtype, names, centre)


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
        pixel_bytes=4 * 3 * network.convolutions[-1].norm.num_features,
    )


def modulation(network: Generator) -> list[Tensor]:
    """For each layer's w the rows (N, width) by which it acts: the dense layer's numbers, then gains and shifts of channels."""
    return [network.dense.linear.weight, *(part.affine.weight for part in network.convolutions)]
