"""Units, percentages, fractions, ranges and bare numbers: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re
import unicodedata

from genkit.text.english.dates import two_digits
from genkit.text.english.money import DASH, adjectival
from genkit.text.english.numbers import NUMBER, cardinal, decimal, digits, fraction, many, ordinal, pairs, plain, year
from genkit.text.english.units import MAGNITUDES, UNITS
from genkit.text.english.years import is_year, year_like

SIGN = r"(?:(?<![\w.,)%°])[-−+]|(?<![\w.,)%°])(?:±|\+/?-))?"
SIGNS = {"-": ["minus"], "−": ["minus"], "+": ["plus"], "±": ["plus", "or", "minus"]}
SIGNS |= dict.fromkeys(("+-", "+/-"), SIGNS["±"])
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_LARGE = r"(?:thousand|million|billion|trillion|dozen)"

MEASURE = re.compile(
    rf"(?P<minus>{SIGN})(?P<n>{NUMBER}|\d*\s?[½⅓⅔¼¾⅛⅜⅝⅞]|(?:\d+\s)?\d/\d{{1,2}})(?:(?P<first>%|°[CF]?)?{DASH}(?P<to>{NUMBER}))?"
    rf"(?:\s(?P<mag>{_LARGE})(?=\s))?(?P<gap>[\s-]?)(?P<unit>{_UNIT})(?P<power>[²³]|(?<=m)[23])?"
    rf"(?:\s?/\s?(?P<per>{_UNIT}|day|week|month|year|hour|minute|second|person)(?P<per_power>[²³])?)?(?:(?<=°)\s?(?P<side>[NSEW])\b)?"
    r"(?:\.(?=[,;)]|\s(?:[a-z]|[NSEW]\b)))?(?![\w°]|['’]\w)"
)
FEET_INCHES = re.compile(
    r"(?P<feet>\d{1,3})['′’]\s?(?P<inches>\d{1,2}(?:\.\d+)?)(?:[\"″”]|'')?(?!\w)|"
    r"(?P<ft>\d{1,3})\s?ft\.?,?\s(?P<in>\d{1,2})\s?in\b\.?"
)
FEET = re.compile(r"(?P<n>\d{1,3}(?:\.\d+)?)['′’](?![\w'’])")
BY_FEET = re.compile(r"(?P<a>\d{1,3})(?P<unit>['′’\"″])\s?[x×]\s?(?P<b>\d{1,3})['′’\"″](?!\w)")
ORDINAL = re.compile(rf"(?P<n>{NUMBER})(?:st|nd|rd|th)\b", re.IGNORECASE)
MIXED = re.compile(
    rf"(?P<sign>{SIGN})(?P<whole>\d+)(?:\s|-(?=\d/))(?P<top>\d)/(?P<bottom>\d{{1,2}})(?:(?:th|rd|nd)s?\b)?(?![\d/])"
)
FRACTION = re.compile(rf"(?P<sign>{SIGN})(?P<top>\d+)/(?P<bottom>\d+)(?P<th>(?:th|rd|nd)s?\b)?(?![\d/]|\.\d)")
VULGAR = re.compile(rf"(?P<sign>{SIGN})(?P<whole>\d+)?\s?(?P<part>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_RAISED = r"(?:(?:\^|\*\*)\{?(?P<caret>[-−+]?\d+|[a-z]\b)\}?|(?P<super>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))"
POWER = re.compile(rf"(?P<n>{SIGN}{NUMBER}){_RAISED}")
SCIENTIFIC = re.compile(rf"(?P<n>{SIGN}{NUMBER})\s?[x×·*]\s?10{_RAISED}")  # 3.2 × 10^5
SCIENCE = re.compile(rf"(?P<n>{SIGN}\d+(?:\.\d+)?)[eE](?P<power>[-−+]?\d{{1,3}})(?!\w)")
SIZE = re.compile(rf"(?P<a>{NUMBER})\s?[x×]\s?(?P<b>{NUMBER})(?:\s?[x×]\s?(?P<c>{NUMBER}))?(?![\w^⁰¹²³⁴⁵⁶⁷⁸⁹⁻]|\.\d)")
RANGE = re.compile(
    rf"(?<!\d[-–])(?P<sign>{SIGN})(?P<n>{NUMBER})\s?[-–—−]\s?(?P<minus>(?<!\s)[-−])?(?P<to>{NUMBER})(?P<th>(?:st|nd|rd|th)\b)?(?:(?!\w)|(?=x\b))(?!-\d)"
)
UNTIL = re.compile(r"(?P<n>[12]\d{3})\s?[-–—]\s?(?P<to>present|today|now|date)\b")
MULTIPLE = re.compile(rf"(?P<n>{NUMBER})x(?![\w^])")  # 10x-20x
PLURAL = re.compile(r"(?P<n>\d{3,}|(?<=[A-Za-z]-)\d+)['’]?s\b")  # 747s, B-52s; 10s are seconds
SCORE = re.compile(r"(?P<a>\d{1,3}(?:\.\d+)?):(?P<b>\d{1,3}(?:,\d{3})*(?:\.\d+)?)(?![\d:])")
OUT_OF = re.compile(r"(?P<a>\d{1,3}\.\d+)/(?P<b>\d{1,4})(?![\d/.])")  # 9.8/10
ARC = re.compile(
    r"(?P<degrees>\d{1,3})°\s?(?P<minutes>\d{1,2})['′’](?:\s?(?P<seconds>\d{1,2}(?:\.\d+)?)[\"″”])?(?:\s?(?P<side>[NSEW])\b)?"
)
BARE = re.compile(rf"(?P<sign>{SIGN})(?P<n>{NUMBER})(?!\w)")
COUNT = re.compile(
    r"(?P<n>\d+\.\d+)\s?(?P<short>bn|mn|tn|[kKMB])(?!\w)|(?P<few>\d{1,4})(?P<k>k|bn|mn|tn|MM|M|(?<!\b[24568])(?<!\b16)K)(?!\w|['’])|"
    r"(?P<some>\d{1,3})(?P<big>[KMB])(?=[-–]\d{1,3}[KMB]\b|\s(?:people|users|views|copies|followers|subscribers|jobs|men|women|fans|stars|lines|words|downloads"
    r"|visitors|customers|members|students|residents|likes)\b)"
)  # 2.5M users, 10k steps
_RUN = re.compile(r"\s(?:runs?|race|races|runner|runners|walk|training|event|time|jog)\b")
_RAN = re.compile(
    r"\b(?:an?|the|my|his|her|our|first|last|every)\s$|\b(?:ran|run|running|jog|jogged|race|raced)\s$", re.IGNORECASE
)
LETTERED = re.compile(r"(?P<n>\d+\.\d+)(?=[A-Za-z])")  # 1.5x
_LABEL = re.compile(
    r"\b(?:seat|gate|apt\.?|apartment|room|row|suite|flat|unit|platform|exhibit|section|figure|form|bus|line|exit|block|lot|box|class|grade|chapter|version|terminal|track|sizes?|"
    r"iphone|ipad|galaxy|pixel|nexus|xbox|series|model|moto)\s$",
    re.IGNORECASE,
)
_CODED = re.compile(r"[A-Za-z]-$")
_ROAD = re.compile(r"\b(?:I|US|SR|CR|Hwy|Highway|Route|Rte\.?|Exit)[-\s]$")
_NAME_AHEAD = re.compile(r"\.?\s(?:[A-Z]|\d+(?:st|nd|rd|th))")
_INCHES_AHEAD = re.compile(r"\.?(?:\s[a-z]|\s?[x×,;)]|-[a-z]|\.?$)")
_POWERS = {"²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "}
_OF_IT = re.compile(r"\s+an?\s")  # half an hour
_CALLED = re.compile(
    r"(?:error|status|code|http|boeing|airbus|flight|route|highway|interstate|room|area|suite|bus|apartment|box|extension|ext\.?)\s$",
    re.IGNORECASE,
)
_BY_DIGITS = re.compile(
    r"\b(?:pin|ending in|ends in|account|acct\.?|passcode|password|serial|tracking|confirmation|ticket|order|case|badge|card|id"
    r"|zip)"
    r"(?:\s(?:number|no\.?|code|id|is|was))*:?\s#?$",
    re.IGNORECASE,
)
_QUOTES = re.compile(r'(?<!\d)"')
_SIDES = {"N": "north", "S": "south", "E": "east", "W": "west"}
_SPECIAL = {"24/7": "twenty four seven", "20/20": "twenty twenty", "9/11": "nine eleven", "50/50": "fifty fifty"}


def _number(text: str) -> list[str]:
    """A number, a fraction sign with or without a whole number, or "2 1/2"."""
    text = text.strip()
    if match := VULGAR.fullmatch(text):
        return vulgar(match)
    if match := MIXED.fullmatch(text):
        return mixed(match)
    if match := FRACTION.fullmatch(text):
        return fraction(int(match["top"]), int(match["bottom"]))
    return decimal(text)


def measure(match: re.Match[str]) -> list[str] | None:
    unit, number, to, gap = match["unit"], match["n"], match["to"], match["gap"]
    if "/" in number and unit in ("%", "m", "s", "h", "A", "V", "N", "J", "t", "l", "L", "g", "°"):
        return None
    if unit == '"' and len(_QUOTES.findall(match.string, 0, match.start())) % 2:
        return None  # it closes a quotation
    if not gap and len(unit) == 1 and unit.isalpha() and _LABEL.search(match.string[: match.start()]):
        return None  # seat 14A
    if not gap and len(unit) == 1 and _CODED.search(match.string[: match.start()][-3:]):
        return None  # X-15A
    if unit == "W" and _ROAD.search(match.string[: match.start()][-12:]):
        return None  # I-40 W
    if gap and unit in ("A", "J", "N", "t", '"', "C", "F"):
        return None  # a letter on its own is more likely something else
    if gap and unit in ("W", "V") and _NAME_AHEAD.match(match.string, match.end()):
        return None  # 45 W. 5th
    if gap == "-" and len(unit) == 1 and unit not in "mgL":
        return None
    if unit in ("in.", "in") and not _INCHES_AHEAD.match(match.string, match.end()):
        return None
    sign = SIGNS.get(match["minus"], [])
    words = sign + (_number(number) if not to else [*_number(number), "to", *decimal(to)])
    words += [match["mag"]] if match["mag"] else []
    adjective = gap == "-" or adjectival(match) or (unit == '"' and re.match(r" [a-z]", match.string[match.end() :]))
    one = number.strip() == "1" or re.fullmatch(r"\d/\d+|[½⅓⅔¼¾⅛⅜⅝⅞]", number.strip())
    name = UNITS[unit][0 if adjective or (one and not to and not match["mag"]) else 1]
    words += (_POWERS[match["power"]] + name).split() if match["power"] else name.split()
    if per := match["per"]:
        words += ["per", *(_POWERS.get(match["per_power"], "") + (UNITS[per][0] if per in UNITS else per)).split()]
    return words + ([_SIDES[match["side"]]] if match["side"] else [])


def feet_inches(match: re.Match[str]) -> list[str]:
    feet, inches = match["feet"] or match["ft"], match["inches"] or match["in"]
    if match["feet"] and float(inches) >= 12:  # 1'30"
        return [*cardinal(feet), "minute" if feet == "1" else "minutes", *decimal(inches), "seconds"]
    return [*cardinal(feet), "foot" if feet == "1" else "feet", *decimal(inches), "inch" if inches == "1" else "inches"]


def feet(match: re.Match[str]) -> list[str] | None:
    """6' tall; a mark that closes a quotation is none of feet."""
    before = match.string[: match.start()]
    if "′" not in match[0] and re.search(r"(?:^|[\s(])['‘]\S", before):
        return None
    adjective = re.match(r"-[a-z]", match.string[match.end() :])
    return [*decimal(match["n"]), "foot" if match["n"] == "1" or adjective else "feet"]


