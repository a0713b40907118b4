"""Which words a voice cannot speak, by the script they are written in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

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
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f'’])*")
_FOREIGN = re.compile(r"[^\x00-\u024f\u1e00-\u1eff\u2000-\u206f\u20a0-\u20cf]")
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


def unspeakable(text: str, languages: Collection[str], *, most: int = 5) -> list[str]:
    """The first words of a text that are written in a script which none of the languages (such as "en", "ru") is written in.

    Accents are no script: naïve, Zoë and São are fine everywhere Latin is, and so is a single Greek letter, which has a name.
    Empty where all can be said, or where no languages are given.
    """
    if not languages:
        return []
    allowed = scripts_of(languages)
    latin = "LATIN" in allowed
    if latin and not _FOREIGN.search(text):
        return []
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match[0]
        scripts = {_script(one) for one in word if one.isalpha()} - allowed
        if latin:
            scripts -= _ANYWHERE
            if scripts == {"GREEK"} and len(word) == 1:
                continue
        if scripts - {""} and word not in found:
            found.append(word)
            if len(found) == most:
                break
    return found
