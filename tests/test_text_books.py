"""Files to passages: chapters, rows and subtitles; wrong files named with their line; e-books that mean harm."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest

from genkit.errors import InputError
from genkit.text.books.hypertext import read_html
from genkit.text.books.markdown import paragraphs
from genkit.text.books.passage import Passage
from genkit.text.books.passages import passages


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


def test_text_is_one_passage_in_any_unicode(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert list(passages(write(tmp_path / "a.txt", "Zoë\n\nis.", encoding))) == [Passage("0001", "Zoë\n\nis.")]
    assert list(passages(write(tmp_path / "e.txt", " \n"))) == []
    (tmp_path / "b.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"b\.txt: not UTF-8 text \(byte 3\)"):
        list(passages(tmp_path / "b.txt"))
    with pytest.raises(InputError, match=r"c\.doc: \.doc is no kind of text"):
        list(passages(tmp_path / "c.doc"))
    with pytest.raises(InputError, match=r"none\.txt"):
        list(passages(tmp_path / "none.txt"))


MARKDOWN = """---
title: not said
---
Before all.

# One *and* only #
Some **bold**, _slanted_ and `code` in snake_case; a [link](https://x.org/a_(b)),
![no](x.png) picture, a note[^1] &amp; <b>tag</b>.
<!-- hidden
still -->
```python
no = "code"
```
- first \\*star\\*
- [x] second

1. third

> quoted

Two
===
| a | b |
|---|---|
| c | d |

***
### Three
end[^1]

[^1]: see
[ref]: https://x.org
"""


def test_markdown_is_read_without_its_signs(tmp_path):
    found = list(passages(write(tmp_path / "a.md", MARKDOWN)))
    assert [(one.id, one.title) for one in found] == [("0001", None), ("0002", "One and only"), ("0003", "Two")]
    assert found[0].text == "Before all."
    said = found[1].text
    assert said.startswith("One and only\n\n\nSome bold, slanted and code in snake_case; a link,\npicture, a note & tag.")
    assert "first *star*" in said and "\n\nsecond" in said and "1. third" in said and "quoted" in said
    assert not {"hidden", "still", "no =", "```", "](", "**"} & {
        one for one in ("hidden", "still", "no =", "```", "](", "**") if one in said
    }
    assert found[2].text.split("\n\n")[:2] == ["Two", "\na, b"] and "c, d" in found[2].text and "https" not in found[2].text
    assert "\nThree\n\n\nend" in found[2].text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("***both** one*, __a `*code*`__", ["both one, a *code*"]),
        ("- a\n  - b\n\n    c\n- d\n", ["a", "b", "c", "d"]),
        ("2. a\n3. b", ["2. a", "3. b"]),
        ("> a\n> > b\n\n> - [ ] c", ["a", "b", "c"]),
        ("<div align=center>\n<b>A</b> &amp; b\n</div>\n\n<!-- no -->\n\nc<br>d", ["A & b", "c\nd"]),
        ("a[^n].\n\n[^n]: long\n    note\n\n    more\n\nb", ["a.", "b"]),
        ("a ==marked== b == c ~~gone~~", ["a marked b == c gone"]),
        ("| a *b* | |\n|:-:|--|\n| `c` | d\\|e |", ["a b", "c, d|e"]),
        ("Use `<name>` and <https://a.b/c_d_e> &lt;", ["Use <name> and https://a.b/c_d_e <"]),
        ("[[HH AH0]] [x][y] [z]\n\n[y]: /u 'T'\n", ["[[HH AH0]] x [z]"]),
        ("    code\n\n~~~\nno\n~~~\nyes", ["yes"]),
    ],
)
def test_markdown_nests(text: str, expected: list[str]):
    assert [one for _, one in paragraphs(text)] == expected


@pytest.mark.parametrize(
    "signs", ["[", "*", "_", "<br", "![", "<", "[a](", "<a ", "<!--", "[[a]]", "> ", "{", "**a ", "<a b='"]
)
@pytest.mark.parametrize("suffix", [".md", ".epub"])
def test_time_does_not_grow_with_the_square_of_hostile_signs(tmp_path, signs: str, suffix: str):
    text = signs * (60_000 // len(signs))
    path = book(tmp_path / "a.epub", **{"c.xhtml": f"<p>{text}"}) if suffix == ".epub" else write(tmp_path / "a.md", text)
    begun = time.process_time()
    list(passages(path))
    assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", 'id,text\nx1,"Hello, you."\n\nx2,Bye.\n', [("x1", "Hello, you."), ("x2", "Bye.")]),
        ("a.csv", "text;title;id\nHello;T;7\n", [("7", "Hello")]),
        ("a.csv", 'LJ001|He said "no|way\n', [("LJ001", 'He said "no')]),
        ("a.csv", "id\ttext\n1\tTab, comma\n", [("1", "Tab, comma")]),
        (
            "a.jsonl",
            '{"id": "q", "text": "Hi"}\n\n{"text": "No id", "start": 1, "end": 2.5}\n',
            [("q", "Hi"), ("0003", "No id")],
        ),
    ],
)
def test_rows_are_passages(tmp_path, name: str, text: str, expected: list):
    assert [(one.id, one.text) for one in passages(write(tmp_path / name, text))] == expected


def test_subtitles_keep_their_times(tmp_path):
    text = (
        "\n1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\nyou.\n\n2\n01:00:00.5 --> 01:00:01,000 X1:0\n{\\an8}Bye.\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\n\n"
    )
    found = list(passages(write(tmp_path / "a.srt", text)))
    assert found == [Passage("1", "Hello you.", None, 1.0, 2.5), Passage("2", "Bye.", None, 3600.5, 3601.0)]


VTT = """WEBVTT - a film
STYLE
::cue { color: red }

NOTE nobody
reads this

intro
00:01.000 --> 00:02.500 position:10%
<v Ann>Hello &amp; <00:01.200>good <00:01.900>day.</v>
NOTE not a note, but a line

NOTE between

second
01:00:00.500 --> 01:00:01.000
- Bye.
- <c.red>Bye.</c>
"""
ASS = """[Script Info]
Title: x

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:05.00,0:00:06.50,Default,,0,0,0,,{\\i1}Second{\\i0}, with\\Na comma
Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not said
Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ann,0,0,0,,First
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0{\\p0}
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.vtt", VTT, [
            ("1", "Hello & good day. NOTE not a note, but a line", 1.0, 2.5), ("2", "- Bye. - Bye.", 3600.5, 3601.0)]),
        ("b.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nIt was\n1984\n\n00:03.000 --> 00:04.000\n\n00:05.000 --> 00:06.000\n7", [
            ("1", "It was 1984", 1.0, 2.0), ("3", "7", 5.0, 6.0),
        ]),
        ("b.srt", "1\n00:00:01,000 --> 00:00:02,000\nA {b}\n\nstill\n00:00:03,000 --> 00:00:04,000\nin\n1984", [
            ("1", "A {b} still", 1.0, 2.0), ("2", "in 1984", 3.0, 4.0),
        ]),
        ("a.ass", ASS, [("3", "First", 1.0, 2.0), ("1", "Second, with a comma", 5.0, 6.5)]),
        ("a.srt", "7\n00:00:09,000 --> 00:00:10,000\nB\n\n8\n00:00:01,000 --> 00:00:02,000\nA <3\n", [
            ("2", "A <3", 1.0, 2.0), ("1", "B", 9.0, 10.0),
        ]),
    ],
)  # fmt: skip
def test_subtitles_of_three_kinds_come_in_order(tmp_path, name: str, text: str, expected: list):
    found = passages(write(tmp_path / name, text))
    assert [(one.id, one.text, one.start, one.end) for one in found] == expected


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.vtt", "WEBVTT\n\n00:01 --> 00:02\nHi\n", r"a\.vtt, line 3: no times"),
        ("a.vtt", "WEBVTT\n\nx\n00:03.000 --> 00:02.500\nHi\n", r"a\.vtt, line 4: ends before"),
        ("a.srt", "nothing of the kind\n", r"a\.srt: no times in it"),
        ("a.ass", "[Events]\nDialogue: 0,soon,0:00:01.00,D,,0,0,0,,x\n", r"a\.ass: no readable subtitles .*'soon'"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,500\n" + "{<" * 100_000, r"a\.srt, line 3: no subtitle is that long"),
        ("a.csv", "id,text\n1,ok\n2,\n", r"a\.csv, line 3: no text"),
        ("a.jsonl", '{"text": "a"}\nnope\n', r"a\.jsonl, line 2: no JSON"),
        ("a.jsonl", '{"text": ""}\n', r"a\.jsonl, line 1: no text"),
        ("a.jsonl", '{"text": "a"}\n' + "[" * 100_000, r"a\.jsonl, line 2: no JSON \(nested deeper"),
        ("a.jsonl", '{"text": "a", "start": "x"}\n', r"a\.jsonl, line 1: start and end"),
        ("a.srt", "1\n00:00:01,000 -> 00:00:02,500\nHi\n", r"a\.srt, line 2: no times"),
        ("a.srt", "1\n00:00:03,000 --> 00:00:02,500\nHi\n", r"a\.srt, line 2: ends before"),
    ],
)
def test_wrong_rows_are_named_with_their_line(tmp_path, name: str, text: str, message: str):
    with pytest.raises(InputError, match=message):
        list(passages(write(tmp_path / name, text)))


