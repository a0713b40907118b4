"""Where sentences and paragraphs end, without copying the text.

A blank line (or U+2029) ends a paragraph, U+2028 a sentence. A full stop ends a sentence unless it belongs to an abbreviation,
an initial, a number or an address, or the text goes on in small letters; words that both end sentences and stand inside (U.S.,
Inc., St.) are told by the word after them. A short line without a mark, before one with a capital, is a title or a verse and
ends a sentence too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from genkit.text.english.abbreviations import (
    BEFORE_NUMBER,
    FULL_MONTHS,
    MAYBE_LAST,
    MONTHS,
    NEVER_LAST,
    STARTERS,
    TIME_ZONES,
    WEEKDAYS,
)
from genkit.text.english.postal import STREETS, UNITS
from genkit.text.english.scripture import BOOKS
from genkit.text.english.units import UNITS as MEASURED
from genkit.text.scripts import LETTER

LONGEST = 500  # characters: a longer sentence is cut at a comma or a space, so that no text can fill the memory
SHORT_LINE = 60  # characters: lines of running text are longer where they are broken by hand

_PARAGRAPH = re.compile(r"\n[^\S\n]*(?:\n\s*)+|\u2029\s*|\r\n[^\S\n]*(?:\r\n\s*)+")
_CLOSING = "\"'”’»›)]}*_"
_OPENING = "\"'“‘„«‹([{*_¿¡—–-"
_BOUNDARY = re.compile(
    rf"(?P<mark>[.?!…]+)[{re.escape(_CLOSING)}]*(?=\s|$)|(?P<wide>[。！？।॥؟]+[”’」』）]*)|(?P<forced>\u2028)|(?P<line>\n)"
)
_LAST_TOKEN = re.compile(r"[^\s\"'“‘„«‹(\[{]+$")
_WORD = re.compile(rf"(?:{LETTER}|\d)+(?:['’](?:{LETTER}|\d)+)?")
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]$")
_COMMA = re.compile(r"[,;:—–)](?=\s)|—")
_COUNT_BEFORE = re.compile(r"\d\s?$")
_NUMERAL = re.compile(r"[IVXLC]+")
_VERSE = re.compile(r"\s+\d{1,3}:\d")
_AFTER_HOURS = TIME_ZONES | set(FULL_MONTHS) | set(MONTHS) | set(WEEKDAYS) | set(WEEKDAYS.values())
_BULLET = re.compile(r"(?:[-*•–—]|\d{1,3}[.)])\s")


def spans(
    text: str, start: int = 0, inside: Callable[[int], bool] | None = None, language: str = "en"
) -> Iterator[tuple[int, int, bool]]:
    """(start, end, paragraph ends here) of each sentence from `start` on; `inside(offset)` says where no sentence may end."""
    ends = partial(_ends, ends_word=_ends_word if language.partition("-")[0] == "en" else _ends_foreign_word(language))
    at, length = start, len(text)
    while at < length:
        match = _PARAGRAPH.search(text, at)
        stop, after = (match.start(), match.end()) if match else (length, length)
        pending: tuple[int, int] | None = None
        for span in _sentences(text, at, stop, inside, ends):
            if pending:
                yield *pending, False
            pending = span
        if pending:
            yield *pending, True
        at = after


def _sentences(
    text: str, at: int, stop: int, inside: Callable[[int], bool] | None, ends: Callable[..., bool]
) -> Iterator[tuple[int, int]]:
    first = at
    for match in _BOUNDARY.finditer(text, at, stop):
        end = match.end()
        if match.start() < first or (inside is not None and inside(end)):
            continue
        if match["mark"] and not ends(text, match.start("mark"), match.end("mark"), end, stop, first):
            continue
        if match["line"] and not _line_ends(text, match.start(), end, stop, first):
            continue
        yield from _trimmed(text, first, match.start() if match["line"] or match["forced"] else end)
        first = end
    yield from _trimmed(text, first, stop)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space at its ends, cut where it is too long; nothing where nothing is in it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST:
        cut = max((match.end() for match in _COMMA.finditer(text, start + 1, start + LONGEST)), default=0)
        if cut <= start + LONGEST // 4:
            cut = max(text.rfind(" ", start + 1, start + LONGEST), text.rfind("\n", start + 1, start + LONGEST))
        cut = cut if cut > start else start + LONGEST
        yield start, cut
        start = cut
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        yield start, end


def _following(text: str, at: int, stop: int) -> str:
    """The next word after a boundary, with whatever opens before it passed over; "" at the end."""
    while at < stop and (text[at].isspace() or text[at] in _OPENING):
        at += 1
    match = _WORD.match(text, at, min(stop, at + 60))
    return match[0] if match else text[at : at + 1] if at < stop else ""


def _ends(
    text: str, start: int, mark_end: int, end: int, stop: int, first: int, ends_word: Callable[[str, int, int, int, str], bool]
) -> bool:
    following = _following(text, end, stop)
    if not following:
        return True
    mark = text[start:mark_end]
    if following[0].islower():  # "Really?" he said; etc. and so on
        return False
    if mark != ".":
        return True
    token = _LAST_TOKEN.search(text, max(first, start - 40), start)
    if token is None:
        return True
    if token[0].isdigit() and len(token[0]) <= 3 and _begins_line(text, token.start(), first):
        return False
    return ends_word(text, token.start(), end, first, following)


def _ends_word(text: str, start: int, end: int, first: int, following: str) -> bool:
    """Whether the English word from `start` to the full stop before `end` ends its sentence."""
    word = re.split(r"[-–—/]", text[start:end].rstrip(_CLOSING).removesuffix("."))[-1]
    low = word.lower()
    starter = following.lower() in STARTERS and following[:1].isupper()
    if word.isdigit():
        return True
    if low == "c" and following[0].isdigit():  # c. 1450
        return False
    if low == "st":  # Saint before a name; Street at an end
        return starter and _capital_before(text, start, first)
    if low in BOOKS and following[0].isdigit() and _VERSE.match(text, end):  # 1 Cor. 13:4
        return False
    if low == "v" and word == low and following[:1].isupper() and _capital_before(text, start, first):  # Roe v. Wade
        return False
    if low in ("b", "d") and word == low and following[0].isdigit():  # d. 1850
        return False
    if _COUNT_BEFORE.search(text, max(first, start - 8), start) and low in MEASURED:  # 5 mi. North
        return starter
    if low in NEVER_LAST:
        if low in BEFORE_NUMBER and _NUMERAL.fullmatch(following):  # Ch. IV
            return False
        return low in BEFORE_NUMBER and not following[0].isdigit() and low in ("no", "art", "est", "ch")
    if low in ("a.m", "p.m"):
        return following[0].isupper() and following.lower() not in _AFTER_HOURS
    if low in UNITS and following[0].isdigit():  # Bldg. 4
        return False
    if low in MAYBE_LAST or low in STREETS or _DOTTED.fullmatch(word):
        return starter
    if len(word) == 1 and word.isalpha() and word.isupper():
        return (starter or word == "I") and not _capital_before(text, start, first)
    return True


def _ends_foreign_word(language: str) -> Callable[[str, int, int, int, str], bool]:
    """The same of another language, by its own abbreviations and ordinal numbers."""
    from genkit.text.others.reading import unended

    short, months, ordinal_ahead = unended(language.partition("-")[0])

    def ends_word(text: str, start: int, end: int, first: int, following: str) -> bool:
        word = re.split(r"[-–—/]", text[start:end].rstrip(_CLOSING).removesuffix("."))[-1]
        if word.lower() in months and following[0].isdigit():  # 3. Okt. 1990
            return False
        if word.isdigit():
            dated = len(word) < 3 and following[0].isdigit()  # 24. 12. 2024
            return not (dated or (ordinal_ahead and len(word) < 3 and ordinal_ahead.match(text, end)))
        if word.lower() in short or word.rpartition(".")[2].lower() in short:
            return False
        return not (len(word) == 1 and word.isalpha() and word.isupper())

    return ends_word


def _capital_before(text: str, at: int, first: int) -> bool:
    words = _WORD.findall(text, max(first, at - 40), at)
    return bool(words) and words[-1][0].isupper() and words[-1].lower() not in STARTERS


def _begins_line(text: str, at: int, first: int) -> bool:
    """Whether a number stands first in its line or sentence: 1. is then the number of an item."""
    while at > first and text[at - 1] in " \t":
        at -= 1
    return at == first or text[at - 1] == "\n"


def _line_ends(text: str, start: int, end: int, stop: int, first: int) -> bool:
    """Whether a line without a mark is a sentence: a title, a verse, an item; running text goes on in the next line."""
    line = text.rfind("\n", first, start) + 1
    begin = max(line, first)
    if not text[begin:start].strip():
        return False
    while end < stop and text[end] in " \t":
        end += 1
    if _BULLET.match(text, end, min(stop, end + 8)):
        return True
    following = _following(text, end, stop)
    return start - begin <= SHORT_LINE and bool(following) and not following[0].islower() and text[start - 1] not in ",;—–-"
