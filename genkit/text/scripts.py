"""Which words a voice cannot speak, by the script they are written in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from genkit.text.romanising import is_phonetic

# Scripts by the first word of Unicode's character names; languages that are not listed are written in Latin.
_SCRIPTS: dict[str, tuple[str, ...]] = {

    "CYRILLIC": ("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn", "tg", "tt", "ba", "cv",
                 "rus", "ukr", "bel", "bul", "mkd",
                 "kaz", "kir", "mon", "tgk", "tat", "bak", "chv"),
    "GREEK": ("el", "ell"), "HEBREW": ("he", "heb", "yi", "yid"),
    "ARABIC": ("ar", "fa", "ur", "ps", "ckb", "ara", "fas", "urd", "pus"),
    "DEVANAGARI": ("hi", "mr", "ne", "sa", "hin", "mar", "npi", "nep"), "BENGALI": ("bn", "as", "ben", "asm"),
    "TAMIL": ("ta", "tam"), "TELUGU": ("te", "tel"), "KANNADA": ("kn", "kan"), "MALAYALAM": ("ml", "mal"),
    "GUJARATI": ("gu", "guj"), "GURMUKHI": ("pa", "pan"), "ORIYA": ("or", "ory"), "SINHALA": ("si", "sin"),
    "THAI": ("th", "tha"), "LAO": ("lo", "lao"), "MYANMAR": ("my", "mya"), "KHMER": ("km", "khm"), "GEORGIAN": ("ka", "kat"),
    "ARMENIAN": ("hy", "hye"), "ETHIOPIC": ("am", "ti", "amh", "tir"), "HANGUL": ("ko", "kor"),
    "CJK": ("zh", "ja", "yue", "zho", "cmn", "jpn"), "HIRAGANA": ("ja", "jpn"), "KATAKANA": ("ja", "jpn"),
    "TIBETAN": ("bo", "bod"), "LATIN": ("sr", "srp", "uz", "az"),
}  # fmt: skip
_BOTH = ("sr", "srp", "uz", "uzb", "az", "aze")  # written in Latin and in Cyrillic
_PLANES = ((0x300, 0x3400), (0xA4D0, 0xAC00), (0xFB00, 0xFF00), (0x10000, 0x12000), (0x16A00, 0x17000), (0x1CF00, 0x1D300),
           (0x1E000, 0x1F000))  # fmt: skip


def _marks() -> str:
    """All combining marks, as ranges for a class of a regular expression: they belong to the letter before them."""
    codes = [one for first, end in _PLANES for one in range(first, end) if unicodedata.category(chr(one)) in ("Mn", "Mc")]
    firsts = [one for place, one in enumerate(codes) if not place or codes[place - 1] != one - 1]
    lasts = [one for place, one in enumerate(codes) if place + 1 == len(codes) or codes[place + 1] != one + 1]
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(firsts, lasts, strict=True))


# one letter of a word with what belongs to it: vowel signs, and the joiners of Indian and Persian writing
LETTER = rf"(?:[^\W\d_²³¹⁰-₉½⅓⅔¼¾⅕-⅞]|[{_marks()}\u200c\u200d])"
_WORD = re.compile(rf"[^\W\d_](?:{LETTER}|['’])*")
_FOREIGN = re.compile(r"[^\x00-\u024f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20cf]")
EXAMPLES = 5  # words that a message names
_ANYWHERE = {
    "LATIN", "FULLWIDTH", "FEMININE", "MASCULINE", "MODIFIER", "MICRO", "OHM", "KELVIN", "ANGSTROM", "MATHEMATICAL",
    "DOUBLE-STRUCK", "SCRIPT", "BLACK-LETTER"
}  # fmt: skip


def scripts_of(languages: Collection[str]) -> set[str]:
    """The scripts that languages such as "en", "pt-BR" or "rus" are written in."""
    found: set[str] = set()
    for language in languages:
        code = re.split(r"[-_]", language.lower())[0]
        own = {script for script, codes in _SCRIPTS.items() if code in codes} or {"LATIN"}
        found |= own | ({"CYRILLIC", "LATIN"} if code in _BOTH else set())
    return found


@lru_cache(maxsize=4096)
def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    return name.split(" ")[0].split("-")[0] if name else ""


@lru_cache(maxsize=64)
def written_in_latin(language: str) -> bool:
    return "LATIN" in scripts_of([language])


@dataclass(frozen=True, slots=True)
class Foreign:
    """How many of a text's words are in another script, of how many, and the first few of them."""

    count: int = 0
    of: int = 0
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        return self.count / max(1, self.of)

    def __add__(self, other: Foreign) -> Foreign:
        examples = dict.fromkeys([*self.examples, *other.examples])
        return Foreign(self.count + other.count, self.of + other.of, tuple(examples)[:EXAMPLES])


def foreign_words(text: str, languages: Collection[str]) -> Foreign:
    """Count the words of a text that are in a script which none of the languages is written in (see `unspeakable`)."""
    if not languages:
        return Foreign()
    allowed = scripts_of(languages)
    if "LATIN" in allowed and not _FOREIGN.search(text):
        return Foreign(0, sum(1 for _ in _WORD.finditer(text)))
    count = of = 0
    examples: dict[str, None] = {}
    for match in _WORD.finditer(text):
        of += 1
        if _is_foreign(match[0], allowed):
            count += 1
            if len(examples) < EXAMPLES:
                examples[match[0]] = None
    return Foreign(count, of, tuple(examples))


def _is_foreign(word: str, allowed: set[str]) -> bool:
    latin = "LATIN" in allowed
    scripts = {_script(one) for one in word if one.isalpha()} - allowed
    if latin:
        scripts -= _ANYWHERE
        if scripts == {"GREEK"} and (len(word) == 1 or is_phonetic(word)):
            return False
    return bool(scripts - {""})


def unspeakable(text: str, languages: Collection[str], *, most: int = 5) -> list[str]:
    """The first words of a text that are written in a script which none of the languages (such as "en", "ru") is written in.

    Accents are no script: naïve, Zoë and São are fine everywhere Latin is, and so is a single Greek letter, which has a name.
    Empty where all can be said, or where no languages are given.
    """
    if not languages:
        return []
    allowed = scripts_of(languages)
    if "LATIN" in allowed and not _FOREIGN.search(text):
        return []
    found: list[str] = []
    for match in _WORD.finditer(text):
        if match[0] not in found and _is_foreign(match[0], allowed):
            found.append(match[0])
            if len(found) == most:
                break
    return found
