"""A sentence as a voice is given it: pieces between marks, of words that are said, each with its place in the text."""

from __future__ import annotations

from dataclasses import dataclass

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
