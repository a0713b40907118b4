"""The first stage of training what draws in latents: an autoencoder whose latents the second stage draws.

Kingma and Welling 2013 (arXiv 1312.6114), with a small weight on the divergence as in Rombach et al. 2022 (arXiv 2112.10752).
Where pictures have transparency, it makes that too: pictures are compared as they look before plain grounds of any colour, by
their pixels, by the pixels' differences (edges) and, where there is a perceptual network, by its features; so the colour of
what cannot be seen costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.evaluate.sheets import grid
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of

WATCHED = 128


@dataclass(frozen=True)
class AutoencoderOptions:
    """`divergence` weighs the Kullback-Leibler term, `edges` differences of neighbours, `perceptual` features."""

    batch: int = 16
    divergence: float = 3e-4
    edges: float = 1.0
    perceptual: float = 0.0
    augmented: float = 0.25  # share of pictures of a batch that are augmented (other colours, pairs, hats)


class AutoencoderJob(Job):
    """`encode(autoencoder, images)` gives mean and logarithm of the variance of latents, `decode` images (N, C, H, W), -1 to 1,
    of latents; `pixels` (N, side, side, 3 or 4) are drawn as often as `shares` (N,) say, `augmented` (M, side, side, 3 or 4)
    are further pictures."""

    averaged = ("autoencoder",)
    protocol = "psnr: of reconstructed pictures before grey, RGB"

    def __init__(
        self,
        options: AutoencoderOptions,
        autoencoder: nn.Module,
        encode: Callable[[Any, Tensor], tuple[Tensor, Tensor]],
        decode: Callable[[Any, Tensor], Tensor],
        pixels: np.ndarray,
        *,
        shares: np.ndarray,
        augmented: np.ndarray,
        perceptual: nn.Module | None = None,
    ):
        self.options, self.perceptual = options, perceptual
        self.pixels, self.shares, self.augmented = pixels, shares, augmented
        self._encode, self._decode = encode, decode
        self.modules: Modules = {"autoencoder": autoencoder}
        self.watched = torch.from_numpy(pixels[_spaced(len(pixels), WATCHED)])

    def matrices(self) -> list[Tensor]:
        return [w for w in self.modules["autoencoder"].parameters() if w.ndim == 4 and min(w.shape[:2]) > 8]

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen = self.options
        count = round(chosen.batch * chosen.augmented) if len(self.augmented) else 0
        pixels = self.pixels[rng.choice(len(self.pixels), chosen.batch - count, p=self.shares)]
        if count:
            pixels = np.concatenate([pixels, self.augmented[rng.integers(len(self.augmented), size=count)]])
        if rng.random() < 0.5:
            pixels = pixels[:, :, ::-1]
        grounds = rng.random((2, chosen.batch, 3, 1, 1), np.float32) * 2 - 1
        return {
            "images": torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))),
            "grounds": torch.from_numpy(grounds),
            "noise": torch.tensor(int(rng.integers(1 << 62))),
        }

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        autoencoder: Any = getattr(modules["autoencoder"], "module", modules["autoencoder"])
        images = batch["images"].float() / 127.5 - 1
        mean, logvar = self._encode(autoencoder, images.to(memory_format=torch.channels_last))
        mean, logvar = mean.float(), logvar.float().clamp(-30, 20)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(int(batch["noise"]))).to(mean.device)
        result = self._decode(autoencoder, mean + (0.5 * logvar).exp() * noise).float()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        pixels = (result[:, 3:] - images[:, 3:]).abs().mean() if images.shape[1] == 4 else images.new_zeros(())
        edges = images.new_zeros(())
        grounds = batch["grounds"] if images.shape[1] == 4 else batch["grounds"][:1]
        for ground in grounds:
            ours, theirs = before(result, ground), before(images, ground)
            pixels = pixels + (ours - theirs).abs().mean() / len(grounds)
            if self.options.edges:
                differences = [(ours.diff(dim=axis) - theirs.diff(dim=axis)).abs().mean() for axis in (2, 3)]
                edges = edges + sum(differences) / 2 / len(grounds)
        loss = pixels + self.options.edges * edges + self.options.divergence * divergence
        if self.perceptual is not None and self.options.perceptual:
            perceptual = self._perceptual_loss(self.perceptual.to(result.device), result, images, batch["grounds"][0])
            loss = loss + self.options.perceptual * perceptual
        return loss, figures_of({"loss": loss, "divergence": divergence})

    @staticmethod
    def _perceptual_loss(network: nn.Module, result: Tensor, images: Tensor, ground: Tensor) -> Tensor:
        ours = network((before(result, ground) + 1) / 2)
        with torch.no_grad():
            theirs = network((before(images, ground) + 1) / 2)
        layers = zip(ours, theirs, strict=True)
        return torch.stack([(_unit(mine) - _unit(other)).square().sum(1).mean() for mine, other in layers]).mean()

    @torch.inference_mode()
    def _reconstructed(self, autoencoder: Any, pixels: Tensor) -> Tensor:
        device = next(autoencoder.parameters()).device
        images = pixels.permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        return self._decode(autoencoder, self._encode(autoencoder, images)[0]).float().clamp(-1, 1).cpu()

    def evaluate(self, modules: Modules) -> Figures:
        ground = torch.zeros(3, 1, 1)
        result = before(self._reconstructed(modules["autoencoder"], self.watched), ground)
        truth = before(self.watched.permute(0, 3, 1, 2).float() / 127.5 - 1, ground)
        errors = ((result - truth) / 2).square().mean((1, 2, 3)).clamp_min(1e-10)
        return {"psnr": float(-10 * errors.log10().mean())}

    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of 12 originals, each above what was made of them, uint8 (H, W, 3)."""
        pixels = self.watched[:: max(1, len(self.watched) // 48)][:48]
        result, ground = self._reconstructed(modules["autoencoder"], pixels), torch.ones(3, 1, 1)
        both = [before(images, ground) for images in (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, result)]
        return np.concatenate([lay_out(part[row : row + 12], 12) for row in range(0, len(pixels), 12) for part in both])


def before(images: Tensor, ground: Tensor) -> Tensor:
    """RGBA (N, 4, H, W), -1 to 1, as RGB before a ground of the same range; RGB as it is."""
    if images.shape[1] == 3:
        return images
    alpha = (images[:, 3:] + 1) / 2
    return images[:, :3] * alpha + ground * (1 - alpha)


def lay_out(images: Tensor, columns: int) -> np.ndarray:
    """(N, 3, H, W), -1 to 1, as rows of a sheet, uint8 (H', W', 3); what is left of the last row is white."""
    return grid(list(((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()), columns, 255)


def _spaced(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def _unit(maps: Tensor) -> Tensor:
    return maps / maps.norm(dim=1, keepdim=True).clamp_min(1e-6)
