"""Places in the Bible: 1 Cor. 13:4 as first corinthians thirteen four."""

from __future__ import annotations

import re

from genkit.text.english.abbreviations import word_set
from genkit.text.english.numbers import cardinal

_SHORT = {
    "gen": "genesis", "ex": "exodus", "exod": "exodus", "lev": "leviticus", "num": "numbers", "deut": "deuteronomy",
    "josh": "joshua", "judg": "judges", "sam": "samuel", "kgs": "kings", "chr": "chronicles", "chron": "chronicles",
    "neh": "nehemiah", "esth": "esther", "ps": "psalm", "psa": "psalm", "prov": "proverbs", "eccl": "ecclesiastes",
    "isa": "isaiah", "jer": "jeremiah", "lam": "lamentations", "ezek": "ezekiel", "dan": "daniel", "hos": "hosea",
    "mic": "micah", "hab": "habakkuk", "zech": "zechariah", "mal": "malachi", "matt": "matthew", "mt": "matthew", "mk": "mark",
    "lk": "luke", "jn": "john", "rom": "romans", "cor": "corinthians", "gal": "galatians", "eph": "ephesians",
    "phil": "philippians", "col": "colossians", "thess": "thessalonians", "tim": "timothy", "tit": "titus", "heb": "hebrews",
    "jas": "james", "pet": "peter", "rev": "revelation",
}  # fmt: skip
_FULL = word_set(
    "genesis exodus leviticus numbers deuteronomy joshua judges ruth samuel kings chronicles ezra nehemiah esther job psalm "
    "psalms proverbs ecclesiastes isaiah jeremiah lamentations ezekiel daniel hosea joel amos obadiah jonah micah nahum "
    "habakkuk zephaniah haggai zechariah malachi matthew mark luke john acts romans corinthians galatians ephesians "
    "philippians colossians thessalonians timothy titus philemon hebrews james peter jude revelation"
)
_COUNT = {"1": "first", "2": "second", "3": "third", "I": "first", "II": "second", "III": "third"}
_NAMES = "|".join(sorted([*(one.title() for one in _FULL), *(one.title() + r"\.?" for one in _SHORT)], key=len, reverse=True))
BOOKS = frozenset(_SHORT)  # a sentence does not end after one before a number
PLACE = re.compile(
    rf"(?:(?P<count>[123]|I{{1,3}})\s)?(?P<book>{_NAMES})\s(?P<chapter>\d{{1,3}}):(?P<verse>\d{{1,3}})"
    r"(?:\s?[-–]\s?(?P<to>\d{1,3})(?!\d|:\d))?(?![\d:]|\s?[ap]\.?m\b)"
)


def place(found: re.Match[str]) -> list[str]:
    """The book with its number, the chapter and the verse or verses."""
    book = found["book"].lower().rstrip(".")
    words = [_COUNT[found["count"]]] if found["count"] else []
    words += [_SHORT.get(book, book), *cardinal(found["chapter"]), *cardinal(found["verse"])]
    return words + (["to", *cardinal(found["to"])] if found["to"] else [])
