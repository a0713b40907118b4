"""Words with signs among their letters: w/o, AT&T, H₂O, x², item(s), Mon-Fri, A–Z, Ph.D., J. Bach (see addresses.py for what a
reader gives)."""

from __future__ import annotations

import re
import unicodedata

from genkit.text.english.abbreviations import EITHER, INSIDE, TITLES, WEEKDAYS
from genkit.text.english.acronyms import ALPHANUMERIC, alphanumeric
from genkit.text.english.numbers import cardinal, pairs, roman
from genkit.text.english.units import UNITS
from genkit.text.scripts import LETTER
from genkit.text.tables import table, word_set

Said = list[str]

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
    found = re.search(rf"({LETTER}+(?:['’]{LETTER}+)*)[.,]?\s+$", part[max(at - 30, 0) : at])
    return found[1] if found else ""


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _slashed(found: re.Match[str]) -> Said:
    return _SLASHES[found["word"].lower()].split()


def _both(found: re.Match[str]) -> Said:
    return [*found["one"], "and", *found["other"][:-1], found["other"][-1] + ("'s" if found["more"] else "")]


def _days(found: re.Match[str]) -> Said:
    return [WEEKDAYS.get(one.lower(), one.lower()) if one != "to" else one for one in (found["one"], "to", found["other"])]


def _letters_to(found: re.Match[str]) -> Said | None:
    if found["one"]:
        return [found["one"], "to", found["other"]] if found["one"] < found["other"] else None
    first, last = ([one[0], *cardinal(one[1:])] for one in (found["first"], found["last"]))
    return [*first, "to", *last]


def _pages(found: re.Match[str]) -> Said | None:
    first, last = (roman((found[one] or "").upper()) for one in ("first", "last"))
    if first is None or (found["last"] and last is None):
        return None
    words = ["pages" if found["word"] in ("pp.", "pages") else "page", *cardinal(first)]
    return words + (["to", *cardinal(last)] if last else [])


def _part(found: re.Match[str]) -> Said | None:
    value = roman(found["count"].upper())
    return cardinal(value) if value else None


def _formula(found: re.Match[str]) -> Said | None:
    if variable := re.fullmatch(r"([a-z])([₀-₉]+)", found["formula"]):  # x₁, v₁₀
        return [variable[1].upper(), *cardinal(_plain(variable[2]))]
    plain = ALPHANUMERIC.fullmatch(_plain(found["formula"]))
    return alphanumeric(plain) if plain else None


def _charge(found: re.Match[str]) -> Said:
    plain = ALPHANUMERIC.fullmatch(_plain(found["formula"]))
    formula = (alphanumeric(plain) or []) if plain else list(found["formula"].upper())
    count = cardinal(_plain(found["count"])) if found["count"] else []
    return [*formula, *count, "plus" if found["sign"] == "⁺" else "minus"]


def _isotope(found: re.Match[str]) -> Said:
    return [*pairs(_plain(found["mass"])), *found["element"].upper()]


def _squared(found: re.Match[str]) -> Said:
    one = word_before(found.string, found.start()).lower() in EACH
    return [{"²": "square", "³": "cubic"}[found["power"]], *UNITS[found["unit"]][0 if one else 1].split()]


def _raised(found: re.Match[str]) -> Said | None:
    """x², (a + b)³, yⁿ, e^x; what is raised has been said where it is a bracket."""
    if found.start() and found.string[found.start() - 1].isalnum():
        return None  # the last letter of a word
    raised = _plain(found["power"]).lstrip("^").replace("−", "-")
    what = [] if found["what"] == ")" else [GREEK.get(found["what"], found["what"].upper())]
    if raised in ("2", "3"):
        return [*what, "squared" if raised == "2" else "cubed"]
    if raised.lstrip("+-").isdigit():
        return [*what, "to", "the", "power", "of", *cardinal(raised.lstrip("+"))]
    return [*what, "to", "the", "power", "of", *(["minus"] if raised[0] == "-" else []), raised[-1].upper()]


def _several(found: re.Match[str]) -> Said | None:
    return [found["word"] + found["more"]] if found["word"].islower() else None


def _copyright(found: re.Match[str]) -> Said:
    return ["copyright"]


def _zone(found: re.Match[str]) -> Said:
    minutes = cardinal(found["minutes"]) if found["minutes"] else []
    return [*found["zone"], "plus" if found["sign"] == "+" else "minus", *cardinal(found["hours"]), *minutes]


def _language(found: re.Match[str]) -> Said:
    return [found["letter"], *(["plus", "plus"] if found["sign"] == "++" else ["sharp"])]


def _degree(found: re.Match[str]) -> Said:
    return [one.upper() for one in re.sub(r"[.\s]", "", found["word"])]


def _dotted(found: re.Match[str]) -> Said:
    low = re.sub(r"['’]s$", "", found[0]).rstrip(".").lower()
    if low in ("e.g", "i.e", "a.k.a"):
        return ABBREVIATIONS[low].split()
    letters = [one.upper() for one in low if one.isalpha()]
    return [*letters[:-1], letters[-1] + "'s"] if found["own"] or found["own2"] else letters


def _initial(found: re.Match[str]) -> Said:
    return [found["letter"]]


COMPOUNDS = (
    (_SLASHED, _slashed), (_BOTH, _both), (_DAYS, _days), (_FULL_DAYS, _days), (_LETTERS_TO, _letters_to), (_PAGES, _pages),
    (_PART, _part), (_CHARGE, _charge), (_ISOTOPE, _isotope), (_FORMULA, _formula), (_SQUARED, _squared), (_RAISED, _raised),
    (_SEVERAL, _several), (_COPYRIGHT, _copyright), (_ZONE, _zone), (_LANGUAGE, _language), (_DEGREE, _degree),
    (_DOTTED, _dotted), (_INITIAL, _initial),
)  # fmt: skip