def by_feet(match: re.Match[str]) -> list[str]:
    names = ("inch", "inches") if match["unit"] in '"″' else ("foot", "feet")
    sides = [[*cardinal(one), names[one != "1"]] for one in (match["a"], match["b"])]
    return [*sides[0], "by", *sides[1]]


def ordinals(match: re.Match[str]) -> list[str] | None:
    return ordinal(match["n"]) if plain(match["n"]).isdecimal() else None


def mixed(match: re.Match[str]) -> list[str]:
    part = fraction(int(match["top"]), int(match["bottom"]))
    whole = [*SIGNS.get(match["sign"], []), *cardinal(match["whole"])]
    return [*whole, "and", *(["a", *part[1:]] if match["top"] == "1" else part)]


def fractions(match: re.Match[str]) -> list[str]:
    if match[0] in _SPECIAL:
        return _SPECIAL[match[0]].split()
    if match[0] == "1/2" and _OF_IT.match(match.string, match.end()):
        return ["half"]
    top, bottom, sign = int(match["top"]), int(match["bottom"]), SIGNS.get(match["sign"], [])
    if match["th"] or (0 < top < bottom and (bottom <= 20 or bottom in (32, 50, 64, 100, 1000))):
        return sign + fraction(top, bottom)
    return [*sign, *cardinal(top), "over", *cardinal(bottom)]


