"""Text to speech by any voice: sentences one after another, with their silences, seeds and times.

Works from an iterator of passages and yields one utterance at a time, so a book takes no more memory than its longest sentence.
Each utterance draws from a seed of its own, made of the run's and its number: a run that stopped and went on gives the same
sound as one that did not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from genkit.errors import RunError
from genkit.text import front

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import SpeakModel
    from genkit.text.books.passages import Passage
    from genkit.text.front import Piece, Sentence

MIX = 0x9E37_79B9_7F4A_7C15  # the golden ratio in 64 bits: neighbouring seeds end far apart
FASTEST = 2.0
SLUG = 40  # letters of a name
LONGEST_TEXT = 1 << 16  # letters that a recipe repeats; a longer text is known by its file or its hash


@dataclass(frozen=True)
class Manner:
    """How everything is said. `pause` (seconds) replaces the silences between sentences; `options` are the voice's own."""

    language: str = "en"
    voice: str | None = None
    speed: float = 1.0
    pitch: float = 0.0
    pause: float | None = None
    lexicon: Mapping[str, tuple[str, ...]] | None = None
    ssml: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timed:
    """A voice's mark on the clock of an utterance: a word, a phoneme or the sentence, in seconds."""

    kind: str
    text: str
    start_s: float
    end_s: float
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Utterance:
    """A sentence, or a whole subtitle, as sound (T,) float32. `silence` is what stands before it, in seconds, and `rest` what
    should stand behind it. `marks` count from the beginning of `sound`; `passage` counts from 0, `end` in its letters."""

    number: int
    passage: int
    text: str
    end: int
    sound: np.ndarray
    marks: tuple[Any, ...]
    silence: float
    rest: float


def utterances(
    model: SpeakModel,
    passages: Iterable[Passage],
    manner: Manner,
    *,
    seed: int,
    skip: int = 0,
    rest: float = 0.0,
    now: Callable[[], float] = lambda: 0.0,
) -> Iterator[Utterance]:
    """Say passages; the first `skip` utterances were said before, the last of which wants `rest` seconds behind it.

    `now` gives the position in the output in seconds: passages with times of their own (subtitles) begin at them, and are said
    faster, up to twice as fast, where their time is too short and the voice can.

    Raises:
        InputError: markup that is wrong. UsageError: the voice cannot do what a part asks for.
    """
    number = 0
    for index, passage, following in _with_next(passages):
        for one in _passage(model, index, passage, following, manner, seed, number, skip, rest, now):
            number, rest = one.number + 1, one.rest
            if one.number >= skip:
                yield one


def flowing(model: SpeakModel, passages: Sequence[Passage], manner: Manner, *, seed: int) -> Iterator[np.ndarray]:
    """Say passages as blocks of sound that are given as soon as they are made: of the first sentence by clauses.

    Raises:
        InputError, UsageError: as `utterances`.
    """
    import numpy as np

    skip, rest, given = 0, 0.0, [0]
    if passages and passages[0].start is None:
        said = front.sentences(passages[0].text, language=manner.language, lexicon=manner.lexicon, ssml=manner.ssml)
        first = next((one for one in said if one.pieces), None)
        if first is not None:
            for sound, _ in say(model, first, manner, mixed(seed, 0), by_clause=True):
                given[0] += len(sound)
                yield sound
            skip, rest = 1, silence_after(first, manner)
    for one in utterances(model, passages, manner, seed=seed, skip=skip, rest=rest, now=lambda: given[0] / model.sample_rate):
        block = np.concatenate([_silence(one.silence, model.sample_rate), one.sound])
        given[0] += len(block)
        yield block


def _with_next(passages: Iterable[Passage]) -> Iterator[tuple[int, Passage, float | None]]:
    """Passages by number, each with when the next one begins."""
    before: tuple[int, Passage] | None = None
    for index, passage in enumerate(passages):
        if before is not None:
            yield *before, passage.start
        before = (index, passage)
    if before is not None:
        yield *before, None


