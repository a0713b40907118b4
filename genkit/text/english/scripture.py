"""Places in the Bible: 1 Cor. 13:4 as first corinthians thirteen four."""

from __future__ import annotations

import re

from genkit.text.english.numbers import cardinal
from genkit.text.tables import table, word_set

_SHORT: dict[str, str] = table("english/words")["scripture"]
_FULL = {*_SHORT.values(), *word_set("ruth ezra job psalms joel amos obadiah jonah nahum zephaniah haggai acts philemon jude")}
_COUNT = {"1": "first", "2": "second", "3": "third", "I": "first", "II": "second", "III": "third"}
_NAMES = "|".join(sorted([*(one.title() for one in _FULL), *(one.title() + r"\.?" for one in _SHORT)], key=len, reverse=True))
BOOKS = frozenset(_SHORT)  # a sentence does not end after one before a number
PLACE = re.compile(
    rf"(?:(?P<count>[123]|I{{1,3}})\s)?(?P<book>{_NAMES})\s(?P<chapter>\d{{1,3}}):(?P<verse>\d{{1,3}})"
    r"(?:\s?[-–]\s?(?P<to>\d{1,3})(?!\d|:\d))?(?![\d:]|\s?[ap]\.?m\b)"
)


def place(match: re.Match[str]) -> list[str]:
    """The book with its number, the chapter and the verse or verses."""
    book = match["book"].lower().rstrip(".")
    words = [_COUNT[match["count"]]] if match["count"] else []
    words += [_SHORT.get(book, book), *cardinal(match["chapter"]), *cardinal(match["verse"])]
    return words + (["to", *cardinal(match["to"])] if match["to"] else [])
