"""HTML and XHTML to paragraphs: blocks parted by blank lines, U+2028 for a broken line, nothing that is not read aloud."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
    "section", "table", "td", "th", "tr", "ul"
})  # fmt: skip
_SILENT = frozenset({"head", "script", "style", "rt", "rp", "svg", "math", "nav", "audio", "video", "object"})
_NOTES = {"noteref", "footnote", "footnotes", "endnote", "endnotes", "rearnote", "pagebreak", "page-list"}
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"
})  # fmt: skip
_HEADINGS = ("h1", "h2", "h3")

# html.parser reads from each < that no > closes to the end of the file: such ones are made text, and long tags short, before it
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|<\?[^>]*(?:>|\Z)|<!\[CDATA\[|\]\]>", re.DOTALL)
_UNCLOSED = re.compile(r"<(?![^<>]*>)")
_LONG_TAG = re.compile(r"<(/?[A-Za-z][\w:-]{0,40})\s[^<>]{4000,}>")


def read_html(source: str) -> tuple[str, str | None]:
    """The text of a page, and its first heading of the three upper levels."""
    reader = _Reader()
    reader.feed(_UNCLOSED.sub("&lt;", _LONG_TAG.sub(r"<\1>", _HIDDEN.sub("", source))))
    reader.close()
    paragraphs = (" ".join(one.split(" ")).strip(" \u2028") for one in re.split(r"\n\n+", "".join(reader.parts)))
    return "\n\n".join(re.sub(r" {2,}", " ", one) for one in paragraphs if one.strip()), reader.title


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.silent: list[str] = []
        self.heading: int | None = None  # where in `parts` the one that is open began
        self.title: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.silent:
            if tag == self.silent[0] and tag not in _VOID:
                self.silent.append(tag)
            return
        attributes = {name: value or "" for name, value in attrs}
        note = set(attributes.get("epub:type", "").split()) & _NOTES or attributes.get("role", "") in (
            "doc-noteref",
            "doc-footnote",
        )
        if (tag in _SILENT or note or "hidden" in attributes) and tag not in _VOID:
            self.silent.append(tag)
            return
        if tag == "br":
            self.parts.append("\u2028" if self.heading is None else " ")
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        if tag in _HEADINGS and self.title is None:
            self.heading = len(self.parts)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag == self.silent[0]:
                self.silent.pop()
            return
        if tag in _HEADINGS and self.heading is not None:
            self.title = " ".join("".join(self.parts[self.heading :]).split()) or None
            self.heading = None
        if tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"\s+", " ", data))
