"""Words, abbreviations, Roman numerals, letters and signs: how each is said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection

from genkit.text.english.abbreviations import (
    BEFORE_NUMBER,
    EITHER,
    FOLDED,
    FULL_MONTHS,
    INSIDE,
    MONTHS,
    NUMBERED,
    REGNAL,
    STARTERS,
    TITLES,
    WEEKDAYS,
)
from genkit.text.english.acronyms import beside_shouted, capitals
from genkit.text.english.compounds import COMPOUNDS, EACH, GREEK, Words, word_before
from genkit.text.english.numbers import cardinal, ordinal, roman, year
from genkit.text.english.postal import saint_or_street, street_word
from genkit.text.english.units import UNITS
from genkit.text.english.years import year_like
from genkit.text.scripts import LETTER
from genkit.text.tables import table, word_set

WORD = re.compile(
    rf"(?:['’](?=(?i:em|tis|twas|til|till|cause|bout|cuz|round|n)\b)|[ODLdl]['’](?=[A-Z]))?{LETTER}+(?:['’]{LETTER}+)*"
)
_WEEKDAYS = word_set("Mon Tue Tues Wed Thu Thur Thurs Fri")  # Sat and Sun are words
_DAY_AHEAD = re.compile(r",?\s([A-Z][a-z]+)\.?\s\d|,?\s\d|\s(?:morning|night|evening|afternoon|noon)s?\b")
_CROWNED = re.compile(r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser|Prince)\s+[A-Z]\w+\s+$")
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,20}(?:\s[^<>]{0,200})?/?>")
_MINUEND = re.compile(r"[\d)]\s?$|(?:^|[\s(])[a-z]\s$")
_SUBTRAHEND = re.compile(r"\s?(?:\(|[b-hj-z](?![\w'’-]))")
_WORDS = table("english/words")
_LETTERED = word_set(_WORDS["lettered"])
_SIGNS: dict[str, str] = _WORDS["signs"]
_NO_NUMERALS = word_set(_WORDS["no_numerals"])
_PAIRS: dict[str, str] = _WORDS["sign_pairs"]
_TITLES_ALONE = word_set(_WORDS["titles_alone"])
_PAIR = re.compile("|".join(map(re.escape, sorted(_PAIRS, key=len, reverse=True))))


def _after(part: str, at: int) -> str:
    return part[at : at + 12].lstrip(" \n\"'“‘(")


def read(part: str, at: int, known: Collection[str], loud: bool) -> tuple[Words, int]:
    """What is said for the word or sign at a place, and where it ends; nothing and the same place where there is neither."""
    if part[at].isalnum() or part[at] in "()$":
        for pattern, reader in COMPOUNDS:
            if (match := pattern.match(part, at)) is not None and (said := reader(match)) is not None:
                return said, match.end()
    if (match := WORD.match(part, at)) is None:
        return _sign(part, at)
    word = unicodedata.normalize("NFC", match[0]).replace("’", "'")
    low, end = word.lower(), match.end()
    if low in known:
        return [low], end
    if part[end : end + 1] == "." and (said := _abbreviation(low, word, part, at, end)) is not None:
        return said, end + 1
    if (said := _without_stop(low, word, part, at, end)) is not None:
        return said, end
    if word == "pH":
        return ["P", "H"], end
    if low in UNITS and low in FOLDED and word_before(part, at).lower() in EACH:
        return UNITS[low][0].split(), end
    if low in FOLDED:
        return FOLDED[low].split(), end
    if word in _WEEKDAYS and (word != "Mon" or part[end : end + 2].lstrip()[:1].isdigit()):
        return [WEEKDAYS[low]], end
    if len(word) == 1:
        return _single(word, part, at, end, loud), end
    if (said := numbered(word, part, at) or _numeral(word, part, at, end)) is not None:
        return said, end
    if (said := capitals(word, loud or beside_shouted(part, at, end))) is not None:
        return said, end
    return [low], end


def _without_stop(low: str, word: str, part: str, at: int, end: int) -> Words | None:
    """Titles before a name, streets behind one, and the like, without their full stop; None for ordinary words."""
    if not word[0].isupper() or part[end : end + 1] in ("'", "’"):
        return None
    before, after = word_before(part, at), part[end : end + 14].lstrip(" ")
    if low in ("st", "dr") and part[end : end + 1] != ".":
        if low == "st":
            return [saint_or_street(part, at, after, before)] if word == "St" and (before or after) else None
        name = after[:1].isupper() and not after[:2].isupper()
        return ["doctor"] if name else ["drive"] if before[:1].isupper() and part[at - 1 : at].isspace() else None
    if low in _TITLES_ALONE and word.istitle() and re.match(r"[A-Z][\w'’-]*[a-z]", after):
        return TITLES[low].split()
    if low in ("jr", "sr") and word.istitle() and before[:1].isupper():
        return [EITHER[low]]
    if low in BEFORE_NUMBER and word.istitle() and after[:1].isdigit() and low not in ("art", "sec", "est", "p", "par"):
        return INSIDE[low].split()
    if (street := street_word(word, part, at, end, before)) is not None:
        return [street]
    if word in ("Mon", "Sat", "Sun") and (match := _DAY_AHEAD.match(part, end)):
        return [WEEKDAYS[low]] if not match[1] or _month(match[1]) else None
    return None


def _abbreviation(low: str, word: str, part: str, at: int, end: int) -> list[str] | None:
    """What an abbreviation with its full stop stands for; None where the full stop is one after an ordinary word."""
    after = _after(part, end + 1)
    capital, number = after[:1].isupper(), after[:1].isdigit()
    before = word_before(part, at)
    if low in ("st", "ste", "sts") and (word[0].isupper() or saint_or_street(part, at, after, before) == "saint"):
        if low == "ste" and number:
            return ["suite"]
        return [saint_or_street(part, at, after, before) if low == "st" else "saint" + "s" * (low == "sts")]
    if low == "dr" and (word[0].isupper() or capital) and _is_drive(part, at, before, capital):
        return ["drive"]
    if low in MONTHS and word[0].isupper() and (number or len(low) != 3 or low not in ("mar", "jun", "dec")):
        return [MONTHS[low]]
    if (
        low in WEEKDAYS
        and word[0].isupper()
        and (number or after[:1] == "," or after[:1].islower() or part[end + 1 : end + 2] == "," or _month(after))
    ):
        return [WEEKDAYS[low]]
    if low in BEFORE_NUMBER:
        edition = low == "ed" and before and before[-1].islower()
        counted = low in ("vol", "vols", "fig", "figs", "sec", "pp", "op", "par", "eq", "ch") and re.match(r"[IVXLC]+\b", after)
        return INSIDE[low].split() if number or edition or counted else None
    if low in TITLES:
        always = low in ("mr", "mrs", "ms", "dr")
        named = capital or always or (after[:1].islower() and low not in ("ft", "mt", "rt", "fr"))
        return TITLES[low].split() if named and (word[0].isupper() or always or low == "prof") else None
    if low in INSIDE:
        return INSIDE[low].split()
    if low in EITHER and low not in ("min", "max"):
        return EITHER[low].split()
    if low in ("min", "max") and (after[:1].islower() or number):
        return EITHER[low].split()
    if (street := street_word(word, part, at, end, before)) is not None:
        return [street]
    if low in ("c", "b", "d") and word == low and number:
        return [{"c": "circa", "b": "born", "d": "died"}[low]]
    if low == "v" and word == low and capital and before[:1].isupper():  # Roe v. Wade
        return ["versus"]
    return None


def _is_drive(part: str, at: int, before: str, capital: bool) -> bool:
    """Whether Dr. is a street's, behind a name: Elm Dr., 12 Elm Dr. Springfield."""
    named = bool(before) and before[0].isupper() and before.lower() not in STARTERS and before.lower() not in TITLES
    if not named or not part[at - 1 : at].isspace() or part[at - 2 : at - 1] in (",", "."):
        return False
    return not capital or bool(re.search(r"\b\d{1,5}\s(?:[A-Z][\w'’]*\s){1,2}$", part[max(at - 30, 0) : at]))


