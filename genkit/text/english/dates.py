"""Dates, months, years, decades: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re

from genkit.text.english.abbreviations import FULL_MONTHS, MONTHS
from genkit.text.english.numbers import cardinal, decade, ordinal, year

_MONTH = rf"(?P<month>(?i:{'|'.join([*FULL_MONTHS, *(name + '[.]?' for name in MONTHS)])}))"
_LAST_MONTH = _MONTH.replace("<month>", "<last>")
_ORDINAL = r"(?:st|nd|rd|th)?"
_YEAR = r"(?:(?:,\s?|\s|\s?[-/]\s?)(?P<year>[12]\d{3})(?!\d|[-–,.:]\d|%|\s?(?:a\.?m|p\.?m)\b)|,?\s['’](?P<short>\d\d)\b)?"
_END = r"(?![\d:%/]|[.,]\d|[-–]\d|\s?[ap]\.?m\b)"

# Jan. 5, 2020; JAN 15 2020; jan-15-2020; May 3-5
MONTH_DAY = re.compile(
    rf"{_MONTH}(?:\s+(?:the\s+)?|-)(?P<day>\d{{1,2}})(?P<th>{_ORDINAL})\b(?:\s?[-–]\s?(?P<to>\d{{1,2}}){_ORDINAL}\b(?!\d|\s?[-–]))?"
    rf"(?:{_YEAR}){_END}"
)
MONTH_YEAR = re.compile(rf"{_MONTH}(?:,?\s+|[-/])(?:(?P<year>[12]\d{{3}})(?![\d%]|,\d|[-–]\d)|['’](?P<short>\d\d)\b)")
# May-June 2020
MONTHS_TO = re.compile(rf"{_MONTH}\s?[-–]\s?{_LAST_MONTH}(?!\w|-|\s\d{{1,2}}\b)(?:,?\s+(?P<year>[12]\d{{3}})(?![\d,%]))?")
# 15 January 2020, 5th of May, 15-Jan-2020, 3-5 May
DAY_MONTH = re.compile(
    rf"(?:(?P<from>\d{{1,2}}){_ORDINAL}\s?[-–]\s?)?(?P<day>\d{{1,2}})(?P<th>{_ORDINAL})(?:\s+(?:of\s+)?|[-/.])"
    rf"{_MONTH}(?:\b|(?<=\.))(?:{_YEAR}|[-/.](?P<two>\d\d)(?!\d))(?!\w|-\w)"
)
# 2020-01-15T10:30:00Z
ISO = re.compile(
    r"(?P<year>\d{4})(?P<sign>[-/])(?P<month>\d{1,2})(?P=sign)(?P<day>\d{1,2})"
    r"(?:[T ](?P<time>\d{2}:\d{2})(?::\d{2}(?:[.,]\d+)?)?(?P<zone>Z|[-+−]\d{2}:?\d{2})?)?(?![\w-]|\.\d)"
)
ISO_NAMED = re.compile(rf"(?P<year>\d{{4}})-{_MONTH}-(?P<day>\d{{1,2}})(?!\w)")
SLASHED = re.compile(
    r"(?P<a>\d{1,2})(?P<sign>[/.-])(?P<b>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})(?!\w|[/.]\d|[-–]\d+(?!\d*[/.-]))"
)
SLASHED_MONTH = re.compile(r"(?P<month>0?[1-9]|1[0-2])/(?P<year>(?:19|20)\d{2})(?![\d/])")
SLASHED_DAY = re.compile(r"(?P<a>\d{1,2})/(?P<b>\d{1,2})(?![\d/]|\.\d)")  # on 12/25
_DATED = re.compile(
    r"\b(?:on|dated|due|since|until|(?:mon|tues?|wednes|thurs?|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun),?\s$", re.I
)
SEASON = re.compile(r"(?P<first>(?:1[1-9]|20)\d\d)/(?P<last>\d{2}|(?:1[1-9]|20)\d\d)(?![\d/])")  # 2024/25
DECADE = re.compile(r"(?P<mark>['’])?(?P<year>\d{3}0|\d0)['’]?s\b")
SHORT_YEAR = re.compile(r"['’](?P<year>\d{2})(?![\d\w'’])")
# months that are words too, in small letters: they need more of a date beside them
_WORDS = ("may", "march", "mar")
_DATE_BEFORE = re.compile(
    r"\b(?:on|in|of|by|until|till|from|since|before|after|this|next|last|every|through|due|dated|the)\s$", re.I
)


def _month(name: str) -> str:
    low = name.lower().rstrip(".")
    return MONTHS.get(low, low)


def _is_word(match: re.Match[str]) -> bool:
    """Whether a month in small letters is a verb more likely: you may 5 times, they march 20 miles."""
    if match["month"][0].isupper() or match["month"].lower() not in _WORDS:
        return False
    groups = match.groupdict()
    if groups.get("th") or groups.get("year") or groups.get("short") or groups.get("two"):
        return False
    return not _DATE_BEFORE.search(match.string[max(match.start() - 10, 0) : match.start()])


def _in_year(match: re.Match[str]) -> list[str]:
    groups = match.groupdict()
    if groups.get("year"):
        return year(int(groups["year"]))
    if groups.get("short"):
        return two_digits(groups["short"])
    return year(int(_century(groups["two"]))) if groups.get("two") else []


def _century(text: str) -> str:
    return ("20" if int(text) < 50 else "19") + text


def two_digits(text: str) -> list[str]:
    return ["oh", *(["oh"] if text == "00" else cardinal(int(text)))] if text[0] == "0" else cardinal(int(text))


def _date(day: int, month: int, in_year: str | None, british: bool = False) -> list[str] | None:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    words = [FULL_MONTHS[month - 1], *ordinal(day)]
    if british:
        words = ["the", *ordinal(day), "of", FULL_MONTHS[month - 1]]
    return words + (year(int(in_year)) if in_year else [])


def month_day(match: re.Match[str]) -> list[str] | None:
    if not 1 <= int(match["day"]) <= 31 or _is_word(match):
        return None
    words = [_month(match["month"]), *ordinal(match["day"])]
    if match["to"]:
        words += ["to", *ordinal(match["to"])]
    return words + _in_year(match)


def month_year(match: re.Match[str]) -> list[str] | None:
    return None if _is_word(match) else [_month(match["month"]), *_in_year(match)]


def months_to(match: re.Match[str]) -> list[str] | None:
    if not (match["month"][0].isupper() and match["last"][0].isupper()):
        return None
    return [_month(match["month"]), "to", _month(match["last"]), *_in_year(match)]


def day_month(match: re.Match[str]) -> list[str] | None:
    if not 1 <= int(match["day"]) <= 31 or _is_word(match):
        return None
    before = match.string[max(match.start() - 4, 0) : match.start()].lower()
    words = [] if before.strip() == "the" else ["the"]
    words += [*ordinal(match["from"]), "to", "the"] if match["from"] else []
    return [*words, *ordinal(match["day"]), "of", _month(match["month"]), *_in_year(match)]


def iso(match: re.Match[str]) -> list[str] | None:
    words = _date(int(match["day"]), int(match["month"]), match["year"])
    if words and match["time"]:
        from genkit.text.english.times import spoken_time

        hour, minute = match["time"].split(":")
        words += ["at", *spoken_time(int(hour), int(minute))]
        if zone := match["zone"]:
            words += ["U", "T", "C"]
            if zone != "Z" and int(zone[1:3]):
                words += ["plus" if zone[0] == "+" else "minus", *cardinal(int(zone[1:3]))]
    return words


def iso_named(match: re.Match[str]) -> list[str] | None:
    day = int(match["day"])
    return [_month(match["month"]), *ordinal(day), *year(int(match["year"]))] if 1 <= day <= 31 else None


def slashed(match: re.Match[str], day_first: bool = False) -> list[str] | None:
    """Month first with slashes, as in America, day first with full stops and wherever else English is spoken; the other way
    round where there is no such month."""
    a, b, in_year = int(match["a"]), int(match["b"]), match["year"]
    if len(in_year) == 2:
        if match["sign"] in ".-":
            return None  # a version, a section, a score
        in_year = _century(in_year)
    day, month = (a, b) if (day_first or match["sign"] == ".") else (b, a)
    if month > 12:
        day, month = month, day
    return _date(day, month, in_year, day_first)


def slashed_month(match: re.Match[str]) -> list[str]:
    return [FULL_MONTHS[int(match["month"]) - 1], *year(int(match["year"]))]


def slashed_day(match: re.Match[str], day_first: bool = False) -> list[str] | None:
    """Where a word before tells that it is a day: on 12/25."""
    if not _DATED.search(match.string[max(match.start() - 12, 0) : match.start()]):
        return None
    a, b = int(match["a"]), int(match["b"])
    day, month = (a, b) if (day_first and b <= 12) or a > 12 else (b, a)
    return _date(day, month, None, day_first)


def season(match: re.Match[str]) -> list[str] | None:
    first, last = match["first"], match["last"]
    if int(last[-2:]) != (int(first) + 1) % 100:
        return None
    return [*year(int(first)), *(year(int(last)) if len(last) == 4 else two_digits(last))]


def decades(match: re.Match[str]) -> list[str] | None:
    number = int(match["year"])
    if match["mark"] and number < 20:  # the '00s
        return ["two", "thousands"] if not number else ["tens"]
    return decade(number) if number >= 1000 or 20 <= number <= 90 else None


def short_year(match: re.Match[str]) -> list[str]:
    return two_digits(match["year"])


def formatted(text: str, form: str) -> list[str] | None:
    """A date whose order is told: "mdy", "dmy", "ymd", "md", "dm" or "my" (SSML's format); None without a form or a match."""
    numbers = [int(one) for one in re.findall(r"\d{1,4}", text)]
    form = re.sub(r"(.)\1+", r"\1", form.lower())  # yyyymmdd
    if not form or len(form) != len(numbers) or set(form) - set("dmy"):
        return None
    part = dict(zip(form, numbers, strict=True))
    month = part.get("m", 0)
    if not 1 <= month <= 12:
        return [*year(part["y"])] if form == "y" else None
    words = [FULL_MONTHS[month - 1]]
    if "d" in part:
        words += ordinal(part["d"])
    return words + (year(part["y"]) if "y" in part else [])
