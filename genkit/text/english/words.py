"""Words, abbreviations, acronyms, Roman numerals, letters and signs: how each is said."""

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
    PRONOUNCED,
    REGNAL,
    SHOUTED,
    SPELT,
    STARTERS,
    TITLES,
    WEEKDAYS,
)
from genkit.text.english.numbers import cardinal, digits, many, ordinal, pairs, roman
from genkit.text.tables import table, word_set

Said = list[str]

_LETTER = r"(?:[^\W\d_²³¹⁰-₉½⅓⅔¼¾⅕-⅞]|[\u0300-\u036f])"
WORD = re.compile(
    rf"(?:['’](?=(?:em|tis|twas|til|till|cause|bout|cuz|round|n)\b)|[ODLdl]['’](?=[A-Z]))?{_LETTER}+(?:['’]{_LETTER}+)*"
)
ALPHANUMERIC = re.compile(r"(?=[A-Za-z]*\d)[A-Za-z\d]+")
_DOTTED = re.compile(
    r"(?:[A-Za-z]\.){2,}(?:[A-Za-z](?![A-Za-z]))?(?P<own>['’]s)?|[A-Za-z]\.[A-Za-z]\.?(?P<own2>['’]s)?(?![A-Za-z])"
)
_DEGREE = re.compile(r"(?P<word>Ph\.?\s?D|M\.?Sc|B\.?Sc|M\.D|B\.A|M\.A|LL\.?[BM]|D\.Phil)\b\.?")
_INITIAL = re.compile(r"(?P<letter>[A-Z])\.(?=\s?[A-Z])")
_SLASHED = re.compile(
    r"(?P<word>and/or|w/o|w/(?=\s)|b/c|n/a|c/o|he/she|she/he|his/her|him/her|s/he|y/o|km/h|m/s)(?![\w/])", re.IGNORECASE
)
_BOTH = re.compile(r"(?P<one>[A-Z]{1,3})&(?P<other>[A-Z]{1,3})(?P<more>s)?(?![\w&])")  # AT&T, M&Ms
_DAY = r"(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_DAYS = re.compile(rf"(?P<one>{_DAY})\.?[-–](?P<other>{_DAY})\b\.?(?=[\s,;:)]|$)")
_WEEKDAYS = word_set("Mon Tue Tues Wed Thu Thur Thurs Fri")  # Sat and Sun are words
_CROWNED = re.compile(r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Czar|Kaiser|Prince)\s+[A-Z]\w+\s+$")
_PAGES = re.compile(r"(?P<word>pp?\.|pages?)\s?(?P<first>[ivxlc]+)(?:\s?[-–]\s?(?P<last>[ivxlc]+))?(?![\w'’])")
_PART = re.compile(r"(?<=\()(?P<count>[ivx]{2,5})(?=\))")
_FORMULA = re.compile(r"(?=[A-Za-z]*[₀-₉])(?P<formula>[A-Z][A-Za-z₀-₉]*)")
MODELS = re.compile(r"\b(?:iphone|ipad|galaxy|pixel|nexus|xbox|series|model|moto|oneplus|note)\s$", re.IGNORECASE)
_ZONE = re.compile(r"(?P<zone>GMT|UTC)\s?(?P<sign>[-−+])(?P<hours>\d{1,2})(?::(?P<minutes>\d{2}))?(?!\w)")
_LANGUAGE = re.compile(r"(?P<letter>[CFJ])(?P<sign>\+\+|#)(?!\w)")
_VOWELS = set("aeiouy")
ABBREVIATIONS = TITLES | INSIDE | EITHER
_WORDS = table("english/words")
_ONSETS, _CODAS, _LETTERED = (word_set(_WORDS[name]) for name in ("onsets", "codas", "lettered"))
_SIGNS: dict[str, str] = _WORDS["signs"]
_SLASHES: dict[str, str] = _WORDS["slashes"]
_GREEK: dict[str, str] = _WORDS["greek"]


def shouted(part: str) -> bool:
    """Whether a sentence is all in capitals: its words are then words, and not acronyms."""
    found = re.findall(r"[^\W\d_]+", part)
    if len(found) < 2 or any(one != one.upper() for one in found):
        return False
    return any(one.lower() in SHOUTED or len(one) >= 6 for one in found)


def _before(part: str, at: int) -> str:
    found = re.search(rf"({_LETTER}+)[.,]?\s+$", part[max(at - 30, 0) : at])
    return found[1] if found else ""


def _after(part: str, at: int) -> str:
    return part[at : at + 12].lstrip(" \n\"'“‘(")


