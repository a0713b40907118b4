"""Kokoro-82M (hexgrad 2025, after StyleTTS 2: Li and others 2023, arXiv 2306.07691) as an ONNX file, here in eight bits, run by
ONNX Runtime, which is an extra; English by genkit's own phonemes, so neither its package, nor spaCy, nor espeak-ng is needed.

`tokens` (1, L) int64, `style` (1, 256) and `speed` (1,) float32 in, a sound at 24 kHz out. A voice is a file of bare float32
numbers: a style for each number of phonemes that a call may have, 510 x 256. The file keeps durations to itself and draws its
noise inside ONNX Runtime, so there are no times of words, and no seed. British voices get British phonemes; those of other
languages read English with their accent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import UsageError, WeightsError
from genkit.models.onnx_runtime import open_session, run
from genkit.models.shapes import Chunk
from genkit.models.tts.kokoro_phones import MOST_PHONES, SpeakPhones, numbers
from genkit.models.tts.speaking import rate_of
from genkit.text.english.misaki import british

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

STYLE = 256
DTYPES = ("float32",)


def build(**params: Any) -> Any:
    """Not possible: the network is an ONNX file.

    Raises:
        UsageError: always.
    """
    raise UsageError("kokoro's ONNX file is run as it is, and is not built here")


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the network is an ONNX file, not a state dict."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Kokoro:
    """Load `weights` (.onnx) and a file for each voice of the card.

    Raises:
        UsageError: onnxruntime is not installed. WeightsError: files that are not this network and its voices.
    """
    session = open_session(card, files, device, ("tokens", "style", "speed"))
    voices = {str(one): str(language) for one, language in dict(card.params.get("voices") or {}).items()}
    if missing := [one for one in voices if one not in files] or ([] if voices else ["no voice"]):
        raise WeightsError(f"{card.toml}: files.{missing[0]} is missing", "a file for each of params.voices", code="card")
    return Kokoro(card, session, {one: files[one] for one in voices})


class Kokoro(SpeakPhones):
    def __init__(self, card: Card, session: Any, paths: Mapping[str, Path]):
        super().__init__(card, sample_rate=rate_of(card), voices=list(paths))
        self.session, self._paths = session, dict(paths)
        self._languages = {str(one): str(language) for one, language in card.params["voices"].items()}
        self._styles: dict[str, np.ndarray] = {}

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        name = voice or str(self.card.params.get("voice", self.voices[0]))
        phones = self.phones(sentence, options.get("lexicon"))
        if not (ids := numbers(british(phones) if self._languages[name] == "en-GB" else phones)):
            return
        inputs = {
            "tokens": np.array([ids], np.int64),
            "style": self._style(name)[len(ids) - 3][None],  # the first is for one phoneme, and two of the ids are the ends
            "speed": np.array([speed], np.float32),
        }
        yield np.clip(np.asarray(run(self.card, self.session, inputs)[0], np.float32).reshape(-1), -1, 1), ()

    def _style(self, name: str) -> np.ndarray:
        """The styles of a voice (MOST_PHONES, STYLE), by the number of phonemes less one."""
        if name not in self._styles:
            data = self._paths[name].read_bytes()
            styles = np.frombuffer(data, "<f4") if len(data) == 4 * MOST_PHONES * STYLE else np.empty(0, np.float32)
            if not styles.size or not np.isfinite(styles).all():
                raise WeightsError(
                    f"{self._paths[name]}: no voice of {MOST_PHONES} x {STYLE} numbers", "fetch it again", code="damaged"
                )
            self._styles[name] = styles.reshape(MOST_PHONES, STYLE)
        return self._styles[name]
