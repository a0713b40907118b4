"""The generator of AnimeGANv2: photographs into drawn animation.

Chen, Liu, Chen 2020, "AnimeGAN: A Novel Lightweight GAN for Photo Animation" (doi 10.1007/978-981-15-5577-0_18), in its
authors' second version (TachibanaYoshino/AnimeGANv2), as ported to PyTorch by bryandlee/animegan2-pytorch, whose key names and
shapes these are; this implementation is our own. Convolutions with mirrored edges down to a quarter of the side, four
inverted residual blocks (Sandler et al. 2018, arXiv 1801.04381), bilinear enlargement with aligned corners; every
normalisation is over a whole picture, all channels together.

Tensors in and out of the network: RGB, -1 to 1, (N, 3, H, W), sides in multiples of 32 as the authors use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.translate.translating import Translate, sizes_of
from genkit.nets.norms import PictureNorm

if TYPE_CHECKING:
    from genkit.cards import Card

MULTIPLE = 32
DOWN = (0, 1, 0, 1)  # how a strided convolution is padded: to the right and below only
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


def _layer(before: int, after: int, side: int = 3, stride: int = 1, groups: int = 1, bias: bool = False) -> nn.Sequential:
    padding = DOWN if stride == 2 else ((side - 1) // 2,) * 4
    return nn.Sequential(
        nn.ReflectionPad2d(padding),
        nn.Conv2d(before, after, side, stride, groups=groups, bias=bias),
        PictureNorm(after, affine=True, together=True),
        nn.LeakyReLU(0.2),
    )


class Inverted(nn.Module):
    """Widen twofold, a 3 x 3 convolution in each channel, narrow; added to what came in where the widths agree."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.adds = before == after
        wide = 2 * before
        self.layers = nn.Sequential(
            _layer(before, wide, 1),
            _layer(wide, wide, groups=wide, bias=True),
            nn.Conv2d(wide, after, 1, bias=False),
            PictureNorm(after, affine=True, together=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        result = self.layers(features)
        return features + result if self.adds else result


class AnimeGan2(nn.Module):
    """(N, 3, H, W) to (N, 3, H, W), -1 to 1. `width` is that at full side (32 in the published files)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.width = width
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.block_a = nn.Sequential(_layer(3, a, 7), _layer(a, b, stride=2), _layer(b, b))
        self.block_b = nn.Sequential(_layer(b, c, stride=2), _layer(c, c))
        inverted = [Inverted(before, d) for before in (c, d, d, d)]
        self.block_c = nn.Sequential(_layer(c, c), *inverted, _layer(d, c))
        self.block_d = nn.Sequential(_layer(c, c), _layer(c, c))
        self.block_e = nn.Sequential(_layer(c, b), _layer(b, b), _layer(b, a, 7))
        self.out_layer = nn.Sequential(nn.Conv2d(a, 3, 1, bias=False), nn.Tanh())

    def forward(self, images: Tensor) -> Tensor:
        half = self.block_a(images)  # (N, 2 width, H/2, W/2)
        features = self.block_c(self.block_b(half))  # (N, 4 width, H/4, W/4)
        features = self.block_d(_enlarge(features, half))
        return self.out_layer(self.block_e(_enlarge(features, images)))


def _enlarge(features: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(features, like.shape[-2:], mode="bilinear", align_corners=True)


def build(width: int = 32) -> AnimeGan2:
    """Build the generator with random weights."""
    return AnimeGan2(width)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the width from a state dict, or return None if it is not of this layout."""
    first = state.get("block_a.0.1.weight")
    if first is None or first.ndim != 4 or tuple(first.shape[1:]) != (3, 7, 7) or "block_c.4.layers.3.weight" not in state:
        return None
    return {"width": int(first.shape[0])}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Translate:
    """Load a published file, or one of its layout.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    network = open_checkpoint(card, files["weights"], "AnimeGANv2", recognise).into(AnimeGan2)
    return transform(network, device, dtype, **sizes_of(card))


def transform(network: AnimeGan2, device: torch.device, dtype: torch.dtype, **options: Any) -> Translate:
    """The network as the translate task calls it."""
    return Translate(
        network,
        device=device,
        dtype=dtype,
        whole=True,
        # aligned corners stretch a tile a little otherwise than the whole: neighbours are blended
        receptive=None,
        multiple=MULTIPLE,
        minimum=MULTIPLE,
        pixel_bytes=4 * 4 * 4 * network.width,
        **options,
    )
