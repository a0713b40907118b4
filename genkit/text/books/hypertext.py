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
_RAISED, _LOWERED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻"), str.maketrans("0123456789+-−", "₀₁₂₃₄₅₆₇₈₉₊₋₋")
# all that a link to a note, or back from one, holds: 1, [12], a, iv, *, †, ↩
_NOTE_MARK = re.compile(
    r"\s*[\[({]?\s*(?:\d{1,4}|[⁰¹²³⁴-⁹]{1,4}|[A-Za-z]|[ivxl]{1,6}|[*∗†‡§¶#^°※]{1,4}|[↩↑←⤴]\ufe0e?)\s*[\])}]?\s*"
)
_CLASS_OF_NOTES = re.compile(
    r"(?:^|[\s_-])(?:foot|end)?note(?:ref|call|anchor|mark|number)?s?(?:$|[\s_-])|\bfnref\b|\bsup(?:er)?(?:script)?\b",
    re.IGNORECASE,
)

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
        self.raised: list[str] = []  # sup and sub around here
        self.link: tuple[int, bool] | None = None  # where in `parts` a link to a fragment began, and whether it is raised

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
        if tag in ("sup", "sub"):
            self.raised.append(tag)
        if tag == "a" and "#" in attributes.get("href", ""):
            named = " ".join(attributes.get(one, "") for one in ("class", "id", "rel"))
            style = attributes.get("style", "").replace(" ", "")
            raised = bool(self.raised) or "vertical-align:super" in style or bool(_CLASS_OF_NOTES.search(named))
            self.link = len(self.parts), raised
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
        if tag in ("sup", "sub") and self.raised:
            self.raised.pop()
        if tag == "a" and self.link is not None:
            self._drop_note_mark(*self.link)
            self.link = None
        if tag in _HEADINGS and self.heading is not None:
            self.title = " ".join("".join(self.parts[self.heading :]).split()) or None
            self.heading = None
        if tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            text = re.sub(r"\s+", " ", data)
            if self.raised and text.strip().lstrip("+-−").isdigit():  # 10², H₂O
                text = text.translate(_RAISED if self.raised[-1] == "sup" else _LOWERED)
            self.parts.append(text)

    def _drop_note_mark(self, first: int, raised: bool) -> None:
        """Take out a link that is the mark of a note: raised, or a sign that stands right behind a word or a full stop."""
        text = "".join(self.parts[first:])
        if not _NOTE_MARK.fullmatch(text):
            return
        before = next((one for one in reversed(self.parts[:first]) if one), " ")
        if raised or not text.isascii() or text.strip()[0] in "[↩↑←⤴*†‡^" or not before[-1].isspace():
            del self.parts[first:]


def page_of(data: bytes) -> tuple[str, str | None]:
    """As `read_html`, of bytes in the encoding that they declare."""
    declared = re.search(rb"encoding=[\"']([\w-]+)", data[:200])
    encoding = declared[1].decode("ascii") if declared else "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding, errors="replace")
    except (LookupError, ValueError):  # an encoding that there is not, or that is none of text
        text = data.decode("utf-8", errors="replace")
    return read_html(text.lstrip("\ufeff"))
