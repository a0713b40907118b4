"""Words with signs among their letters: w/o, AT&T, H₂O, x², item(s), Mon-Fri, A–Z, Ph.D., J. Bach (see addresses.py for what a
reader gives)."""

from __future__ import annotations

import re
import unicodedata

from genkit.text.english.abbreviations import EITHER, INSIDE, NUMBERED, TITLES, WEEKDAYS
from genkit.text.english.acronyms import ALPHANUMERIC, alphanumeric
from genkit.text.english.numbers import cardinal, pairs, roman
from genkit.text.english.units import UNITS
from genkit.text.scripts import LETTER
from genkit.text.tables import table, word_set

Words = list[str]

_WORDS = table("english/words")
_SLASHES: dict[str, str] = _WORDS["slashes"]
GREEK: dict[str, str] = _WORDS["greek"]
ABBREVIATIONS = TITLES | INSIDE | EITHER
POWERED = frozenset(UNITS) | word_set("feet miles meters metres inches yards kilometers kilometres")
EACH = word_set("per a each every one")  # a unit behind these is one of it

_SLASHED = re.compile(
    rf"(?P<word>w/(?=\s)|{'|'.join(re.escape(one) for one in _SLASHES if one != 'w/')})(?![\w/])", re.IGNORECASE
)
_BOTH = re.compile(r"(?P<one>[A-Z]{1,3})&(?P<other>[A-Z]{1,3})(?P<more>s)?(?![\w&])")  # AT&T, M&Ms
_DAY = r"(?:Mon|Tues?|Wed|Thu(?:rs?)?|Fri|Sat|Sun)"
_DAYS = re.compile(rf"(?P<one>{_DAY})\.?\s?[-–]\s?(?P<other>{_DAY})\b\.?(?=[\s,;:)]|$)")
_FULL_DAY = "|".join(one.title() for one in sorted(set(WEEKDAYS.values())))
_FULL_DAYS = re.compile(rf"(?P<one>{_FULL_DAY})s?\s?[-–]\s?(?P<other>{_FULL_DAY})\b")
_LETTERS_TO = re.compile(  # A–Z, A1-A5
    r"(?P<one>[A-Z])[-–](?P<other>[A-Z])(?![\w'’-])|(?P<first>(?P<kind>[A-Z])\d{1,2})[-–](?P<last>(?P=kind)\d{1,2})(?![\w-])"
)
_PAGES = re.compile(r"(?P<word>pp?\.|pages?)\s?(?P<first>[ivxlc]+)(?:\s?[-–]\s?(?P<last>[ivxlc]+))?(?![\w'’])")
_NUMERALS_TO = re.compile(r"(?P<first>[IVXLC]{1,6})\s?[-–]\s?(?P<last>[IVXLC]{1,6})(?![\w'’])")
_TICKER = re.compile(r"\$(?P<letters>[A-Z]{1,5})(?!\w)")
_PART = re.compile(r"(?<=\()(?P<count>[ivx]{2,5})(?=\))")
_FORMULA = re.compile(r"(?=[A-Za-z]*[₀-₉])(?P<formula>[A-Za-z][A-Za-z₀-₉]*)")
_CHARGE = re.compile(r"(?P<formula>[A-Z][A-Za-z₀-₉]*)(?P<count>[²³⁴]?)(?P<sign>[⁺⁻])(?!\w)")  # Fe³⁺
_ISOTOPE = re.compile(r"(?P<mass>[⁰¹²³⁴-⁹]+)(?P<element>[A-Z][a-z]?)(?![a-z])")  # ²³⁵U
_RAISED = re.compile(r"(?P<what>[A-Za-zα-ω]|\))(?P<power>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁿ|\^[-−]?\w)(?!\w)")
_SQUARED = re.compile(rf"(?P<unit>{'|'.join(one for one in UNITS if one.isalpha() and len(one) > 1)})(?P<power>[²³])(?!\w)")
_SEVERAL = re.compile(rf"(?P<word>{LETTER}{{2,}})\((?P<more>e?s|ren)\)")  # item(s)
_COPYRIGHT = re.compile(r"\([cC]\)(?=\s?(?:19|20)\d\d)")
_ZONE = re.compile(r"(?P<zone>GMT|UTC)\s?(?P<sign>[-−+])(?P<hours>\d{1,2})(?::(?P<minutes>\d{2}))?(?!\w)")
_LANGUAGE = re.compile(r"(?P<letter>[CFJ])(?P<sign>\+\+|#)(?!\w)")
_DEGREE = re.compile(r"(?P<word>Ph\.?\s?D|M\.?Sc|B\.?Sc|M\.D|B\.A|M\.A|LL\.?[BM])\b\.?")
_DOTTED = re.compile(
    r"(?:[A-Za-z]\.){2,}(?:[A-Za-z](?![A-Za-z]))?(?P<own>['’]s)?|[A-Za-z]\.[A-Za-z]\.?(?P<own2>['’]s)?(?![A-Za-z])"
)
_INITIAL = re.compile(r"(?P<letter>[A-Z])\.(?=\s?[A-Z]|\s[a-z]{3,})")  # J. Bach, E. coli


def word_before(part: str, at: int) -> str:
    """The word that stands before a place, with nothing but a comma or a full stop between."""
    match = re.search(rf"({LETTER}+(?:['’]{LETTER}+)*)[.,]?\s+$", part[max(at - 30, 0) : at])
    return match[1] if match else ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _slashed(match: re.Match[str]) -> Words:
    return _SLASHES[match["word"].lower()].split()


