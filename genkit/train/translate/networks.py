"""What the jobs of translation share: building a family's network, calling it in its own range, and squares of pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from genkit.models import family_module
from genkit.train.config import TrainConfig

Pictures = list[np.ndarray]
SIGNED = ("pix2pix", "cyclegan", "stargan")  # families whose networks work from -1 to 1, as published


def network_of(config: TrainConfig) -> nn.Module:
    return family_module(config.family).build(**config.network)


def adapt(family: str, network: nn.Module, images: Tensor, codes: Tensor | None = None) -> Tensor:
    """Call a family's network on pictures in [0, 1], told the domains where it has any."""
    told = () if codes is None else (codes,)
    return (network(images * 2 - 1, *told) + 1) / 2 if family in SIGNED else network(images, *told)


def matrices(network: nn.Module) -> list[Tensor]:
    """The convolutions but for the first and the last."""
    found = [module.weight for module in network.modules() if isinstance(module, nn.Conv2d)]
    return found[1:-1]


def cut_square(pixels: np.ndarray, side: int, reduction: float, rng: np.random.Generator) -> np.ndarray:
    """A random square (side, side, 3) of a picture whose shorter side is brought to between `side` and `reduction` times it,
    half of them mirrored."""
    from PIL import Image

    height, width = pixels.shape[:2]
    edge = min(height, width) / rng.uniform(1.0, reduction)
    left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
    box = (left, top, left + edge, top + edge)
    cut = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0))
    return cut[:, ::-1].copy() if rng.integers(2) else cut


def to_tensor(pixels: np.ndarray, network: nn.Module) -> Tensor:
    """(H, W, 3) uint8 to (1, 3, H, W) in [0, 1], where the network is."""
    device = next(network.parameters()).device
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def to_pixels(images: Tensor) -> np.ndarray:
    """(1, 1 or 3, H, W) in [0, 1] to (H, W, 3) uint8."""
    return (images.clamp(0, 1).expand(-1, 3, -1, -1)[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