def _is_numbered(before: str) -> bool:
    """Whether a word, or what it stands short for, has a number behind it: chapter, Ch."""
    return before.lower() in NUMBERED or INSIDE.get(before.lower(), "").removesuffix("s") in NUMBERED


def numbered(word: str, part: str, at: int) -> list[str] | None:
    """A Roman numeral in small letters where a heading's word stands before it: scene ii."""
    if not set(word) <= set("ivxl") or not _is_numbered(word_before(part, at)) or (value := roman(word.upper())) is None:
        return None
    return cardinal(value)


def _month(text: str) -> bool:
    first = re.match(r"[A-Za-z]+", text)
    return bool(first) and (first[0].lower() in MONTHS or first[0].lower() in FULL_MONTHS)  # type: ignore[index]


def _single(word: str, part: str, at: int, end: int, loud: bool) -> list[str]:
    low = word.lower()
    if word in ("V", "X") and word_before(part, at).lower() in REGNAL:
        return ["the", *ordinal(roman(word) or 0)]
    if (
        word == "I"
        and word_before(part, at).lower() in REGNAL
        and (_CROWNED.search(part[:at]) or _after(part, end)[:3] == "of ")
    ):
        return ["the", "first"]
    if word in ("V", "X") and _is_numbered(word_before(part, at)):
        return cardinal(roman(word) or 0)
    if low == "i" and (word == "I" or not part[at - 1 : at].isspace()) and not _is_numbered(word_before(part, at)):
        return ["i"]
    if low == "i" and word == "I":
        return ["one"]
    if low in GREEK:
        return [GREEK[low]]
    if low != "a" or not low.isascii():
        return [word.upper() if word.isascii() else low]
    before, after = word_before(part, at), _after(part, end)
    lettered = word == "A" and not loud and bool(before)
    if lettered and (before.lower() in _LETTERED or not after[:1].isalpha()):
        return ["A"]
    return ["a"]


