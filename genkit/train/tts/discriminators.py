"""What a voice learns from besides differences of mel features: short-time spectra at several resolutions, and discriminators
of them (Jang et al. 2021, "UnivNet", arXiv 2106.07889, section 2.3; complex ones as in Défossez et al. 2022, arXiv 2210.13438).

The discriminators are small and stride over frequency, because two cores have to train them; magnitudes are compressed to a
power of 0.3, so that weak harmonics count. `MelDiscriminator` is one of the same layers for the mel features themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from genkit.nets.mel import magnitudes
from genkit.train.discriminators import PatchDiscriminator, hinge_loss, weight_norm
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128))  # window and hop, in samples
POWER = 0.3

Maps = list[Tensor]  # features of every layer, then the logits


def spectral_distance(result: Tensor, real: Tensor, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS) -> Tensor:
    """Spectral convergence and mean absolute difference of logarithms, averaged over resolutions (Yamamoto, Song and Kim 2020,
    arXiv 1910.11480, section 2.2), for sounds (N, T)."""
    distances = []
    for window, hop in resolutions:
        mine, theirs = magnitudes(result, window, hop), magnitudes(real, window, hop)
        convergence = (mine - theirs).square().sum().sqrt() / theirs.square().sum().sqrt().clamp_min(1e-6)
        logs = (mine.clamp_min(1e-4).log() - theirs.clamp_min(1e-4).log()).abs().mean()
        distances.append(convergence + logs)
    return torch.stack(distances).mean()


class SpectralDiscriminator(PatchDiscriminator):
    """(N, channels, frames, bins) to maps; bins are taken together by `steps`. With a `window` it takes sounds (N, T) by their
    short-time spectra, without one mel features (N, F, bands)."""

    shape: Tensor

    def __init__(self, width: int, steps: Sequence[int], window: int = 0, hop: int = 0):
        widths = zip((2 if window else 1, width, 2 * width), (width, 2 * width, 2 * width), steps, strict=True)
        convolutions = [nn.Conv2d(before, after, (3, 9), (1, step), (1, 4)) for before, after, step in widths]
        super().__init__([*convolutions, nn.Conv2d(2 * width, 2 * width, 3, 1, 1)], weight_norm, 0.1)
        self.window, self.hop = window, hop
        self.register_buffer("shape", torch.hann_window(window), persistent=False)

    def forward(self, source: Tensor) -> Any:
        features = self.features(self._spectra(source) if self.window else source[:, None])
        return [*features, self.logits(features[-1])]

    def _spectra(self, sounds: Tensor) -> Tensor:
        spectrum = torch.stft(sounds.float(), self.window, self.hop, window=self.shape, center=True, return_complex=True)
        parts = torch.view_as_real(spectrum).permute(0, 3, 2, 1)  # (N, 2, F, window / 2 + 1)
        return parts * (parts.square().sum(1, keepdim=True) + 1e-6).pow((POWER - 1) / 2)


class MelDiscriminator(SpectralDiscriminator):
    """Mel features (N, F, bands)."""

    def __init__(self, width: int):
        super().__init__(width, (2, 2, 2))

    def forward(self, source: Tensor) -> Any:
        return [super().forward(source)]


class MultiResolutionDiscriminator(nn.Module):
    """Sounds (N, T), by one discriminator for each resolution."""

    def __init__(self, width: int = 16, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS):
        super().__init__()
        self.each = nn.ModuleList(SpectralDiscriminator(width, (2, 4, 4), window, hop) for window, hop in resolutions)

    def forward(self, sounds: Tensor) -> list[Maps]:
        return [discriminator(sounds) for discriminator in self.each]


def generator_loss(fake: list[Maps], real: list[Maps]) -> tuple[Tensor, Tensor]:
    """The generator's two terms: the adversarial one (hinge), and feature matching: the mean absolute difference of features
    from those of the real sound, in shares of their size."""
    adversarial = torch.stack([relu(1 - maps[-1]).mean() for maps in fake]).mean()
    matching = [
        (mine - theirs.detach()).abs().mean() / theirs.detach().abs().mean().clamp_min(1e-6)
        for maps, others in zip(fake, real, strict=True)
        for mine, theirs in zip(maps[:-1], others[:-1], strict=True)
    ]
    return adversarial, torch.stack(matching).mean()


def discriminator_loss(fake: list[Maps], real: list[Maps]) -> Tensor:
    """The mean hinge loss."""
    return torch.stack([hinge_loss(others[-1], maps[-1]) for maps, others in zip(fake, real, strict=True)]).mean()


class TrainingState(nn.Module):
    """How many steps were made; saved with the run."""

    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))


class AdversarialJob(Job):
    """A job whose `discriminator` joins at a step."""

    _discriminator_from: int
    _pair: tuple[Tensor, Tensor] | None = None  # the fake of this step, and what it should be taken for

    def add_discriminator(self, discriminator: nn.Module, first_step: int) -> None:
        """Let it join at `first_step`; never where that is below 0."""
        self.state, self._discriminator_from = TrainingState(), first_step
        self.modules["training_state"] = self.state
        if first_step >= 0:
            self.modules["discriminator"] = discriminator
            self.discriminators = ("discriminator",)

    @property
    def is_adversarial(self) -> bool:
        return bool(self.discriminators) and int(self.state.steps) >= self._discriminator_from

    def adversarial_losses(self, modules: Modules, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """See `generator_loss`."""
        self._pair = fake.detach(), real
        discriminator = modules["discriminator"].requires_grad_(False)
        losses = generator_loss(discriminator(fake), discriminator(real))
        discriminator.requires_grad_(True)
        return losses

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures] | None:
        if self._pair is None:
            return None
        (fake, real), self._pair = self._pair, None
        loss = discriminator_loss(modules["discriminator"](fake), modules["discriminator"](real))
        return loss, figures_of({"discriminator": loss})
