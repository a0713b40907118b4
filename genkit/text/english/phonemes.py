"""Words to phonemes: ARPAbet as CMUdict writes it, 39 phonemes, vowels with a stress of 0, 1 or 2.

In this order: what the text gave itself, the user's lexicon, letters by name, heteronyms by context, the exceptions,
endings of known words, the network. Weights: genkit-g2p.safetensors, learnt from CMUdict (genkit/train/tts/g2p.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from genkit.cards.places import weights_folder
from genkit.text.english import endings, heteronyms
from genkit.text.english.arpabet import CONSONANTS, SYMBOLS, VOWELS
from genkit.text.english.g2p import ALPHABET
from genkit.text.english.packing import Model, load
from genkit.text.lexicon import Lexicon
from genkit.text.romanising import romanised
from genkit.text.sentence import Piece, Word

__all__ = ["CONSONANTS", "SYMBOLS", "VOWELS", "model_file", "phonemes_of", "pronounce", "say", "words_of"]

_LETTERS = {
    "a": "EY1", "b": "B IY1", "c": "S IY1", "d": "D IY1", "e": "IY1", "f": "EH1 F", "g": "JH IY1", "h": "EY1 CH", "i": "AY1",
    "j": "JH EY1", "k": "K EY1", "l": "EH1 L", "m": "EH1 M", "n": "EH1 N", "o": "OW1", "p": "P IY1", "q": "K Y UW1",
    "r": "AA1 R", "s": "EH1 S", "t": "T IY1", "u": "Y UW1", "v": "V IY1", "w": "D AH1 B AH0 L Y UW0", "x": "EH1 K S",
    "y": "W AY1", "z": "Z IY1",
}  # fmt: skip
_FOLDED = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "th", "þ": "th", "ł": "l", "ı": "i", "’": "'"}
)
_OWN = {  # said otherwise in running text than alone, or missing in the dictionary
    "a": ("AH0",), "i": ("AY1",), "o": ("OW1",), "o'clock": ("AH0", "K", "L", "AA1", "K"), "miz": ("M", "IH1", "Z"),
}  # fmt: skip
LONGEST_SPELT = 5  # letters of a word without vowels that is said letter by letter: html, tbh
_SPOKEN = frozenset("aeiouy")
_NOISES = frozenset(("hm", "hmm", "mm", "mmm", "sh", "shh", "brr", "grr", "pst", "psst", "pfft", "tsk", "zzz", "nth"))
_KNOWN_ALL = frozenset(ALPHABET)


def model_file() -> Path:
    return weights_folder() / "tts" / "genkit-g2p.safetensors"


@lru_cache(maxsize=1)
def _model() -> Model:
    return load(model_file())


def knows(word: str) -> bool:
    """Whether the dictionary has a word (small letters); it takes one in a hundred that it has not for one that it has."""
    return word in _model().exceptions or word in _model().known


def say(word: str, model: Model, exceptions: Mapping[str, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """How a word of ALPHABET is said alone, by exceptions, rules and the network."""
    exceptions = model.exceptions if exceptions is None else exceptions
    if word in exceptions:
        return exceptions[word]
    known = word in model.known
    for stem, ending in endings.stems(word):
        if len(stem) < 2:
            continue
        if (own := word.endswith(("'s", "s'"))) or stem in exceptions or (not known and stem in model.known):
            if own and stem not in model.known and stem not in exceptions and not known:
                return ending(say(stem, model, exceptions))
            if stem in model.known or stem in exceptions:
                return ending(say(stem, model, exceptions))
    said = model.network([word])[0]
    return said if known else _single(said)


def _single(said: tuple[str, ...]) -> tuple[str, ...]:
    """Without a consonant said twice in a row, which doubled letters of names can lead the network to."""
    return tuple(one for place, one in enumerate(said) if not place or one != said[place - 1])


@lru_cache(maxsize=65536)
def pronounce(word: str) -> tuple[str, ...]:
    """How an English word (lower case) is said alone; letters of other alphabets are read as the English ones nearest to them.

    Empty where nothing in it can be read.
    """
    folded = word.translate(_FOLDED)
    if not _KNOWN_ALL.issuperset(folded):
        folded = romanised(folded).translate(_FOLDED)
        folded = "".join(one for one in unicodedata.normalize("NFKD", folded).lower() if one in _KNOWN_ALL)
    if not folded:
        return ()
    if folded in _OWN:
        return _OWN[folded]
    model = _model()
    if folded not in model.exceptions and folded not in model.known:
        folded = folded.strip("'") or folded
    if len(folded) == 1 and folded in _LETTERS:
        return tuple(_LETTERS[folded].split())
    if not folded.strip("'"):
        return ()
    if _is_spelt(folded, model):
        return tuple(one for letter in folded if letter in _LETTERS for one in _LETTERS[letter].split())
    return say(folded, model)


def _is_spelt(word: str, model: Model) -> bool:
    """Whether a word that no dictionary has is short and without a vowel: tbh, html."""
    known = word in model.exceptions or word in model.known or word in _NOISES
    return not known and len(word) <= LONGEST_SPELT and not _SPOKEN.intersection(word)


def _letter(text: str) -> tuple[str, ...]:
    said = tuple(_LETTERS[text[0]].split())
    return endings.plural(said) if text.endswith("'s") else said


def _of_lexicon(text: str, lexicon: Lexicon) -> tuple[str, ...] | None:
    if (said := lexicon.get(text)) is not None:
        return said
    for stem, ending in endings.stems(text):
        if stem in lexicon and not re.search(r"(?:ed|ing)$", text):
            return ending(lexicon[stem])
    return None


def words_of(piece: Piece, lexicon: Lexicon | None = None) -> list[tuple[Word, tuple[str, ...]]]:
    """Each word of a piece with its phonemes; none for a word in a script that has no Latin spelling here."""
    texts = [word.text for word in piece.words]
    said: list[tuple[Word, tuple[str, ...]]] = []
    for place, word in enumerate(piece.words):
        if word.phonemes:
            phonemes = word.phonemes
        elif lexicon and (own := _of_lexicon(word.text, lexicon)) is not None:
            phonemes = own
        elif word.letter and word.text[:1] in _LETTERS:
            phonemes = _letter(word.text)
        else:
            phonemes = heteronyms.choose(texts, place, word.capital) or pronounce(word.text)
        said.append((word, phonemes))
    for place, (word, phonemes) in enumerate(said[:-1]):
        if word.text == "the" and phonemes == ("DH", "AH0") and said[place + 1][1][:1] and said[place + 1][1][0][-1].isdigit():
            said[place] = word, ("DH", "IY0")
    return said


def phonemes_of(piece: Piece, lexicon: Lexicon | None = None) -> list[str]:
    """All phonemes of a piece in a row, and its mark (one of front.MARKS) at the end where it has one."""
    return [one for _, phonemes in words_of(piece, lexicon) for one in phonemes] + ([piece.mark] if piece.mark else [])