def _passage(
    model: SpeakModel,
    index: int,
    passage: Passage,
    following: float | None,
    manner: Manner,
    seed: int,
    number: int,
    skip: int,
    rest: float,
    now: Callable[[], float],
) -> Iterator[Utterance]:
    import numpy as np

    said = front.sentences(passage.text, language=manner.language, lexicon=manner.lexicon, ssml=manner.ssml)
    if passage.start is not None:
        cue = [one for one in said if one.pieces]
        if not cue:
            return
        if number < skip:
            yield Utterance(number, index, "", 0, np.zeros(0, np.float32), (), 0.0, rest)
            return
        yield _subtitle(model, index, passage, cue, following, manner, seed, number, now())
        return
    for sentence in said:
        if not sentence.pieces:
            continue
        if number < skip:  # only counted: its own words cost nothing; `rest` waits for the first that is not
            yield Utterance(number, index, sentence.text, sentence.end, np.zeros(0, np.float32), (), 0.0, rest)
        else:
            sound, marks = joined(model, say(model, sentence, manner, mixed(seed, number)))
            marks = (*marks, _sentence_mark(sentence.text, sound, model.sample_rate))
            yield Utterance(number, index, sentence.text, sentence.end, sound, marks, rest, silence_after(sentence, manner))
            rest = silence_after(sentence, manner)
        number += 1


def _subtitle(
    model: SpeakModel,
    index: int,
    passage: Passage,
    cue: Sequence[Sentence],
    following: float | None,
    manner: Manner,
    seed: int,
    number: int,
    position: float,
) -> Utterance:
    """A whole subtitle at its own time; when it is too long for it, said again faster."""
    import numpy as np

    begin = max(position, passage.start or 0.0)
    ends = [one for one in (passage.end, following) if one is not None]
    room = max(ends) - begin if ends else float("inf")

    def said(manner: Manner) -> tuple[np.ndarray, tuple[Any, ...]]:
        sounds, marks, at = [], [], 0.0
        for place, sentence in enumerate(cue):
            sound, own = joined(model, say(model, sentence, manner, mixed(seed, number, place)))
            marks += [_moved(one, at) for one in own]
            quiet = silence_after(sentence, manner) / manner.speed if place + 1 < len(cue) else 0.0
            sounds += [sound, _silence(quiet, model.sample_rate)]
            at += (len(sound) + len(sounds[-1])) / model.sample_rate
        return np.concatenate(sounds), tuple(marks)

    sound, marks = said(manner)
    length = len(sound) / model.sample_rate
    if length > room and "speed" in model.can and manner.speed < FASTEST:
        faster = FASTEST if room <= 0 else min(FASTEST, manner.speed * length / room * 1.02)
        sound, marks = said(replace(manner, speed=faster))
    text = " ".join(one.text for one in cue)
    marks = (*marks, _sentence_mark(text, sound, model.sample_rate))
    return Utterance(number, index, text, cue[-1].end, sound, marks, max(0.0, begin - position), 0.0)


def _sentence_mark(text: str, sound: np.ndarray, rate: int) -> Timed:
    return Timed("sentence", " ".join(text.split()), 0.0, len(sound) / rate)


def _moved(mark: Any, by: float) -> Timed:
    return Timed(mark.kind, mark.text, mark.start_s + by, mark.end_s + by, mark.span)


def joined(model: SpeakModel, parts: Iterable[tuple[Any, Sequence[Any]]]) -> tuple[np.ndarray, tuple[Any, ...]]:
    """Parts of a sentence as one sound, with all their marks on its clock."""
    import numpy as np

    sounds: list[np.ndarray] = []
    marks: list[Any] = []
    count = 0
    for sound, own in parts:
        marks += [_moved(one, count / model.sample_rate) for one in own]
        sounds.append(sound)
        count += len(sound)
    return (np.concatenate(sounds) if sounds else np.zeros(0, np.float32)), tuple(marks)


