"""A passage of a book, and how the bytes of a text are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit.errors import InputError
from genkit.files import HTML, kind_of, read_input


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


def read_text(path: Path, *, html: bool = False, lines: bool = True) -> str:
    """A text: UTF-16 by its mark, else UTF-8. `lines` all end in a line feed; `html` may be HTML.

    Raises:
        InputError: it is no text, or HTML. OSError: it cannot be opened. UnicodeDecodeError: it is neither encoding.
    """
    try:
        data = read_input(path)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    text = text_of(data, str(path), html=html)
    return text.replace("\r\n", "\n").replace("\r", "\n") if lines else text


def text_of(data: bytes, name: str, *, html: bool = False) -> str:
    """As `read_text`, of bytes."""
    kind = kind_of(data)
    if kind is not None and not (html and kind == HTML):
        hint = "as page.html it is read" if kind == HTML else "give a text, or what was made of it as text"
        raise InputError(f"{name}: is {kind}, and no plain text", hint, code="no-text")
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    if "\0" in text:
        raise InputError(f"{name}: is binary, and no plain text", "give a text", code="no-text")
    return text
