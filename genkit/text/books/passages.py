"""Files to passages: text, Markdown, tables, subtitles and e-books."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from genkit.errors import InputError
from genkit.files import HTML, kind_of, parse_json, read_input
from genkit.text.books.passage import Passage, read_text

SUBTITLES = (".srt", ".vtt", ".ass", ".ssa")
KINDS = (".txt", ".md", ".html", ".csv", ".jsonl", *SUBTITLES, ".epub")
_EPUB = b"mimetypeapplication/epub+zip"  # the first file in it


def passages(path: Path, *, kind: str | None = None) -> Iterator[Passage]:
    """Read a file's passages in order, one at a time; `kind` is a suffix such as ".txt" and overrides the file's own.

    Raises: InputError that names the file, and the line where there is one.
    """
    kind = (kind or path.suffix).lower()
    if kind == ".epub":
        from genkit.text.books.epub import chapters

        return chapters(path)
    if kind in SUBTITLES:
        from genkit.text.books.subtitles import subtitles

        return _guarded(subtitles(path, kind), path)
    readers = {
        ".txt": _text,
        ".md": _markdown,
        ".markdown": _markdown,
        ".html": _page,
        ".htm": _page,
        ".xhtml": _page,
        ".csv": _table,
        ".tsv": _table,
        ".jsonl": _json_lines,
    }
    if kind not in readers:
        raise InputError(f"{path}: {kind or 'a name without a suffix'} is no kind of text", f"read are {', '.join(KINDS)}")
    return _guarded(readers[kind](path), path)


def kind_by_content(path: Path) -> str:
    """The kind of a file whose name does not tell: an e-book, a page, or else a text.

    Raises: OSError, ValueError where it cannot be read.
    """
    data = read_input(path)
    return ".epub" if data[30:58] == _EPUB else ".html" if kind_of(data) == HTML else ".txt"


def _guarded(found: Iterator[Passage], path: Path) -> Iterator[Passage]:
    try:
        yield from found
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start})", "save the file as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", "check the file and its permissions") from error


def _text(path: Path) -> Iterator[Passage]:
    text = read_text(path)
    if text.strip():
        yield Passage("0001", text)


def _markdown(path: Path) -> Iterator[Passage]:
    """Chapters begin at headings of the first and second level."""
    from genkit.text.books.markdown import paragraphs

    number, title, chapter = 0, None, []  # type: int, str | None, list[str]
    for level, text in paragraphs(read_text(path, html=True)):
        if level in (1, 2):
            if chapter:
                number += 1
                yield Passage(f"{number:04d}", "\n\n".join(chapter).strip(), title)
            title, chapter = text, []
        chapter.append(text + "\n" * bool(level))  # a line more behind a heading: recipes hold the texts of chapters
    if chapter:
        yield Passage(f"{number + 1:04d}", "\n\n".join(chapter).strip(), title)


def _page(path: Path) -> Iterator[Passage]:
    from genkit.text.books.hypertext import page_of

    text, title = page_of(read_input(path))
    if text:
        yield Passage("0001", text, title)


def _table(path: Path) -> Iterator[Passage]:
    """Rows under a header that names id and text (any order, title allowed), or id and text alone (LJSpeech: id|text), or one
    column of texts."""
    with io.StringIO(read_text(path, lines=False), newline="") as opened:
        first = opened.readline()
        opened.seek(0)
        sign = (
            max("|\t;,", key=first.count)
            if first.count(",") == 0
            else max("|\t,;", key=lambda one: first.count(one) * (3 if one in "|\t" else 1))
        )
        rows = csv.reader(opened, delimiter=sign, quoting=csv.QUOTE_NONE if sign == "|" else csv.QUOTE_MINIMAL)
        columns: dict[str, int] = {}
        try:
            for place, row in enumerate(rows):
                names = [one.strip().lower() for one in row]
                if place == 0 and "text" in names:
                    columns = {name: at for at, name in enumerate(names)}
                    continue
                if not any(one.strip() for one in row):
                    continue
                columns = columns or ({"id": 0, "text": 1} if len(row) > 1 else {"text": 0})
                yield _row(row, columns, path, rows.line_num)
        except csv.Error as error:
            raise InputError(f"{path}, line {rows.line_num}: {error}") from error


def _row(row: list[str], columns: dict[str, int], path: Path, line: int) -> Passage:
    def cell(name: str) -> str:
        at = columns.get(name, len(row))
        return row[at].strip() if at < len(row) else ""

    if not cell("text"):
        raise InputError(f"{path}, line {line}: no text", "give a table with the columns id and text")
    return Passage(cell("id") or f"{line:04d}", cell("text"), cell("title") or None)


def _json_lines(path: Path) -> Iterator[Passage]:
    with io.StringIO(read_text(path)) as opened:
        for number, line in enumerate(opened, 1):
            if not line.strip():
                continue
            try:
                found = parse_json(line)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: no JSON ({error})") from error
            if not isinstance(found, dict) or not isinstance(found.get("text"), str) or not found["text"].strip():
                raise InputError(f"{path}, line {number}: no text", 'write {"id": "…", "text": "…"}')
            times = [found.get(name) for name in ("start", "end")]
            if any(one is not None and (isinstance(one, bool) or not isinstance(one, int | float)) for one in times):
                raise InputError(f"{path}, line {number}: start and end must be seconds")
            title = found.get("title")
            yield Passage(str(found.get("id") or f"{number:04d}"), found["text"], None if title is None else str(title), *times)
