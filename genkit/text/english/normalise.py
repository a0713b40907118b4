"""English text to the words that are said, in one pass from left to right.

At each place the readers of dates, money, units and so on are tried in order, the most particular first; the first that
recognises something wins. What stays are words, signs and marks of punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial

from genkit.text.english import acronyms, addresses, dates, measures, money, postal, scripture, times, words
from genkit.text.english.abbreviations import FOLDED, FULL_MONTHS, MONTHS

Reader = Callable[[re.Match[str]], list[str] | None]
Readers = tuple[tuple[re.Pattern[str], Reader], ...]

# A word in small letters that is said as it stands. Months are in dates, and the words that are folded in words.toml.
PLAIN = re.compile(r"[a-z]{2,}(?=[\s,;!?]|[.:](?:\s|$))")
NOT_PLAIN = frozenset([*FOLDED, *FULL_MONTHS, *MONTHS, "page", "pages"])
_WITH_DIGIT = re.compile(r"\S{0,20}\d|(?:[$£€¥₹₱₺]|Rs\.?)\s\d|[123]\s[A-Z]|[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")

_DATES = (
    (dates.SLASHED, dates.slashed),
    (dates.ISO, dates.iso),
    (dates.ISO_NAMED, dates.iso_named),
    (dates.DAY_MONTH, dates.day_month),
)
_MONTHS = ((dates.MONTH_DAY, dates.month_day), (dates.MONTHS_TO, dates.months_to), (dates.MONTH_YEAR, dates.month_year))
_TIMES = ((times.HOURS, times.hours), (times.CLOCK, times.clock), (times.HOUR, times.hour), (times.FRENCH, times.french))
_MONEY = ((money.MONEY, money.money), (money.MONEY_AFTER, money.money))
_CODES = ((money.MONEY_CODE, money.money),)
_DECADES = ((dates.DECADE, dates.decades),)
_FEET = ((measures.FEET_INCHES, measures.feet_inches), (measures.FEET, measures.feet))
_MEASURES = ((measures.MEASURE, measures.measure), (measures.COUNT, measures.count), (measures.MULTIPLE, measures.multiple))
_ORDINALS = ((measures.ORDINAL, measures.ordinals),)
_FRACTIONS = ((measures.MIXED, measures.mixed), (measures.FRACTION, measures.fractions), (measures.VULGAR, measures.vulgar))
# Kinds whose two ends stand about a dash, each read as it is alone: 1960s-1980s, $3 million-$4 million.
_ENDS: tuple[Readers, ...] = (
    (*_DATES, *_MONTHS),
    _TIMES,
    (*_MONEY, *_CODES),
    _DECADES,
    (*_FEET, *_MEASURES),
    _ORDINALS,
    _FRACTIONS,
    ((dates.SHORT_YEAR, dates.short_year),),
)
_TO = re.compile(r"\s?[-–—]\s?(?=[\w$£€¥₹.½¼¾⅓⅔'’−-])")


@lru_cache(maxsize=2)
def _numbers(day_first: bool) -> Readers:
    """What is tried where a digit is near, in order."""
    return (
        (scripture.PLACE, scripture.place),
        (addresses.PHONE, addresses.phone),
        (addresses.PHONE_WORD, addresses.phone_word),
        (addresses.GROUPS, addresses.groups),
        (addresses.PLAN, addresses.plan),
        (postal.ZIP, postal.zip_code),
        (dates.ISO, dates.iso),
        (dates.ISO_NAMED, dates.iso_named),
        (dates.SLASHED, partial(dates.slashed, day_first=day_first)),
        (dates.SLASHED_MONTH, dates.slashed_month),
        (dates.SLASHED_DAY, partial(dates.slashed_day, day_first=day_first)),
        (dates.SEASON, dates.season),
        (addresses.MAC, addresses.mac),
        (addresses.IP, addresses.ip),
        (addresses.VERSION, addresses.version),
        (dates.DAY_MONTH, dates.day_month),
        (times.MILITARY, times.military),
        (times.DURATION, times.duration),
        *_TIMES,
        (measures.SCORE, measures.score),
        (measures.OUT_OF, measures.out_of),
        (measures.ARC, measures.arc),
        (measures.SCIENTIFIC, measures.scientific),
        *_MONEY,
        (measures.BY_FEET, measures.by_feet),
        *_FEET,
        *_DECADES,
        (measures.PLURAL, measures.plural),
        *_MEASURES,
        *_ORDINALS,
        (dates.SHORT_YEAR, dates.short_year),
        *_FRACTIONS,
        (measures.POWER, measures.power),
        (measures.SCIENCE, measures.science),
        (measures.SIZE, measures.size),
        (measures.UNTIL, measures.until),
        (measures.RANGE, measures.ranges),
        (postal.HOUSE, postal.house),
        (measures.LETTERED, measures.lettered),
        (measures.BARE, measures.bare),
        (acronyms.ALPHANUMERIC, acronyms.alphanumeric),
    )


_INSIDE = 2  # of those, the last ones are tried inside a word too
_CAPITALS: Readers = (
    (scripture.PLACE, scripture.place),
    *_CODES,
    (postal.POSTCODE, postal.postcode),
    (postal.BOX, postal.box),
    (postal.UNIT, postal.unit),
    (postal.STATE, postal.state),
    (postal.DIRECTION, postal.direction),
    (addresses.CODE, addresses.code),
)
_ADDRESSES: Readers = (
    (addresses.URL, addresses.url),
    (addresses.MAIL, addresses.mail),
    (addresses.COLOUR, addresses.colour),
    (addresses.HANDLE, addresses.handle),
    (addresses.PATH, addresses.path),
    (addresses.FILE, addresses.path),
)
_MONTH_BEGINS = re.compile(r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")


def read(part: str, at: int, known: Collection[str], shouted: bool, day_first: bool) -> tuple[list[str], int]:
    """What is said for what stands at a place of a sentence, and where that ends; nothing where nothing can be said of it."""
    character = part[at]
    before = part[at - 1] if at else " "
    free = not (before.isalnum() or before == "_")
    if free and (character.isalnum() or character in "@#/\\~."):
        for pattern, reader in _ADDRESSES:
            if (match := pattern.match(part, at)) is not None and (said := reader(match)) is not None:
                return said, match.end()
    if free and character.isupper() and (found_one := _first(_CAPITALS, part, at)) is not None:
        return _to_the_other_end(*found_one, part)
    if free and _MONTH_BEGINS.match(part, at) and (found_one := _first(_MONTHS, part, at)) is not None:
        return _to_the_other_end(*found_one, part)
    if _WITH_DIGIT.match(part, at):
        inside = before.isalnum() or (before == "." and at > 1 and part[at - 2].isalnum())
        readers = _numbers(day_first)
        if (found_one := _first(readers[-_INSIDE:] if inside else readers, part, at)) is not None:
            return _to_the_other_end(*found_one, part)
    return words.read(part, at, known, shouted)


def _first(readers: Readers, part: str, at: int) -> tuple[Reader, list[str], int] | None:
    for pattern, reader in readers:
        if (match := pattern.match(part, at)) is not None and (said := reader(match)) is not None:
            return reader, said, match.end()
    return None


def _to_the_other_end(reader: Reader, said: list[str], end: int, part: str) -> tuple[list[str], int]:
    """With "to" where a dash and another of the same kind follow, which is then read by itself."""
    dash = _TO.match(part, end)
    if dash is None or said[-1] == "to":
        return said, end
    kind = next((kind for kind in _ENDS if any(getattr(reader, "func", reader) is one for _, one in kind)), None)
    if kind is None or _first(kind, part, dash.end()) is None:
        return said, end
    return [*said, "to"], dash.end()
