"""English numbers to words, one list item a spoken word: num2words, and what English listeners expect."""

from __future__ import annotations

import re
from functools import lru_cache

ROMAN = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
# 1.234,56 and 0,5; 1,234,567.8; 1,50,000 as India parts it; 10 000 and 1'000'000; 1.000.000; 1234.5; .5
NUMBER = (
    r"(?:\d{1,3}(?:[. ]\d{3})+,\d{1,2}(?!\d|,\d)|0,\d+(?!\d|,\d)"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]*\d)|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?(?![\d,]*\d)"
    r"|(?<!\d[ .,-])[1-9]\d{0,2}(?:[ \u00a0\u2009\u202f]\d{3})+(?:\.\d+)?(?![ -]?\d|\w)"
    r"|\d{1,3}(?:['’]\d{3})+(?![\d'’])|\d{1,3}(?:\.\d{3}){2,}(?![\d.]*\d)|\d+(?:\.\d+)?|\.\d+)"
)
_GROUPS = re.compile(
    r"(?<=\d)[,'’](?=\d)|(?<=\d)[ \u00a0\u2009\u202f](?=\d{3}(?!\d))"
    r"|(?<=\d)\.(?=\d{3}\.\d{3})|(?<=\.\d{3})\.(?=\d{3}(?:\.\d{3})*$)"
)
_CONTINENTAL = re.compile(r"\d[. ]\d{3},\d{1,2}$|^0,\d+$")
LONGEST = 15  # digits; beyond quadrillions a number is read digit by digit
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_WHOLE = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


@lru_cache(maxsize=4096)
def _spelt_out(number: int, to: str) -> tuple[str, ...]:
    from num2words import num2words

    words = _WHOLE.findall(num2words(number, lang="en", to=to))
    return tuple(word for word in words if word != "and")  # American: two hundred five, not two hundred and five


def plain(text: str) -> str:
    """A number without what parts its groups."""
    if _CONTINENTAL.search(text):
        text = text.replace(".", "").replace(",", ".")
    return _GROUPS.sub("", text).replace("−", "-")


def digits(text: str) -> list[str]:
    """Each digit by its name; everything else in the text is passed over."""
    return [DIGITS[int(one)] for one in text if one in "0123456789"]


def cardinal(number: int | str) -> list[str]:
    """A whole number; text may hold a sign and what parts its groups. Digit by digit where it is long, or starts with 0."""
    text = plain(str(number))
    sign, text = ("minus", text[1:]) if text.startswith("-") else ("", text)
    if len(text) > LONGEST or (len(text) > 1 and text[0] == "0"):
        return [sign] * bool(sign) + digits(text)
    return [sign] * bool(sign) + list(_spelt_out(int(text), "cardinal"))


def ordinal(number: int | str) -> list[str]:
    return list(_spelt_out(int(plain(str(number))), "ordinal"))


def decimal(text: str) -> list[str]:
    """A number with or without a sign, commas and decimals: -1,234.05."""
    text = plain(text)
    sign = {"-": ["minus"], "+": ["plus"]}.get(text[:1], [])
    text = text.lstrip("+-")
    whole, point, rest = text.partition(".")
    words = cardinal(whole) if whole else []
    return sign + words + (["point", *digits(rest)] if point and rest else [])


def year(number: int) -> list[str]:
    """A year as it is read aloud: nineteen oh five, two thousand nine, twenty ten."""
    if number % 1000 < 10 or not 1000 <= number <= 9999:
        return cardinal(number)
    high, low = divmod(number, 100)
    if low == 0:
        return [*cardinal(high), "hundred"]
    return [*cardinal(high), *(["oh", DIGITS[low]] if low < 10 else cardinal(low))]


def decade(number: int) -> list[str]:
    """1990 as nineteen nineties, 90 as nineties, 1900 as nineteen hundreds, 2000 as two thousands."""
    return many(year(number) if number >= 100 else cardinal(number))


def many(words: list[str]) -> list[str]:
    """The plural of the last word of a number."""
    last = words[-1]
    plural = last[:-1] + "ies" if last.endswith("y") else last + ("es" if last.endswith("x") else "s")
    return [*words[:-1], plural]


def fraction(top: int, bottom: int) -> list[str]:
    """3/4 as three quarters, 7/100 as seven hundredths; "over" where the lower number makes no good ordinal."""
    if bottom == 0 or bottom == 1 or (bottom > 100 and bottom % 100):
        return [*cardinal(top), "over", *cardinal(bottom)]
    one, more = _FRACTIONS.get(bottom, ("", ""))
    if one:
        return [*cardinal(top), one if top == 1 else more]
    words = ordinal(bottom)
    if bottom in (100, 1000, 1_000_000):
        words = words[-1:]
    return [*cardinal(top), *(words if top == 1 else many(words))]


def pairs(text: str) -> list[str]:
    """Digits in twos, as years, models and resolutions are read: 1080 as ten eighty, 747 as seven forty seven."""
    if len(text) == 3 and text[1:] != "00":
        return [*cardinal(text[0]), *(["oh", *digits(text[2])] if text[1] == "0" else cardinal(text[1:]))]
    return year(int(text)) if len(text) == 4 and text[0] != "0" else cardinal(text)


def roman(text: str) -> int | None:
    """The value of a Roman numeral in capitals, or None where it is none."""
    if not text or not ROMAN.fullmatch(text):
        return None
    values = [_VALUES[one] for one in text]
    return sum(-one if one < max(values[i + 1 :], default=0) else one for i, one in enumerate(values))
