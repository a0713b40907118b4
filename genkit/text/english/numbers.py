"""Numbers to words, one list item a spoken word. num2words knows the languages; what English listeners expect is added here."""

from __future__ import annotations

import re
from functools import lru_cache

ROMAN = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LONGEST = 15  # digits; beyond quadrillions a number is read digit by digit
_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_FRACTIONS = {2: ("half", "halves"), 4: ("quarter", "quarters")}
_WHOLE = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SHORT = {  # three letters (ISO 639-3, as MMS voices have) to the two that num2words knows
    "eng": "en", "deu": "de", "rus": "ru", "fra": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl", "pol": "pl",
    "ukr": "uk", "tur": "tr", "swe": "sv", "nob": "no", "dan": "dk", "da": "dk", "fin": "fi", "ces": "cs", "hun": "hu",
    "ron": "ro", "heb": "he", "ara": "ar", "jpn": "ja", "kor": "ko", "vie": "vi", "tha": "th", "ind": "id", "fas": "fa",
    "kaz": "kz", "kk": "kz", "lit": "lt", "lav": "lv", "slv": "sl", "srp": "sr", "bel": "be", "cat": "ca", "isl": "is",
}  # fmt: skip


def language_code(language: str) -> str:
    """The short form of a language: "en" for "en-US" and "eng"."""
    code = re.split(r"[-_]", language.lower())[0]
    return _SHORT.get(code, code)


@lru_cache(maxsize=4096)
def _said(number: int, to: str, language: str) -> tuple[str, ...]:
    from num2words import num2words

    words = _WHOLE.findall(num2words(number, lang=language, to=to))
    if language == "en":  # American: two hundred five, not two hundred and five
        words = [word for word in words if word != "and"]
    return tuple(words)


def speaks(language: str) -> bool:
    """Whether numbers can be said in a language (such as "de")."""
    try:
        return bool(_said(1, "cardinal", language))
    except (NotImplementedError, KeyError):
        return False


def digits(text: str) -> list[str]:
    """Each digit by its name; everything else in the text is passed over."""
    return [DIGITS[int(one)] for one in text if one in "0123456789"]


def cardinal(number: int | str, language: str = "en") -> list[str]:
    """A whole number; text may hold a sign and commas. Digit by digit where it is very long, or starts with 0 (007)."""
    text = str(number).replace(",", "").replace("−", "-")
    sign, text = ("minus", text[1:]) if text.startswith("-") else ("", text)
    english = language == "en"
    if english and (len(text) > LONGEST or (len(text) > 1 and text[0] == "0")):
        return [sign] * bool(sign) + digits(text)
    words = list(_said(-int(text) if sign and not english else int(text), "cardinal", language))
    return ([sign] if sign and english else []) + words


def ordinal(number: int | str, language: str = "en") -> list[str]:
    return list(_said(int(str(number).replace(",", "")), "ordinal", language))


def decimal(text: str) -> list[str]:
    """A number with or without a sign, commas and decimals: -1,234.05."""
    text = text.replace(",", "").replace("−", "-")
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