def vulgar(match: re.Match[str]) -> list[str]:
    top, bottom = map(int, unicodedata.normalize("NFKC", match["part"]).split("⁄"))
    part, sign = fraction(top, bottom), SIGNS.get(match["sign"], [])
    if not match["whole"]:
        return ["half"] if part == ["one", "half"] and _OF_IT.match(match.string, match.end()) else sign + part
    return [*sign, *cardinal(match["whole"]), "and", *(["a", *part[1:]] if top == 1 else part)]


def _raised(match: re.Match[str]) -> list[str]:
    if (match["caret"] or "").isalpha():
        return [match["caret"].upper()]
    return cardinal((match["caret"] or unicodedata.normalize("NFKC", match["super"])).replace("−", "-").lstrip("+"))


def power(match: re.Match[str]) -> list[str]:
    raised = _raised(match)
    words = decimal(match["n"])
    if raised in (["two"], ["three"]):
        return [*words, "squared" if raised == ["two"] else "cubed"]
    return [*words, "to", "the", "power", "of", *raised]


def scientific(match: re.Match[str]) -> list[str]:
    return [*decimal(match["n"]), "times", "ten", "to", "the", "power", "of", *_raised(match)]


def science(match: re.Match[str]) -> list[str]:
    return [*decimal(match["n"]), "times", "ten", "to", "the", "power", "of", *cardinal(match["power"].lstrip("+"))]


