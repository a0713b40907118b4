"""Files to passages: text, Markdown, tables, subtitles and e-books. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = (".txt", ".md", ".csv", ".jsonl", ".srt", ".epub")


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a file that makes sense alone: a whole text, a chapter, a row, a subtitle (with its times in seconds)."""

    id: str
    text: str
    title: str | None = None
    start: float | None = None
    end: float | None = None


def passages(path: Path, *, kind: str | None = None) -> Iterator[Passage]:
    """Read a file's passages in order, one at a time; `kind` is a suffix such as ".txt" and overrides the file's own.

    Raises: InputError that names the file, and the line where there is one.
    """
    raise NotImplementedError
