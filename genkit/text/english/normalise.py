"""English text to the words that are said, in one pass from left to right.

At each place the readers of dates, money, units and so on are tried in order, the most particular first; the first that
recognises something wins. What stays are words, signs and marks of punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from genkit.errors import InputError
from genkit.text.english import addresses, dates, measures, scripture, words
from genkit.text.english.abbreviations import FOLDED
from genkit.text.english.numbers import cardinal, speaks
from genkit.text.front import Word
from genkit.text.lexicon import phonemes_from
from genkit.text.romanising import is_phonetic, phonetic, romanised
from genkit.text.scripts import written_in_latin

Token = tuple[tuple[Word, ...], str]  # words said, mark: one of the two is empty
Reader = Callable[[re.Match[str]], list[str] | None]

WRITE_ARPABET = "give ARPAbet, such as [[HH AH0 L OW1]]"
INLINE = re.compile(r"\[\[(?P<inside>[^\[\]]*)\]\]")
_PLAIN = re.compile(r"[a-z]{2,}(?=[\s,;!?]|[.:](?:\s|$))")
_TRANSCRIBED = re.compile(r"/(?P<inside>[^/\n]{1,60})/")
_WITH_DIGIT = re.compile(r"\S*\d|(?:[$£€¥₹]|Rs\.?)\s\d|[123]\s[A-Z]|[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞]")
_MARK = re.compile(r"\.{2,}|…|[.?!]+|[,;:()\[\]{}|]|[—–]+|--+|(?<=\s)-(?=\s)")
_STRENGTH = {mark: place for place, mark in enumerate(["", ",", ";", ":", "—", "…", ".", "!", "?"])}

# (pattern, reader) in the order in which they are tried where a digit is near
_NUMBERS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (scripture.PLACE, scripture.place),
    (addresses.PHONE, addresses.phone),
    (addresses.GROUPS, addresses.groups),
    (dates.ISO, dates.iso),
    (dates.SLASHED, dates.slashed),
    (addresses.IP, addresses.ip),
    (addresses.VERSION, addresses.version),
    (dates.DAY_MONTH, dates.day_month),
    (dates.DURATION, dates.duration),
    (dates.CLOCK, dates.clock),
    (dates.HOUR, dates.hour),
    (measures.SCORE, measures.score),
    (measures.ARC, measures.arc),
    (measures.MONEY, measures.money),
    (measures.MONEY_AFTER, measures.money),
    (measures.FEET_INCHES, measures.feet_inches),
    (dates.DECADE, dates.decades),
    (measures.PLURAL, measures.plural),
    (measures.MEASURE, measures.measure),
    (measures.ORDINAL, measures.ordinals),
    (dates.SHORT_YEAR, dates.short_year),
    (measures.MIXED, measures.mixed),
    (measures.FRACTION, measures.fractions),
    (measures.VULGAR, measures.vulgar),
    (measures.POWER, measures.power),
    (measures.SCIENCE, measures.science),
    (measures.SIZE, measures.size),
    (measures.RANGE, measures.ranges),
    (measures.COUNT, measures.count),
    (measures.LETTERED, measures.lettered),
    (measures.BARE, measures.bare),
    (words.ALPHANUMERIC, words.alphanumeric),
)
_CAPITALS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (scripture.PLACE, scripture.place),
    (measures.MONEY_CODE, measures.money),
    (dates.MONTH_DAY, dates.month_day),
    (dates.MONTH_YEAR, dates.month_year),
)
_ADDRESSES: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (addresses.URL, addresses.url),
    (addresses.MAIL, addresses.mail),
    (addresses.HANDLE, addresses.handle),
    (addresses.PATH, addresses.path),
    (addresses.FILE, addresses.path),
)


def tokens(text: str, start: int, end: int, *, language: str = "en", known: Collection[str] = ()) -> Iterator[Token]:
    """Words and marks of text[start:end], which is one sentence; `known` are words that are said as they stand.

    Raises: InputError where `[[...]]` holds something that is no phoneme.
    """
    part = text[start:end]  # one sentence: readers look no further than its ends
    at = 0
    shouted = words.shouted(part)
    other = language != "en"
    latin = written_in_latin(language)
    while at < len(part):
        if part[at].isspace():
            at += 1
            continue
        if (found := INLINE.match(part, at)) is not None:
            yield (Word("", start + at, start + found.end(), _inline(found, start)),), ""
            at = found.end()
            continue
        if (found := _PLAIN.match(part, at)) is not None and not (
            found[0] in known
            or found[0] in FOLDED
            or (found[0] in words.ABBREVIATIONS and part[found.end() : found.end() + 1] == ".")
        ):
            count = None if other else words.numbered(found[0], part, at)
            yield tuple(Word(one, start + at, start + found.end()) for one in count or [found[0]]), ""
            at = found.end()
            continue
        if part[at] == "/" and not other and (found := _TRANSCRIBED.match(part, at)) and is_phonetic(found["inside"]):
            at += 1  # the slashes around /ðɪs/ are not said
            continue
        said, at_next = _foreign(part, at, language) if other else _english(part, at, known, shouted)
        if said:
            for words_said, mark in _worded(said, start + at, start + at_next):
                if latin and not part[at:at_next].isascii():
                    written = not other and part[at:at_next].islower()
                    words_said = tuple(one for word in words_said for one in _in_latin(word, known, written))
                yield words_said, mark
            at = at_next
        elif at_next > at:
            at = at_next
        elif (found := _MARK.match(part, at)) is not None:
            if mark := _mark(found, part):
                yield (), mark
            at = found.end()
        else:
            at += 1


def stronger(one: str, other: str) -> str:
    """Which of two marks side by side is heard."""
    return max(one, other, key=_STRENGTH.__getitem__)


def _worded(said: list[str], start: int, end: int) -> Iterator[Token]:
    """Turn a reader's words into tokens: "," is a rest, a capital a letter by its name."""
    group: list[Word] = []
    for one in said:
        if one == ",":
            yield tuple(group), ""
            yield (), ","
            group = []
        else:
            letter = one[0].isupper() and one.partition("'")[0] == one[0]
            group.append(Word(one.lower(), start, end, letter=letter))
    if group:
        yield tuple(group), ""


