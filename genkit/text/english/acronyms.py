"""Capitals and letters among digits: said as words, or letter by letter."""

from __future__ import annotations

import re

from genkit.text.english.abbreviations import PRONOUNCED, SHOUTED, SPELT
from genkit.text.english.numbers import cardinal, digits, many, pairs
from genkit.text.tables import table, word_set

ALPHANUMERIC = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z\d]+")
MODELS = re.compile(r"\b(?:iphone|ipad|galaxy|pixel|nexus|xbox|series|model|moto|oneplus|note)\s$", re.IGNORECASE)
_VOWELS = set("aeiouy")
_WORDS = table("english/words")
_ONSETS, _CODAS = (word_set(_WORDS[name]) for name in ("onsets", "codas"))


def shouted(part: str) -> bool:
    """Whether a sentence is all in capitals: its words are then words, and not acronyms."""
    found = re.findall(r"[^\W\d_]+", part)
    if len(found) < 2 or any(one != one.upper() for one in found):
        return False
    return any(one.lower() in SHOUTED or len(one) >= 6 for one in found)


def beside_shouted(part: str, at: int, end: int) -> bool:
    """Whether a plain word in capitals stands beside: small capitals at the beginning of a chapter, a few words shouted."""
    before = re.search(r"(?<![\w'’])([A-Z]{2,}(?:['’][A-Z]+)?)[\s,]+$", part[max(at - 24, 0) : at])
    after = re.match(r"[\s,]+([A-Z]{2,}(?:['’][A-Z]+)?)(?![\w'’])", part[end : end + 24])
    return any(one and one[1].lower().replace("’", "'") in SHOUTED for one in (before, after))


def capitals(word: str, loud: bool) -> list[str] | None:
    """Acronyms letter by letter, with their plural or possessive s; None for what is said as a word."""
    stem, own, tail = word.partition("'")
    plural = ""
    if own and tail.lower() == "s":
        plural = "'s"
    elif own:
        return None
    if len(stem) > 2 and stem.endswith("s") and stem[:-1].isupper():
        stem, plural = stem[:-1], "'s"
    if len(stem) < 2 or not stem.isupper() or not stem.isascii():
        return None
    if not spelt(stem.lower(), loud):
        return [stem.lower() + plural] if plural else None
    return [*stem[:-1], stem[-1] + plural]


def spelt(low: str, loud: bool = False) -> bool:
    """Whether capitals are said letter by letter."""
    if low in SPELT or low == "us" or (low == "it" and not loud):
        return not (loud and low == "us")
    if low in PRONOUNCED or low in SHOUTED:
        return False
    if not set(low) & _VOWELS:
        return True
    if loud or len(low) >= 6:
        return False
    return len(low) <= 3 or not _pronounceable(low)


def _pronounceable(low: str) -> bool:
    match = re.fullmatch(r"([^aeiou]*)([aeiou].*?)([^aeiou]*)", low)
    if match is None or not set(low) - set("aeiou"):
        return False
    onset, middle, coda = match.groups()
    return (not onset or onset in _ONSETS) and (not coda or coda in _CODAS) and not re.search(r"[^aeiou]{4}|[aeiou]{3}", middle)


def alphanumeric(match: re.Match[str]) -> list[str] | None:
    """MP3, COVID19, 4K, B2B, H2O, 1080p: letters and digits in turn."""
    if match[0] in ("WW1", "WW2"):
        return ["world", "war", "one" if match[0][2] == "1" else "two"]
    runs = re.findall(r"[A-Za-z]+|\d+", match[0])
    said: list[str] = []
    for place, run in enumerate(runs):
        if run.isdigit():
            if len(run) <= 2 and run[0] != "0":
                said += cardinal(run)
            else:
                said += pairs(run) if run[0] != "0" and len(run) <= 4 else digits(run)
        elif run == "s" and place == len(runs) - 1 and place and said:
            said = [*said, "S"] if MODELS.search(match.string[: match.start()]) else many(said)
        elif run.islower() and len(run) > 2 and set(run) & _VOWELS:
            said.append(run)
        elif (run.istitle() and len(run) > 2) or (run.isupper() and len(run) > 3 and not spelt(run.lower(), False)):
            said.append(run.lower())
        else:
            said += list(run.upper())
    return said