def read(part: str, at: int, known: Collection[str], loud: bool) -> tuple[Said, int]:
    """What is said for the word or sign at a place, and where it ends; nothing and the same place where there is neither."""
    for pattern in (_SLASHED, _BOTH, _DAYS, _PAGES, _PART, _FORMULA, _ZONE, _LANGUAGE, _DEGREE, _DOTTED, _INITIAL):
        if (found := pattern.match(part, at)) is not None and (said := _special(found, pattern, part)) is not None:
            return said, found.end()
    if (found := WORD.match(part, at)) is None:
        return _sign(part, at)
    word = unicodedata.normalize("NFC", found[0]).replace("’", "'")
    low, end = word.lower(), found.end()
    if low in known:
        return [low], end
    if part[end : end + 1] == "." and (said := _abbreviation(low, word, part, at, end)) is not None:
        return said, end + 1
    if word == "pH":
        return ["P", "H"], end
    if low in FOLDED:
        return FOLDED[low].split(), end
    if word in _WEEKDAYS and (word != "Mon" or part[end : end + 2].lstrip()[:1].isdigit()):
        return [WEEKDAYS[low]], end
    if len(word) == 1:
        return _single(word, part, at, end, loud), end
    if (said := numbered(word, part, at) or _numeral(word, part, at, end)) is not None:
        return said, end
    if (said := _capitals(word, loud)) is not None:
        return said, end
    return [low], end


def _special(found: re.Match[str], pattern: re.Pattern[str], part: str) -> list[str] | None:
    if pattern is _SLASHED:
        return _SLASHES[found["word"].lower()].split()
    if pattern is _BOTH:
        return [*found["one"], "and", *found["other"][:-1], found["other"][-1] + ("'s" if found["more"] else "")]
    if pattern is _DAYS:
        return [WEEKDAYS[found["one"].lower()], "to", WEEKDAYS[found["other"].lower()]]
    if pattern is _PAGES:
        values = [roman((found[one] or "").upper()) for one in ("first", "last")]
        if values[0] is None or (found["last"] and values[1] is None):
            return None
        words = ["pages" if found["word"] in ("pp.", "pages") else "page", *cardinal(values[0])]
        return words + (["to", *cardinal(values[1])] if values[1] else [])
    if pattern is _PART:
        value = roman(found["count"].upper())
        return cardinal(value) if value else None
    if pattern is _FORMULA:
        plain = ALPHANUMERIC.fullmatch(unicodedata.normalize("NFKC", found["formula"]))
        return alphanumeric(plain) if plain else None
    if pattern is _ZONE:
        minutes = cardinal(found["minutes"]) if found["minutes"] else []
        return [*found["zone"], "plus" if found["sign"] == "+" else "minus", *cardinal(found["hours"]), *minutes]
    if pattern is _LANGUAGE:
        return [found["letter"], *(["plus", "plus"] if found["sign"] == "++" else ["sharp"])]
    if pattern is _DEGREE:
        return (
            [one.upper() if one.isupper() or one in ("h", "c") else one for one in re.sub(r"[.\s]", "", found["word"])]
            if "hil" not in found[0]
            else None
        )
    if pattern is _INITIAL:
        return [found["letter"]]
    own = found["own"] or found["own2"]
    low = re.sub(r"['’]s$", "", found[0]).rstrip(".").lower()
    if low in ("e.g", "i.e", "a.k.a"):
        return ABBREVIATIONS[low].split()
    letters = [one.upper() for one in low if one.isalpha()]
    return [*letters[:-1], letters[-1] + "'s"] if own else letters


def _abbreviation(low: str, word: str, part: str, at: int, end: int) -> list[str] | None:
    """What an abbreviation with its full stop stands for; None where the full stop is one after an ordinary word."""
    after = _after(part, end + 1)
    capital, number = after[:1].isupper(), after[:1].isdigit()
    before = _before(part, at)
    named = bool(before) and before[0].isupper() and before.lower() not in STARTERS and before.lower() not in TITLES
    numbered_street = low == "st" and re.search(r"\d(?:st|nd|rd|th)\s$", part[max(at - 8, 0) : at])
    if low in ("st", "dr") and word[0].isupper() and (named or numbered_street) and (not capital or low == "st"):
        return ["street" if low == "st" else "drive"]
    if low in MONTHS and word[0].isupper() and (number or len(low) != 3 or low not in ("mar", "jun", "dec")):
        return [MONTHS[low]]
    if (
        low in WEEKDAYS
        and word[0].isupper()
        and (number or after[:1] == "," or part[end + 1 : end + 2] == "," or _month(after))
    ):
        return [WEEKDAYS[low]]
    if low in BEFORE_NUMBER:
        edition = low == "ed" and before and before[-1].islower()
        counted = low in ("vol", "vols", "fig", "figs", "sec", "pp", "op", "par", "eq") and re.match(r"[IVXLC]+\b", after)
        return INSIDE[low].split() if number or edition or counted else None
    if low in TITLES:
        return TITLES[low].split() if word[0].isupper() and (capital or low in ("mr", "mrs", "ms", "dr")) else None
    if low in INSIDE:
        return INSIDE[low].split()
    if low in EITHER and low not in ("min", "max"):
        return EITHER[low].split()
    if low in ("min", "max") and (after[:1].islower() or number):
        return EITHER[low].split()
    if low == "c" and number:
        return ["circa"]
    return None


