"""The first stage of training what draws in latents: an autoencoder whose latents the second stage draws.

Kingma and Welling 2013 (arXiv 1312.6114), with a small weight on the divergence as in Rombach et al. 2022 (arXiv 2112.10752).
Where pictures have transparency, it makes that too: a picture is judged as it looks before plain grounds of any colour, by its
pixels and by their differences (edges), and by features of VGG-19 where they are given; so the colour of what cannot be seen
costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.train.feed import feed

WATCHED = 128


@dataclass(frozen=True)
class AutoencoderOptions:
    """`divergence` weighs the Kullback-Leibler term, `edges` differences of neighbours, `perceptual` features."""

    batch: int = 16
    divergence: float = 3e-4
    edges: float = 1.0
    perceptual: float = 0.0
    further: float = 0.25  # share of pictures of a batch that are made ones (other colours, pairs, hats)


class AutoencoderJob:
    """What the loop asks of a task. `read(autoencoder, images)` gives mean and logarithm of the variance of latents, `draw`
    images (N, C, H, W), -1 to 1, of latents; `pixels` (N, side, side, 3 or 4) are drawn as often as `shares` (N,) say, `made`
    (M, side, side, 3 or 4) are further pictures."""

    averaged: tuple[str, ...] = ("autoencoder",)
    rivals: tuple[str, ...] = ()
    protocol = "psnr: of reconstructed pictures before grey, RGB"

    def __init__(
        self,
        options: AutoencoderOptions,
        autoencoder: nn.Module,
        read: Callable[[Any, Tensor], tuple[Tensor, Tensor]],
        draw: Callable[[Any, Tensor], Tensor],
        pixels: np.ndarray,
        *,
        shares: np.ndarray | None = None,
        made: np.ndarray | None = None,
        judge: nn.Module | None = None,
    ):
        self.options, self.judge = options, judge
        self.pixels, self.shares, self.made = pixels, shares, pixels[:0] if made is None else made
        self._moments, self._decoded = read, draw
        self.modules: dict[str, nn.Module] = {"autoencoder": autoencoder}
        self.watched = torch.from_numpy(pixels[_spaced(len(pixels), WATCHED)])

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return [one for one in self.modules["autoencoder"].parameters() if one.ndim == 4 and min(one.shape[:2]) > 8]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = self.options
        others = round(chosen.batch * chosen.further) if len(self.made) else 0
        own = self.pixels[rng.choice(len(self.pixels), chosen.batch - others, p=self.shares)]
        pixels = np.concatenate([own, self.made[rng.integers(len(self.made), size=others)]]) if others else own
        if rng.random() < 0.5:
            pixels = pixels[:, :, ::-1]
        grounds = rng.random((2, chosen.batch, 3, 1, 1), np.float32) * 2 - 1
        return {
            "images": torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))),
            "grounds": torch.from_numpy(grounds),
            "noise": torch.tensor(int(rng.integers(1 << 62))),
        }

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        autoencoder: Any = getattr(modules["autoencoder"], "module", modules["autoencoder"])
        images = batch["images"].float() / 127.5 - 1
        mean, logvar = self._moments(autoencoder, images.to(memory_format=torch.channels_last))
        mean, logvar = mean.float(), logvar.float().clamp(-30, 20)
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(int(batch["noise"]))).to(mean.device)
        found = self._decoded(autoencoder, mean + (0.5 * logvar).exp() * noise).float()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        pixels = (found[:, 3:] - images[:, 3:]).abs().mean() if images.shape[1] == 4 else images.new_zeros(())
        edges = images.new_zeros(())
        grounds = batch["grounds"] if images.shape[1] == 4 else batch["grounds"][:1]
        for ground in grounds:
            ours, theirs = before(found, ground), before(images, ground)
            pixels = pixels + (ours - theirs).abs().mean() / len(grounds)
            if self.options.edges:
                edges = edges + sum((_steps(ours, axis) - _steps(theirs, axis)).abs().mean() for axis in (2, 3)) / 2 / len(
                    grounds
                )
        loss = pixels + self.options.edges * edges + self.options.divergence * divergence
        if self.judge is not None and self.options.perceptual:
            loss = loss + self.options.perceptual * self._perceptual(found, images, batch["grounds"][0])
        return loss, {"loss": float(loss.detach()), "divergence": float(divergence.detach())}

    def _perceptual(self, found: Tensor, images: Tensor, ground: Tensor) -> Tensor:
        assert self.judge is not None
        judge = self.judge.to(found.device)
        ours = judge((before(found, ground) + 1) / 2)
        with torch.no_grad():
            theirs = judge((before(images, ground) + 1) / 2)
        pairs = zip(ours, theirs, strict=True)
        return torch.stack([(_unit(one) - _unit(other)).square().sum(1).mean() for one, other in pairs]).mean()

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> None:
        return None

    @torch.inference_mode()
    def _again(self, autoencoder: Any, pixels: Tensor) -> Tensor:
        device = next(autoencoder.parameters()).device
        images = pixels.permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
        return self._decoded(autoencoder, self._moments(autoencoder, images)[0]).float().clamp(-1, 1).cpu()

    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        ground = torch.zeros(3, 1, 1)
        found = before(self._again(modules["autoencoder"], self.watched), ground)
        truth = before(self.watched.permute(0, 3, 1, 2).float() / 127.5 - 1, ground)
        errors = ((found - truth) / 2).square().mean((1, 2, 3)).clamp_min(1e-10)
        return {"psnr": float(-10 * errors.log10().mean())}

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of 12 originals, each above what was made of them, uint8 (H, W, 3)."""
        pixels = self.watched[:: max(1, len(self.watched) // 48)][:48]
        made, ground = self._again(modules["autoencoder"], pixels), torch.ones(3, 1, 1)
        both = [before(images, ground) for images in (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1, made)]
        return np.concatenate([lay_out(one[first : first + 12], 12) for first in range(0, len(pixels), 12) for one in both])

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return modules["autoencoder"].state_dict(), {}

    def card_fields(self) -> dict[str, Any]:
        return {}


def before(images: Tensor, ground: Tensor) -> Tensor:
    """RGBA (N, 4, H, W), -1 to 1, as RGB before a ground of the same range; RGB as it is."""
    if images.shape[1] == 3:
        return images
    alpha = (images[:, 3:] + 1) / 2
    return images[:, :3] * alpha + ground * (1 - alpha)


def lay_out(images: Tensor, columns: int) -> np.ndarray:
    """(N, 3, H, W), -1 to 1, as rows of a sheet, uint8 (H', W', 3); what is left of the last row is white."""
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()
    empty = np.full((-len(pixels) % columns, *pixels.shape[1:]), 255, np.uint8)
    cells = np.concatenate([pixels, empty])
    return np.concatenate([np.concatenate(list(cells[row : row + columns]), 1) for row in range(0, len(cells), columns)])


def _spaced(count: int, wanted: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def _steps(images: Tensor, axis: int) -> Tensor:
    return images.diff(dim=axis)


def _unit(maps: Tensor) -> Tensor:
    return maps / maps.norm(dim=1, keepdim=True).clamp_min(1e-6)


def options_of(given: Mapping[str, Any], kind: Any, where: str) -> Any:
    """A dataclass of settings from a table of a configuration.

    Raises:
        UsageError: an unknown field.
    """
    from dataclasses import fields

    from genkit.errors import UsageError

    known = {one.name for one in fields(kind)}
    if unknown := sorted(set(given) - known):
        raise UsageError(f"{where}: unknown field {', '.join(unknown)}", f"known fields: {', '.join(sorted(known))}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})
