"""Text to speech by any voice: sentences one after another, with their silences, seeds and times.

Works from an iterator of passages and yields one utterance at a time, so a book takes no more memory than its longest sentence.
Each utterance draws from a seed of its own, made of the run's and its number: a run that stopped and went on gives the same
sound as one that did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from genkit.errors import RunError
from genkit.models.shapes import Mark
from genkit.text import front

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import Chunk, SpeakModel
    from genkit.text.books.passage import Passage
    from genkit.text.sentence import Piece, Sentence

MIX = 0x9E37_79B9_7F4A_7C15  # the golden ratio in 64 bits: neighbouring seeds end far apart
FASTEST = 2.0


@dataclass(frozen=True)
class SpeechSettings:
    """How everything is said. `pause` (seconds) replaces the silences between sentences; `options` are the voice's own."""

    language: str = "en"
    voice: str | None = None
    speed: float = 1.0
    pitch: float = 0.0
    pause: float | None = None
    lexicon: Mapping[str, tuple[str, ...]] | None = None
    ssml: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def silence_after(self, sentence: Sentence) -> float:
        """Seconds of silence behind a sentence: the text's own, or `pause`, doubled at the end of a paragraph."""
        if self.pause is None:
            return sentence.pause
        return self.pause * (2 if sentence.paragraph_end else 1)


@dataclass(frozen=True)
class Utterance:
    """A sentence, or a whole subtitle, as sound (T,) float32. `silence` is what stands before it, in seconds, and `rest` what
    should stand behind it. `marks` count from the beginning of `sound`; `passage` counts from 0, `end` in its letters.
    `overrun` is by how many seconds a subtitle lasts beyond its time."""

    passage: int
    text: str
    end: int
    sound: np.ndarray
    marks: tuple[Mark, ...]
    silence: float
    rest: float
    overrun: float = 0.0

    def with_silence(self, rate: int) -> np.ndarray:
        """The sound behind its silence, (T,) float32."""
        import numpy as np

        return np.concatenate([_silence(self.silence, rate), self.sound]) if self.silence > 0 else self.sound


