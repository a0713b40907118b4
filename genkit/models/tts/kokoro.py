"""Kokoro (hexgrad 2025): StyleTTS 2 (Li and others 2023, arXiv 2306.07691) made small, many voices in several languages,
through its authors' package `kokoro`, which is an extra.

The package brings a front end of its own, so the voice reads text as it stands. Weights and voices come from the card's files
and are read with tensors alone; the package is never told to fetch any. The front end for English wants a spaCy model
(en_core_web_sm), which must be there: nothing is fetched while speaking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from genkit.errors import RunError, UsageError, WeightsError
from genkit.models.shapes import Chunk, Mark
from genkit.models.tts.folders import root_of
from genkit.models.tts.speaking import Speak, rate_of
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.text.sentence import Sentence

LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-BR",
    "z": "zh",
}  # by the first letter of a voice
EXTRA = "pip install 'genkit-media[kokoro]'"


def build(**params: Any) -> Any:
    """Not possible: the network is its package's, in one size.

    Raises:
        UsageError: always.
    """
    raise UsageError("kokoro has one size, and its package builds it", EXTRA)


def recognise(state: Mapping[str, torch.Tensor]) -> dict[str, Any] | None:
    """None: a voice needs its package's settings beside the weights."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Kokoro:
    """Load a repository of hexgrad's layout: config.json, the weights, voices/.

    Raises:
        UsageError: the package is not installed. WeightsError: files that are not Kokoro.
    """
    try:
        import kokoro
    except ImportError as error:
        raise UsageError(f"{card.name} needs the package kokoro, an extra of genkit", EXTRA, code="requires") from error
    root = root_of(files, card.name)
    voices = {path.stem: path for path in sorted((root / "voices").glob("*.pt"))}
    if not voices:
        raise WeightsError(f"{root} has no voices", "fetch it again")
    weights, settings = root / str(card.params.get("weights", "kokoro-v1_0.pth")), root / "config.json"
    read_state_dict(weights)  # refuses what is more than tensors, before the package opens it
    try:
        model = kokoro.KModel(repo_id=card.hub.repo if card.hub else None, config=str(settings), model=str(weights))
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise WeightsError(f"{root}: not Kokoro ({' '.join(str(error).split())[:160]})", "fetch it again") from error
    return Kokoro(card, kokoro.KPipeline, model.to(device).eval(), voices)


class Kokoro(Speak):
    takes = "text"
    longest = 400  # letters: it takes 510 phonemes

    def __init__(self, card: Card, pipeline: Any, model: Any, voices: Mapping[str, Path]):
        super().__init__(card, sample_rate=rate_of(card), voices=list(voices))
        self.model, self._pipeline, self._paths = model, pipeline, dict(voices)
        self._made: dict[str, Any] = {}
        self._styles: dict[str, torch.Tensor] = {}

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        name = voice or str(self.card.params.get("voice", self.voices[0]))
        with torch.inference_mode():
            for result in self._front(name[0])(" ".join(sentence.text.split()), voice=self._style(name), speed=speed):
                if result.audio is None:
                    continue
                marks = [
                    Mark("word", token.text, float(token.start_ts), float(token.end_ts))
                    for token in (result.tokens or ())
                    if token.start_ts is not None and token.end_ts is not None and any(map(str.isalnum, token.text))
                ]
                yield result.audio.float().clamp(-1, 1).cpu().numpy(), marks

    def _front(self, letter: str) -> Any:
        """The package's front end of a language, made once.

        Raises:
            RunError: a part of it is not installed.
        """
        if letter not in self._made:
            if letter == "a" or letter == "b":
                self._need_spacy()
            try:
                self._made[letter] = self._pipeline(
                    lang_code=letter, repo_id=self.card.hub.repo if self.card.hub else None, model=self.model
                )
            except (ImportError, OSError, RuntimeError, AssertionError) as error:
                reason = " ".join(str(error).split())[:160]
                language = LANGUAGES.get(letter, letter)
                raise RunError(f"kokoro's front end for {language} cannot be used: {reason}", EXTRA) from error
        return self._made[letter]

    def _need_spacy(self) -> None:
        from importlib.util import find_spec

        if find_spec("misaki") is not None and find_spec("en_core_web_sm") is None:  # the package would fetch it unasked
            raise UsageError(
                f"{self.card.name} reads English by spaCy's en_core_web_sm, which is not installed",
                "python -m spacy download en_core_web_sm",
                code="requires",
            )

    def _style(self, name: str) -> torch.Tensor:
        if name not in self._styles:
            try:
                held = torch.load(self._paths[name], map_location="cpu", weights_only=True)
            except Exception as error:  # a damaged file fails in any way inside torch's restricted reader
                raise WeightsError(f"{self._paths[name]}: truncated or altered", "fetch it again", code="damaged") from error
            if not isinstance(held, torch.Tensor):
                raise WeightsError(f"{self._paths[name]}: no voice", "fetch it again", code="damaged")
            self._styles[name] = held
        return self._styles[name]
