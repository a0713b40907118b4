"""A generator of several domains: one network turns a picture into any of the kinds that its card names.

Choi et al. 2018, "StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image Translation" (arXiv
1711.09020), section 3 and table 4: the wanted domain joins the picture as further input channels (one of them 1, the others
0), then a 7 x 7 convolution, two strided ones, residual blocks at a quarter of the side, two transposed ones and a 7 x 7
convolution; instance normalisation with scale and shift. Key names are those of the authors' files (yunjey/stargan,
`main.N...`; the running statistics in them are left out, as the authors draw with the picture's own); this implementation is
our own.

With `mask` the last layer has a fourth channel, how much of the new picture to lay over the old one (after the attention mask
of Pumarola et al. 2018, "GANimation", arXiv 1807.09251): what need not change then stays as it is, in a small network too.

Tensors in and out of the network: RGB, -1 to 1, (N, 3, H, W), sides in multiples of 4; domains (N, num_domains).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import WeightsError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.translate.translating import Translate, sizes_of
from genkit.nets.norms import PictureNorm

if TYPE_CHECKING:
    from genkit.cards import Card

STRIDE = 4
SMALLEST = 8
COLOURS = 3
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


class Block(nn.Module):
    """Two 3 x 3 convolutions added to what came in."""

    def __init__(self, width: int):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            PictureNorm(width, affine=True),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            PictureNorm(width, affine=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.main(features)


class StarGan(nn.Module):
    """Pictures (N, 3, H, W) and domains (N, num_domains), or their indices (N,), to pictures (N, 3, H, W), -1 to 1."""

    def __init__(self, num_domains: int, width: int = 32, blocks: int = 4, mask: bool = True):
        super().__init__()
        self.num_domains, self.width, self.blocks, self.mask = num_domains, width, blocks, mask
        layers: list[nn.Module] = [nn.Conv2d(COLOURS + num_domains, width, 7, 1, 3, bias=False)]
        layers += [PictureNorm(width, affine=True), nn.ReLU()]
        for before in (width, 2 * width):
            layers += [nn.Conv2d(before, 2 * before, 4, 2, 1, bias=False), PictureNorm(2 * before, affine=True), nn.ReLU()]
        layers += [Block(4 * width) for _ in range(blocks)]
        for before in (4 * width, 2 * width):
            layers += [nn.ConvTranspose2d(before, before // 2, 4, 2, 1, bias=False)]
            layers += [PictureNorm(before // 2, affine=True), nn.ReLU()]
        layers.append(nn.Conv2d(width, COLOURS + mask, 7, 1, 3, bias=False))
        self.main = nn.Sequential(*layers)

    def forward(self, images: Tensor, domain: Tensor) -> Tensor:
        if domain.ndim == 1:
            domain = nn.functional.one_hot(domain, self.num_domains)
        planes = domain.to(images.dtype)[:, :, None, None].expand(-1, -1, *images.shape[-2:])
        output = self.main(torch.cat([images, planes], 1))
        colours = output[:, :COLOURS].tanh()
        if not self.mask:
            return colours
        share = output[:, COLOURS:].sigmoid()
        return images + share * (colours - images)

    @property
    def receptive_radius(self) -> int:
        """How far an output pixel looks to each side, apart from statistics."""
        return 3 + 2 + 4 + STRIDE * 2 * self.blocks + STRIDE + 2 + 3


def build(num_domains: int = 2, width: int = 32, blocks: int = 4, mask: bool = True) -> StarGan:
    """Build the generator with random weights."""
    return StarGan(num_domains, width, blocks, mask)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the sizes from a state dict, or return None if it is not of this layout."""
    first, second = state.get("main.0.weight"), state.get("main.3.weight")
    if first is None or second is None or first.ndim != 4 or "main.1.weight" not in state:
        return None
    width, domains = int(first.shape[0]), int(first.shape[1]) - COLOURS
    if first.shape[2:] != (7, 7) or domains < 1 or tuple(second.shape) != (2 * width, width, 4, 4):
        return None
    numbers = sorted({int(key.split(".")[1]) for key in state if key.startswith("main.") and ".main." in key})
    last = state.get(f"main.{15 + len(numbers)}.weight")
    if numbers != list(range(9, 9 + len(numbers))) or last is None or int(last.shape[0]) not in (COLOURS, COLOURS + 1):
        return None
    return {"num_domains": domains, "width": width, "blocks": len(numbers), "mask": int(last.shape[0]) > COLOURS}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Translate:
    """Load the authors' file, or one of its layout. `params.domains` are the domains' names, in the order of the channels.

    Raises:
        WeightsError: unreadable, not of this layout, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "a StarGAN generator", recognise)
    count = checkpoint.recognised["num_domains"]
    names = names_of(card.params.get("domains"), count)
    if len(names) != count or len(set(names)) != len(names):
        raise WeightsError(
            f"{card.name} names {len(set(names))} domains, {checkpoint.path.name} has {count}",
            'params.domains in the card, as ["one", "two"]',
            code="card",
        )
    return transform(checkpoint.into(StarGan), names, device, dtype, **sizes_of(card))


def names_of(domains: Any, count: int) -> list[str]:
    """The domains' names, or numbers where a card has none."""
    return [str(one) for one in domains] if isinstance(domains, (list, tuple)) else [str(number) for number in range(count)]


def transform(network: StarGan, domains: list[str], device: torch.device, dtype: torch.dtype, **options: Any) -> Translate:
    """The network as the translate task calls it."""
    return Translate(
        network,
        device=device,
        dtype=dtype,
        whole=True,
        receptive=network.receptive_radius,
        multiple=STRIDE,
        minimum=SMALLEST,
        pixel_bytes=4 * 4 * network.width,
        domains=domains,
        forward=_forward,
        **options,
    )


def _forward(network: nn.Module, images: Tensor, *, domain: int) -> Tensor:
    return network(images, torch.full((len(images),), int(domain), device=images.device))
