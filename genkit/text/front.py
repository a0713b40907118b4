"""Text to sentences of words that are said, with what is needed to find each of them again in the text.

Texts come as a string, a sentence is made when it is asked for, and nothing is kept of those before: the memory that a book
takes beyond its own text does not grow with it. Offsets count characters of the text that was given (with `ssml`: of the
markup), so that work which stopped can go on at a sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.text.lexicon import Lexicon

MARKS = ",;:.?!…—"  # every mark that a piece can end with; PAUSES says how long each rests
PAUSES = {",": 0.15, ";": 0.25, ":": 0.25, "—": 0.25, "…": 0.4, ".": 0.35, "?": 0.35, "!": 0.35, "": 0.0}  # seconds
PARAGRAPH_PAUSE_S = 0.7


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word: lower case, letters and apostrophes, such as "twenty" or "don't"; a letter spelt out is one letter.

    `start` and `end` are offsets of what it was read from ("$5" gives "five" and "dollars", both with the span of "$5").
    `phonemes` (ARPAbet) are set where the text gave them itself: `[[...]]` or `<phoneme>`; the text is then what was
    written there, or "" for `[[...]]`.
    """

    text: str
    start: int
    end: int
    phonemes: tuple[str, ...] = ()
    letter: bool = False  # a letter by its name: "a" is then EY1
    capital: bool = False  # it has one that is not the sentence's: Polish, and polish


@dataclass(frozen=True, slots=True)
class Piece:
    """Words up to a mark of punctuation, or (without words) a silence that the text asked for.

    `mark` is one of MARKS or "" where the piece ends for another reason. `pause` is in seconds and is set for silences only;
    how long a mark rests is the model's affair, or PAUSES. `rate` multiplies the speed (2 is twice as fast), `pitch` is in
    semitones.
    """

    words: tuple[Word, ...]
    mark: str = ""
    pause: float = 0.0
    rate: float = 1.0
    pitch: float = 0.0

    @property
    def said(self) -> str:
        """The words as text with the mark: what models that take text are given."""
        return " ".join(word.text for word in self.words if word.text) + self.mark


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: `text` is text[start:end] of the input (with `ssml`: without the markup)."""

    text: str
    start: int
    end: int
    paragraph_end: bool
    pieces: tuple[Piece, ...]

    @property
    def said(self) -> str:
        """The whole sentence as words with their marks, for models that take text or characters."""
        return " ".join(piece.said for piece in self.pieces if piece.words)

    @property
    def pause(self) -> float:
        """Seconds of silence that belong after this sentence."""
        if self.paragraph_end:
            return PARAGRAPH_PAUSE_S
        return PAUSES[self.pieces[-1].mark] if self.pieces else 0.0


def sentences(
    text: str, *, language: str = "en", lexicon: Lexicon | None = None, ssml: bool = False, start: int = 0
) -> Iterator[Sentence]:
    """Read a text sentence by sentence, lazily.

    English is read in full; in other languages numbers are said where num2words knows the language (digits stay where it
    does not), and words and marks are kept. `start` is the offset of a sentence (its `start`, or the `end` of the one before)
    at which to go on. `lexicon` matters here only in that its words are kept as they are written and not read as acronyms,
    units or abbreviations.

    Raises: InputError where `ssml` is wrong or `[[...]]` holds no phonemes; its message names the tag and its place.
    """
    from genkit.text.composing import compose, compose_ssml
    from genkit.text.others.numbers import language_tag

    language = language_tag(language)
    return compose_ssml(text, language, lexicon, start) if ssml else compose(text, language, lexicon, start)
