"""What a command says of inputs that are none, and of an option that an output's format has no use for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from PIL import Image


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_glob_that_matches_nothing_is_not_a_missing_file(genkit: Run, tiny: str) -> None:
    outcome = genkit("upscale", "in/*.png", "--model", tiny)
    assert outcome.code == 2 and "nothing matches in/*.png" in outcome.err and "not found" not in outcome.err
    both = genkit("upscale", "gone.png", "in/*.png", "--model", tiny)
    assert both.code == 2 and "not found: gone.png; nothing matches in/*.png" in both.err


def test_an_empty_standard_input_is_said_to_be_empty(genkit: Run, tiny: str) -> None:
    outcome = genkit("upscale", "-", "--model", tiny, stdin=b"")
    assert outcome.code == 2 and "standard input is empty" in outcome.err and not outcome.stdout


def test_quality_is_for_lossy_formats(genkit: Run, tiny: str, picture: Callable[..., Path]) -> None:
    picture(Path("in/a.png"))
    picture(Path("in/b.jpg"))
    outcome = genkit("upscale", "in", "-o", "out/", "--quality", 40, "--model", tiny)
    assert outcome.code == 0
    assert "note: --quality changes nothing in PNG files, which are lossless; it is for JPEG, WEBP" in outcome.err
    with Image.open("out/a.png") as image:
        assert "quality" not in json.loads(image.text["genkit"])["options"]  # type: ignore[attr-defined]
    assert "--quality 40" in genkit("show", "out/b.jpg").out
    assert "--quality" not in genkit("upscale", "in/b.jpg", "-o", "c.jpg", "--quality", 40, "--model", tiny).err
    genkit("config", "set", "quality", "40")
    assert "--quality" not in genkit("upscale", "in/a.png", "-o", "d.png", "--model", tiny).err, "nobody asked for it here"
