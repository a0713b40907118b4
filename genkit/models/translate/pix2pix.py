"""The U-Net generator of pix2pix: edges into shoes, labels into facades, maps into aerial photographs.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks" (arXiv 1611.07004), section
3.2 and appendix 6.1: 4 x 4 convolutions of stride 2 down to one pixel and up again, every level joined to its mirror image.
`downs` levels: 8 for sides of 256, 7 for 128. Key names, one level inside the other, are those of
junyanz/pytorch-CycleGAN-and-pix2pix; this implementation is our own.

The authors run it as it was trained: batch normalisation with the statistics of the picture at hand (`statistics =
"picture"` in a card; a batch of one, so it is instance normalisation with the learnt scale and shift) and dropout as the only
noise. Without the card's word the running statistics are used. Dropout is off unless `-O dropout=yes` asks for it; then its
masks come from the seed.

Tensors in and out of the network: RGB, -1 to 1, (N, C, H, W), sides in multiples of 2^downs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.translate.translating import Translate, norm_of, sizes_of
from genkit.nets.dropout import Dropout, seeded
from genkit.nets.norms import PictureNorm

if TYPE_CHECKING:
    from genkit.cards import Card

DROPPED = 0.5  # the share of features, at the innermost levels of full width
WIDEST = 8  # times ngf
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Level(nn.Module):
    """One level down, all that is inside it, and up again; its layers are numbered as the authors' are.

    `outer` and `inner` are the channels at this level's side and at half of it; `inside` is the next level, None at the
    bottom. The outermost level has no skip.
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        inside: Level | None,
        *,
        norm: str,
        bias: bool,
        outermost: tuple[int, int] | None = None,
        dropout: bool = False,
    ):
        super().__init__()
        self.outermost = outermost is not None
        upward = inner if inside is None else 2 * inner
        down: list[nn.Module]
        up: list[nn.Module]
        if outermost is not None:
            down = [nn.Conv2d(outermost[0], inner, 4, 2, 1, bias=bias)]
            up = [nn.ReLU(), nn.ConvTranspose2d(upward, outermost[1], 4, 2, 1), nn.Tanh()]
        else:
            down = [nn.LeakyReLU(0.2), nn.Conv2d(outer, inner, 4, 2, 1, bias=bias)]
            up = [nn.ReLU(), nn.ConvTranspose2d(upward, outer, 4, 2, 1, bias=bias), norm_of(norm, outer)]
            down += [norm_of(norm, inner)] if inside is not None else []
        layers: list[nn.Module] = [*down, *([inside] if inside is not None else []), *up]
        self.model = nn.Sequential(*layers, *([Dropout(DROPPED)] if dropout else []))

    def forward(self, features: Tensor) -> Tensor:
        return self.model(features) if self.outermost else torch.cat([features, self.model(features)], 1)


class Pix2Pix(nn.Module):
    """(N, channels_in, H, W) to (N, channels_out, H, W), -1 to 1. `ngf` is the width at half the side."""

    def __init__(
        self,
        downs: int = 8,
        ngf: int = 64,
        norm: str = "batch",
        channels_in: int = 3,
        channels_out: int = 3,
        dropout: bool = True,
        bias: bool | None = None,
    ):
        super().__init__()
        bias = norm != "batch" if bias is None else bias
        self.downs, self.ngf = downs, ngf
        self.channels_in, self.channels_out = channels_in, channels_out
        widths = [ngf * min(2**level, WIDEST) for level in range(downs)]
        level: Level | None = None
        for depth in range(downs - 1, 0, -1):
            outer, inner = widths[depth - 1], widths[depth]
            # between the bottom and the levels that are still growing, as the authors' code has it
            dropped = dropout and level is not None and outer == inner == WIDEST * ngf
            level = Level(outer, inner, level, norm=norm, bias=bias, dropout=dropped)
        self.model = Level(channels_out, ngf, level, norm=norm, bias=bias, outermost=(channels_in, channels_out))

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)


def build(
    downs: int = 8,
    ngf: int = 64,
    norm: str = "batch",
    channels_in: int = 3,
    channels_out: int = 3,
    dropout: bool = True,
) -> Pix2Pix:
    """Build the generator with the authors' random start: normal weights of deviation 0.02 (scales around 1), no bias.

    `norm` is batch, instance, affine (instance with scale and shift) or none.
    """
    network = Pix2Pix(downs, ngf, norm, channels_in, channels_out, dropout)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, (nn.BatchNorm2d, PictureNorm)) and layer.weight is not None:
            nn.init.normal_(layer.weight, 1, 0.02)
    return network


def _prefix(depth: int) -> str:
    """Where the layers of a level are: `model.model` for the outermost, `model.model.1.model`, then `.3.model` for each."""
    return "model.model" + ".1.model" * min(depth, 1) + ".3.model" * max(depth - 1, 0)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict, or return None if it is not of this layout.

    Whether it was trained with dropout leaves no trace: it is taken to have been, and nothing is dropped unless asked for.
    """
    first, last = state.get("model.model.0.weight"), state.get("model.model.3.weight")
    if first is None or last is None or first.ndim != 4 or last.ndim != 4 or first.shape[2:] != (4, 4):
        return None
    downs = 1
    while f"{_prefix(downs)}.1.weight" in state:
        downs += 1
    bottom = _prefix(downs - 1)
    if downs < 2 or f"{bottom}.3.weight" not in state:
        return None
    norm = "instance"
    if f"{bottom}.4.weight" in state:
        norm = "batch" if f"{bottom}.4.running_mean" in state else "affine"
    return {
        "downs": downs,
        "ngf": int(first.shape[0]),
        "norm": norm,
        "bias": "model.model.0.bias" in state,
        "channels_in": int(first.shape[1]),
        "channels_out": int(last.shape[1]),
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Translate:
    """Load the authors' file, or one of its layout. `params.size` is the side to bring pictures to: 2^downs unless said.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a pix2pix U-Net", recognise, of_card=("norm",))
    norm = checkpoint.sizes["norm"]
    if norm == "batch" and card.params.get("statistics", "running") == "picture":
        norm = "affine"
    network = checkpoint.into(Pix2Pix, norm=norm)
    options = sizes_of(card)
    if "size" not in card.params:
        options["side"] = 2**network.downs
    return transform(network, device, dtype, **options)


def transform(network: Pix2Pix, device: torch.device, dtype: torch.dtype, **options: Any) -> Translate:
    """The network as the translate task calls it."""
    return Translate(
        network,
        device=device,
        dtype=dtype,
        whole=True,
        receptive=None,
        tiles=False,  # its innermost pixel sees all of the picture
        multiple=2**network.downs,
        minimum=2**network.downs,
        pixel_bytes=4 * 4 * network.ngf,
        channels_in=network.channels_in,
        options=True,
        forward=_forward,
        **options,
    )


def _forward(network: nn.Module, images: Tensor, *, dropout: bool = False, seeds: Sequence[int] | None = None) -> Tensor:
    """One picture after another where features are dropped: the masks are each picture's own."""
    if not dropout:
        return network(images)
    outputs = []
    for image, seed in zip(images, seeds or [0] * len(images), strict=True):
        with seeded(seed):
            outputs.append(network(image[None]))
    return torch.cat(outputs)
