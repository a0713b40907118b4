"""Times of what was said, as subtitles: SRT and WebVTT (a cue a sentence, long ones parted at their words), or JSON.

WebVTT carries the time of each word inside its cue where the voice gives word times; JSON carries words and phonemes too.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KINDS = ("srt", "vtt", "json")
CUE = 84  # letters: two lines of 42, as broadcasters have them


@dataclass(frozen=True)
class Said:
    """One sentence with its times in the output, in seconds; `words` and `phonemes` are (text, start, end)."""

    text: str
    start: float
    end: float
    words: tuple[tuple[str, float, float], ...] = ()
    phonemes: tuple[tuple[str, float, float], ...] = ()


def said_of(marks: Iterable[Any], text: str, start: float, end: float) -> Said:
    """What one utterance's marks say, moved to `start`. Words read from one place of the text ("$5") become one."""
    words: list[list[Any]] = []
    phonemes: list[tuple[str, float, float]] = []
    last: Any = None
    for mark in marks:
        if mark.kind == "phoneme":
            phonemes.append((mark.text, start + mark.start_s, start + mark.end_s))
        elif mark.kind == "word":
            if words and mark.span is not None and mark.span == last:
                words[-1][2] = start + mark.end_s
            else:
                words.append([mark.text, start + mark.start_s, start + mark.end_s])
            last = mark.span
    return Said(text, start, end, tuple((one[0], one[1], one[2]) for one in words), tuple(phonemes))


def lines_of(kind: str, sentences: Iterable[Said]) -> Iterator[str]:
    """The file's text, piece by piece."""
    if kind == "json":
        yield '{"sentences": ['
        for number, one in enumerate(sentences):
            yield ("," if number else "") + "\n" + json.dumps(facts_of(one), ensure_ascii=False)
        yield "\n]}\n"
        return
    if kind == "vtt":
        yield "WEBVTT\n"
    number = 0
    for sentence in sentences:
        for cue in cues(sentence):
            number += 1
            comma = "," if kind == "srt" else "."
            times = f"{clock(cue.start, comma)} --> {clock(cue.end, comma)}"
            if kind == "srt":
                yield f"{number}\n{times}\n{folded(cue.text)}\n\n"
            else:
                yield f"\n{times}\n{_timed(cue)}\n"


def facts_of(one: Said) -> dict[str, Any]:
    def timed(marks: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
        return [{"text": text, "start": round(start, 4), "end": round(end, 4)} for text, start, end in marks]

    facts: dict[str, Any] = {"text": one.text, "start": round(one.start, 4), "end": round(one.end, 4)}
    facts |= {"words": timed(one.words)} if one.words else {}
    return facts | ({"phonemes": timed(one.phonemes)} if one.phonemes else {})


def said_from(facts: Mapping[str, Any]) -> Said:
    """Read back what `facts_of` gave."""

    def timed(name: str) -> tuple[tuple[str, float, float], ...]:
        return tuple((str(one["text"]), float(one["start"]), float(one["end"])) for one in facts.get(name, ()))

    return Said(str(facts["text"]), float(facts["start"]), float(facts["end"]), timed("words"), timed("phonemes"))


def cues(one: Said) -> Iterator[Said]:
    """A sentence as one cue, or as several of about the same length where it is long and its words have times."""
    count = -(-len(one.text) // CUE)
    if count < 2 or len(one.words) < 2 * count:
        yield one
        return
    share, taken, words = len(one.text) / count, 0.0, list(one.words)
    group: list[tuple[str, float, float]] = []
    for place, word in enumerate(words):
        group.append(word)
        taken += len(word[0]) + 1
        if taken >= share or place == len(words) - 1:
            yield Said(" ".join(text for text, _, _ in group), group[0][1], group[-1][2], tuple(group))
            group, taken = [], 0.0


def folded(text: str) -> str:
    """Text in two lines where one would be too long."""
    if len(text) <= CUE // 2:
        return text
    places = [place for place, sign in enumerate(text) if sign == " "]
    if not places:
        return text
    middle = min(places, key=lambda place: abs(place - len(text) // 2))
    return text[:middle] + "\n" + text[middle + 1 :]


def _timed(cue: Said) -> str:
    if not cue.words:
        return html.escape(folded(cue.text), quote=False)
    parts = [html.escape(cue.words[0][0], quote=False)]
    parts += [f"<{clock(start, '.')}>{html.escape(text, quote=False)}" for text, start, _ in cue.words[1:]]
    return " ".join(parts)


def clock(seconds: float, point: str) -> str:
    whole = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(whole, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"
