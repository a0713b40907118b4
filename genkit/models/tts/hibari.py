"""hibari (Williams 2026): an English voice of 6 million parameters, learnt from what Kokoro-82M's af_heart says, in an ONNX
file that ONNX Runtime (an extra) runs.

The network makes five parts of a spectrum and a pitch for every 12.5 ms, and leaves the sound to its host:

    S = exp(lh) e^(i pi tanh theta) E + exp(ln) Z + exp(lr) e^(i phi),

where E is the transform of a train of pulses at the pitch, Z complex noise of variance 1 in each part, and the sound the
inverse transform of S. That is the package's description; this implementation of it is our own. The package's own front end,
whose networks for unknown words learnt from espeak-ng's output, is not used: the phonemes are genkit's.

`ids` (1, L) int64 and `speed` (1,) float32 in; `lh`, `theta`, `ln`, `lr`, `phi` (1, 601, F) and `f0` (1, F) in Hz out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.engine.noise import noise
from genkit.errors import RunError, UsageError, WeightsError
from genkit.models.onnx_runtime import open_session, run
from genkit.models.shapes import Chunk
from genkit.models.tts.kokoro_phones import SpeakPhones
from genkit.models.tts.speaking import rate_of

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

OUTPUTS = ("lh", "theta", "ln", "lr", "phi", "f0")
RATE_HZ, WINDOW, HOP = 24_000, 1200, 300  # samples
LOWEST_HZ, HIGHEST_HZ = 40.0, 11_000.0  # below the first there is no voice, above the second no harmonic
LOUDEST = 7.0  # logarithms above it are cut
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
DTYPES = ("float32",)


def build(**params: Any) -> Any:
    """Not possible: a voice is an ONNX file.

    Raises:
        UsageError: always.
    """
    raise UsageError("a hibari voice is an ONNX file, and is not built here")


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: a voice is an ONNX file, not a state dict."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Hibari:
    """Load `weights` (.onnx).

    Raises:
        UsageError: onnxruntime is not installed. WeightsError: a file that is not such a voice.
    """
    session = open_session(card, files, device, ("ids", "speed"))
    if missing := [one for one in OUTPUTS if one not in {each.name for each in session.get_outputs()}]:
        raise WeightsError(f"{files['weights']}: no hibari voice: it makes no {', '.join(missing)}", code="damaged")
    return Hibari(card, session)


class Hibari(SpeakPhones):
    def __init__(self, card: Card, session: Any):
        super().__init__(card, sample_rate=rate_of(card, RATE_HZ))
        self.session = session

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        if not (ids := self.ids(sentence, options)):
            return
        inputs = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
        made = [np.asarray(one, np.float32)[0] for one in run(self.card, self.session, inputs, OUTPUTS)]
        lh, theta, ln, lr, phi, f0 = made
        if len(f0) * HOP <= WINDOW // 2 or any(one.shape != (WINDOW // 2 + 1, len(f0)) for one in made[:-1]):
            raise RunError(f"{self.card.name} made no spectrum of {sentence.text[:60]!r}", "genkit models verify")
        yield np.clip(synthesize(lh, theta, ln, lr, phi, f0, seed), -1, 1), ()


def synthesize(
    lh: np.ndarray, theta: np.ndarray, ln: np.ndarray, lr: np.ndarray, phi: np.ndarray, f0: np.ndarray, seed: int
) -> np.ndarray:
    """The sound (F * HOP,) float32 of the network's parts, each (601, F), and its pitch (F,) in Hz; noise by `seed`.

    NumPy alone: on frames as short as these, threads of torch cost more than they bring.
    """
    # a cosine of amplitude 1 then has magnitude 1 at its place, so exp(lh) is that of the harmonic
    pulses = _transform(pulse_train(f0), len(f0)) / np.float32(WINDOW / 4)  # (F, 601)
    real, imaginary = noise(seed, (2, *ln.T.shape))
    spectrum = _polar(lh.T, np.float32(np.pi) * np.tanh(theta.T)) * pulses
    spectrum += np.exp(np.minimum(ln.T, LOUDEST)) * (real + 1j * imaginary)
    spectrum += _polar(lr.T, phi.T)
    return _inverse(spectrum)


def pulse_train(f0: np.ndarray) -> np.ndarray:
    """Pulses (F * HOP,) at a pitch (F,) in Hz: all its harmonics up to HIGHEST_HZ at amplitude 1, nothing where it has none.

    The sum of cos(h t), h from 1 to n, is sin((n + 1/2) t) / (2 sin(t / 2)) - 1/2; where t is a whole turn, n.
    """
    count = len(f0)
    hertz = np.interp((np.arange(count * HOP) + 0.5) / HOP - 0.5, np.arange(count), f0)  # a frame's pitch is that of its middle
    voiced = hertz > LOWEST_HZ
    hertz = np.maximum(hertz, LOWEST_HZ)
    angle = (2 * np.pi * np.modf(np.cumsum(hertz) / RATE_HZ)[0]).astype(np.float32)  # a float32 sum would drift within seconds
    harmonics = np.floor(HIGHEST_HZ / hertz).astype(np.float32)
    below = 2 * np.sin(angle / 2)
    whole = np.abs(below) < 2e-3
    train = np.where(whole, harmonics, np.sin((harmonics + 0.5) * angle) / np.where(whole, 1, below) - 0.5)
    return np.where(voiced, train, 0).astype(np.float32)


def _polar(logarithm: np.ndarray, angle: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(logarithm, LOUDEST) + 1j * angle)


def _transform(sound: np.ndarray, frames: int) -> np.ndarray:
    """Short-time Fourier transform (frames, 601), each frame about its first sample, the ends in mirror images."""
    padded = np.pad(sound, WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    return np.fft.rfft(windows * HANN, axis=1)


def _inverse(spectrum: np.ndarray) -> np.ndarray:
    """The sound (F * HOP,) whose transform is nearest to (F, 601): frames laid over each other by their windows."""
    frames, overlap = len(spectrum), WINDOW // HOP
    parts = (np.fft.irfft(spectrum, WINDOW, axis=1) * HANN).reshape(frames, overlap, HOP)
    weights = (HANN**2).reshape(overlap, HOP)
    blocks, total = np.zeros((2, frames + overlap - 1, HOP), np.float32)
    for place in range(overlap):
        blocks[place : place + frames] += parts[:, place]
        total[place : place + frames] += weights[place]
    sound = (blocks / np.maximum(total, 1e-11)).reshape(-1)
    return sound[WINDOW // 2 :][: frames * HOP]
