"""Times of what was said, as subtitles: SRT and WebVTT (a cue a sentence, long ones parted at their words), or JSON.

WebVTT carries the time of each word inside its cue where the voice gives word times; JSON carries words and phonemes too.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.models.shapes import Mark

KINDS = ("srt", "vtt", "json")
NAMED = 5  # of the subtitles that do not fit
UNHEARD_S = 0.05  # seconds: nobody hears that a subtitle is late by less
_MARKUP = re.compile(r"[<>&\[\]]")
LONGEST_CUE = 84  # letters: two lines of 42, as broadcasters have them


@dataclass(frozen=True)
class Cue:
    """One sentence with its times in the output, in seconds; `words` and `phonemes` are (text, start, end)."""

    text: str
    start: float
    end: float
    words: tuple[tuple[str, float, float], ...] = ()
    phonemes: tuple[tuple[str, float, float], ...] = ()


def cue_of(marks: Iterable[Mark], text: str, start: float, end: float, source: str = "") -> Cue:
    """What one utterance's marks tell, moved to `start`. Words read from one place of the text ("$5") become one, as it is
    written in `source`, of which the marks' spans are; without a source, or in markup, as they are said."""
    words: list[list[Any]] = []
    phonemes: list[tuple[str, float, float]] = []
    last: tuple[int, int] | None = None
    for mark in marks:
        if mark.kind == "phoneme":
            phonemes.append((mark.text, start + mark.start_s, start + mark.end_s))
        elif mark.kind == "word":
            if words and mark.span is not None and mark.span == last:
                written = " ".join(source[slice(*mark.span)].split())
                words[-1][0] = written if written and not _MARKUP.search(written) else f"{words[-1][0]} {mark.text}"
                words[-1][2] = start + mark.end_s
            else:
                words.append([mark.text, start + mark.start_s, start + mark.end_s])
            last = mark.span
    return Cue(text, start, end, tuple((word, begin, stop) for word, begin, stop in words), tuple(phonemes))


def overrun_notices(overruns: Sequence[tuple[str, float]], count: int) -> list[str]:
    """What is to be told of subtitles (their number in the file, and seconds) that last beyond their time, of `count`."""
    if not overruns:
        return []
    some = ", ".join(f"{name} by {seconds:.1f} s" for name, seconds in overruns[:NAMED])
    more = f", and {len(overruns) - NAMED} more" if len(overruns) > NAMED else ""
    worst = max(seconds for _, seconds in overruns)
    what = (
        f"{len(overruns)} of {count} subtitles last beyond their time, the most by {worst:.1f} s"
        if len(overruns) > 1
        else (f"1 of {count} subtitles lasts beyond its time")
    )
    return [f"{what}: {some}{more}"]


def lines_of(kind: str, sentences: Iterable[Cue]) -> Iterator[str]:
    """The file's text, piece by piece."""
    if kind == "json":
        yield '{"sentences": ['
        for number, sentence in enumerate(sentences):
            yield ("," if number else "") + "\n" + json.dumps(to_data(sentence), ensure_ascii=False)
        yield "\n]}\n"
        return
    if kind == "vtt":
        yield "WEBVTT\n"
    number = 0
    for sentence in sentences:
        for cue in split(sentence):
            number += 1
            comma = "," if kind == "srt" else "."
            times = f"{clock(cue.start, comma)} --> {clock(cue.end, comma)}"
            if kind == "srt":
                yield f"{number}\n{times}\n{folded(cue.text)}\n\n"
            else:
                yield f"\n{times}\n{_timed(cue)}\n"


def to_data(cue: Cue) -> dict[str, Any]:
    def timed(marks: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
        return [{"text": text, "start": round(start, 4), "end": round(end, 4)} for text, start, end in marks]

    data: dict[str, Any] = {"text": cue.text, "start": round(cue.start, 4), "end": round(cue.end, 4)}
    data |= {"words": timed(cue.words)} if cue.words else {}
    return data | ({"phonemes": timed(cue.phonemes)} if cue.phonemes else {})


def from_data(data: Mapping[str, Any]) -> Cue:
    """Read back what `to_data` gave."""

    def timed(name: str) -> tuple[tuple[str, float, float], ...]:
        return tuple((str(mark["text"]), float(mark["start"]), float(mark["end"])) for mark in data.get(name, ()))

    return Cue(str(data["text"]), float(data["start"]), float(data["end"]), timed("words"), timed("phonemes"))


def split(cue: Cue) -> Iterator[Cue]:
    """A sentence as one cue, or as several of about the same length where it is long and its words have times."""
    count = -(-len(cue.text) // LONGEST_CUE)
    if count < 2 or len(cue.words) < 2 * count:
        yield cue
        return
    share, taken, words = len(cue.text) / count, 0.0, list(cue.words)
    places = _places(cue)
    first = 0
    for place, (word, _, end) in enumerate(words):
        taken += len(word) + 1
        if taken >= share or place == len(words) - 1:
            group = tuple(words[first : place + 1])
            stop = places[place + 1] if places and place + 1 < len(words) else len(cue.text)
            text = cue.text[places[first] if first else 0 : stop].strip() if places else " ".join(one for one, _, _ in group)
            yield Cue(text, group[0][1], end, group)
            first, taken = place + 1, 0.0


def _places(cue: Cue) -> list[int] | None:
    """Where each word stands in the sentence; None where they are not all in it."""
    found, at, text = [], 0, cue.text.lower()
    if len(text) != len(cue.text):
        return None
    for word, _, _ in cue.words:
        place = text.find(word.lower(), at)
        if place < 0:
            return None
        found.append(place)
        at = place + len(word)
    return found


def folded(text: str) -> str:
    """Text in two lines where one would be too long."""
    if len(text) <= LONGEST_CUE // 2:
        return text
    places = [place for place, sign in enumerate(text) if sign == " "]
    if not places:
        return text
    middle = min(places, key=lambda place: abs(place - len(text) // 2))
    return text[:middle] + "\n" + text[middle + 1 :]


def _timed(cue: Cue) -> str:
    if not cue.words:
        return html.escape(folded(cue.text), quote=False)
    places = _places(cue)
    if places is None:
        parts = [html.escape(cue.words[0][0], quote=False)]
        parts += [f"<{clock(start, '.')}>{html.escape(text, quote=False)}" for text, start, _ in cue.words[1:]]
        return " ".join(parts)
    ends = [*places[1:], len(cue.text)]
    parts = [html.escape(cue.text[: ends[0]], quote=False)]
    for (_, start, _), first, end in zip(cue.words[1:], places[1:], ends[1:], strict=True):
        parts.append(f"<{clock(start, '.')}>{html.escape(cue.text[first:end], quote=False)}")
    return "".join(parts)


def clock(seconds: float, point: str) -> str:
    whole = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