def test_rows_come_one_at_a_time(tmp_path):
    reading = passages(write(tmp_path / "a.jsonl", '{"text": "first"}\nbroken\n'))
    assert next(reading).text == "first"
    with pytest.raises(InputError):
        next(reading)


CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:c"><rootfiles><rootfile full-path="OEBPS/p.opf"/></rootfiles></container>'
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf"><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="a" href="a%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="c" href="../c.xhtml" media-type="application/xhtml+xml"/>
<item id="x" href="x.xhtml" media-type="application/xhtml+xml"/>
<item id="i" href="i.png" media-type="image/png"/>
</manifest>
<spine><itemref idref="n"/><itemref idref="c"/><itemref idref="x" linear="no"/>
<itemref idref="a"/></spine></package>"""
FIRST = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html><head><title>no</title><style>p {}</style></head><body>
<h1>Chapter <em>One</em></h1><p>It&nbsp;was&#8212;dark<a epub:type="noteref" href="#1">1</a>.<br/>Line two.</p>
<aside epub:type="footnote"><p>A note</p></aside><p>Zo\u00eb <ruby>x<rt>y</rt></ruby></p><p>   </p></body></html>"""
SECOND = "<html><body><p>No heading\nhere.</p></body></html>"


def book(path: Path, **changes: str | bytes | None) -> Path:
    files: dict[str, str | bytes | None] = {
        "META-INF/container.xml": CONTAINER,
        "OEBPS/p.opf": PACKAGE,
        "c.xhtml": FIRST,
        "OEBPS/a b.xhtml": SECOND,
        "OEBPS/x.xhtml": SECOND,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (files | changes).items():
            if data is not None:
                archive.writestr(name, data)
    return path


def test_a_book_is_read_in_its_order(tmp_path):
    first, second = passages(book(tmp_path / "a.epub"))
    assert (first.id, first.title, second.id, second.title) == ("0001", "Chapter One", "0002", None)
    assert first.text == "Chapter One\n\nIt was—dark.\u2028Line two.\n\nZoë x"
    assert second.text == "No heading here."


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ('a time<a href="#f1"><sup>1</sup></a>. He ruled.<a href="n.xhtml#n3">3</a> In', "a time. He ruled. In"),
        ('so<sup><a href="#x">[12]</a></sup>, and<a class="noteref" href="b#c"> * </a>.', "so, and."),
        ('He left.<a href="#fn" style="vertical-align: super">a</a> She.<a href="#e">[iv]</a>', "He left. She."),
        ('1. See above. <a href="#r1">↩</a>', "1. See above."),
        ('see chapter <a href="#c3">3</a> and <a href="#i">I</a>', "see chapter 3 and I"),
        ('see <a href="#c3">the third chapter</a>, <a href="https://x.org">4</a>', "see the third chapter, 4"),
        ("10<sup>5</sup> m<sup>2</sup> of H<sub>2</sub>O on the 1<sup>st</sup>", "10⁵ m² of H₂O on the 1st"),
        ("text<sup>2</sup> x<sup>n</sup>", "text² xn"),
        ('<h2>Part<br/>One<a href="#n"><sup>1</sup></a></h2>', "Part One"),
    ],
)
def test_marks_of_notes_are_not_read(page: str, text: str):
    assert read_html(f"<p>{page}</p>")[0] == text


