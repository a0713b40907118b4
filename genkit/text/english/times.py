"""Times of day and how long something takes: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re

from genkit.text.english.numbers import cardinal, digits

_HALF = r"(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))"
_UNTIL = r"(?P<until>\s?[-–—]\s?(?=\d{1,2}(?:[:.]\d{2}|\s?[AaPp]\.?[Mm]\b)|noon\b|midnight\b))?"  # 9 a.m.-5 p.m.
# 3:45, 3:45:10 PM; 7.30 pm, with its half only
CLOCK = re.compile(
    rf"(?P<hour>\d{{1,2}})(?::|\.(?=\d{{2}}\s?[AaPp]\.?[Mm]\b))(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}))?(?![\d:]|,\d{{3}})"
    rf"(?:h\b)?{_HALF}?{_UNTIL}"
)
HOUR = re.compile(rf"(?P<hour>\d{{1,2}}){_HALF}{_UNTIL}")
HOURS = re.compile(rf"(?P<hour>\d{{1,2}})\s?[-–]\s?(?P<to>\d{{1,2}})(?P<minute>:\d{{2}})?{_HALF}")  # 6-8 p.m.
MILITARY = re.compile(r"(?P<hour>[01]\d|2[0-4])(?P<minute>[0-5]\d)(?:\s?(?P<word>hours|hrs|h)\b|(?=\s(?:UTC|GMT)\b))")
FRENCH = re.compile(r"(?P<hour>\d{1,2})h(?P<minute>[0-5]\d)(?!\w|\s?m)")  # 18h30
DURATION = re.compile(
    r"(?:(?P<hours>\d{1,3})\s?h(?:rs?)?\s?)?(?P<minutes>\d{1,2})\s?m(?:ins?)?(?:\s?(?P<seconds>\d{1,2})\s?s(?:ecs?)?)?(?![\w/²³])"
)


def spoken_time(hour: int, minute: int) -> list[str]:
    if minute == 0:
        return [*cardinal(hour), *(["o'clock"] if 1 <= hour <= 12 else ["hundred"])]
    return [*cardinal(hour), *(["oh"] if minute < 10 else []), *cardinal(minute)]


def _half(text: str) -> list[str]:
    return [text[0].upper(), "M"]


def clock(match: re.Match[str]) -> list[str] | None:
    hour, minute = int(match["hour"]), int(match["minute"])
    if hour > 24 or minute > 59:
        return None
    if match["second"]:
        if match["half"]:
            words = [*spoken_time(hour, minute), "and", *cardinal(int(match["second"])), "seconds"]
        else:
            parts = [(hour, "hour"), (minute, "minute"), (int(match["second"]), "second")]
            words = [word for n, unit in parts if n for word in (*cardinal(n), unit + "s" * (n != 1))] or ["zero", "seconds"]
    elif minute == 0 and (match["half"] or (match["until"] and _half_ahead(match))):
        words = cardinal(hour)
    else:
        words = spoken_time(hour, minute)
    return words + (_half(match["half"]) if match["half"] else []) + (["to"] if match["until"] else [])


def _half_ahead(match: re.Match[str]) -> bool:
    """Whether the time that it lasts until has an a.m. or p.m. for both."""
    return bool(re.match(r"\d{1,2}(?:[:.]\d{2})?\s?[AaPp]\.?[Mm]\b", match.string[match.end() : match.end() + 12]))


def hour(match: re.Match[str]) -> list[str] | None:
    if not 1 <= int(match["hour"]) <= 24:
        return None
    return [*cardinal(int(match["hour"])), *_half(match["half"]), *(["to"] if match["until"] else [])]


def hours(match: re.Match[str]) -> list[str] | None:
    first, last, minute = int(match["hour"]), int(match["to"]), int((match["minute"] or ":0")[1:])
    if not (1 <= first <= 12 and 1 <= last <= 12):
        return None
    until = spoken_time(last, minute) if minute else cardinal(last)
    return [*cardinal(first), "to", *until, *_half(match["half"])]


def military(match: re.Match[str]) -> list[str]:
    first = digits(match["hour"]) if match["hour"][0] == "0" else cardinal(match["hour"])
    minute = match["minute"]
    rest = ["hundred"] if minute == "00" else digits(minute) if minute[0] == "0" else cardinal(minute)
    return [*first, *rest, *(["hours"] if match["word"] else [])]


def french(match: re.Match[str]) -> list[str] | None:
    hour = int(match["hour"])
    return spoken_time(hour, int(match["minute"])) if hour <= 24 else None


def duration(match: re.Match[str]) -> list[str] | None:
    """3h 45m, 5m30s; minutes alone are meters more likely."""
    if not match["hours"] and not match["seconds"]:
        return None
    parts = ((match["hours"], "hour"), (match["minutes"], "minute"), (match["seconds"], "second"))
    return [word for n, unit in parts if n for word in (*cardinal(int(n)), unit + "s" * (int(n) != 1))]
