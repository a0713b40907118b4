"""The progressively grown GAN: a latent becomes 4 x 4 features, then twice the side again and again.

Karras, Aila, Laine, Lehtinen 2018, "Progressive Growing of GANs for Improved Quality, Stability, and Variation" (arXiv
1710.10196). Key names are those of facebookresearch/pytorch_GAN_zoo (`formatLayer.module.weight`, ...); this implementation is
our own. Its files hold the generator, its running average and the discriminator side by side: the average is taken. They also
hold a class of plain settings, which is read as inert data.

Each layer's output, its bias included, is scaled by He's constant (equalised learning rate), and each pixel's features are
brought to unit mean square. `output` (none or tanh) is what the loss it was trained with wants at the end: no tensor tells it.

Tensors in and out of the network: the latent (N, latent), RGB or grey pictures, -1 to 1.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from genkit.errors import WeightsError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.gan.sampling import Sample
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    from genkit.cards import Card

START = 4  # pixels, on each side
SLOPE = 0.2
OUTPUTS = ("none", "tanh")
SETTINGS = "models.utils.config.BaseConfig"  # the class of plain settings in the authors' files
KEPT = ("avgG.", "netG.")  # best first
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Scaled(nn.Module):
    """A layer under the name `module`, whose output is scaled by He's constant."""

    def __init__(self, layer: nn.Conv2d | nn.Linear):
        super().__init__()
        self.module = layer
        self.factor = math.sqrt(2 / layer.weight[0].numel())

    def forward(self, features: Tensor) -> Tensor:
        return self.module(features) * self.factor


def unit(features: Tensor) -> Tensor:
    """Unit mean square over the channels of each pixel."""
    numbers = features.float()
    return (numbers * (numbers.square().mean(1, keepdim=True) + 1e-8).rsqrt()).to(features.dtype)


class Pgan(nn.Module):
    """(N, latent) to (N, channels, side, side); `widths` are the channels of each resolution from 4 on."""

    def __init__(self, latent: int, widths: Sequence[int], channels: int, output: str):
        super().__init__()
        self.latent, self.output, self.channels = latent, output, channels
        self.side = START << (len(widths) - 1)
        self.formatLayer = Scaled(nn.Linear(latent, START * START * widths[0]))
        self.groupScale0 = nn.ModuleList([Scaled(nn.Conv2d(widths[0], widths[0], 3, 1, 1))])
        self.scaleLayers = nn.ModuleList(
            nn.ModuleList([Scaled(nn.Conv2d(before, after, 3, 1, 1)), Scaled(nn.Conv2d(after, after, 3, 1, 1))])
            for before, after in pairwise(widths)
        )
        # of those only the last is used once the network has grown
        self.toRGBLayers = nn.ModuleList(Scaled(nn.Conv2d(width, channels, 1)) for width in widths)

    def forward(self, latents: Tensor) -> Tensor:
        features = leaky_relu(self.formatLayer(unit(latents)), SLOPE)
        features = unit(features.view(latents.shape[0], -1, START, START))
        for layer in self.groupScale0:
            features = unit(leaky_relu(layer(features), SLOPE))
        for pair in self.scaleLayers:
            features = interpolate(features, scale_factor=2)
            for layer in pair:  # type: ignore[attr-defined]
                features = unit(leaky_relu(layer(features), SLOPE))
        colours = self.toRGBLayers[-1](features)
        return colours.tanh() if self.output == "tanh" else colours


def build(
    latent: int = 512, widths: Sequence[int] = (512, 512, 512, 512, 256), channels: int = 3, output: str = "none"
) -> Pgan:
    """Build the generator with random weights of unit variance and no bias.

    Raises:
        ValueError: `output` is not a known word.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output {output!r} is not one of {', '.join(OUTPUTS)}")
    network = Pgan(latent, widths, channels, output)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def own_keys(state: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors of the generator alone, under the newer of the two kinds of names that the authors use."""
    word = next((one for one in KEPT if any(key.startswith(one) for key in state)), "")
    own = {key.removeprefix(word): value for key, value in state.items() if key.startswith(word)}
    if not any(key.startswith("formatLayer.") for key in own):
        return own
    return {re.sub(r"(?<!\.module)\.(weight|bias)$", r".module.\1", key): value for key, value in own.items()}


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict or the authors' whole file, or return None if it is not of this layout."""
    own = own_keys(state)
    first, last = own.get("formatLayer.module.weight"), own.get("toRGBLayers.0.module.weight")
    if first is None or last is None or first.ndim != 2 or last.ndim != 4 or "groupScale0.0.module.weight" not in own:
        return None
    scales = len([key for key in own if re.fullmatch(r"scaleLayers\.\d+\.0\.module\.weight", key)])
    shapes = [own.get(f"scaleLayers.{place}.1.module.weight") for place in range(scales)]
    if any(one is None for one in shapes):
        return None
    widths = [int(last.shape[1]), *(int(one.shape[0]) for one in shapes if one is not None)]
    if int(first.shape[0]) != START * START * widths[0]:
        return None
    return {"latent": int(first.shape[1]), "widths": widths, "channels": int(last.shape[0]), "output": "none"}


class _Settings:
    """What the authors' class of settings is read as: attributes, and nothing to run."""


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, also where the authors' settings lie beside them.

    Raises:
        WeightsError: unreadable, or a pickle that holds more than tensors and those settings.
    """
    try:
        return read_state_dict(path)
    except WeightsError as error:
        if error.code != "pickle" or SETTINGS not in error.message:
            raise
        refused = error
    try:
        with path.open("rb") as file, torch.serialization.safe_globals([(_Settings, SETTINGS)]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes on old formats speak to whoever saved the file
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # the restricted reader met more than it may open, or a damaged file
        raise WeightsError(refused.message, refused.hint, code="pickle") from error
    parts = loaded.items() if isinstance(loaded, Mapping) else ()
    return {
        f"{part}.{key}": value.detach()
        for part, table in parts
        if isinstance(table, Mapping)
        for key, value in table.items()
        if isinstance(value, Tensor)
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Sample:
    """Load the authors' file, or the generator's tensors alone.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    name = "a progressively grown GAN"
    checkpoint = open_checkpoint(card, files["weights"], name, recognise, of_card=("output",), read=read_checkpoint)
    if (output := checkpoint.sizes["output"]) not in OUTPUTS:
        raise WeightsError(f"{card.name}: output {output!r} is not one of {', '.join(OUTPUTS)}", code="card")
    return sample(checkpoint.into(Pgan, own_keys), device, dtype)


def sample(network: Pgan, device: torch.device, dtype: torch.dtype) -> Sample:
    """The network as the gan task calls it."""
    return Sample(
        network,
        device=device,
        dtype=dtype,
        latent=network.latent,
        labels=0,
        side=network.side,
        channels=max(3, network.channels),
        draw=lambda network, w, noise, truncation: network(w[:, 0].to(network.formatLayer.module.weight.dtype)),
    )
