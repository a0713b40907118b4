"""Tokens of a sentence put together to pieces: words up to a mark, silences, rate and pitch from the markup."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

from genkit.errors import InputError
from genkit.text.english.numbers import digits, ordinal
from genkit.text.lexicon import Lexicon
from genkit.text.others.numbers import language_tag
from genkit.text.reading import INLINE, WRITE_ARPABET, Token, inline_phonemes, stronger, tokens
from genkit.text.sentence import Piece, Sentence, Word
from genkit.text.splitting import spans
from genkit.text.ssml import Atom, Plain, notes_on, read_ssml
from genkit.text.ssml import place as place_in

LONGEST_SAY_AS = 1000  # letters: num2words counts no further than that
_CLOSED = (".", "?", "!", "…")


class _Pieces:
    """The pieces of one sentence as they grow."""

    def __init__(self, rate: float = 1.0, pitch: float = 0.0):
        self.done: list[Piece] = []
        self.words: list[Word] = []
        self.rate, self.pitch = rate, pitch

    def add(self, token: Token) -> None:
        words, mark = token
        self.words += words
        if mark and self.words:
            self.close(mark)
        elif mark:  # two marks in a row, such as `.)`: the stronger one counts
            for place in range(len(self.done) - 1, -1, -1):
                if self.done[place].words:
                    self.done[place] = replace(self.done[place], mark=stronger(self.done[place].mark, mark))
                    break

    def close(self, mark: str = "") -> None:
        if self.words:
            self.done.append(Piece(tuple(self.words), mark, rate=self.rate, pitch=self.pitch))
            self.words = []

    def rest(self, seconds: float) -> None:
        self.close()
        if seconds > 0:
            self.done.append(Piece((), pause=seconds, rate=self.rate, pitch=self.pitch))

    def turn(self, rate: float, pitch: float) -> None:
        if (rate, pitch) != (self.rate, self.pitch):
            self.close()
            self.rate, self.pitch = rate, pitch

    def finished(self) -> tuple[Piece, ...]:
        """All pieces; the last one that is said ends with a mark that ends a sentence."""
        self.close()
        for place in range(len(self.done) - 1, -1, -1):
            if self.done[place].words:
                if self.done[place].mark not in _CLOSED:
                    self.done[place] = replace(self.done[place], mark=".")
                break
        return tuple(self.done)


def compose(text: str, language: str, lexicon: Lexicon | None, start: int) -> Iterator[Sentence]:
    """The sentences of plain text."""
    known = lexicon or ()
    for first, last, ends in spans(text, start, language=language):
        pieces = _Pieces()
        for token in tokens(text, first, last, language=language, known=known):
            pieces.add(token)
        if made := pieces.finished():
            yield Sentence(text[first:last], first, last, ends, made)


def compose_ssml(markup: str, language: str, lexicon: Lexicon | None, start: int) -> Iterator[Sentence]:
    """The sentences of marked text. A silence between two sentences belongs to the one before it."""
    plain = read_ssml(markup)
    edges = [atom.start for atom in plain.atoms]

    def within(offset: int) -> bool:
        place = bisect_left(edges, offset) - 1
        return place >= 0 and plain.atoms[place].start < offset < plain.atoms[place].end

    begin = plain.plain(start) if start else 0
    coming = spans(plain.text, begin, within, language)
    span = next(coming, None)
    state = [1.0, 0.0]
    event = 0
    if start:  # silences before the place belong to sentences that are done; rate and pitch still hold
        while event < len(plain.events) and plain.events[event].at <= begin and span and plain.events[event].at <= span[0]:
            if plain.events[event].pause is None:
                state = [plain.events[event].rate, plain.events[event].pitch]
            event += 1
    if span is None and not start:  # silences alone
        span = (0, 0, True) if any(one.pause for one in plain.events) else None
    while span is not None:
        first, last, ends = span
        span = next(coming, None)
        reach = span[0] if span else len(plain.text)
        pieces = _Pieces(*state)
        at = first
        while event < len(plain.events) and plain.events[event].at <= reach:
            one = plain.events[event]
            if one.at > at:
                _fill(pieces, plain, at, min(one.at, last), language, lexicon)
                at = min(one.at, last)
            if one.pause is None:
                pieces.turn(one.rate, one.pitch)
            elif one.at >= last:
                _fill(pieces, plain, at, last, language, lexicon)
                at = last
                pieces.rest(one.pause)
            else:
                pieces.rest(one.pause)
            event += 1
        _fill(pieces, plain, at, last, language, lexicon)
        state = [pieces.rate, pieces.pitch]
        if made := pieces.finished():
            yield Sentence(plain.text[first:last], plain.source(first), plain.source(max(last - 1, first)) + 1, ends, made)


def _fill(pieces: _Pieces, plain: Plain, start: int, end: int, language: str, lexicon: Lexicon | None) -> None:
    """Add the tokens of plain[start:end], with what tags said of parts of it, at their places in the markup."""
    known = lexicon or ()
    edges = [atom.start for atom in plain.atoms] if len(plain.atoms) < 64 else _Starts(plain.atoms)
    place = bisect_left(edges, start)
    while start < end:
        atom = plain.atoms[place] if place < len(plain.atoms) and plain.atoms[place].start < end else None
        stop = atom.start if atom else end
        for words, mark in tokens(plain.text, start, stop, language=language, known=known):
            pieces.add((tuple(_moved(word, plain, word.start, word.end) for word in words), mark))
        if atom is None:
            return
        for words, mark in _atom(plain.text[atom.start : atom.end], atom, language, known):
            pieces.add((tuple(_moved(word, plain, atom.start, atom.end) for word in words), mark))
        start, place = atom.end, place + 1


@dataclass(frozen=True, slots=True)
class Markup:
    """What a text's markup asks for: the text without it, the place of the first `[[...]]`, and each change of rate and pitch
    with its place, and what is to be told."""

    plain: str
    phonemes: int | None
    prosody: tuple[tuple[int, float, float], ...] = ()
    notes: tuple[str, ...] = ()  # on what was passed over, or is text after all


def check(text: str, language: str, lexicon: Lexicon | None, ssml: bool) -> Markup:
    """Read all markup of a text, and none of its words.

    Raises: InputError that names the tag, its line and its column.
    """
    language, known = language_tag(language), lexicon or ()
    plain = read_ssml(text) if ssml else Plain(text)
    for atom in plain.atoms:
        try:
            list(_atom(plain.text[atom.start : atom.end], atom, language, known))
        except InputError as error:
            raise InputError(f"{error.message} ({place_in(text, plain.source(atom.start))})", error.hint) from error
    first = None
    notes = notes_on(plain, text) if ssml else []
    words = 0
    for match in INLINE.finditer(plain.text):
        at = plain.source(match.start()) if ssml else match.start()
        try:
            if inline_phonemes(match["inside"]) is not None:
                first = at if first is None else first
                continue
        except ValueError as error:
            raise InputError(f"{match[0]} at {place_in(text, at)}: {error}", WRITE_ARPABET) from error
        words += 1
        if words == 1:
            notes.append(f"{match[0]} at {place_in(text, at)} holds no phonemes: it is read as text")
    if words > 1:
        notes[-1] += f", and {words - 1} more"
    prosody = [(one.source, one.rate, one.pitch) for one in plain.events if one.pause is None]
    return Markup(plain.text, first, tuple(dict.fromkeys(prosody)), tuple(notes))


class _Starts:
    """The starts of atoms, to be searched without a copy."""

    def __init__(self, atoms: list[Atom]):
        self.atoms = atoms

    def __len__(self) -> int:
        return len(self.atoms)

    def __getitem__(self, place: int) -> int:
        return self.atoms[place].start


def _moved(word: Word, plain: Plain, start: int, end: int) -> Word:
    return replace(word, start=plain.source(start), end=plain.source(end - 1) + 1)


def _atom(text: str, atom: Atom, language: str, known) -> Iterator[Token]:  # type: ignore[no-untyped-def]
    if atom.kind == "phoneme":
        yield (Word(text.strip().lower(), 0, len(text), phonemes=atom.phonemes),), ""
        return
    if atom.kind == "sub":
        yield from tokens(atom.value, 0, len(atom.value), language=language, known=known)
        return
    said = said_as(text.strip(), atom.value.partition(":")[0], atom.value.partition(":")[2])
    if said is None:
        yield from tokens(text, 0, len(text), language=language, known=known)
        return
    yield tuple(Word(one.lower(), 0, len(text), letter=one[:1].isupper()) for one in said), ""


def said_as(text: str, kind: str, form: str) -> list[str] | None:
    """Words for a kind of `<say-as>`; None where the ordinary reading is the right one.

    Raises: InputError where the text is nothing of that kind.
    """
    from genkit.text.english import dates, measures, times
    from genkit.text.english.addresses import spoken_runs

    if kind in ("characters", "spell-out"):
        return [word for one in text if not one.isspace() for word in ([one.upper()] if one.isalpha() else spoken_runs(one))]
    if len(text) > LONGEST_SAY_AS:
        raise InputError(f'SSML <say-as interpret-as="{kind}">: {len(text)} letters are too many', "leave the tag out")
    compact = text.replace(",", "").replace(" ", "")
    if kind == "number" and form in ("ordinal", "digits", "telephone", "cardinal"):
        kind = form
    if kind in ("address", "name", "net"):
        return None
    if kind == "ordinal" and compact.rstrip("stndrh").isdigit():
        return ordinal(compact.rstrip("stndrh"))
    if kind in ("digits", "telephone") and any(one.isdigit() for one in text):
        return (["plus"] if text.startswith("+") else []) + digits(text)
    if kind in ("cardinal", "number") and (match := measures.BARE.fullmatch(text)):
        return measures.decimal(match[0])
    if kind == "fraction" and (match := measures.FRACTION.fullmatch(compact)):
        return measures.fraction(int(match["top"]), int(match["bottom"]))
    if kind == "date" and (said := dates.formatted(text, form)):
        return said
    if kind == "time" and (match := times.CLOCK.fullmatch(text)) and (said := times.clock(match)):
        return said
    if kind in ("currency", "unit", "date", "time") and any(one.isdigit() for one in text):
        return None
    raise InputError(f'SSML <say-as interpret-as="{kind}">: {text!r} is none', "see the kinds in the help of --ssml")
