"""What is said for numbers, dates, money, units, names and signs: every row of tests/data/reading is asserted exactly.

A row is a text, a tab, and the words that are said, with their marks; `\\n` is a line break. `en-first.tsv` is what the first
version read rightly, `en.tsv` what was tried afterwards; the others are named after their languages.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from genkit.text.front import sentences

TABLES = Path(__file__).with_name("data") / "reading"


def rows(name: str) -> list[tuple[str, str]]:
    lines = (TABLES / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    found = [line.split("\t") for line in lines if line and not line.startswith("# ")]
    return [(text.replace("\\n", "\n"), words) for text, words in found]


def said(text: str, language: str = "en") -> str:
    return " ".join(one.said for one in sentences(text, language=language))


@pytest.mark.parametrize(("text", "words"), [*rows("en-first"), *rows("en")])
def test_english_is_said_in_full(text: str, words: str) -> None:
    assert said(text) == words


def test_the_tables_are_long_enough() -> None:
    assert len(rows("en-first")) >= 150 and len(rows("en")) >= 400
    assert len({text for text, _ in rows("en")}) == len(rows("en"))


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en-GB", "5 km", "five kilometers."),
        ("en-GB", "1/2/2020", "the first of february twenty twenty."),
        ("en_GB", "on 4/5", "on the fourth of may."),
        (
            "en-AU",
            "13/1/2020 and 1/13/2020",
            "the thirteenth of january twenty twenty and the thirteenth of january twenty twenty.",
        ),
        ("en-US", "1/2/2020", "january second twenty twenty."),
        ("eng", "1/2/2020", "january second twenty twenty."),
        ("en-GB", "2020-02-01", "february first twenty twenty."),
        ("xxx", "Abc 12 def.", "abc 12 def."),
    ],
)
def test_regions_have_their_dates(language: str, text: str, words: str) -> None:
    assert said(text, language) == words


def test_a_letter_is_told_from_a_word() -> None:
    words = next(sentences("Vitamin A is a B vitamin's friend, says the FBI's CEOs.")).pieces
    letters = [word.text for piece in words for word in piece.words if word.letter]
    assert letters == ["a", "b", "f", "b", "i's", "c", "e", "o's"]


def test_a_capital_inside_a_sentence_is_kept_in_mind() -> None:
    (one,) = sentences("Polish the Polish “Table” in NASA, Ann.")
    assert [word.text for piece in one.pieces for word in piece.words if word.capital] == ["polish", "table", "nasa", "ann"]


def test_what_changes_length_keeps_its_place() -> None:
    text = "x: ﬁ㎏ won\u00adder\u00adful ½, 3⁄4 well-\nknown Ⅻ it`s"
    (one,) = sentences(text)
    assert [text[word.start : word.end] for piece in one.pieces for word in piece.words][1:] == [
        "ﬁ㎏", "won\u00adder\u00adful", "½", "½", "3⁄4", "3⁄4", "well", "known", "Ⅻ", "it`s",
    ]  # fmt: skip
