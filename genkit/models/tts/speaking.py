"""The shape `speak`: a sentence to speech, piece by piece, with the times of its words where the network knows them.

A family gives its network this shape by a class with `_say`. `__call__` checks what is asked for, so that every voice refuses
what it cannot do in the same words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError, WeightsError
from genkit.models.shapes import Chunk, SpeakModel
from genkit.text.scripts import foreign_words

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.text.sentence import Sentence

SPEEDS = (0.5, 2.0)
SEMITONES = 12.0


class Speak(SpeakModel):
    """A loaded voice, or several."""

    def __init__(self, card: Card, *, sample_rate: int, voices: Sequence[str] = ()):
        self.card = card
        self.sample_rate = sample_rate
        self.voices = tuple(voices)
        self.languages = languages_of(card)
        self.can = card.can
        self.unread: Counter[str] = Counter()

    def __call__(
        self,
        sentence: Sentence | str,
        seed: int = 0,
        *,
        voice: str | None = None,
        speed: float = 1.0,
        pitch: float = 0.0,
        **options: Any,
    ) -> Iterator[Chunk]:
        self.check(voice=voice, speed=speed, pitch=pitch)
        if not isinstance(sentence, str):
            yield from self._checked(sentence, seed, voice, speed, pitch, options)
            return
        from genkit.text.front import sentences

        for number, one in enumerate(sentences(sentence, language=self.languages[0])):
            yield from self._checked(one, seed + number, voice, speed, pitch, options)

    def _checked(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        if self.takes != "phonemes" and any(
            word.phonemes and not word.text for piece in sentence.pieces for word in piece.words
        ):
            raise UsageError(
                f"{self.card.name} reads letters, and [[...]] holds phonemes",
                "spell it as it sounds, or take a voice that reads phonemes: genkit tts --list-voices",
                code="model-option",
            )
        yield from self._say(sentence, seed, voice, speed, pitch, options)

    def _pass_over(self, text: str) -> None:
        """Count a word or a sign that is left out; words in another script are known before anything is said."""
        if not foreign_words(text, self.languages).count:
            self.unread[text] += 1

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        raise NotImplementedError

    def check(self, *, voice: str | None = None, speed: float = 1.0, pitch: float = 0.0) -> None:
        name = self.card.name
        # a sentence whose markup asks for more than the command line may ask for still gets a duration that can be made
        if not SPEEDS[0] / 2 <= speed <= SPEEDS[1] * 2:
            raise UsageError(f"speed {speed:g}: expected {SPEEDS[0]:g} to {SPEEDS[1]:g}")
        if speed != 1.0 and "speed" not in self.can:
            raise UsageError(f"{name} cannot change its speed", "leave it out, or take another voice", code="model-option")
        if abs(pitch) > SEMITONES:
            raise UsageError(f"pitch {pitch:g}: expected -{SEMITONES:g} to {SEMITONES:g} semitones")
        if pitch and "pitch" not in self.can:
            raise UsageError(f"{name} cannot change its pitch", "leave it out, or take another voice", code="model-option")
        if voice is None or voice in self.voices or (self.voice_files and Path(voice).suffix.lower() in self.voice_files):
            return
        if self.voices:
            more = ", ..." if len(self.voices) > 12 else ""
            hint = f"its voices: {', '.join(self.voices[:12])}{more}"
        elif self.voice_files:
            hint = f"it takes a file: --voice FILE{self.voice_files[0]}"
        else:
            hint = "it has one voice: leave out --voice"
        raise UsageError(f"{name} has no voice {voice!r}", hint, code="unknown-voice")


def languages_of(card: Card) -> tuple[str, ...]:
    """The languages of all its voices, as codes such as en-US.

    Raises:
        WeightsError: the card names none.
    """
    languages = tuple(str(one) for one in card.params.get("languages", ()))
    if not languages:
        raise WeightsError(f"{card.toml}: params.languages names no language", 'list them: languages = ["en-US"]', code="card")
    return languages


def rate_of(card: Card, own: Any = None) -> int:
    """The sample rate of what a network makes: its own configuration's, which the card's may not contradict.

    Raises:
        WeightsError: they differ, or neither says it.
    """
    stated = card.params.get("sample_rate")
    if own is not None and stated is not None and int(own) != int(stated):
        raise WeightsError(f"{card.name}: the card says {stated} Hz and the model's files {own} Hz", code="card")
    rate = own if own is not None else stated
    if not isinstance(rate, int) or not 4000 <= rate <= 192_000:
        raise WeightsError(f"{card.name}: the sample rate is not known", "params.sample_rate says it", code="card")
    return rate


@contextmanager
def seeded(seed: int, device: Any) -> Iterator[None]:
    """Let a library that draws from the global generators draw what `seed` gives, and put them back afterwards."""
    import torch

    devices = [device] if getattr(device, "type", "cpu") == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed & 0x7FFF_FFFF_FFFF_FFFF)
        yield
