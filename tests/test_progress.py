"""The bars of a run on a terminal: one of the pictures, and one of the steps where the model works in steps."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Terminal

from genkit import models
from genkit.run.report import StreamReporter


def pretend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a fixture: pytest puts its own stream in between the phases of a test."""
    monkeypatch.setattr(sys, "stderr", Terminal(io.BytesIO(), encoding="utf-8", write_through=True))


def reporter(**options: bool) -> StreamReporter:
    return StreamReporter(**({"as_json": False, "quiet": False, "verbose": False} | options))


def test_steps_have_a_bar_under_that_of_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    tell = reporter()
    show = tell.steps()
    assert show is not None
    show(1, 30)  # before a picture is begun there is no bar to draw under
    tell("plan", items=2, model="m", megapixels=3.0)
    tell("start", input="a.png", output="b.png")
    show(1, 30)
    show(2, 30)
    pictures, steps = tell._progress._bar.tasks
    assert (steps.completed, steps.total, steps.visible, steps.fields["amount"]) == (2, 30, True, "step 2 of 30")
    assert (pictures.fields["place"], pictures.fields["amount"], pictures.completed) == ("0/2", "0.0/3.0 megapixels", 0)
    show(30, 30)
    assert not steps.visible, "the last step leaves only the bar of the pictures"
    show(1, 4)
    assert (steps.completed, steps.total, steps.visible) == (1, 4, True), "the next round"
    tell("skipped", input="a.png", output="b.png", reason="made", megapixels=1.0)
    assert (pictures.fields["place"], pictures.fields["amount"]) == ("1/2", "1.0/3.0 megapixels")
    tell.close()
    show(2, 4)  # a step that comes late is let go


@pytest.mark.parametrize("options", [{"as_json": True}, {"quiet": True}])
def test_nobody_is_told_where_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch, options: dict[str, bool]) -> None:
    pretend(monkeypatch)
    assert reporter(**options).steps() is None


@pytest.mark.parametrize("drawn", [True, False])
def test_a_run_connects_what_works_in_steps(
    drawn: bool,
    genkit: Run,
    tiny: str,
    tmp_path: Path,
    picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[Any] = []
    real = models.load_model

    def load_model(*words: Any, **options: Any) -> Any:
        loaded.append(real(*words, **options))
        loaded[-1].progress = None
        return loaded[-1]

    monkeypatch.setattr(models, "load_model", load_model)
    words = ("--model", tiny, "-o", tmp_path / "b.png")
    done = genkit("upscale", picture(tmp_path / "a.png", 8, 8), *words, terminals="stderr" if drawn else "")
    assert done.code == 0, done.err
    assert callable(loaded[0].progress)  # on the bar, or in the lines where there is none