def _numeral(word: str, part: str, at: int, end: int) -> list[str] | None:
    """Roman numerals where a name or a heading makes them clear: Henry VIII, Chapter IV, XIX century."""
    word, own, rest = word.partition("'")
    value = roman(word)
    if value is None or (own and rest != "s"):
        return None
    if own:  # Henry V's
        said = _single(word, part, at, at + 1, False) if word in ("V", "X") else _numeral(word, part, at, end)
        said = ["the", "first"] if word == "I" and word_before(part, at).lower() in REGNAL else said
        return [*said[:-1], said[-1] + "'s"] if said and said[-1] != word else None
    if len(word) == 1:
        return None
    before, after = word_before(part, at), _after(part, end).lower()
    if _is_numbered(before):
        return cardinal(value)
    if after.startswith("centur"):
        return ordinal(value)
    if before.lower() in REGNAL or (before[:1].isupper() and word in ("II", "III") and before.lower() not in STARTERS):
        return ["the", *ordinal(value)]
    if len(word) >= 3 and word not in _NO_NUMERALS:
        return year(value) if year_like(str(value)) else cardinal(value)
    return None


def _sign(part: str, at: int) -> tuple[Words, int]:
    sign = part[at]
    before, after = part[at - 1 : at], part[at + 1 : at + 2]
    if sign == "<" and (tag := _TAG.match(part, at)) is not None:
        return [], tag.end()
    if (pair := _PAIR.match(part, at)) is not None and part[pair.end() : pair.end() + 1] != pair[0][-1]:
        return _PAIRS[pair[0]].split(), pair.end()
    if sign == "#":
        return (["number"] if part[at + 1 : at + 3].lstrip()[:1].isdigit() else ["hash"]), at + 1
    if sign in "<>":
        return (["less" if sign == "<" else "greater", "than"] if (before + after).strip() or at else []), at + 1
    if sign == "~":
        return (["about"] if after.isdigit() else []), at + 1
    if sign == "*":
        clear = re.search(r"[\d)]\s?$|\b[a-z]\s?$", part[:at]) and re.match(r"\s?(?:[\d(]|[a-z]\b)", part[at + 1 :])
        return (["times"] if clear else []), at + 1
    if sign == "+":
        return (["plus"] if before.isalnum() or after.isspace() or after.isalnum() else []), at + 1
    if sign == "/":
        return (
            [","] if before.isspace() and after.isspace() else ["slash"] if not before.isalnum() and after.isalnum() else []
        ), at + 1
    if sign in "-−" and _MINUEND.search(part[max(at - 4, 0) : at]) and _SUBTRAHEND.match(part, at + 1):
        return ["minus"], at + 1
    if sign in _SIGNS:
        return _SIGNS[sign].split(), at + 1
    return [], at
