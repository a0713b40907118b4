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
import torch
from torch import Tensor

from genkit import runtime
from genkit.errors import RunError, UsageError, WeightsError
from genkit.models.onnx_runtime import open_session, run
from genkit.models.shapes import Chunk
from genkit.models.tts.kokoro_phones import SpeakPhones
from genkit.models.tts.speaking import rate_of

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.text.sentence import Sentence

OUTPUTS = ("lh", "theta", "ln", "lr", "phi", "f0")
RATE_HZ, WINDOW, HOP = 24_000, 1200, 300  # samples
LOWEST_HZ, HIGHEST_HZ = 40.0, 11_000.0  # below the first there is no voice, above the second no harmonic
LOUDEST = 7.0  # logarithms above it are cut
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
        made = [torch.from_numpy(np.asarray(one, np.float32))[0] for one in run(self.card, self.session, inputs, OUTPUTS)]
        lh, theta, ln, lr, phi, f0 = made
        if len(f0) * HOP <= WINDOW // 2 or any(one.shape != (WINDOW // 2 + 1, len(f0)) for one in made[:-1]):
            raise RunError(f"{self.card.name} made no spectrum of {sentence.text[:60]!r}", "genkit models verify")
        yield synthesize(lh, theta, ln, lr, phi, f0, seed).clamp(-1, 1).numpy(), ()


def synthesize(lh: Tensor, theta: Tensor, ln: Tensor, lr: Tensor, phi: Tensor, f0: Tensor, seed: int) -> Tensor:
    """The sound (F * HOP,) of the network's parts, each (601, F), and its pitch (F,) in Hz; noise by `seed`."""
    frames = f0.shape[0]
    window = torch.hann_window(WINDOW)
    # a cosine of amplitude 1 then has magnitude 1 at its place, so exp(lh) is that of the harmonic
    pulses = torch.stft(pulse_train(f0), WINDOW, HOP, window=window, return_complex=True)[:, :frames] / (WINDOW / 4)
    noise = torch.view_as_complex(runtime.noise(seed, (*lh.shape, 2)).contiguous())
    spectrum = torch.polar(_magnitude(lh), torch.pi * theta.tanh()) * pulses
    spectrum = spectrum + _magnitude(ln) * noise + torch.polar(_magnitude(lr), phi)
    return torch.istft(spectrum, WINDOW, HOP, window=window, length=frames * HOP)


def pulse_train(f0: Tensor) -> Tensor:
    """Pulses (F * HOP,) at a pitch (F,) in Hz: all its harmonics up to HIGHEST_HZ at amplitude 1, nothing where it has none.

    The sum of cos(h t), h from 1 to n, is sin((n + 1/2) t) / (2 sin(t / 2)) - 1/2; where t is a whole turn, n.
    """
    hertz = torch.nn.functional.interpolate(f0[None, None].float(), scale_factor=HOP, mode="linear")[0, 0]
    voiced = hertz > LOWEST_HZ
    hertz = hertz.clamp(min=LOWEST_HZ)
    turns = (hertz.double().cumsum(0) / RATE_HZ).remainder(1)  # a float32 sum would drift within seconds
    angle = (2 * torch.pi * turns).float()
    count = (HIGHEST_HZ / hertz).floor()
    below = 2 * (angle / 2).sin()
    whole = below.abs() < 2e-3
    train = torch.where(whole, count, ((count + 0.5) * angle).sin() / torch.where(whole, 1.0, below) - 0.5)
    return torch.where(voiced, train, 0.0)


def _magnitude(logarithm: Tensor) -> Tensor:
    return logarithm.clamp(max=LOUDEST).exp()
