"""MicroAST: arbitrary style transfer by four very small networks (Wang et al. 2023, AAAI, arXiv 2211.15313).

Two encoders of one layout see content and style at a quarter of the side. The style's features steer the decoder twice over:
the content's channel statistics are replaced by the style's (adaptive instance normalisation, at the deep features and again
after the first block), and a modulator turns them into a scale and a shift for each convolution of the decoder's two blocks,
where the shift multiplies what enters the convolution ("FilterMod" of the paper's section 3.3).

Key names and shapes are those of the four files published with EndyWon/MicroAST (MIT); this implementation is our own. The
encoders' files cannot be told apart by their tensors, so each has its role. All widths follow from the first one's.

Tensors: images (N, 3, H, W) in [0, 1], H and W multiples of 4, both in and out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from genkit.errors import WeightsError
from genkit.models.checkpoints import fit, open_checkpoint
from genkit.models.style.stylizing import Stylize

if TYPE_CHECKING:
    from genkit.cards import Card

Statistics = tuple[Tensor, Tensor]  # mean and standard deviation, each (N, C, 1, 1)
WIDTH = 16  # channels at full side; twice and four times that at a half and a quarter
EPSILON = 1e-5
STRIDE = 4
RECEPTIVE = 56
PIXEL_BYTES = 1024
ROLES = ("content_encoder", "style_encoder", "modulator", "decoder")
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Conv(nn.Module):
    """A convolution that sees the picture go on in its mirror image."""

    def __init__(self, before: int, after: int, size: int, stride: int = 1, groups: int = 1):
        super().__init__()
        self.conv_layer = nn.Conv2d(before, after, size, stride, size // 2, groups=groups, padding_mode="reflect")

    def forward(self, features: Tensor) -> Tensor:
        return self.conv_layer(features)


class Block(nn.Module):
    """Two convolutions around an identity."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1, self.conv2 = Conv(width, width, 3), Conv(width, width, 3)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv2(relu(self.conv1(features)))

    def modulated(self, features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """The block with each convolution's result scaled, and `shift` times its input added."""
        inner = relu(scale * self.conv1(features) + shift * features)
        return features + scale * self.conv2(inner) + shift * inner


class Encoder(nn.Module):
    """Pictures to features at two depths, each (N, 4 * width, H/4, W/4)."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        half, quarter = 2 * width, 4 * width
        self.enc1 = nn.Sequential(
            *(Conv(3, width, 9), nn.ReLU()),
            *(Conv(width, half, 3, 2, groups=width), nn.ReLU()),
            *(Conv(half, half, 1), nn.ReLU()),
            *(Conv(half, quarter, 3, 2, groups=half), nn.ReLU()),
            *(Conv(quarter, quarter, 1), nn.ReLU()),
            Block(quarter),
        )
        self.enc2 = nn.Sequential(Block(quarter))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        shallow = self.enc1(images)
        return shallow, self.enc2(shallow)


class Modulator(nn.Module):
    """Style features at both depths to a scale and a shift each, (N, 4 * width, 1, 1): 1 for the shallow, 2 for the deep."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        for name in ("weight1", "bias1", "weight2", "bias2"):
            self.add_module(name, nn.Sequential(Conv(4 * width, 4 * width, 3, groups=4 * width)))

    def forward(self, shallow: Tensor, deep: Tensor) -> list[Tensor]:
        sources = {"weight1": shallow, "bias1": shallow, "weight2": deep, "bias2": deep}
        return [self.get_submodule(name)(features).mean((2, 3), keepdim=True) for name, features in sources.items()]


class Decoder(nn.Module):
    """Features (N, 4 * width, H/4, W/4) to pictures; its two blocks are run by whoever knows the style."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        half, quarter = 2 * width, 4 * width
        self.dec1, self.dec2 = Block(quarter), Block(quarter)
        double = nn.Upsample(scale_factor=2, mode="bilinear")
        self.dec3 = nn.Sequential(
            *(double, Conv(quarter, half, 3, groups=half), nn.ReLU()),
            *(Conv(half, half, 1), nn.ReLU()),
            *(double, Conv(half, width, 3, groups=width), nn.ReLU()),
            *(Conv(width, width, 1), nn.ReLU()),
            Conv(width, 3, 9),
        )


class MicroAST(nn.Module):
    """The four networks together. A code is mean, deviation, scale and shift of the shallow features, then of the deep."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self.content_encoder, self.style_encoder = Encoder(width), Encoder(width)
        self.modulator, self.decoder = Modulator(width), Decoder(width)

    def code(self, images: Tensor) -> list[Tensor]:
        """What is kept of a style picture: eight tensors (N, 4 * width, 1, 1)."""
        shallow, deep = self.style_encoder(images)
        scale1, shift1, scale2, shift2 = self.modulator(shallow, deep)
        return [*_statistics(shallow), scale1, shift1, *_statistics(deep), scale2, shift2]

    def deep(self, images: Tensor) -> Tensor:
        """The content's deep features: the first ones whose statistics over the whole picture are needed."""
        return self.content_encoder(images)[1]

    def first(self, deep: Tensor, code: Sequence[Tensor], known: Statistics) -> Tensor:
        """Deep features of the content to those after the decoder's first block: the second ones."""
        mean, deviation, scale, shift = code[4:]
        return self.decoder.dec1.modulated(_renewed(deep, known, mean, deviation), scale, shift)

    def last(self, features: Tensor, code: Sequence[Tensor], known: Statistics) -> Tensor:
        """Features after the first block to the picture (N, 3, H, W)."""
        mean, deviation, scale, shift = code[:4]
        return self.decoder.dec3(self.decoder.dec2.modulated(_renewed(features, known, mean, deviation), scale, shift))

    def forward(self, images: Tensor, code: Sequence[Tensor]) -> Tensor:
        """A whole picture in one pass."""
        deep = self.deep(images)
        features = self.first(deep, code, _statistics(deep))
        return self.last(features, code, _statistics(features))


def _statistics(features: Tensor) -> Statistics:
    variance, mean = torch.var_mean(features.float(), (2, 3), keepdim=True)
    return mean.to(features.dtype), (variance + EPSILON).sqrt().to(features.dtype)


def _renewed(features: Tensor, known: Statistics, mean: Tensor, deviation: Tensor) -> Tensor:
    return (features - known[0]) / known[1] * deviation + mean


def build(width: int = WIDTH) -> MicroAST:
    """Build the network with random weights."""
    return MicroAST(width)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the width from an encoder's tensors, or return None if they are of another network."""
    stem, last = state.get("enc1.0.conv_layer.weight"), state.get("enc2.0.conv2.conv_layer.weight")
    if stem is None or last is None or stem.ndim != 4 or tuple(stem.shape[1:]) != (3, 9, 9):
        return None
    return {"width": int(stem.shape[0])}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Stylize:
    """Load the four published files by role; the content encoder's may also be called `weights`, as an import does.

    Raises:
        WeightsError: one is missing, unreadable, not the one of its role, or not of the width that the card gives.
    """
    from genkit.weights import read_state_dict

    paths = {"content_encoder" if role == "weights" else role: path for role, path in files.items()}
    if missing := [role for role in ROLES if role not in paths]:
        raise WeightsError(
            f"{card.name} lacks {', '.join(missing)}: MicroAST is four files",
            "genkit models import CONTENT_ENCODER --file style_encoder=FILE --file modulator=FILE --file decoder=FILE ...",
        )
    names = {role: f"MicroAST's {role.replace('_', ' ')}" for role in ROLES}
    encoder = open_checkpoint(card, paths["content_encoder"], names["content_encoder"], recognise)
    with torch.device("meta"):
        network = build(**encoder.sizes)
    for role in ROLES:
        state = encoder.state if role == "content_encoder" else read_state_dict(paths[role])
        fit(network.get_submodule(role), state, paths[role], names[role])
    return transform(network, device, dtype)


def transform(network: MicroAST, device: torch.device, dtype: torch.dtype) -> Stylize:
    """The network as the style task calls it."""
    return Stylize(
        network,
        device=device,
        dtype=dtype,
        style=lambda network, images: network.code(images),
        rounds=[
            lambda network, images, code, known: [network.deep(images)],
            lambda network, images, code, known: [network.first(network.deep(images), code, known[0])],
        ],
        render=lambda network, images, code, known: network.last(
            network.first(network.deep(images), code, known[0]), code, known[1]
        ),
        whole=lambda network, images, code: network(images, code),
        multiple=STRIDE,
        receptive=RECEPTIVE,
        pixel_bytes=PIXEL_BYTES,
        epsilon=EPSILON,
    )
