"""Words to phonemes: ARPAbet as CMUdict writes it, 39 phonemes, vowels with a stress of 0, 1 or 2."""

from __future__ import annotations

from genkit.text.front import Piece, Word
from genkit.text.lexicon import Lexicon

from genkit.text.arpabet import CONSONANTS, SYMBOLS, VOWELS

__all__ = ["CONSONANTS", "SYMBOLS", "VOWELS", "phonemes_of", "words_of"]


def words_of(piece: Piece, lexicon: Lexicon | None = None) -> list[tuple[Word, tuple[str, ...]]]:
    """The phonemes of each word of a piece: those the text gave, else the lexicon's, else by context, exceptions, rules, model."""
    raise NotImplementedError


def phonemes_of(piece: Piece, lexicon: Lexicon | None = None) -> list[str]:
    """All phonemes of a piece in a row, and its mark (one of front.MARKS) at the end where it has one."""
    return [one for _, phonemes in words_of(piece, lexicon) for one in phonemes] + ([piece.mark] if piece.mark else [])
