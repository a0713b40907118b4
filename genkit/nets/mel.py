"""Mel spectrograms as genkit's own voices use them, defined once: what the acoustic model makes and the vocoder reads.

A magnitude spectrogram (Hann window, frames centred on multiples of the hop, edges mirrored) through triangles on the mel scale
of Slaney's Auditory Toolbox (linear below 1 kHz, each triangle of area 1), natural logarithm, then shifted and scaled to about
zero mean and unit spread for speech at the level that training brings it to. Layout: audio (N, T) in [-1, 1] to (N, bands, F)
with F = T // hop + 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

KNEE_HZ, KNEE_MEL, STEP = 1000.0, 15.0, math.log(6.4) / 27.0


@dataclass(frozen=True)
class MelScale:
    """`high_hz` 0 is half the rate. `shift` and `scale` make features of logarithms: (log - shift) / scale."""

    rate_hz: int = 22050
    window: int = 1024
    hop: int = 256
    bands: int = 80
    low_hz: float = 0.0
    high_hz: float = 0.0
    floor: float = 1e-5
    shift: float = -5.5
    scale: float = 2.0

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> MelScale:
        """From a card's parameters; what is not of this class is passed over."""
        known = {one.name for one in fields(cls)}
        return cls(**{key: value for key, value in params.items() if key in known})

    def params(self) -> dict[str, Any]:
        return asdict(self)

    def frames(self, samples: int) -> int:
        return samples // self.hop + 1

    def logarithms(self, features: Any) -> Any:
        """Natural logarithms of mel magnitudes, from features; tensors or arrays."""
        return features * self.scale + self.shift

    def features(self, audio: Tensor) -> Tensor:
        """(N, T) float32 to (N, bands, F), standardised; gradients pass."""
        bank = _bank(self).to(audio.device)
        mel = bank @ magnitudes(audio, self.window, self.hop)
        return (mel.clamp_min(self.floor).log() - self.shift) / self.scale

    def bank(self) -> Tensor:
        """The triangles (bands, window // 2 + 1), float32."""
        return _bank(self)


def magnitudes(audio: Tensor, window: int, hop: int) -> Tensor:
    """(N, T) to the magnitudes (N, window // 2 + 1, F) of a centred short-time Fourier transform."""
    import torch

    shape = torch.hann_window(window, device=audio.device)
    spectrum = torch.stft(audio.float(), window, hop, window=shape, center=True, pad_mode="reflect", return_complex=True)
    return (torch.view_as_real(spectrum).square().sum(-1) + 1e-12).sqrt()  # abs() has no gradient at 0


_banks: dict[MelScale, Tensor] = {}


def _bank(scale: MelScale) -> Tensor:
    import torch

    if scale not in _banks:
        high = scale.high_hz or scale.rate_hz / 2
        edges = torch.linspace(_mel(scale.low_hz), _mel(high), scale.bands + 2, dtype=torch.float64)
        hertz = torch.where(edges < KNEE_MEL, edges * (KNEE_HZ / KNEE_MEL), KNEE_HZ * ((edges - KNEE_MEL) * STEP).exp())
        bins = torch.linspace(0, scale.rate_hz / 2, scale.window // 2 + 1, dtype=torch.float64)
        rising = (bins[None] - hertz[:-2, None]) / (hertz[1:-1] - hertz[:-2])[:, None]
        falling = (hertz[2:, None] - bins[None]) / (hertz[2:] - hertz[1:-1])[:, None]
        triangles = torch.minimum(rising, falling).clamp_min(0) * (2 / (hertz[2:] - hertz[:-2]))[:, None]
        _banks[scale] = triangles.float()
    return _banks[scale]


def _mel(hertz: float) -> float:
    if hertz < KNEE_HZ:
        return hertz * KNEE_MEL / KNEE_HZ
    return KNEE_MEL + math.log(hertz / KNEE_HZ) / STEP
