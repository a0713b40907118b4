"""Dates, times of day, decades: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re

from genkit.text.english.abbreviations import FULL_MONTHS, MONTHS
from genkit.text.english.numbers import cardinal, decade, ordinal, year

_NAMES = "|".join([*(name.title() for name in FULL_MONTHS), *(name.title() + r"\.?" for name in MONTHS)])
_MONTH = rf"(?P<month>{_NAMES})"
_YEAR = r"(?:,?\s+(?P<year>[12]\d{3})(?!\d|[,.:]\d|%))?"
_HALF = r"(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))"

MONTH_DAY = re.compile(
    rf"{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s?[-–]\s?(?P<last>\d{{1,2}}))?(?![\d:%/]|[.,]\d|\s?[ap]\.?m\b){_YEAR}"
)
MONTH_YEAR = re.compile(rf"{_MONTH},?\s+(?P<year>[12]\d{{3}})(?![\d,%])")
DAY_MONTH = re.compile(rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:\b|(?<=\.)){_YEAR}")
ISO = re.compile(
    r"(?P<year>\d{4})(?P<sign>[-/])(?P<month>\d{2})(?P=sign)(?P<day>\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?Z?)?(?![\w-])"
)
SLASHED = re.compile(r"(?P<a>\d{1,2})(?P<sign>[/.-])(?P<b>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})(?![\w/.-]*\d)")
_UNTIL = r"(?P<until>\s?[-–—]\s?(?=\d{1,2}(?::\d{2}|\s?[AaPp]\.?[Mm]\b)))?"  # 9 a.m.-5 p.m.
CLOCK = re.compile(rf"(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?![\d:]|,\d{{3}}){_HALF}?{_UNTIL}")
HOUR = re.compile(rf"(?P<hour>\d{{1,2}}){_HALF}{_UNTIL}")
DURATION = re.compile(
    r"(?:(?P<hours>\d{1,3})\s?h\s?)?(?P<minutes>\d{1,2})\s?m(?:in)?(?:\s?(?P<seconds>\d{1,2})\s?s)?(?![\w/²³])"
)
DECADE = re.compile(r"(?P<mark>['’])?(?P<year>\d{3}0|\d0)['’]?s\b")
SHORT_YEAR = re.compile(r"['’](?P<year>\d{2})(?![\d\w'’])")


def _month(name: str) -> str:
    low = name.lower().rstrip(".")
    return MONTHS.get(low, low)


def _date(day: int, month: int, in_year: str | None) -> list[str] | None:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    words = [FULL_MONTHS[month - 1], *ordinal(day)]
    return words + (year(int(in_year)) if in_year else [])


def month_day(found: re.Match[str]) -> list[str] | None:
    if not 1 <= int(found["day"]) <= 31:
        return None
    words = [_month(found["month"]), *ordinal(found["day"])]
    if found["last"]:
        words += ["to", *ordinal(found["last"])]
    return words + (year(int(found["year"])) if found["year"] else [])


def month_year(found: re.Match[str]) -> list[str]:
    return [_month(found["month"]), *year(int(found["year"]))]


def day_month(found: re.Match[str]) -> list[str] | None:
    if not 1 <= int(found["day"]) <= 31:
        return None
    before = found.string[max(found.start() - 4, 0) : found.start()].lower()
    words = [] if before.strip() == "the" else ["the"]
    words += [*ordinal(found["day"]), "of", _month(found["month"])]
    return words + (year(int(found["year"])) if found["year"] else [])


def iso(found: re.Match[str]) -> list[str] | None:
    words = _date(int(found["day"]), int(found["month"]), found["year"])
    if words and found["time"]:
        hour, minute = found["time"].split(":")
        words += ["at", *_clock(int(hour), int(minute))]
    return words


def slashed(found: re.Match[str]) -> list[str] | None:
    """Month first with slashes, as in America, day first with full stops, unless there is no such month."""
    a, b, in_year = int(found["a"]), int(found["b"]), found["year"]
    if len(in_year) == 2:
        if found["sign"] in ".-":
            return None  # a version, a section, a score
        in_year = ("20" if int(in_year) < 50 else "19") + in_year
    day, month = (a, b) if (found["sign"] == "." and b <= 12) or a > 12 else (b, a)
    return _date(day, month, in_year)


def _clock(hour: int, minute: int) -> list[str]:
    if minute == 0:
        return [*cardinal(hour), *(["o'clock"] if 1 <= hour <= 12 else ["hundred"])]
    return [*cardinal(hour), *(["oh"] if minute < 10 else []), *cardinal(minute)]


def _half(text: str) -> list[str]:
    return [text[0].upper(), "M"]


def clock(found: re.Match[str]) -> list[str] | None:
    hour, minute = int(found["hour"]), int(found["minute"])
    if hour > 24 or minute > 59:
        return None
    if found["second"]:
        parts = [(hour, "hour"), (minute, "minute"), (int(found["second"]), "second")]
        said = [[*cardinal(n), unit + "s" * (n != 1)] for n, unit in parts if n]
        words = [word for one in said for word in one] or ["zero", "seconds"]
    elif found["half"] and minute == 0:
        words = cardinal(hour)
    else:
        words = _clock(hour, minute)
    return words + (_half(found["half"]) if found["half"] else []) + (["to"] if found["until"] else [])


def duration(found: re.Match[str]) -> list[str] | None:
    """3h 45m, 5m30s; minutes alone are meters more likely."""
    if not found["hours"] and not found["seconds"]:
        return None
    told = ((found["hours"], "hour"), (found["minutes"], "minute"), (found["seconds"], "second"))
    return [word for n, unit in told if n for word in (*cardinal(int(n)), unit + "s" * (int(n) != 1))]


def hour(found: re.Match[str]) -> list[str] | None:
    if not 1 <= int(found["hour"]) <= 24:
        return None
    return [*cardinal(int(found["hour"])), *_half(found["half"]), *(["to"] if found["until"] else [])]


def decades(found: re.Match[str]) -> list[str] | None:
    number = int(found["year"])
    return decade(number) if number >= 1000 or 20 <= number <= 90 else None


def short_year(found: re.Match[str]) -> list[str]:
    return (["oh"] if found["year"][0] == "0" else []) + cardinal(int(found["year"]))


def formatted(text: str, form: str) -> list[str] | None:
    """A date whose order is told: "mdy", "dmy", "ymd", "md", "dm" or "my" (SSML's format); None without a form or a match."""
    numbers = [int(one) for one in re.findall(r"\d+", text)]
    if not form or len(form) != len(numbers) or set(form) - set("dmy"):
        return None
    part = dict(zip(form, numbers, strict=True))
    month = part.get("m", 0)
    if not 1 <= month <= 12:
        return None
    words = [FULL_MONTHS[month - 1]]
    if "d" in part:
        words += ordinal(part["d"])
    return words + (year(part["y"]) if "y" in part else [])
