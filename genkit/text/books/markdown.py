"""Markdown to the lines that are read aloud: headings told apart, no signs of markup, no code blocks, no pictures."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

_FENCE = re.compile(r"\s{0,3}(```+|~~~+)")
_HEADING = re.compile(r"\s{0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$")
_UNDERLINE = re.compile(r"\s{0,3}(=+|-{2,})\s*$")
_RULE = re.compile(r"\s{0,3}([-*_])(?:\s*\1){2,}\s*$")
_TABLE_RULE = re.compile(r"\s*\|?(?:\s*:?-{2,}:?\s*\|)+\s*:?-*:?\s*$")
_DEFINITION = re.compile(r"\s{0,3}\[[^\]]+\]:\s+\S+")
_MARKER = re.compile(r"\s*(?:>\s?)*\s*(?:[-*+]\s+(?:\[[ xX]\]\s+)?|(?=\d+[.)]\s))?")
_INLINE = (
    (re.compile(r"<!--.*?-->"), ""),
    (re.compile(r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])"), ""),
    (re.compile(r"\[\^[^\]]+\]:?"), ""),
    (re.compile(r"(?<!\[)\[([^\[\]]+)\]\((?:[^()]|\([^()]*\))*\)"), r"\1"),
    (re.compile(r"(?<!\[)\[([^\[\]]+)\]\[[^\]]*\]"), r"\1"),
    (re.compile(r"<(https?://[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>]*>"), ""),
    (re.compile(r"(`+)(.+?)\1"), r"\2"),
    (re.compile(r"(?<!\\)(\*{1,3}|~~)(?=\S)(.+?)(?<=[^\s\\])\1"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?=\S)(.+?)(?<=[^\s\\])\1(?!\w)"), r"\2"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~-])"), r"\1"),
)


def plain(line: str) -> str:
    """One line without inline markup."""
    for pattern, by in _INLINE:
        line = pattern.sub(by, line)
    return html.unescape(line).strip()


def plain_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(level of the heading or 0, text) of each line; list items and table rows get a blank line around them."""
    fence, comment, held = "", False, None  # type: str, bool, str | None
    front = False
    for number, raw in enumerate(lines):
        line = raw.rstrip("\r\n")
        if number == 0 and line.strip() == "---":
            front = True
            continue
        if front:
            front = line.strip() not in ("---", "...")
            continue
        if fence:
            found = _FENCE.match(line)
            fence = "" if found and found[1].startswith(fence) else fence
            continue
        if comment:
            comment = "-->" not in line
            continue
        if "<!--" in line and "-->" not in line:
            comment, line = True, line.partition("<!--")[0]
        if held is not None and held.strip() and (found := _UNDERLINE.match(line)) is not None:
            yield (1 if found[1][0] == "=" else 2), plain(held)
            held = None
            continue
        if held is not None:
            yield 0, plain(held)
            held = None
        if (found := _FENCE.match(line)) is not None:
            fence = found[1]
        elif (found := _HEADING.match(line)) is not None:
            if text := plain(found[2] or ""):
                yield len(found[1]), text
        elif _RULE.match(line) or _TABLE_RULE.match(line) or _DEFINITION.match(line):
            yield 0, ""
        elif line.lstrip().startswith("|"):
            cells = [plain(cell) for cell in line.strip().strip("|").split("|")]
            yield 0, ", ".join(cell for cell in cells if cell)
            yield 0, ""
        else:
            marker = _MARKER.match(line)
            rest = line[marker.end() :] if marker else line
            if marker and (marker[0].strip(" >") or re.match(r"\d+[.)]\s", rest)):
                yield 0, ""  # an item is a paragraph of its own
            held = rest
    if held is not None:
        yield 0, plain(held)
