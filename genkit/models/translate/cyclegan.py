"""The residual generator of CycleGAN: photographs into paintings, horses into zebras, summer into winter.

Zhu, Park, Isola, Efros 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (arXiv
1703.10593), with the generator of Johnson et al. 2016 (arXiv 1603.08155): a 7 x 7 convolution, two strided ones, residual
blocks at a quarter of the side, two transposed ones, a 7 x 7 convolution and tanh; instance normalisation without scale and
shift. Key names are those of junyanz/pytorch-CycleGAN-and-pix2pix (`model.N...`); this implementation is our own. Its old
files carry running statistics that instance normalisation never used: they are left out. Batch normalisation is read too.

Files that come from it with zeros at the edges (`padding = "zero"`, no padding layers, so other numbers) and any number of
residual blocks, also none, or with another first word than `model`, are read as well.

Tensors in and out of the network: RGB, -1 to 1, (N, C, H, W), sides in multiples of 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.translate.translating import Translate, norm_of, sizes_of
from genkit.nets.norms import PictureNorm

if TYPE_CHECKING:
    from genkit.cards import Card

STRIDE = 4
SMALLEST = 16  # reflection at a quarter of the side needs more than one pixel
MARGIN = 8  # zeros beyond the edge draw a coloured seam along it
WORDS = ("model", "main")
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Block(nn.Module):
    """Two 3 x 3 convolutions added to what came in."""

    def __init__(self, width: int, norm: str, padding: str, bias: bool, dropout: bool):
        super().__init__()
        pad: list[nn.Module] = [nn.ReflectionPad2d(1)] if padding == "reflect" else []
        inside = 0 if pad else 1
        layers = [*pad, nn.Conv2d(width, width, 3, 1, inside, bias=bias), norm_of(norm, width), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [*pad, nn.Conv2d(width, width, 3, 1, inside, bias=bias), norm_of(norm, width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.conv_block(features)


class CycleGan(nn.Module):
    """(N, channels_in, H, W) to (N, channels_out, H, W), -1 to 1. `ngf` is the width at full side, four times that inside."""

    def __init__(
        self,
        ngf: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        padding: str = "reflect",
        channels_in: int = 3,
        channels_out: int = 3,
        dropout: bool = False,
    ):
        super().__init__()
        self.ngf, self.blocks, self.padding = ngf, blocks, padding
        self.channels_in, self.channels_out = channels_in, channels_out
        bias = norm != "batch"
        wide: list[nn.Module] = [nn.ReflectionPad2d(3)] if padding == "reflect" else []
        inside = 0 if wide else 3
        layers = [*wide, nn.Conv2d(channels_in, ngf, 7, 1, inside, bias=bias), norm_of(norm, ngf), nn.ReLU()]
        for width in (ngf, 2 * ngf):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), norm_of(norm, 2 * width), nn.ReLU()]
        layers += [Block(4 * ngf, norm, padding, bias, dropout) for _ in range(blocks)]
        for width in (4 * ngf, 2 * ngf):
            layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias), norm_of(norm, width // 2), nn.ReLU()]
        layers += [*wide, nn.Conv2d(ngf, channels_out, 7, 1, inside), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)

    @property
    def receptive_radius(self) -> int:
        """How far an output pixel looks to each side, apart from statistics: 3 x 3 inside is 4 pixels wide a step."""
        return 3 + 1 + 2 + STRIDE * 2 * self.blocks + STRIDE + 2 + 3


def build(
    ngf: int = 64,
    blocks: int = 9,
    norm: str = "instance",
    padding: str = "reflect",
    channels_in: int = 3,
    channels_out: int = 3,
    dropout: bool = False,
) -> CycleGan:
    """Build the generator with the authors' random start: normal weights of deviation 0.02, no bias.

    `norm` is instance, batch or none (then nothing depends on the whole picture).
    """
    network = CycleGan(ngf, blocks, norm, padding, channels_in, channels_out, dropout)
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, 0, 0.02 if norm != "none" else (2 / layer.weight[0].numel()) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


def own_keys(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tensors under our names (`model.N...`), or None if they are not all under one known word."""
    for word in WORDS:
        if state and all(key.startswith(f"{word}.") for key in state):
            return {f"model.{key[len(word) + 1 :]}": value for key, value in state.items()}
    return None


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict, or return None if it is not of this layout.

    No normalisation and instance normalisation look the same: the latter is said, `norm = "none"` in a card overrules it.
    """
    own = own_keys(state)
    if own is None or ("model.0.weight" in own) == ("model.1.weight" in own and own["model.1.weight"].ndim == 4):
        return None
    pad = 0 if "model.0.weight" in own else 1
    first = own[f"model.{pad}.weight"]
    if first.ndim != 4 or first.shape[2:] != (7, 7) or f"model.{pad + 3}.weight" not in own:
        return None
    ngf = int(first.shape[0])
    if tuple(own[f"model.{pad + 3}.weight"].shape) != (2 * ngf, ngf, 3, 3):
        return None
    numbers = sorted({int(key.split(".")[1]) for key in own if ".conv_block." in key})
    start, blocks = pad + 9, len(numbers)
    last = own.get(f"model.{start + blocks + 6 + pad}.weight")
    if numbers != list(range(start, start + blocks)) or last is None or last.ndim != 4:
        return None
    second = {int(key.split(".")[3]) for key in own if f"model.{start}.conv_block." in key and own[key].ndim == 4}
    return {
        "ngf": ngf,
        "blocks": blocks,
        "norm": "batch" if f"model.{pad + 1}.weight" in own else "instance",
        "padding": "reflect" if pad else "zero",
        "channels_in": int(first.shape[1]),
        "channels_out": int(last.shape[0]),
        "dropout": bool(second) and max(second) == 4 + 2 * pad,
    }


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Translate:
    """Load the authors' file, or one of its layout.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a CycleGAN generator", recognise, of_card=("norm",))
    network = checkpoint.into(CycleGan, lambda state: own_keys(state) or {})
    return transform(network, device, dtype, **sizes_of(card))


def transform(network: CycleGan, device: torch.device, dtype: torch.dtype, **options: Any) -> Translate:
    """The network as the translate task calls it."""
    return Translate(
        network,
        device=device,
        dtype=dtype,
        whole=any(isinstance(layer, PictureNorm) for layer in network.modules()),
        receptive=network.receptive_radius,
        multiple=STRIDE,
        minimum=SMALLEST,
        # what a layer of full side reads, its padded copy and what it writes
        pixel_bytes=4 * 4 * network.ngf,
        channels_in=network.channels_in,
        margin=MARGIN if network.padding == "zero" else 0,
        **options,
    )