def numbered(word: str, part: str, at: int) -> list[str] | None:
    """A Roman numeral in small letters where a heading's word stands before it: scene ii."""
    if not set(word) <= set("ivxl") or _before(part, at).lower() not in NUMBERED or (value := roman(word.upper())) is None:
        return None
    return cardinal(value)


def _month(text: str) -> bool:
    first = re.match(r"[A-Za-z]+", text)
    return bool(first) and (first[0].lower() in MONTHS or first[0].lower() in FULL_MONTHS)  # type: ignore[index]


def _single(word: str, part: str, at: int, end: int, loud: bool) -> list[str]:
    low = word.lower()
    if word in ("V", "X") and _before(part, at).lower() in REGNAL:
        return ["the", *ordinal(roman(word) or 0)]
    if word == "I" and _before(part, at).lower() in REGNAL and (_CROWNED.search(part[:at]) or _after(part, end)[:3] == "of "):
        return ["the", "first"]
    if low == "i" and (word == "I" or not part[at - 1 : at].isspace()) and _before(part, at).lower() not in NUMBERED:
        return ["i"]
    if low == "i" and word == "I":
        return ["one"]
    if low in _GREEK:
        return [_GREEK[low]]
    if low != "a" or not low.isascii():
        return [word.upper() if word.isascii() else low]
    before, after = _before(part, at), _after(part, end)
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
        said = ["the", "first"] if word == "I" and _before(part, at).lower() in REGNAL else said
        return [*said[:-1], said[-1] + "'s"] if said and said[-1] != word else None
    if len(word) == 1:
        return None
    before, after = _before(part, at), _after(part, end).lower()
    if before.lower() in NUMBERED:
        return cardinal(value)
    if after.startswith("centur"):
        return ordinal(value)
    if before.lower() in REGNAL or (before[:1].isupper() and word in ("II", "III") and before.lower() not in STARTERS):
        return ["the", *ordinal(value)]
    if len(word) >= 3 and word not in (
        "MIX",
        "DIM",
        "MID",
        "LID",
        "VIM",
        "MIL",
        "CIV",
        "DIV",
        "LIV",
        "XXX",
        "CCC",
        "MMM",
        "DCI",
        "CCI",
        "CDC",
    ):
        return cardinal(value)
    return None


def _capitals(word: str, loud: bool) -> list[str] | None:
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
    found = re.fullmatch(r"([^aeiou]*)([aeiou].*?)([^aeiou]*)", low)
    if found is None or not set(low) - set("aeiou"):
        return False
    onset, middle, coda = found.groups()
    return (not onset or onset in _ONSETS) and (not coda or coda in _CODAS) and not re.search(r"[^aeiou]{4}|[aeiou]{3}", middle)


def alphanumeric(found: re.Match[str]) -> list[str] | None:
    """MP3, COVID19, 4K, B2B, H2O, 1080p: letters and digits in turn."""
    if found[0] in ("WW1", "WW2"):
        return ["world", "war", "one" if found[0][2] == "1" else "two"]
    runs = re.findall(r"[A-Za-z]+|\d+", found[0])
    said: list[str] = []
    for place, run in enumerate(runs):
        if run.isdigit():
            if len(run) <= 2 and run[0] != "0":
                said += cardinal(run)
            else:
                said += pairs(run) if run[0] != "0" and len(run) <= 4 else digits(run)
        elif run == "s" and place == len(runs) - 1 and place and said:
            said = [*said, "S"] if MODELS.search(found.string[: found.start()]) else many(said)
        elif run.islower() and len(run) > 2 and set(run) & _VOWELS:
            said.append(run)
        elif (run.istitle() and len(run) > 2) or (run.isupper() and len(run) > 3 and not spelt(run.lower(), False)):
            said.append(run.lower())
        else:
            said += list(run.upper())
    return said


def _sign(part: str, at: int) -> tuple[Said, int]:
    sign = part[at]
    before, after = part[at - 1 : at], part[at + 1 : at + 2]
    if sign == "#":
        return (["number"] if after.isdigit() else ["hash"]), at + 1
    if sign in "<>":
        near = (before + after).strip()
        return (["less" if sign == "<" else "greater", "than"] if not near or near[0].isdigit() else []), at + 1
    if sign == "~":
        return (["about"] if after.isdigit() else []), at + 1
    if sign == "*":
        clear = re.search(r"\d\s?$", part[:at]) and re.match(r"\s?\d", part[at + 1 :])
        return (["times"] if clear else []), at + 1
    if sign == "+":
        return (["plus"] if before.isalnum() or after.isspace() or after.isalnum() else []), at + 1
    if sign == "/":
        return (
            [","] if before.isspace() and after.isspace() else ["slash"] if not before.isalnum() and after.isalnum() else []
        ), at + 1
    if sign in _SIGNS:
        return _SIGNS[sign].split(), at + 1
    return [], at