def test_a_heading_of_two_lines_keeps_its_blank():
    assert read_html("<h1>The<br/>End<a href='#n'>*</a></h1><p>x</p>") == ("The End\n\nx", "The End")


def test_a_chapter_comes_once(tmp_path):
    spine = PACKAGE.replace("<spine>", "<spine>" + '<itemref idref="c"/>' * 5000)
    assert len(list(passages(book(tmp_path / "a.epub", **{"OEBPS/p.opf": spine})))) == 2


BOMB = '<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + PACKAGE
OUTSIDE = '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + PACKAGE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OEBPS/p.opf": BOMB}, r"p\.opf declares entities"),
        ({"OEBPS/p.opf": OUTSIDE}, r"p\.opf declares entities"),
        ({"META-INF/container.xml": "<container"}, r"container\.xml is no XML"),
        ({"META-INF/container.xml": "<container/>"}, r"names no package"),
        ({"META-INF/container.xml": None}, r"container\.xml is missing"),
        ({"c.xhtml": None}, r"c\.xhtml is missing"),
        ({"c.xhtml": b"<p>" + b"a" * 40_000_000}, r"c\.xhtml unpacks to 38 MB"),
        ({"META-INF/encryption.xml": '<e><CipherReference URI="c.xhtml"/></e>'}, r"encrypted"),
        ({"c.xhtml": "<p/>", "OEBPS/a b.xhtml": "<p/>"}, r"no text in the book"),
    ],
)
def test_books_that_are_wrong_or_mean_harm_are_refused(tmp_path, changes: dict, message: str):
    with pytest.raises(InputError, match=message):
        list(passages(book(tmp_path / "a.epub", **changes)))


def test_what_is_no_zip_is_no_book(tmp_path):
    with pytest.raises(InputError, match=r"a\.epub: no readable e-book"):
        list(passages(write(tmp_path / "a.epub", "hello")))
    with pytest.raises(InputError, match=r"none\.epub"):
        list(passages(tmp_path / "none.epub"))