def _in_latin(word: Word, known: Collection[str], phonetic_too: bool) -> Iterator[Word]:
    """A word with what is not Latin in it spelt so that it can be said; one in phonetic signs says how it sounds itself."""
    if word.text.isascii() or word.text in known:
        yield word
    elif phonetic_too and is_phonetic(word.text):
        text, said = romanised(word.text), phonetic(word.text)
        if text or said:
            yield replace(word, text=text, phonemes=said)
    else:
        yield replace(word, text=romanised(word.text))


def _english(part: str, at: int, known: Collection[str], shouted: bool) -> tuple[list[str], int]:
    character = part[at]
    before = part[at - 1] if at else " "
    free = not (before.isalnum() or before == "_")
    if free and (character.isalnum() or character in "@#/\\~."):
        for pattern, reader in _ADDRESSES:
            if (found := pattern.match(part, at)) is not None and (said := reader(found)) is not None:
                return said, found.end()
    if free and character.isupper():
        for pattern, reader in _CAPITALS:
            if (found := pattern.match(part, at)) is not None and (said := reader(found)) is not None:
                return said, found.end()
    if _WITH_DIGIT.match(part, at):
        inside = before.isalnum() or (before == "." and at > 1 and part[at - 2].isalnum())
        for pattern, reader in _NUMBERS if not inside else _NUMBERS[-2:]:
            if (found := pattern.match(part, at)) is not None and (said := reader(found)) is not None:
                return said, found.end()
    return words.read(part, at, known, shouted)


_FOREIGN_NUMBER = re.compile(
    r"(?P<sign>(?<!\w)[-−])?(?P<whole>\d{1,3}(?:[ .,'’\u00a0\u202f]\d{3})+|\d+)(?:[.,](?P<rest>\d+))?(?!\w)"
)


def _foreign(part: str, at: int, language: str) -> tuple[list[str], int]:
    """Words as they are, numbers where num2words knows the language; decimals after a comma or a full stop."""
    from num2words import num2words

    if (found := _FOREIGN_NUMBER.match(part, at)) is not None:
        if not speaks(language):
            return [found[0]], found.end()  # left to the voice
        whole = re.sub(r"\D", "", found["whole"])
        if found["rest"]:
            said = num2words(float(f"{found['sign'] or ''}{whole}.{found['rest']}".replace("−", "-")), lang=language)
            return re.findall(r"[^\W\d_]+", said), found.end()
        return cardinal(("-" if found["sign"] else "") + whole, language), found.end()
    if (found := words.WORD.match(part, at)) is not None:
        return [unicodedata.normalize("NFC", found[0]).replace("’", "'").lower()], found.end()
    return [], at


def _mark(found: re.Match[str], part: str) -> str:
    text = found[0]
    if text[0] == "…" or text.startswith(".."):
        return "…"
    if text[0] in ".?!":
        return "?" if "?" in text else "!" if "!" in text else "."
    if text[0] in "—–-":
        around = part[found.start() - 1 : found.start()] + part[found.end() : found.end() + 1]
        return "—" if text[0] != "–" or " " in around or not around else ""
    return text if text in ",;:" else ","


def _inline(found: re.Match[str], start: int) -> tuple[str, ...]:
    try:
        return phonemes_from(found["inside"])
    except ValueError as error:
        raise InputError(f"{found[0]} at character {start + found.start()}: {error}", WRITE_ARPABET) from error
