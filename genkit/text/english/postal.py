"""Houses, streets, states and postal codes; saints, whose sign a street has too (places.toml): to words.

See addresses.py for what a reader gives.
"""

from __future__ import annotations

import re

from genkit.text.english.numbers import cardinal, digits, pairs
from genkit.text.tables import table, word_set

_TABLES = table("english/places")
STREETS: dict[str, str] = _TABLES["streets"]
UNITS: dict[str, str] = _TABLES["units"]
STATES: dict[str, str] = _TABLES["states"]
SAINTS = word_set(_TABLES["saints"])
_STREETS_NAMED = word_set(_TABLES["streets_named"])
_DIRECTIONS: dict[str, str] = _TABLES["directions"]

_KIND = "|".join(sorted((one.title() for one in STREETS), key=len, reverse=True))
_FULL = "|".join(sorted({one.title() for one in STREETS.values()}, key=len, reverse=True))
_SIDE = r"(?:[NS]\.?\s?[EW]|[NSEW])\b\.?"
_NAME = r"(?:\d{1,3}(?:st|nd|rd|th)|(?:St\.?\s)?[A-Z][\w'’]*\.?|of|the|de|la|del|and)"
# 708 N 1st St, 45 W. 5th Ave., 2788 San Tomas Expy
HOUSE = re.compile(
    rf"(?P<house>\d{{1,5}})(?P<letter>[A-Z]?)(?=\s(?:{_SIDE}\s)?(?:{_NAME}\s){{1,4}}?(?:{_KIND}|{_FULL})\b(?!['’]))"
)
_STREET_BEHIND = re.compile(rf"\b(?:{_KIND}|{_FULL})\.?,?\s$")
_FREE = re.compile(r"(?:^|\b[a-z]+\s|[,;(]\s|\d[A-Z]?\s)$")  # no initial of a name: Robert E. Lee Blvd
DIRECTION = re.compile(rf"(?P<side>{_SIDE})(?=[\s,;)]|$)")
_STREET_AHEAD = re.compile(rf"\s(?:{_NAME}\s){{1,3}}?(?:{_KIND}|{_FULL})\b|\s\d{{1,3}}(?:st|nd|rd|th)\b")
_REGIONS = {f"{side} {name}" for side, names in _TABLES["regions"].items() for name in names.split()}
_SIDE_OF = re.compile(r"\s(?:corner|side|part|end|coast|quadrant|edge|winds?|of)\b")
_ROUTE_BEHIND = re.compile(r"\b(?:US|I|SR|CR|Hwy|Highway|Route|Rte\.?)[-\s]\d{1,3}\s$")
ZIP = re.compile(r"(?P<code>\d{5})(?:-(?P<more>\d{4}))?(?![\w-]|[.,]\d)")
_ZIP_BEFORE = re.compile(
    r"(?:\b[A-Z]{2}\.?,?\s|\b\d{5},?\s(?:and|or|to)\s|\b(?:zip|postal|post|area)(?:\s?code)?s?(?:\s(?:is|was|of|are))?:?\s|"
    rf"\b(?:{'|'.join(one.title() for one in STATES.values() if ' ' not in one)}),?\s)$",
    re.IGNORECASE,
)
_STATE_BEFORE = re.compile(r"[A-Z][\w.'’-]+,\s$")
_STATE_BEFORE_WORD = re.compile(
    r"(?:^|\b(?:in|of|from|to|near|at|for|and)\s)(?!Well|Yes|No|So|Then|Me|Fine|Sure)(?:[A-Z][\w.'’-]+\s)?[A-Z][\w.'’-]{2,},\s$"
)
STATE = re.compile(rf"(?P<state>{'|'.join(STATES)})(?=\s\d{{5}}\b|[.,;:)!?]|\s|$)")
POSTCODE = re.compile(
    r"(?P<out>[A-Z]{1,2}\d[A-Z\d]?)\s(?P<rest>\d[A-Z]{2})(?!\w)|(?P<canada>[A-Z]\d[A-Z])\s(?P<last>\d[A-Z]\d)(?!\w)"
)
UNIT = re.compile(rf"(?P<unit>{'|'.join(one.title() for one in UNITS)})\.?\s(?P<number>\d{{1,5}})(?P<letter>[A-Za-z]?)(?!\w)")
BOX = re.compile(r"P\.?\s?O\.?\s?Box\s(?P<number>\d{1,6})(?!\w)")
# a house number or a numbered street in the few words before
_NUMBERED_STREET = re.compile(r"(?:\b\d{1,5}[A-Z]?\s(?:[A-Z][\w.'’]*\s){1,3}|\d(?:st|nd|rd|th)\s)$")