@dataclass(frozen=True)
class Synthesizer:
    """A voice that says one output: with these settings, from this seed."""

    model: SpeakModel
    settings: SpeechSettings
    seed: int = 0

    def check(self) -> None:
        """Refuse what the voice cannot do, before anything is said.

        Raises:
            UsageError: the hint names what it has.
        """
        self.model.check(voice=self.settings.voice, speed=self.settings.speed, pitch=self.settings.pitch)

    def utterances(
        self, passages: Iterable[Passage], *, skip: int = 0, rest: float = 0.0, now: Callable[[], float] = lambda: 0.0
    ) -> Iterator[Utterance]:
        """Say passages; the first `skip` utterances were said before, the last of which wants `rest` seconds behind it.

        `now` gives the position in the output in seconds: passages with times of their own (subtitles) begin at them, and are
        said faster, up to twice as fast, where their time is too short and the voice can.

        Raises:
            InputError: markup that is wrong. UsageError: the voice cannot do what a part asks for.
        """
        number = 0
        for index, passage, following in _with_next(passages):
            for sentences in self._groups(passage):
                if number >= skip:  # the others are only counted: their words cost nothing
                    if passage.start is None:
                        utterance = self._sentence(sentences[0], number, index, rest)
                    else:
                        utterance = self._subtitle(passage, sentences, number, index, following, now())
                    yield utterance
                    rest = utterance.rest
                number += 1

    def stream(self, passages: Sequence[Passage]) -> Iterator[np.ndarray]:
        """Say passages as blocks of sound that are given as soon as they are made: of the first sentence by clauses.

        Raises:
            InputError, UsageError: as `utterances`.
        """
        skip, rest, rate = 0, 0.0, self.model.sample_rate
        samples = [0]  # samples
        if passages and passages[0].start is None:
            first = next((group[0] for group in self._groups(passages[0])), None)
            if first is not None:
                for sound, _ in self.chunks(first, seed_at(self.seed, 0), by_clause=True):
                    samples[0] += len(sound)
                    yield sound
                skip, rest = 1, self.settings.silence_after(first)
        for utterance in self.utterances(passages, skip=skip, rest=rest, now=lambda: samples[0] / rate):
            block = utterance.with_silence(rate)
            samples[0] += len(block)
            yield block

    def chunks(self, sentence: Sentence, seed: int, *, by_clause: bool = False) -> Iterator[Chunk]:
        """Say one sentence in as few calls as it allows: silences that the text asks for, changes of rate and pitch, and what
        is too long for the network part it. `by_clause` parts it at every mark, so that the first sound comes soon.

        Raises:
            RunError: what the network gave is no sound.
        """
        import numpy as np

        model, settings = self.model, self.settings
        options = dict(settings.options)
        if settings.lexicon and model.takes == "phonemes":
            options["lexicon"] = settings.lexicon
        pending = 0.0
        for place, (pieces, quiet) in enumerate(_runs(sentence, model.longest, by_clause)):
            if not pieces:
                pending += quiet
                continue
            if pending:
                yield _silence(pending, model.sample_rate), ()
                pending = 0.0
            whole = tuple(pieces) == sentence.pieces and not settings.ssml
            text = sentence.text if whole else " ".join(piece.said for piece in pieces)
            speed, pitch = settings.speed * pieces[0].rate, settings.pitch + pieces[0].pitch
            part = replace(sentence, text=text, pieces=tuple(pieces))
            part_seed = seed if place == 0 else seed_at(seed, place)
            for sound, marks in model(part, part_seed, voice=settings.voice, speed=speed, pitch=pitch, **options):
                sound = np.asarray(sound, np.float32)
                if not np.isfinite(sound).all():
                    raise RunError(
                        f"{model.card.name} made no sound of {text[:60]!r}: not a number", "--dtype float32, or --device cpu"
                    )
                yield sound, marks
        if pending:
            yield _silence(pending, model.sample_rate), ()

    def _groups(self, passage: Passage) -> Iterator[list[Sentence]]:
        """The sentences of a passage that are one utterance: each by itself, of a subtitle all."""
        settings = self.settings
        sentences = front.sentences(passage.text, language=settings.language, lexicon=settings.lexicon, ssml=settings.ssml)
        spoken = (sentence for sentence in sentences if sentence.pieces)
        if passage.start is None:
            yield from ([sentence] for sentence in spoken)
        elif subtitle := list(spoken):
            yield subtitle

    def _sentence(self, sentence: Sentence, number: int, passage: int, rest: float) -> Utterance:
        sound, marks = self._join(self.chunks(sentence, seed_at(self.seed, number)))
        marks = (*marks, _sentence_mark(sentence.text, sound, self.model.sample_rate))
        return Utterance(passage, sentence.text, sentence.end, sound, marks, rest, self.settings.silence_after(sentence))

    def _subtitle(
        self, passage: Passage, sentences: Sequence[Sentence], number: int, index: int, following: float | None, position: float
    ) -> Utterance:
        """A whole subtitle at its own time; when it is too long for it, said again faster."""
        rate = self.model.sample_rate
        begin = max(position, passage.start or 0.0)
        ends = [end for end in (passage.end, following) if end is not None]
        room = max(ends) - begin if ends else float("inf")
        sound, marks = self._subtitle_sound(sentences, number)
        length = len(sound) / rate
        if length > room and "speed" in self.model.can and self.settings.speed < FASTEST:
            speed = FASTEST if room <= 0 else min(FASTEST, self.settings.speed * length / room * 1.02)
            sound, marks = replace(self, settings=replace(self.settings, speed=speed))._subtitle_sound(sentences, number)
        text = " ".join(sentence.text for sentence in sentences)
        marks = (*marks, _sentence_mark(text, sound, rate))
        overrun = max(0.0, len(sound) / rate - room)
        return Utterance(index, text, sentences[-1].end, sound, marks, max(0.0, begin - position), 0.0, overrun)

    def _subtitle_sound(self, sentences: Sequence[Sentence], number: int) -> tuple[np.ndarray, tuple[Mark, ...]]:
        def parts() -> Iterator[Chunk]:
            for place, sentence in enumerate(sentences):
                yield self._join(self.chunks(sentence, seed_at(self.seed, number, place)))
                if place + 1 < len(sentences):
                    quiet = self.settings.silence_after(sentence) / self.settings.speed
                    yield _silence(quiet, self.model.sample_rate), ()

        return self._join(parts())

    def _join(self, chunks: Iterable[Chunk]) -> tuple[np.ndarray, tuple[Mark, ...]]:
        """Chunks as one sound, with all their marks on its clock."""
        import numpy as np

        sounds: list[np.ndarray] = []
        marks: list[Mark] = []
        count = 0
        for sound, own in chunks:
            at = count / self.model.sample_rate
            marks += [replace(mark, start_s=mark.start_s + at, end_s=mark.end_s + at) for mark in own]
            sounds.append(sound)
            count += len(sound)
        return (np.concatenate(sounds) if sounds else np.zeros(0, np.float32)), tuple(marks)


def _with_next(passages: Iterable[Passage]) -> Iterator[tuple[int, Passage, float | None]]:
    """Passages by number, each with when the next one begins."""
    before: tuple[int, Passage] | None = None
    for index, passage in enumerate(passages):
        if before is not None:
            yield *before, passage.start
        before = (index, passage)
    if before is not None:
        yield *before, None


def _sentence_mark(text: str, sound: np.ndarray, rate: int) -> Mark:
    return Mark("sentence", " ".join(text.split()), 0.0, len(sound) / rate)


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
            full = longest is not None and sum(len(member.said) + 1 for member in [*run, part]) > longest
            if run and (by_clause or not same or full):
                yield run, 0.0
                run = []
            run.append(part)
    if run:
        yield run, 0.0


def _short(piece: Piece, longest: int | None) -> Iterator[Piece]:
    """A piece in parts of at most so many letters, parted between words."""
    words = list(piece.words)
    while longest is not None and len(words) > 1 and sum(len(word.text) + 1 for word in words) > longest:
        count, letters = 0, 0
        while count < len(words) - 1 and (letters + len(words[count].text) < longest or not count):
            letters += len(words[count].text) + 1
            count += 1
        yield replace(piece, words=tuple(words[:count]), mark="")
        words = words[count:]
    yield replace(piece, words=tuple(words))


def _silence(seconds: float, rate: int) -> np.ndarray:
    import numpy as np

    return np.zeros(round(seconds * rate), np.float32)


def seed_at(seed: int, *places: int) -> int:
    """A seed for one place of a run, 0 to 2^63 - 1."""
    for place in places:
        seed = ((seed + 1) * MIX ^ (place + 1) * 0xBF58_476D_1CE4_E5B9) & ((1 << 63) - 1)
    return seed