def say(
    model: SpeakModel, sentence: Sentence, manner: Manner, seed: int, *, by_clause: bool = False
) -> Iterator[tuple[np.ndarray, Sequence[Any]]]:
    """Say one sentence in as few calls as it allows: silences that the text asks for, changes of rate and pitch, and what is
    too long for the network part it. `by_clause` parts it at every mark, so that the first sound comes soon.

    Raises:
        RunError: what the network gave is no sound.
    """
    import numpy as np

    options = dict(manner.options)
    if manner.lexicon and model.takes == "phonemes":
        options["lexicon"] = manner.lexicon
    pending = 0.0
    for place, (pieces, quiet) in enumerate(_runs(sentence, model.longest, by_clause)):
        if not pieces:
            pending += quiet
            continue
        if pending:
            yield _silence(pending, model.sample_rate), ()
            pending = 0.0
        whole = tuple(pieces) == sentence.pieces and not manner.ssml
        text = sentence.text if whole else " ".join(piece.said for piece in pieces)
        speed, pitch = manner.speed * pieces[0].rate, manner.pitch + pieces[0].pitch
        part = replace(sentence, text=text, pieces=tuple(pieces))
        one_seed = seed if place == 0 else mixed(seed, place)
        for sound, marks in model(part, one_seed, voice=manner.voice, speed=speed, pitch=pitch, **options):
            sound = np.asarray(sound, np.float32)
            if not np.isfinite(sound).all():
                raise RunError(
                    f"{model.card.name} made no sound of {text[:60]!r}: not a number", "--dtype float32, or --device cpu"
                )
            yield sound, marks
    if pending:
        yield _silence(pending, model.sample_rate), ()


def _runs(sentence: Sentence, longest: int | None, by_clause: bool) -> Iterator[tuple[list[Piece], float]]:
    """Pieces that one call takes, or ([], seconds of silence)."""
    run: list[Piece] = []
    for piece in sentence.pieces:
        if not piece.words:
            if run:
                yield run, 0.0
                run = []
            yield [], piece.pause
            continue
        for part in _short(piece, longest):
            same = bool(run) and (run[-1].rate, run[-1].pitch) == (part.rate, part.pitch)
            full = longest is not None and sum(len(one.said) + 1 for one in [*run, part]) > longest
            if run and (by_clause or not same or full):
                yield run, 0.0
                run = []
            run.append(part)
    if run:
        yield run, 0.0


def _short(piece: Piece, longest: int | None) -> Iterator[Piece]:
    """A piece in parts of at most so many letters, parted between words."""
    words = list(piece.words)
    while longest is not None and len(words) > 1 and sum(len(one.text) + 1 for one in words) > longest:
        count, letters = 0, 0
        while count < len(words) - 1 and (letters + len(words[count].text) < longest or not count):
            letters += len(words[count].text) + 1
            count += 1
        yield replace(piece, words=tuple(words[:count]), mark="")
        words = words[count:]
    yield replace(piece, words=tuple(words))


def silence_after(sentence: Sentence, manner: Manner) -> float:
    """Seconds of silence behind a sentence: the text's own, or `pause`, doubled at the end of a paragraph."""
    if manner.pause is None:
        return sentence.pause
    return manner.pause * (2 if sentence.paragraph_end else 1)


def _silence(seconds: float, rate: int) -> np.ndarray:
    import numpy as np

    return np.zeros(round(seconds * rate), np.float32)


def mixed(seed: int, *places: int) -> int:
    """A seed for one place of a run, 0 to 2^63 - 1."""
    for place in places:
        seed = ((seed + 1) * MIX ^ (place + 1) * 0xBF58_476D_1CE4_E5B9) & ((1 << 63) - 1)
    return seed


def slug(text: str) -> str:
    """A short name for a text: its first words in small letters of any script, joined by hyphens."""
    plain = unicodedata.normalize("NFC", re.sub(r"<[^>]*>|\[\[.*?\]\]", " ", text)).casefold().replace("'", "").replace("’", "")
    name = ""
    for word in re.findall(r"[^\W_]+", plain):
        if name and len(name) + 1 + len(word) > SLUG:
            break
        name = f"{name}-{word}" if name else word[:SLUG]
    return name or "speech"
