"""What a voice learns from besides differences of mel features: short-time spectra at several resolutions, and discriminators
that see them (Jang et al. 2021, "UnivNet", arXiv 2106.07889, section 2.3; complex ones as in Défossez et al. 2022, arXiv
2210.13438).

The discriminators are small and stride over frequency, because two cores have to train them; magnitudes are compressed to a
power of 0.3, so that weak harmonics count. `MelRival` is one of the same layers for the mel features themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from genkit.nets.mel import magnitudes

RESOLUTIONS = ((2048, 512), (1024, 256), (512, 128))  # window and hop, in samples
POWER = 0.3


def spectral_distance(made: Tensor, real: Tensor, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS) -> Tensor:
    """Spectral convergence and mean absolute difference of logarithms, averaged over resolutions (Yamamoto, Song and Kim 2020,
    arXiv 1910.11480, section 2.2), for sounds (N, T)."""
    found = []
    for window, hop in resolutions:
        mine, theirs = magnitudes(made, window, hop), magnitudes(real, window, hop)
        converged = (mine - theirs).square().sum().sqrt() / theirs.square().sum().sqrt().clamp_min(1e-6)
        logs = (mine.clamp_min(1e-4).log() - theirs.clamp_min(1e-4).log()).abs().mean()
        found.append(converged + logs)
    return torch.stack(found).mean()


class Rival(nn.Module):
    """Maps (N, channels, frames, bins) to an opinion for each part of them, and to the features on the way; bins are taken
    together by `steps`."""

    def __init__(self, channels: int, width: int, steps: tuple[int, int, int]):
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        sizes = zip((channels, width, 2 * width), (width, 2 * width, 2 * width), steps, strict=True)
        self.layers = nn.ModuleList(norm(nn.Conv2d(a, b, (3, 9), (1, step), (1, 4))) for a, b, step in sizes)
        self.layers.append(norm(nn.Conv2d(2 * width, 2 * width, 3, 1, 1)))
        self.opinion = norm(nn.Conv2d(2 * width, 1, 3, 1, 1))

    def judged(self, maps: Tensor) -> tuple[Tensor, list[Tensor]]:
        features, kept = maps, []
        for layer in self.layers:
            features = leaky_relu(layer(features), 0.1)
            kept.append(features)
        return self.opinion(features), kept


class MelRival(Rival):
    """Mel features (N, F, bands)."""

    def __init__(self, width: int):
        super().__init__(1, width, (2, 2, 2))

    def forward(self, features: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [self.judged(features[:, None])]


class SpectralRival(Rival):
    """Sounds (N, T)."""

    shape: Tensor

    def __init__(self, window: int, hop: int, width: int):
        super().__init__(2, width, (2, 4, 4))
        self.length, self.hop = window, hop
        self.register_buffer("shape", torch.hann_window(window), persistent=False)

    def forward(self, sounds: Tensor) -> tuple[Tensor, list[Tensor]]:
        spectrum = torch.stft(sounds.float(), self.length, self.hop, window=self.shape, center=True, return_complex=True)
        parts = torch.view_as_real(spectrum).permute(0, 3, 2, 1)  # (N, 2, F, window / 2 + 1)
        loud = (parts.square().sum(1, keepdim=True) + 1e-6).pow((POWER - 1) / 2)
        return self.judged(parts * loud)


class SpectralRivals(nn.Module):
    """One for each resolution."""

    def __init__(self, width: int = 16, resolutions: Sequence[tuple[int, int]] = RESOLUTIONS):
        super().__init__()
        self.each = nn.ModuleList(SpectralRival(window, hop, width) for window, hop in resolutions)

    def forward(self, sounds: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        return [one(sounds) for one in self.each]


Opinions = list[tuple[Tensor, list[Tensor]]]


def deceived(made: Opinions, real: Opinions) -> tuple[Tensor, Tensor]:
    """The generator's two terms: hinge on the opinions of what it made, and the mean absolute difference of features from those
    of the real sound, in shares of their size."""
    opinion = torch.stack([relu(1 - one).mean() for one, _ in made]).mean()
    apart = [
        (mine - theirs.detach()).abs().mean() / theirs.detach().abs().mean().clamp_min(1e-6)
        for (_, kept), (_, others) in zip(made, real, strict=True)
        for mine, theirs in zip(kept, others, strict=True)
    ]
    return opinion, torch.stack(apart).mean()


def told_apart(made: Opinions, real: Opinions) -> Tensor:
    """The rivals' hinge loss."""
    each = [relu(1 - theirs).mean() + relu(1 + mine).mean() for (mine, _), (theirs, _) in zip(made, real, strict=True)]
    return torch.stack(each).mean()


class Contest:
    """The side of a job that learns against the discriminator `rival` of its modules."""

    _last: tuple[Tensor, Tensor] | None = None  # what this step made, and what that should be taken for

    def contest(self, modules: dict[str, nn.Module], made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """See `deceived`."""
        self._last = made.detach(), real
        rival = modules["rival"].requires_grad_(False)
        found = deceived(rival(made), rival(real))
        rival.requires_grad_(True)
        return found

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        if self._last is None:
            return None
        (made, real), self._last = self._last, None
        loss = told_apart(modules["rival"](made), modules["rival"](real))
        return loss, {"discriminator": float(loss.detach())}
