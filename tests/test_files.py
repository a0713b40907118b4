"""genkit's own small text files: the whole text or the old one, and nothing left beside it; sizes in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from genkit.files import replace_text, size_text


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
