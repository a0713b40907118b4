"""Subtitles (SubRip, WebVTT, SubStation Alpha; by pysubs2) to passages with their times."""

from __future__ import annotations

import html
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from genkit.errors import InputError
from genkit.text.books.passage import Passage, read_text

LONGEST_CUE = 4000  # letters: a film's subtitle has two lines of 42, and tags are looked for in all of it again and again
_TIMES = {
    ".srt": re.compile(r"\s*(?:\d{1,2}:){2}\d{1,2}[,.]\d{1,3}\s*-->\s*(?:\d{1,2}:){2}\d{1,2}[,.]\d{1,3}"),
    ".vtt": re.compile(r"\s*(?:\d{1,4}:)?\d{2}:\d{2}\.\d{3}\s*-->\s*(?:\d{1,4}:)?\d{2}:\d{2}\.\d{3}"),
}
_MEANT_AS_TIMES = re.compile(r"\s*\d[\d:.,\s]*-{1,3}>")
_STYLE = re.compile(r"\{\\[^}]*\}")
_INLINE_TIMES = re.compile(r"<[\d:.]+>")  # WebVTT's karaoke, of which pysubs2 takes two for the times of a cue


def subtitles(path: Path, kind: str) -> Iterator[Passage]:
    """One passage a subtitle, in the order of their times; styles, comments and drawings are left out.

    Raises: InputError that names the line where times are wrong, or text is too long for a subtitle.
    """
    from pysubs2 import SSAFile

    text = read_text(path)
    lines = text.splitlines()
    if kind in _TIMES:
        lines, places = _cues(lines, kind, path)
    else:
        places = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith(("Dialogue:", "Comment:"))]
        for number in places:
            _check_length(len(lines[number - 1]), path, number)
    try:
        with warnings.catch_warnings(action="ignore"):  # of styles, which nobody hears
            found = SSAFile.from_string("\n".join(lines) + "\n", format_=kind[1:])
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"{path}: no readable subtitles ({error})") from error
    if not places and text.strip():
        raise InputError(f"{path}: no times in it", "write 00:00:01,000 --> 00:00:02,500")
    cues = sorted(enumerate(zip(found.events, places, strict=True), 1), key=lambda cue: cue[1][0].start)
    for number, (event, line) in cues:
        if event.end < event.start:
            raise InputError(f"{path}, line {line}: ends before it begins")
        plain = _STYLE.sub("", event.text).replace(r"\N", "\n") if kind in _TIMES else event.plaintext
        said = " ".join(plain.split())
        if said and not event.is_comment and not event.is_drawing:
            said = html.unescape(said) if kind == ".vtt" else said
            yield Passage(str(number), said, None, event.start / 1000, event.end / 1000)


def _cues(lines: list[str], kind: str, path: Path) -> tuple[list[str], list[int]]:
    """The lines with nothing outside cues (names and notes of WebVTT), and which of them hold times."""
    kept: list[str] = []
    places: list[int] = []
    inside, letters = False, 0
    for number, line in enumerate(lines, 1):
        if _TIMES[kind].match(line):
            places.append(number)
            inside, letters = True, 0
            if kept and kept[-1].strip().isdigit() and not "".join(kept[-2:-1]).strip():
                kept.pop()
            kept += ["", "0"]  # pysubs2 takes a last line of digits for the number of the next cue
        elif _MEANT_AS_TIMES.match(line[:100]):
            raise InputError(f"{path}, line {number}: no times", "write 00:00:01,000 --> 00:00:02,500")
        elif kind == ".vtt":
            inside = inside and bool(line.strip())
            line = _INLINE_TIMES.sub("", line) if inside else ""
        letters += len(line)
        _check_length(letters, path, number)
        kept.append(line)
    return [*kept, "", "0"], places


def _check_length(letters: int, path: Path, line: int) -> None:
    if letters > LONGEST_CUE:
        raise InputError(f"{path}, line {line}: no subtitle is that long", "text without times reads as .txt")
