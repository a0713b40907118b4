"""Markdown (CommonMark with tables, by markdown-it-py) to the paragraphs that are read aloud: headings told apart, no signs of
markup, no code blocks, no pictures, no footnotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genkit.text.books.hypertext import read_html

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FOOTNOTE = re.compile(r"^ {0,3}\[\^[^\]\s]{1,100}\]:[^\n]*(?:\n(?:[ \t]*\n)*(?: {4}|\t)[^\n]*)*", re.MULTILINE)
_FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]{1,100}\]")
_TASK = re.compile(r"\[[ xX]\]\s+")
_HIGHLIGHT = re.compile(r"==(?=\S)([^=\n]{1,500})(?<=\S)==")
_SIGNS = re.compile(r"(?:[^\w\s]\s?)+")
MOST_SIGNS = 2000  # in a row: no writer has more, and brackets cost the parser a search each


def paragraphs(text: str) -> Iterator[tuple[int, str]]:
    """(level of the heading or 0, text) of each heading, paragraph, item and row of a table, in order."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    source = _FOOTNOTE.sub("", _FRONT_MATTER.sub("", text.replace("\r\n", "\n"), count=1))
    source = _SIGNS.sub(lambda signs: "" if len(signs[0]) > MOST_SIGNS else signs[0], source)
    level, marker, cells = 0, "", None  # type: int, str, list[str] | None
    for token in reader.parse(source):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "list_item_open":
            marker = f"{token.info}{token.markup} " if token.info else ""
        elif token.type == "tr_open":
            cells = []
        elif token.type == "tr_close":
            if cells:
                yield 0, ", ".join(cells)
            cells = None
        elif token.type == "inline" and (plain := _plain(token.children or [])):
            if cells is not None:
                cells.append(plain)
                continue
            yield level, marker + (_TASK.sub("", plain, count=1) if _TASK.match(plain) else plain)
            level, marker = 0, ""
        elif token.type == "heading_close":
            level = 0
        elif token.type == "html_block" and (plain := read_html(token.content)[0]):
            yield 0, plain


def _plain(children: list[Token]) -> str:
    """Inline markup as text: pictures and tags go, code stays; a line that the writer broke stays one."""
    parts = []
    for one in children:
        if one.type in ("text", "code_inline", "text_special"):
            parts.append(one.content)
        elif one.type in ("softbreak", "hardbreak") or (one.type == "html_inline" and one.content.startswith("<br")):
            parts.append("\n")
    text = _HIGHLIGHT.sub(r"\1", _FOOTNOTE_MARK.sub("", "".join(parts)))
    return "\n".join(line.strip() for line in text.split("\n")).strip()
