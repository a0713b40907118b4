"""A passage of a book, and how the bytes of a text are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a file that makes sense alone: a whole text, a chapter, a row, a subtitle (with its times in seconds).

    The title of a chapter is also the first paragraph of its text. Ids are the file's own, or numbers from "0001".
    """

    id: str
    text: str
    title: str | None = None
    start: float | None = None
    end: float | None = None


def encoding_of(path: Path) -> str:
    """UTF-16 by its mark, else UTF-8."""
    with path.open("rb") as opened:
        return "utf-16" if opened.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
