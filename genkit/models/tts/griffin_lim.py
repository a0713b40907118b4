"""Griffin and Lim's algorithm (1984, in librosa's fast form) in place of a neural vocoder: phases found by going to and fro.

It needs no weights and works for any network that makes mel spectrograms, and it sounds like through a pipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genkit.errors import WeightsError

if TYPE_CHECKING:
    import numpy as np

ROUNDS = 32
FIELDS = ("rate_hz", "window", "hop", "low_hz", "high_hz", "logarithm")


def check_mel(name: str, mel: Any) -> dict[str, Any]:
    """What a card says of its mel spectrograms: rate, window and hop in samples, the limits in Hz, the base of the logarithm.

    Raises:
        WeightsError: something is left out.
    """
    lost = [one for one in FIELDS if one not in mel] if isinstance(mel, Mapping) else ["mel"]
    if lost:
        raise WeightsError(f"{name}: params.mel does not say {', '.join(lost)}", code="card")
    return dict(mel)


def sound_of(logarithms: np.ndarray, mel: Mapping[str, Any], seed: int) -> np.ndarray:
    """Logarithms of mel magnitudes (bands, F) to a sound (T,) float32; the first phases are drawn from `seed`."""
    import librosa
    import numpy as np

    base = 10.0 if mel["logarithm"] == 10 else np.e
    magnitudes = np.power(base, logarithms.astype(np.float64))
    high = mel["high_hz"] or mel["rate_hz"] / 2
    linear = librosa.feature.inverse.mel_to_stft(
        magnitudes, sr=mel["rate_hz"], n_fft=mel["window"], power=1.0, fmin=mel["low_hz"], fmax=high
    )
    sound = librosa.griffinlim(
        linear, n_iter=ROUNDS, hop_length=mel["hop"], n_fft=mel["window"], random_state=np.random.default_rng(seed)
    )
    return np.clip(sound, -1, 1).astype(np.float32)
