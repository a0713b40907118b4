"""A sentence to words and marks: what all languages share. English is read by text/english, others by text/others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from genkit.errors import InputError
from genkit.text.cleaning import clean
from genkit.text.english import acronyms, compounds, normalise, words
from genkit.text.lexicon import phonemes_from
from genkit.text.others import reading as others
from genkit.text.romanising import is_phonetic, phonetic, romanised
from genkit.text.scripts import written_in_latin
from genkit.text.sentence import Word

Token = tuple[tuple[Word, ...], str]  # words said, mark: one of the two is empty

WRITE_ARPABET = "give ARPAbet, such as [[HH AH0 L OW1]]"
INLINE = re.compile(r"\[\[(?P<inside>[^\[\]]*)\]\]")
_PHONEME = re.compile(r"[A-Za-z]{1,2}[0-9]?")  # one that is meant as such
_TRANSCRIBED = re.compile(r"/(?P<inside>[^/\n]{1,60})/")
_RULE = re.compile(r"([^\w\s.])\1{7,}")
_NOTE_MARK = re.compile(r"\[\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\]|[¹²³⁰⁴-⁹]+")
_MARK = re.compile(r"\.{2,}|…|[.?!]+|[,;:()\[\]{}|]|[—–]+|--+|(?<=\s)-(?=\s)|[。！？।॥؟،؛、，；：]")
_MARKS = {
    "。": ".",
    "！": "!",
    "？": "?",
    "।": ".",
    "॥": ".",
    "؟": "?",
    "،": ",",
    "؛": ";",
    "、": ",",
    "，": ",",
    "；": ";",
    "：": ":",
}
_STRENGTH = {mark: place for place, mark in enumerate(["", ",", ";", ":", "—", "…", ".", "!", "?"])}
# where English is spoken, and the month stands first in a date; without a region it is American
_MONTH_FIRST = ("en", "en-us", "eng", "en-ph", "en-bz")


def tokens(text: str, start: int, end: int, *, language: str = "en", known: Collection[str] = ()) -> Iterator[Token]:
    """Words and marks of text[start:end], which is one sentence; `known` are words that are said as they stand.

    Raises: InputError where `[[...]]` holds something that is no phoneme.
    """
    short = language.partition("-")[0]
    english = short == "en"
    # one sentence: readers look no further than its ends
    part, places = clean(text[start:end], _is_english if english else None)
    at = 0
    shouted = acronyms.shouted(part)
    day_first = language.lower() not in _MONTH_FIRST
    latin = written_in_latin(short)

    def span(first: int, last: int) -> tuple[int, int]:
        return start + places[first], start + max(places[last], places[last - 1] + 1)

    while at < len(part):
        if part[at].isspace():
            at += 1
            continue
        if (match := _RULE.match(part, at)) is not None:  # a line of one sign is none to say
            at = match.end() - 1
        if (match := INLINE.match(part, at)) is not None:
            if (phonemes := _inline(match, start)) is None:
                at += 2  # [[Other page]]: what is in the brackets is read
                continue
            yield (Word("", *span(at, match.end()), phonemes),), ""
            at = match.end()
            continue
        if (match := normalise.PLAIN.match(part, at)) is not None and not (
            match[0] in known
            or match[0] in normalise.NOT_PLAIN
            or (match[0] in compounds.ABBREVIATIONS and part[match.end() : match.end() + 1] == ".")
            or (not english and match[0] in others.shortened(short))
        ):
            count = words.numbered(match[0], part, at) if english else None
            yield tuple(Word(one, *span(at, match.end())) for one in count or [match[0]]), ""
            at = match.end()
            continue
        if part[at] == "/" and english and (match := _TRANSCRIBED.match(part, at)) and is_phonetic(match["inside"]):
            at += 1  # the slashes around /ðɪs/ are not said
            continue
        if part[at] in "[¹²³⁰⁴⁵⁶⁷⁸⁹" and (match := _NOTE_MARK.match(part, at)) and _is_note_mark(part, at):
            at = match.end()
            continue
        if english:
            said, at_next = normalise.read(part, at, known, shouted, day_first)
        else:
            said, at_next = others.read(part, at, short)
        if said:
            capital = at > 0 and part[at].isupper() and len(said) == 1 and not said[0].isupper()
            for words_said, mark in _worded(said, *span(at, at_next), capital):
                if latin and not part[at:at_next].isascii():
                    written = english and part[at:at_next].islower()
                    words_said = tuple(one for word in words_said for one in _in_latin(word, known, written))
                yield words_said, mark
            at = at_next
        elif at_next > at:
            at = at_next
        elif (match := _MARK.match(part, at)) is not None:
            if mark := _mark(match, part):
                yield (), mark
            at = match.end()
        else:
            at += 1


def stronger(one: str, other: str) -> str:
    """Which of two marks side by side is heard."""
    return max(one, other, key=_STRENGTH.__getitem__)


def _is_note_mark(part: str, at: int) -> bool:
    """Whether a number in brackets or raised stands at the end of a word of text or a sentence, and names a note."""
    before, bracket = part[at - 1 : at], part[at] == "["
    if bracket and part[at + 1] == "0":
        return False  # the first of a list
    if before == ")" and not bracket:  # (a + b)², and (too)² with its note
        return bool(re.search(r"[^\W\d_]{3,}", part[part.rfind("(", 0, at) + 1 : at]))
    if before and before in '.,;:!?"”’»)':
        return True
    word = re.search(r"[^\W\d_]+$", part[max(at - 20, 0) : at])
    if word is None:
        return False
    return len(word[0]) > 3 if bracket else len(word[0]) > 2 and word[0] not in compounds.POWERED


def _worded(said: Sequence[str], start: int, end: int, capital: bool) -> Iterator[Token]:
    """Turn a reader's words into tokens: "," is a rest, a capital a letter by its name."""
    group: list[Word] = []
    for one in said:
        if one == ",":
            yield tuple(group), ""
            yield (), ","
            group = []
        else:
            letter = one[0].isupper() and one.partition("'")[0] == one[0]
            group.append(Word(one.lower(), start, end, letter=letter, capital=capital))
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


def _is_english(word: str) -> bool:
    from genkit.text.english.phonemes import knows  # reads the dictionary, which few texts need before they are said

    return knows(word)


def _mark(match: re.Match[str], part: str) -> str:
    text = match[0]
    if text in _MARKS:
        return _MARKS[text]
    if text[0] == "…" or text.startswith(".."):
        return "…"
    if text[0] in ".?!":
        return "?" if "?" in text else "!" if "!" in text else "."
    if text[0] in "—–-":
        around = part[match.start() - 1 : match.start()] + part[match.end() : match.end() + 1]
        return "—" if text[0] != "–" or " " in around or not around else ""
    return text if text in ",;:" else ","


def inline_phonemes(inside: str) -> tuple[str, ...] | None:
    """The phonemes of `[[...]]`; None where it holds a link or code, and none are meant.

    Raises: ValueError where they are meant, and one is none.
    """
    try:
        return phonemes_from(inside)
    except ValueError:
        parts = inside.split()
        if parts and all(_PHONEME.fullmatch(one) for one in parts) and (inside.isupper() or any(map(str.isdigit, inside))):
            raise
        return None


def _inline(match: re.Match[str], start: int) -> tuple[str, ...] | None:
    try:
        return inline_phonemes(match["inside"])
    except ValueError as error:
        raise InputError(f"{match[0]} at character {start + match.start()}: {error}", WRITE_ARPABET) from error