def _side(text: str) -> list[str]:
    return pairs(text) if len(text) == 4 and text.isdigit() else decimal(text)


def size(match: re.Match[str]) -> list[str]:
    sides = [match["a"], match["b"]] + ([match["c"]] if match["c"] else [])
    words = _side(sides[0])
    for side in sides[1:]:
        words += ["times" if " × " in match[0] else "by", *_side(side)]
    return words


def ranges(match: re.Match[str]) -> list[str] | None:
    first, last = match["n"], match["to"]
    if re.fullmatch(r"7[0-9]7", first) and re.fullmatch(r"\d00", last) and "-" in match[0]:  # the airliner 737-800
        return [*pairs(first), *cardinal(last)]
    said = SIGNS.get(match["sign"], [])
    if said or match["minus"]:
        return [*said, *decimal(first), "to", *(["minus"] if match["minus"] else []), *decimal(last)]
    spaced = re.search(r"\s[-−]\s", match[0])
    if year_like(first) and (year_like(last) or (len(last) == 2 and not spaced)):
        return [*year(int(first)), "to", *(year(int(last)) if len(last) == 4 else two_digits(last))]
    return [*decimal(first), "minus" if spaced else "to", *decimal(last)]


def until(match: re.Match[str]) -> list[str]:
    return [*year(int(match["n"])), "to", match["to"]]


def multiple(match: re.Match[str]) -> list[str]:
    return [*decimal(match["n"]), "X"]


def count(match: re.Match[str]) -> list[str] | None:
    if match["few"] and (
        (match["few"] in ("401", "403") and match["k"] == "k")
        or _LABEL.search(match.string[: match.start()])
        or _RUN.match(match.string, match.end())
        or _RAN.search(match.string[: match.start()][-12:])
    ):
        return None  # a 10k run
    number = match["n"] or match["few"] or match["some"]
    return [*decimal(number), MAGNITUDES[match["short"] or match["k"] or match["big"]]]


def lettered(match: re.Match[str]) -> list[str]:
    return decimal(match["n"])


def plural(match: re.Match[str]) -> list[str]:
    if match["n"] in ("100", "1000") and match.string[match.end() : match.end() + 4] == " of ":
        return ["hundreds" if match["n"] == "100" else "thousands"]
    return many(pairs(match["n"]))


def arc(match: re.Match[str]) -> list[str]:
    """40°42'46"N: degrees, minutes and seconds, and the side."""
    words: list[str] = []
    for unit in ("degrees", "minutes", "seconds"):
        if number := match[unit]:
            words += [
                *(decimal(str(int(number))) if number.isdigit() else decimal(number)),
                unit[:-1] if int(float(number)) == 1 else unit,
            ]
    return words + ([_SIDES[match["side"]]] if match["side"] else [])


def score(match: re.Match[str]) -> list[str]:
    return [*decimal(match["a"].lstrip("0") or "0"), "to", *decimal(match["b"])]


def out_of(match: re.Match[str]) -> list[str]:
    return [*decimal(match["a"]), "out", "of", *cardinal(match["b"])]


def bare(match: re.Match[str]) -> list[str]:
    number, sign = match["n"], match["sign"]
    before = match.string[max(match.start() - 30, 0) : match.start()]
    if number == "911" and not sign:
        return ["nine", "one", "one"]
    if number.isdigit() and not sign:
        if 3 <= len(number) <= 4 and _CALLED.search(before):
            return pairs(number)
        if len(number) >= 4 and _BY_DIGITS.search(before):
            return digits(number)
        if is_year(number, before, match.string[match.end() : match.end() + 40]):
            return year(int(number))
    said = SIGNS.get(sign, [])
    return said + (digits(number) if number.isdigit() and len(number) > 9 else decimal(number))
