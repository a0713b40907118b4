"""Whisper for English in CTranslate2's format, to count what of a voice is understood (Radford et al. 2022, arXiv 2212.04356).

The library ctranslate2 runs it; `requires = "ctranslate2"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import UsageError, WeightsError

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card

RATE_HZ = 16_000
WINDOW_S = 30  # what it hears at once
PROMPT = ("<|startoftranscript|>", "<|notimestamps|>")  # of a model of English alone
ROLES = ("weights", "settings", "tokenizer", "vocabulary")
EXTRA = "pip install 'genkit-media[ctranslate2]'"
DTYPES = ("float32",)


class Whisper:
    """Mono sound at 16 kHz in [-1, 1] to the words that are heard in it."""

    def __init__(self, network: Any, tokenizer: Any, extractor: Any):
        self.network, self._tokenizer, self._extractor = network, tokenizer, extractor
        self._prompt = [tokenizer.token_to_id(token) for token in PROMPT]

    def __call__(self, audio: np.ndarray) -> str:
        import ctranslate2

        heard: list[str] = []
        for start in range(0, len(audio), WINDOW_S * RATE_HZ):
            part = audio[start : start + WINDOW_S * RATE_HZ]
            features = self._extractor(part, sampling_rate=RATE_HZ, return_tensors="np")["input_features"]
            found = self.network.generate(ctranslate2.StorageView.from_array(features), [self._prompt], beam_size=5)
            heard.append(self._tokenizer.decode(found[0].sequences_ids[0], skip_special_tokens=True).strip())
        return " ".join(heard)


def recognise(state: Mapping[str, Any]) -> None:
    """No checkpoint of tensors is one of these."""


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Whisper:
    """Load the recogniser, on the CPU.

    Raises:
        UsageError: ctranslate2 is not installed. WeightsError: a file is missing or no such model.
    """
    try:
        import ctranslate2
    except ImportError as error:
        raise UsageError(f"{card.name} needs ctranslate2, an extra of genkit", EXTRA, code="requires") from error
    from tokenizers import Tokenizer
    from transformers import WhisperFeatureExtractor

    if missing := [role for role in ROLES if role not in files]:
        raise WeightsError(f"{card.toml}: files.{missing[0]} is missing", code="card")
    try:
        network = ctranslate2.models.Whisper(str(files["weights"].parent), device="cpu", compute_type="float32")
        tokenizer = Tokenizer.from_file(str(files["tokenizer"]))
    except Exception as error:  # both libraries raise plain exceptions of their own
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{files['weights'].parent}: no Whisper model of CTranslate2 ({reason})", code="damaged") from error
    if network.is_multilingual or None in [tokenizer.token_to_id(token) for token in PROMPT]:
        raise WeightsError(f"{card.name}: no model of English alone, which is what is measured with", code="settings")
    return Whisper(network, tokenizer, WhisperFeatureExtractor())
