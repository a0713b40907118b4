"""genkit's own small text files: the whole text or the old one, and nothing left beside it; sizes in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genkit.errors import flag
from genkit.files import replace_text, size_text, slug


def test_a_text_replaces_another_and_makes_its_folder(tmp_path: Path):
    target = tmp_path / "deep" / "file.json"
    for text in ("one", "zwei – 二\n"):
        replace_text(target, text)
        assert target.read_text(encoding="utf-8") == text
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("fault", [OSError("full"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_text_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException):
    target = tmp_path / "file.json"
    target.write_text("old")

    def refuse(*_: object) -> None:
        raise fault

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(type(fault)):
        replace_text(target, "new")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "unknown size"), (10, "10 bytes"), (1234, "1.2 KB"), (67_300_000, "67 MB"), (1_200_000_000, "1.2 GB")],
)
def test_sizes_take_a_unit_that_says_something(size: int | None, text: str):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("A red heart, please!", "a-red-heart-please"),
        ("  -- ", ""),
        ("Cafe\u0301 d'E\u0301te\u0301", "caf\u00e9-d-\u00e9t\u00e9"),
        ("snake_case.name", "snake-case-name"),
        ("\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440", "\u043f\u0440\u0438\u0432\u0435\u0442-\u043c\u0438\u0440"),
        ("\u4e00\u53ea\u732b", "\u4e00\u53ea\u732b"),
        ("../../etc/passwd", "etc-passwd"),
        ("\x1b]0;title\x07", "0-title"),
        ("\U0001f600", ""),
        ("50 %", "50"),
    ],
)
def test_a_text_names_a_file_by_its_words(text: str, name: str):
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "keep", "name"),
    [
        ("0-3,5", "_.-", "0-3-5"),
        ("Seed 3.5_b", "_.-", "seed-3.5_b"),
        ("Black_Hair", "_", "black_hair"),
        ("-a-", "_.-", "a"),
        ("a]b", "]", "a]b"),
    ],
)
def test_a_name_keeps_the_signs_that_it_is_told_to(text: str, keep: str, name: str):
    assert slug(text, keep=keep) == name


def test_a_long_text_gives_whole_words_and_of_one_long_word_its_beginning():
    assert slug("one two three", most=8) == "one-two"
    assert slug("antidisestablishment now", most=8) == "antidise"
    assert slug("\u4e00\u53ea\u732b", most=8, size=lambda name: len(name.encode())) == "\u4e00\u53ea"


def test_an_option_is_spelled_as_it_is_typed():
    assert (flag("mask_color"), flag("out"), flag("n")) == ("--mask-color", "--out", "-n")
