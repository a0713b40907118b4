"""Sums of money: to words (see addresses.py for what a reader gives)."""

from __future__ import annotations

import re

from genkit.text.english.numbers import NUMBER, cardinal, decimal, plain
from genkit.text.english.units import CODES, CURRENCIES, MAGNITUDES, UNITS

DASH = r"\s?[-–—]\s?"
_LARGE = r"(?:thousand|million|billion|trillion|quadrillion|hundred|dozen|lakh|crore)"
_SHORT = r"bn|mn|tn|mm|[kKmMbBT]"
_PREFIX = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
_CODE = "|".join(CODES)

# $5, $5.50, $3 million, $10-20, $1.5k–$2k, $15/hr
MONEY = re.compile(
    rf"(?P<neg>[-−])?(?P<sign>{_PREFIX})\s?(?P<n>{NUMBER})"
    rf"(?:(?P<first>{_SHORT})?{DASH}(?P<own>{_PREFIX})?(?P<to>{NUMBER})(?![\d-]|\s?[-–]\s?\d))?"
    rf"(?:[\s-]?(?P<mag>{_LARGE})s?\b|\s?(?P<short>{_SHORT})(?!\w))?(?P<per>\s?/\s?(?P<unit>[A-Za-z]{{1,9}})\b(?:\.(?=\s[a-z]))?)?"
)
MONEY_CODE = re.compile(
    rf"(?P<sign>{_CODE})\s?(?P<n>{NUMBER})(?:{DASH}(?P<to>{NUMBER}))?(?:\s(?P<mag>{_LARGE})\b|\s?(?P<short>{_SHORT})(?!\w))?"
    r"(?:\.-)?(?![\w%])"
)
MONEY_AFTER = re.compile(
    rf"(?P<n>{NUMBER})(?:{DASH}(?P<to>{NUMBER}))?(?:[\s-]?(?P<mag>{_LARGE}))?\s?"
    rf"(?P<sign>(?:{_PREFIX})(?![\w.])|(?:{_CODE})\b)(?P<per>/(?P<unit>[A-Za-z]{{1,9}})\b)?"
)
_AN = re.compile(r"(?:\b|^)(?:an?|another|every)\s[-−]?$", re.IGNORECASE)
_NOUN = re.compile(
    r"\s(?!(?:in|of|for|to|and|or|per|a|an|each|at|on|from|with|by|is|was|were|are|more|less|the|as|if|when|but|than|every)\b)[a-z]"
)
_ONE_OF_IT = re.compile(
    r"-[a-z]|\s(?:bill|note|coin|question|deal|prize|loan|fine|fee|budget|bonus|ticket|discount|investment|gift|card|grant)\b"
)


def adjectival(match: re.Match[str]) -> bool:
    """Whether what is read stands between an article and a noun: a $3 million house, a 5 km run."""
    return bool(_AN.search(match.string[: match.start()][-10:]) and _NOUN.match(match.string, match.end()))


def money(match: re.Match[str]) -> list[str] | None:
    groups = match.groupdict()
    sign = groups["sign"]
    names = CURRENCIES[sign] if sign in CURRENCIES else CURRENCIES[CODES[sign]]
    number, to = groups["n"], groups["to"]
    large = groups["mag"] or MAGNITUDES.get(groups.get("short") or "", "")
    words = ["minus"] if groups.get("neg") else []
    single = bool(_ONE_OF_IT.match(match.string[match.end() : match.end() + 12].lower())) or adjectival(match)
    if to:
        first = MAGNITUDES.get(groups.get("first") or "", "")
        if first or (large and not groups.get("own")):  # $1.5k–$2k, $5-10 million
            words += [*decimal(number), *first.split(), "to", *decimal(to), *large.split(), names[1]]
        elif groups.get("own") or "." in number + to:  # each as it is alone
            words += [*_sum(number, "", names, False), "to", *_sum(to, large, names, False)]
        else:
            words += [*decimal(number), "to", *decimal(to), names[1]]
    else:
        words += _sum(number, large, names, single)
    if groups.get("per"):
        unit = groups["unit"]
        words += ["per", *(UNITS[unit][0] if unit in UNITS else unit.lower()).split()]
    return " ".join(words).split()


def _sum(number: str, large: str, names: tuple[str, str, str, str], single: bool) -> list[str]:
    one, more, cent, cents = names
    if large:
        return [*decimal(number), large, one if single else more]
    if re.fullmatch(r"\d*\.\d\d", plain(number)) and cent:
        whole, _, part = plain(number).partition(".")
        units, rest = int(whole or 0), int(part)
        words = [*cardinal(units), one if units == 1 or single else more] if units or not rest else []
        if rest:
            words += (["and"] if units else []) + [*cardinal(rest), cent if rest == 1 else cents]
        return words
    return [*decimal(number), one if number == "1" or single else more]