def _both(match: re.Match[str]) -> Words:
    return [*match["one"], "and", *match["other"][:-1], match["other"][-1] + ("'s" if match["more"] else "")]


def _days(match: re.Match[str]) -> Words:
    return [WEEKDAYS.get(one.lower(), one.lower()) if one != "to" else one for one in (match["one"], "to", match["other"])]


def _letters_to(match: re.Match[str]) -> Words | None:
    if match["one"]:
        return [match["one"], "to", match["other"]] if match["one"] < match["other"] else None
    first, last = ([one[0], *cardinal(one[1:])] for one in (match["first"], match["last"]))
    return [*first, "to", *last]


def _pages(match: re.Match[str]) -> Words | None:
    first, last = (roman((match[one] or "").upper()) for one in ("first", "last"))
    if first is None or (match["last"] and last is None):
        return None
    words = ["pages" if match["word"] in ("pp.", "pages") else "page", *cardinal(first)]
    return words + (["to", *cardinal(last)] if last else [])


def _numerals_to(match: re.Match[str]) -> Words | None:
    """vols. I–III, behind a word that is numbered."""
    ahead = word_before(match.string, match.start()).lower()
    first, last = roman(match["first"]), roman(match["last"])
    if first is None or last is None or not {ahead, ahead.removesuffix("s"), ahead.removesuffix("s.")} & NUMBERED:
        return None
    return [*cardinal(first), "to", *cardinal(last)]


def _ticker(match: re.Match[str]) -> Words:
    return list(match["letters"])


def _part(match: re.Match[str]) -> Words | None:
    value = roman(match["count"].upper())
    return cardinal(value) if value else None


def _formula(match: re.Match[str]) -> Words | None:
    if variable := re.fullmatch(r"([a-z])([₀-₉]+)", match["formula"]):  # x₁, v₁₀
        return [variable[1].upper(), *cardinal(_plain(variable[2]))]
    plain = ALPHANUMERIC.fullmatch(_plain(match["formula"]))
    return alphanumeric(plain) if plain else None


def _charge(match: re.Match[str]) -> Words:
    plain = ALPHANUMERIC.fullmatch(_plain(match["formula"]))
    formula = (alphanumeric(plain) or []) if plain else list(match["formula"].upper())
    count = cardinal(_plain(match["count"])) if match["count"] else []
    return [*formula, *count, "plus" if match["sign"] == "⁺" else "minus"]


def _isotope(match: re.Match[str]) -> Words:
    return [*pairs(_plain(match["mass"])), *match["element"].upper()]


def _squared(match: re.Match[str]) -> Words:
    one = word_before(match.string, match.start()).lower() in EACH
    return [{"²": "square", "³": "cubic"}[match["power"]], *UNITS[match["unit"]][0 if one else 1].split()]


def _raised(match: re.Match[str]) -> Words | None:
    """x², (a + b)³, yⁿ, e^x; what is raised has been said where it is a bracket."""
    if match.start() and match.string[match.start() - 1].isalnum():
        return None  # the last letter of a word
    raised = _plain(match["power"]).lstrip("^").replace("−", "-")
    what = [] if match["what"] == ")" else [GREEK.get(match["what"], match["what"].upper())]
    if raised in ("2", "3"):
        return [*what, "squared" if raised == "2" else "cubed"]
    if raised.lstrip("+-").isdigit():
        return [*what, "to", "the", "power", "of", *cardinal(raised.lstrip("+"))]
    return [*what, "to", "the", "power", "of", *(["minus"] if raised[0] == "-" else []), raised[-1].upper()]


def _several(match: re.Match[str]) -> Words | None:
    return [match["word"] + match["more"]] if match["word"].islower() else None


def _copyright(match: re.Match[str]) -> Words:
    return ["copyright"]


def _zone(match: re.Match[str]) -> Words:
    minutes = cardinal(match["minutes"]) if match["minutes"] else []
    return [*match["zone"], "plus" if match["sign"] == "+" else "minus", *cardinal(match["hours"]), *minutes]


def _language(match: re.Match[str]) -> Words:
    return [match["letter"], *(["plus", "plus"] if match["sign"] == "++" else ["sharp"])]


def _degree(match: re.Match[str]) -> Words:
    return [one.upper() for one in re.sub(r"[.\s]", "", match["word"])]


def _dotted(match: re.Match[str]) -> Words:
    low = re.sub(r"['’]s$", "", match[0]).rstrip(".").lower()
    if low in ("e.g", "i.e", "a.k.a"):
        return ABBREVIATIONS[low].split()
    letters = [one.upper() for one in low if one.isalpha()]
    return [*letters[:-1], letters[-1] + "'s"] if match["own"] or match["own2"] else letters


def _initial(match: re.Match[str]) -> Words:
    return [match["letter"]]


COMPOUNDS = (
    (_SLASHED, _slashed), (_BOTH, _both), (_DAYS, _days), (_FULL_DAYS, _days), (_LETTERS_TO, _letters_to), (_PAGES, _pages),
    (_NUMERALS_TO, _numerals_to), (_TICKER, _ticker),
    (_PART, _part), (_CHARGE, _charge), (_ISOTOPE, _isotope), (_FORMULA, _formula), (_SQUARED, _squared), (_RAISED, _raised),
    (_SEVERAL, _several), (_COPYRIGHT, _copyright), (_ZONE, _zone), (_LANGUAGE, _language), (_DEGREE, _degree),
    (_DOTTED, _dotted), (_INITIAL, _initial),
)  # fmt: skip
