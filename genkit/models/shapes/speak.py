"""A sentence to speech, piece by piece, with the times of its words where the network knows them: what `genkit tts` runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from genkit.models.shapes.model import Model, Shape

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.text.sentence import Sentence

Takes = Literal["phonemes", "text", "characters"]


@dataclass(frozen=True, slots=True)
class Mark:
    """When something was said, in seconds from the beginning of the audio it comes with. `span` are the offsets, in the text
    that was given, of what it was read from."""

    kind: Literal["word", "phoneme", "sentence"]
    text: str
    start_s: float
    end_s: float
    span: tuple[int, int] | None = None


Chunk = tuple["np.ndarray", Sequence[Mark]]  # audio (T,) float32 [-1, 1] with the marks in it


class SpeakModel(Model, Protocol):
    """A loaded voice, or several. Audio is mono at `sample_rate`; noise comes from the seed alone.

    `takes` says what the network reads: "phonemes" (the front end's), "characters" (the words as they are said, in small
    letters), or "text" (as it stands, the network or its package has a front end of its own). `longest` is how many characters
    one call takes, None where there is no limit. `voices` are the names that `voice` may have (an empty sequence: it has one);
    `voice_files` are the suffixes of files that may be given instead. `languages` are those of all voices, as en-US. `can`
    holds "speed", "pitch", "words" (word times) and "seed" (it draws noise). `unread` counts words and signs that it had no
    sound for; whoever reports them empties it.
    """

    shape: ClassVar[Shape] = "speak"
    card: Card
    sample_rate: int
    takes: Takes = "phonemes"
    longest: int | None = None
    voices: tuple[str, ...] = ()
    voice_files: tuple[str, ...] = ()
    languages: tuple[str, ...]
    can: frozenset[str]
    unread: Counter[str]

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
        """Say one sentence (a text becomes its sentences), in order.

        `speed` 0.5 to 2 changes how long sounds last, `pitch` is in semitones; `options` are the card's own.

        Raises:
            UsageError: this voice has not got the speaker or the ability.
        """
        ...

    def check(self, *, voice: str | None = None, speed: float = 1.0, pitch: float = 0.0) -> None:
        """Refuse what this voice cannot do, before anything is said.

        Raises:
            UsageError: the hint names what it has.
        """
        ...
