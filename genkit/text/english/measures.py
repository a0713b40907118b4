"""Money, units, percentages, fractions, ranges and bare numbers: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re
import unicodedata

from genkit.text.english.numbers import cardinal, decimal, digits, fraction, many, ordinal, pairs, year
from genkit.text.english.units import CODES, CURRENCIES, MAGNITUDES, UNITS

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]*\d)|\d+(?:\.\d+)?|\.\d+)"
_SIGN = r"(?:(?<![\w.,)%°])[-−+]|(?<![\w.,)%°])±)?"
_DASH = r"\s?[-–—]\s?"
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_MAG = r"(?:thousand|million|billion|trillion|quadrillion|hundred|dozen)"
_SHORT = r"bn|mn|tn|[kKmMbBT]"
_PREFIX = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))

MONEY = re.compile(
    rf"(?P<neg>[-−])?(?P<sign>{_PREFIX})\s?(?P<n>{NUMBER})(?:(?P<first>{_SHORT})?{_DASH}(?:{_PREFIX})?(?P<to>{NUMBER}))?"
    rf"(?:[\s-]?(?P<mag>{_MAG})\b|\s?(?P<short>{_SHORT})(?![\w]))?(?P<per>/(?P<unit>[A-Za-z]{{1,9}})\b)?"
)
MONEY_CODE = re.compile(
    rf"(?P<sign>{'|'.join(CODES)})\s(?P<n>{NUMBER})(?:{_DASH}(?P<to>{NUMBER}))?(?:\s(?P<mag>{_MAG})\b|\s?(?P<short>{_SHORT})(?!\w))?"
    r"(?:\.-)?(?![\w%])"
)
MONEY_AFTER = re.compile(
    rf"(?P<n>{NUMBER})(?:{_DASH}(?P<to>{NUMBER}))?(?:[\s-]?(?P<mag>{_MAG}))?\s?(?P<sign>[€£¥₽₹₩₿¢]|(?:{'|'.join(CODES)})\b)"
)
MEASURE = re.compile(
    rf"(?P<minus>{_SIGN})(?P<n>{NUMBER}|\d*\s?[½⅓⅔¼¾⅛⅜⅝⅞]|(?:\d+\s)?\d/\d{{1,2}})(?:(?P<first>%|°[CF]?)?{_DASH}(?P<to>{NUMBER}))?(?P<gap>[\s-]?)"
    rf"(?P<unit>{_UNIT})(?P<power>[²³])?(?:/(?P<per>{_UNIT}|day|week|month|year|hour|minute|second|person))?(?![\w°]|['’]\w)"
)
FEET_INCHES = re.compile(
    r"(?P<feet>\d{1,3})['′’]\s?(?P<inches>\d{1,2}(?:\.\d+)?)(?:[\"″”]|'')|(?P<ft>\d{1,3})\s?ft\.?\s(?P<in>\d{1,2})\s?in\b\.?"
)
ORDINAL = re.compile(r"(?P<n>\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
MIXED = re.compile(r"(?P<whole>\d+)[\s-](?P<top>\d)/(?P<bottom>\d{1,2})(?![\d/])")
FRACTION = re.compile(r"(?P<top>\d+)/(?P<bottom>\d+)(?![\d/]|\.\d)")
VULGAR = re.compile(r"(?P<whole>\d+)?\s?(?P<part>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
POWER = re.compile(rf"(?P<n>{_SIGN}{NUMBER})(?:\^(?P<caret>[-−]?\d+)|(?P<super>[⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))")
SCIENCE = re.compile(rf"(?P<n>{_SIGN}\d+(?:\.\d+)?)[eE](?P<power>[-−+]?\d{{1,3}})(?!\w)")
SIZE = re.compile(rf"(?P<a>{NUMBER})\s?[x×]\s?(?P<b>{NUMBER})(?:\s?[x×]\s?(?P<c>{NUMBER}))?(?!\w)")
RANGE = re.compile(rf"(?P<n>{NUMBER})\s?[-–—−]\s?(?P<to>{NUMBER})(?![\w-])")
PLURAL = re.compile(r"(?P<n>\d{3,}|(?<=[A-Za-z]-)\d+)['’]?s\b")  # 747s, B-52s; 10s are seconds
SCORE = re.compile(r"(?P<a>\d{1,3}):(?P<b>\d{1,3}(?:,\d{3})*)(?![\d:])")
ARC = re.compile(
    r"(?P<degrees>\d{1,3})°\s?(?P<minutes>\d{1,2})['′’](?:\s?(?P<seconds>\d{1,2}(?:\.\d+)?)[\"″”])?(?:\s?(?P<side>[NSEW])\b)?"
)
BARE = re.compile(rf"(?P<sign>{_SIGN})(?P<n>{NUMBER})(?!\w)")
COUNT = re.compile(
    r"(?P<n>\d+\.\d+)\s?(?P<short>bn|mn|tn|[kKMB])(?!\w)|(?P<few>(?!10k)\d{2,3})(?P<k>[kK])(?=\s(?:people|users|views|copies|"
    r"followers|subscribers|jobs|men|women|fans|stars|lines|words|downloads)\b)"
)  # 2.5M users
LETTERED = re.compile(r"(?P<n>\d+\.\d+)(?=[A-Za-z])")  # 1.5x
_LABEL = re.compile(
    r"\b(?:seat|gate|apt\.?|apartment|room|row|suite|flat|unit|platform|exhibit|section|figure|form|bus|line|sizes?|"
    r"iphone|ipad|galaxy|pixel|nexus|xbox|series|model|moto)\s$",
    re.IGNORECASE,
)
_OF_IT = re.compile(r"\s+an?\s")  # half an hour
_CALLED = re.compile(
    r"(?:error|status|code|http|boeing|airbus|flight|route|highway|interstate|room|area|suite|bus|apartment)\s$", re.IGNORECASE
)
_YEAR_BEFORE = re.compile(r"(?:in|year|since|until|of|after|before|A\.?D\.?)\s$", re.IGNORECASE)
_SIDES = {"N": "north", "S": "south", "E": "east", "W": "west"}
_SPECIAL = {"24/7": "twenty four seven", "20/20": "twenty twenty", "9/11": "nine eleven", "50/50": "fifty fifty"}


def _year_like(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099


def _number(text: str) -> list[str]:
    """A number, a fraction sign with or without a whole number, or "2 1/2"."""
    text = text.strip()
    if found := VULGAR.fullmatch(text):
        return vulgar(found)
    if found := MIXED.fullmatch(text):
        return mixed(found)
    if found := FRACTION.fullmatch(text):
        return fraction(int(found["top"]), int(found["bottom"]))
    return decimal(text)


def _is_one(text: str) -> bool:
    return text.strip() == "1"


def money(found: re.Match[str]) -> list[str] | None:
    groups = found.groupdict()
    sign = groups["sign"]
    one, more, cent, cents = CURRENCIES[sign] if sign in CURRENCIES else CURRENCIES[CODES[sign]]
    number, to = groups["n"], groups["to"]
    magnitude = groups["mag"] or MAGNITUDES.get(groups.get("short") or "", "")
    words = ["minus"] if groups.get("neg") else []
    following = found.string[found.end() : found.end() + 12].lower()
    single = bool(re.match(r"-[a-z]|\s(?:bill|note|coin|question|deal|prize|loan|fine|fee|budget|bonus|ticket)\b", following))
    if to:
        first = MAGNITUDES.get(groups.get("first") or "", "")
        words += [*decimal(number), *first.split(), "to", *decimal(to), *magnitude.split(), more]
    elif magnitude:
        words += [*decimal(number), magnitude, one if single else more]
    elif re.fullmatch(r"[\d,]*\.\d\d", number) and cent:
        whole, _, part = number.partition(".")
        units, rest = int(whole.replace(",", "") or 0), int(part)
        if units or not rest:
            words += [*cardinal(units), one if units == 1 or single else more]
        if rest:
            words += (["and"] if units else []) + [*cardinal(rest), cent if rest == 1 else cents]
    else:
        words += [*decimal(number), one if _is_one(number) or single else more]
    if groups.get("per"):
        unit = groups["unit"]
        words += ["per", *(UNITS[unit][0] if unit in UNITS else unit.lower()).split()]
    return " ".join(words).split()


def measure(found: re.Match[str]) -> list[str] | None:
    unit, number, to = found["unit"], found["n"], found["to"]
    if "/" in number and unit in ("%", "m", "s", "h", "A", "V", "N", "J", "t", "l", "L", "g", "°"):
        return None
    if unit == '"' and found.string[: found.start()].count('"') % 2:
        return None  # it closes a quotation
    if not found["gap"] and len(unit) == 1 and unit.isalpha() and _LABEL.search(found.string[: found.start()]):
        return None  # seat 14A
    if found["gap"] and unit in ("A", "J", "N", "t", '"'):
        return None  # a letter on its own is more likely something else
    if found["gap"] == "-" and len(unit) == 1 and unit not in "mgL":
        return None
    if unit == "in." and not found.string[found.end() : found.end() + 3].strip()[:1].islower():
        return None
    one, _ = UNITS[unit]
    sign = {"-": ["minus"], "−": ["minus"], "+": ["plus"], "±": ["plus", "or", "minus"]}.get(found["minus"], [])
    words = sign + (_number(number) if not to else [*decimal(number), "to", *decimal(to)])
    adjective = found["gap"] == "-" or (unit == '"' and re.match(r" [a-z]", found.string[found.end() :]))
    name = (
        one
        if (_is_one(number) or re.fullmatch(r"\d/\d+|[½⅓⅔¼¾⅛⅜⅝⅞]", number.strip()) or adjective) and not to
        else UNITS[unit][1]
    )
    if found["power"]:
        name = {"²": "square ", "³": "cubic "}[found["power"]] + name
    words += name.split()
    if per := found["per"]:
        words += ["per", *(UNITS[per][0] if per in UNITS else per).split()]
    return words


def feet_inches(found: re.Match[str]) -> list[str]:
    feet, inches = found["feet"] or found["ft"], found["inches"] or found["in"]
    return [*cardinal(feet), "foot" if feet == "1" else "feet", *decimal(inches), "inch" if inches == "1" else "inches"]


def ordinals(found: re.Match[str]) -> list[str]:
    return ordinal(found["n"])


def mixed(found: re.Match[str]) -> list[str]:
    part = fraction(int(found["top"]), int(found["bottom"]))
    return [*cardinal(found["whole"]), "and", *(["a", *part[1:]] if found["top"] == "1" else part)]


def fractions(found: re.Match[str]) -> list[str]:
    if found[0] in _SPECIAL:
        return _SPECIAL[found[0]].split()
    if found[0] == "1/2" and _OF_IT.match(found.string, found.end()):
        return ["half"]
    top, bottom = int(found["top"]), int(found["bottom"])
    if 0 < top < bottom and (bottom <= 20 or bottom in (32, 50, 64, 100, 1000)):
        return fraction(top, bottom)
    return [*cardinal(top), "over", *cardinal(bottom)]


def vulgar(found: re.Match[str]) -> list[str]:
    top, bottom = map(int, unicodedata.normalize("NFKC", found["part"]).split("⁄"))
    part = fraction(top, bottom)
    if not found["whole"]:
        return ["half"] if part == ["one", "half"] and _OF_IT.match(found.string, found.end()) else part
    return [*cardinal(found["whole"]), "and", *(["a", *part[1:]] if top == 1 else part)]


def power(found: re.Match[str]) -> list[str]:
    raised = found["caret"] or unicodedata.normalize("NFKC", found["super"])
    raised = raised.replace("−", "-")
    words = decimal(found["n"])
    if raised in ("2", "3"):
        return [*words, "squared" if raised == "2" else "cubed"]
    return [*words, "to", "the", "power", "of", *cardinal(raised)]


def science(found: re.Match[str]) -> list[str]:
    return [*decimal(found["n"]), "times", "ten", "to", "the", "power", "of", *cardinal(found["power"].lstrip("+"))]


def _side(text: str) -> list[str]:
    return pairs(text) if len(text) == 4 and text.isdigit() else decimal(text)


def size(found: re.Match[str]) -> list[str]:
    sides = [found["a"], found["b"]] + ([found["c"]] if found["c"] else [])
    words = _side(sides[0])
    for side in sides[1:]:
        words += ["times" if " × " in found[0] else "by", *_side(side)]
    return words


def ranges(found: re.Match[str]) -> list[str] | None:
    first, last = found["n"], found["to"]
    if re.fullmatch(r"7[0-9]7", first) and re.fullmatch(r"\d00", last) and "-" in found[0]:  # the airliner 737-800
        return [*pairs(first), *cardinal(last)]
    spaced = re.search(r"\s[-−]\s", found[0])
    if _year_like(first) and (_year_like(last) or (len(last) == 2 and not spaced)):
        return [*year(int(first)), "to", *(year(int(last)) if len(last) == 4 else cardinal(int(last)))]
    return [*decimal(first), "minus" if spaced else "to", *decimal(last)]


def count(found: re.Match[str]) -> list[str]:
    return [*decimal(found["n"] or found["few"]), MAGNITUDES[found["short"] or "k"]]


def lettered(found: re.Match[str]) -> list[str]:
    return decimal(found["n"])


def plural(found: re.Match[str]) -> list[str]:
    if found["n"] in ("100", "1000") and found.string[found.end() : found.end() + 4] == " of ":
        return ["hundreds" if found["n"] == "100" else "thousands"]
    return many(pairs(found["n"]))


def arc(found: re.Match[str]) -> list[str]:
    """40°42'46"N: degrees, minutes and seconds, and the side."""
    words: list[str] = []
    for unit in ("degrees", "minutes", "seconds"):
        if number := found[unit]:
            words += [
                *(decimal(str(int(number))) if number.isdigit() else decimal(number)),
                unit[:-1] if int(float(number)) == 1 else unit,
            ]
    return words + ([_SIDES[found["side"]]] if found["side"] else [])


def score(found: re.Match[str]) -> list[str]:
    return [*cardinal(int(found["a"])), "to", *cardinal(found["b"])]


def bare(found: re.Match[str]) -> list[str]:
    number, sign = found["n"], found["sign"]
    before = found.string[max(found.start() - 12, 0) : found.start()]
    if number == "911" and not sign:
        return ["nine", "one", "one"]
    if _CALLED.search(before) and number.isdigit() and 3 <= len(number) <= 4:
        return pairs(number)
    said = {"-": ["minus"], "−": ["minus"], "+": ["plus"], "±": ["plus", "or", "minus"]}.get(sign, [])
    named = _YEAR_BEFORE.search(before) and len(number) == 4 and number.isdigit() and 1000 < int(number) < 1100
    if not said and (_year_like(number) or named):
        return year(int(number))
    if number.isdigit() and len(number) > 12:
        return said + digits(number)
    return said + decimal(number)