def house_number(number: str) -> list[str]:
    """708 as seven oh eight, 2788 as twenty seven eighty eight, 12345 digit by digit."""
    if len(number) == 5:
        return digits(number) if not number.endswith("00") else cardinal(number)
    return pairs(number) if len(number) in (3, 4) else cardinal(number)


def house(match: re.Match[str]) -> list[str]:
    return [*house_number(match["house"]), *match["letter"]]


def direction(match: re.Match[str]) -> list[str] | None:
    """A compass letter behind a street, or before the name of one."""
    before = match.string[max(match.start() - 24, 0) : match.start()]
    side = re.sub(r"[.\s]", "", match["side"])
    said, end = _DIRECTIONS[side], match.end()
    following = re.match(r"\s(\w+)", match.string[end : end + 16])
    if following and f"{said} {following[1].lower()}" in _REGIONS:
        return [said]
    ahead = _FREE.search(before) and _STREET_AHEAD.match(match.string, end)
    part = len(side) == 2 and _SIDE_OF.match(match.string, end)
    return [said] if ahead or part or _STREET_BEHIND.search(before) or _ROUTE_BEHIND.search(before) else None


def zip_code(match: re.Match[str]) -> list[str] | None:
    if not match["more"] and not _ZIP_BEFORE.search(match.string[max(match.start() - 24, 0) : match.start()]):
        return None
    return digits(match["code"]) + ([",", *digits(match["more"])] if match["more"] else [])


def state(match: re.Match[str]) -> list[str] | None:
    """The full name behind a town, or before its code."""
    unsure = match["state"] in ("OK", "HI", "OH", "OR", "ME", "IN")
    coded = re.match(r"\s\d{5}\b", match.string[match.end() :])
    if not coded and not (_STATE_BEFORE_WORD if unsure else _STATE_BEFORE).search(
        match.string[max(match.start() - 24, 0) : match.start()]
    ):
        return None
    return STATES[match["state"]].split()


def postcode(match: re.Match[str]) -> list[str]:
    one, other = (match["out"], match["rest"]) if match["out"] else (match["canada"], match["last"])
    words: list[str] = []
    for part in (one, other):
        for run in re.findall(r"\d+|[A-Z]", part):
            words += digits(run) if run.isdigit() else [run]
    return words


def unit(match: re.Match[str]) -> list[str]:
    return [UNITS[match["unit"].lower()], *house_number(match["number"]), *match["letter"].upper()]


def box(match: re.Match[str]) -> list[str]:
    return ["P", "O", "box", *house_number(match["number"])]


def saint_or_street(part: str, at: int, after: str, before: str) -> str:
    """What St stands for: `after` and `before` are the words beside it, "" where there is none or a mark is between."""
    numbered = bool(_NUMBERED_STREET.search(part[max(at - 40, 0) : at]))
    named = before[:1].isupper() and part[at - 1 : at].isspace()
    following = re.match(r"\w+", after)
    name = following[0].lower() if following else ""
    if re.match(r"\.?-[A-Z]", part[at + 2 :]):  # St-Tropez
        return "saint"
    if not after[:1].isupper():
        return "saint" if name in SAINTS and not named and not numbered else "street"  # st. patrick in small letters
    if numbered:
        return "street"
    if name in SAINTS:
        return "saint"
    return "street" if named and before.lower() in _STREETS_NAMED else "saint"


def street_word(word: str, part: str, at: int, end: int, before: str) -> str | None:
    """A street's kind without a full stop behind its name: Oak Ave, 5th Pl; None where it is a word of its own."""
    low = word.lower()
    if low not in STREETS or low in ("st", "dr") or not word[0].isupper() or (word.isupper() and len(word) == 2):
        return None
    numbered = re.search(r"\d(?:st|nd|rd|th)\s$", part[max(at - 6, 0) : at])
    return STREETS[low] if numbered or (before[:1].isupper() and part[at - 1 : at].isspace()) else None
