"""Whether four digits are a year or a count: in 1999, and 1234 people."""

from __future__ import annotations

import re

from genkit.text.english.abbreviations import FULL_MONTHS, MONTHS
from genkit.text.tables import table, word_set

_WORDS = table("english/words")
_COUNTED = word_set(_WORDS["counted"])
_QUANTIFIERS = word_set(_WORDS["quantifiers"])
_NO_PLURALS = word_set(_WORDS["no_plurals"])
_BEFORE_YEAR = word_set(_WORDS["before_year"]) | set(FULL_MONTHS) | set(MONTHS)
_DETERMINERS = word_set("the this that his her its their our my a an every each")
_LAST = re.compile(r"([^\W\d_]+)\.?,?[\s(“\"‘'–-]*$")
_ERA = re.compile(r"\b(?:A\.?D|C\.?E)\.?\s$")
_ERA_BEHIND = re.compile(r"\s(?:A\.?D\b|C\.?E\b)")
_NEXT = re.compile(r"\s+([a-z]+)(?:\s+([a-z]+))?")


def year_like(text: str) -> bool:
    return len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099


def is_year(number: str, before: str, after: str) -> bool:
    """What a number without a sign of its own is, by the words beside it."""
    match = _LAST.search(before)
    word = match[1].lower() if match else ""
    if len(number) != 4 or not 1000 <= int(number) <= (9999 if word == "year" else 2099):
        return False
    if not year_like(number):
        return int(number) > 1000 and (word in _BEFORE_YEAR or bool(_ERA.search(before) or _ERA_BEHIND.match(after)))
    if word in _QUANTIFIERS:
        return False
    following = _NEXT.match(after)
    first, second = (following[1], following[2] or "") if following else ("", "")
    if word in _BEFORE_YEAR:
        return first not in _COUNTED
    if word in _DETERMINERS:
        return True
    return not (first in _COUNTED or _plural(first) or (first and first not in _NO_PLURALS and second in _COUNTED))


def _plural(word: str) -> bool:
    return len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in _NO_PLURALS
