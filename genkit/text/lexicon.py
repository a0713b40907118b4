"""A user's own pronunciations: one word a line, then its phonemes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from genkit.errors import InputError
from genkit.text.books.passage import read_text
from genkit.text.english.arpabet import from_ipa, stressed

Lexicon = Mapping[str, tuple[str, ...]]  # word in lower case to ARPAbet with stress


def phonemes_from(text: str, alphabet: str = "arpabet") -> tuple[str, ...]:
    """Phonemes written as text: `HH AH0 L OW1`, or `həˈloʊ` with the alphabet "ipa".

    Raises: ValueError that names what is no phoneme.
    """
    if alphabet == "ipa":
        return from_ipa(text)
    return stressed(text.upper().split())


def read_lexicon(path: Path) -> dict[str, tuple[str, ...]]:
    """Read `word<tab or spaces>ARPAbet` lines; `#` and `;;;` start comments; the last of two entries counts.

    Raises: InputError that names the file and the line.
    """
    try:
        lines = read_text(path).splitlines()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror or error}", "give a text file: a word and its phonemes on each line"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})", "save the lexicon as UTF-8") from error
    entries: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        line = line.partition(";;;")[0].partition("#")[0].strip()
        if not line:
            continue
        word, _, rest = line.replace("\t", " ").partition(" ")
        try:
            entries[word.lower().replace("’", "'")] = phonemes_from(rest)
        except ValueError as error:
            raise InputError(
                f"{path}, line {number}: {word}: {error}", "write for example: nginx  EH1 N JH IH0 N EH1 K S"
            ) from error
    return entries
