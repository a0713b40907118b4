"""SpeechT5 (Ao and others 2022, arXiv 2110.07205): letters to a mel spectrogram, frame by frame, and HiFi-GAN behind it,
through transformers' `SpeechT5ForTextToSpeech`. Whose voice it is a vector of 512 numbers says, which a file brings (`.npy`).

The published weights are PyTorch files, read by our restricted reader. The network draws noise (dropout before its decoder), so
it takes a seed. Its HiFi-GAN lies in a repository of its own: the card's files `vocoder` and `vocoder_config`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import InputError, UsageError, WeightsError
from genkit.models.settings import read_settings
from genkit.models.shapes import Chunk
from genkit.models.tts.folders import build_strictly, open_model, open_tokenizer, root_of
from genkit.models.tts.griffin_lim import check_mel, sound_of
from genkit.models.tts.speaking import Speak, rate_of, seeded
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    from transformers import SpeechT5ForTextToSpeech

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

LONGEST = 380  # letters: its positions end at 450, and a sentence is better short


def build(**params: Any) -> Any:
    """Random weights in any size; `params` are those of transformers' SpeechT5Config."""
    from transformers import SpeechT5Config, SpeechT5ForTextToSpeech

    return SpeechT5ForTextToSpeech(SpeechT5Config(**params)).eval()


def recognise(state: Mapping[str, torch.Tensor]) -> dict[str, Any] | None:
    """None: its letters are in its tokenizer, which weights alone do not hold."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> SpeechT5:
    """Load a repository of the transformers layout, and the vocoder's two files.

    Raises:
        WeightsError: files that are not what the card says.
    """
    from transformers import SpeechT5ForTextToSpeech, SpeechT5HifiGan, SpeechT5Tokenizer

    root = root_of(files, card.name)
    for needed in ("vocoder", "vocoder_config"):
        if needed not in files:
            raise WeightsError(f"{card.toml}: files.{needed} is missing", code="card")
    try:
        import sentencepiece  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"{card.name} needs sentencepiece for its letters", "pip install sentencepiece", code="requires"
        ) from error
    tokenizer = open_tokenizer(SpeechT5Tokenizer, root, ("spm_char.model", "tokenizer_config.json"))
    model = open_model(SpeechT5ForTextToSpeech, root, device, dtype, pickled=bool(card.params.get("pickled")))
    path = files["vocoder"]
    vocoder = build_strictly(
        SpeechT5HifiGan, read_settings(files["vocoder_config"]), read_state_dict(path), path, device, dtype
    )
    return SpeechT5(card, model, vocoder, tokenizer)


class SpeechT5(Speak):
    takes = "characters"
    longest = LONGEST
    voice_files = (".npy",)

    def __init__(self, card: Card, model: SpeechT5ForTextToSpeech, vocoder: Any, tokenizer: Any):
        super().__init__(card, sample_rate=rate_of(card, vocoder.config.sampling_rate))
        self.model, self.vocoder, self.tokenizer = model, vocoder, tokenizer
        self.longest = min(LONGEST, int(model.config.max_text_positions) - 2)

    def check(self, *, voice: str | None = None, speed: float = 1.0, pitch: float = 0.0) -> None:
        super().check(voice=voice, speed=speed, pitch=pitch)
        size = int(self.model.config.speaker_embedding_dim)
        if voice is None:
            raise UsageError(
                f"{self.card.name} needs a speaker's vector", f"--voice FILE.npy, a NumPy file of {size} numbers", code="voice"
            )
        _vector(voice, size)

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        device = next(self.model.parameters()).device
        ids = self.tokenizer(sentence.said, return_tensors="pt")["input_ids"].to(device)
        if int((ids == self.tokenizer.unk_token_id).sum()):
            for letter in sentence.said:
                if letter.isalnum() and self.tokenizer.unk_token_id in self.tokenizer(letter)["input_ids"]:
                    self._pass_over(letter)
        if not ids.numel():
            return
        vector = _vector(str(voice), int(self.model.config.speaker_embedding_dim)).to(device, self.model.dtype)
        with torch.inference_mode(), seeded(seed, device):
            mel: Any = self.model.generate_speech(ids, vector[None])  # (F, bands)
            if options.get("vocoder") == "griffin-lim":
                sound = sound_of(mel.float().T.cpu().numpy(), check_mel(self.card.name, self.card.params.get("mel")), seed)
            else:
                sound = self.vocoder(mel).float().clamp(-1, 1).cpu().numpy()
        yield sound, ()


@lru_cache(maxsize=4)
def _vector(path: str, size: int) -> torch.Tensor:
    """A speaker's vector (size,) from a NumPy file.

    Raises:
        InputError: missing, no such file, or of another size.
    """
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no NumPy file of numbers"
        raise InputError(f"--voice {path}: {reason}", code="voice", exit_code=2) from error
    flat = np.asarray(array).reshape(-1) if getattr(array, "dtype", None) is not None else np.zeros(0)
    if flat.shape != (size,) or flat.dtype.kind not in "fiu" or not np.isfinite(flat.astype(np.float64)).all():
        raise InputError(
            f"--voice {path}: expected {size} numbers, not {getattr(array, 'shape', '')}", code="voice", exit_code=2
        )
    return torch.from_numpy(flat.astype(np.float32))
