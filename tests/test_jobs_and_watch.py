"""`genkit jobs` and `genkit watch`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from PIL import Image

Save = Callable[..., Path]
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_jobs(*calls: object) -> Path:
    path = Path("jobs.jsonl")
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in calls))
    return path


# --- jobs -----------------------------------------------------------------------------------------------------------------


def test_jobs_load_each_model_once_and_tell_lines(genkit: Run, picture: Save, tiny: str, monkeypatch: pytest.MonkeyPatch):
    import genkit.models as models

    loaded, load = [], models.load_model
    monkeypatch.setattr(models, "load_model", lambda card, *a, **k: loaded.append(card.name) or load(card, *a, **k))
    picture(Path("a.png"))
    jobs = write_jobs(
        {"verb": "upscale", "paths": ["a.png"], "model": tiny, "output": "1.png"},
        {"verb": "colorize", "paths": ["a.png"], "output": "2.png"},
        "# a note",
        {"verb": "upscale", "paths": ["a.png"], "model": tiny, "scale": 1, "output": "4.png"},
        {"verb": "run", "command": f"colorize | upscale -m {tiny}", "paths": ["a.png"], "output": "5.png"},
        {"verb": "colorize", "paths": ["a.png"], "strength": 0.5, "output": "6.png"},
    )
    outcome = genkit("jobs", jobs, "--json")
    assert outcome.code == 0, outcome.out
    assert [event["line"] for event in outcome.events if event["event"] == "done-item"] == [1, 4, 5, 2, 6]
    assert outcome.events[-1]["event"] == "done" and outcome.events[-1]["done"] == 5
    assert [event["event"] for event in outcome.events].count("done") == 1
    assert sorted(loaded) == ["genkit-colorize", tiny]
    again = genkit("jobs", jobs, "--json", "--resume")
    assert again.code == 0 and again.events[-1]["skipped"] == 5
    assert genkit("jobs", jobs).code == 1  # all is there


def test_a_line_that_fails_is_told_by_its_number(genkit: Run, picture: Save, tiny: str):
    picture(Path("a.png"))
    good = {"verb": "upscale", "paths": ["a.png"], "model": tiny}
    bad = {
        1: "{",
        2: {"verb": "upscal", "paths": ["a.png"]},
        3: {"verb": "upscale", "paths": ["none.png"], "model": tiny},
        4: {**good, "sclae": 2},
        5: {**good, "scale": "big"},
        6: {**good, "json": True},
        7: {**good, "output": "-"},
        8: {"verb": "run", "paths": ["none.toml", "a.png"]},
        9: [1],
        10: {**good, "paths": 3},
    }
    jobs = write_jobs(*bad.values(), {**good, "output": "out.png"})
    planned = genkit("jobs", jobs, "--dry-run", "--json")
    assert planned.code == 2 and not Path("out.png").exists()
    outcome = genkit("jobs", jobs, "--json")
    assert outcome.code == 1 and Path("out.png").exists()
    failed = {event["line"]: event["message"] for event in outcome.events if event["event"] == "failed"}
    assert set(failed) == set(bad)
    assert outcome.events[-1] | {"done": 1, "failed": 10, "exit": 1} == outcome.events[-1]
    told = genkit("jobs", jobs, "--overwrite").err
    assert "line 4: upscale has no option sclae" in told and "Traceback" not in told
    assert genkit("jobs", write_jobs("")).code == 2


def test_models_of_jobs_stay_within_a_bound(genkit: Run, picture: Save, tiny: str, monkeypatch: pytest.MonkeyPatch):
    from genkit.run import session

    most = []
    load = session.Session.model

    def loading(self: session.Session, *rest: object, **more: object) -> object:
        model = load(self, *rest, **more)  # type: ignore[arg-type]
        most.append(len(self))
        return model

    monkeypatch.setattr(session.Session, "model", loading)
    picture(Path("a.png"))
    jobs = write_jobs(
        {"verb": "upscale", "paths": ["a.png"], "model": tiny, "output": "1.png"},
        {"verb": "colorize", "paths": ["a.png"], "output": "2.png"},
    )
    assert genkit("jobs", jobs, "--memory", "1kB").code == 0 and max(most) == 1
    assert genkit("jobs", jobs, "--memory", "much").code == 2


# --- watch ----------------------------------------------------------------------------------------------------------------


def outputs(folder: Path = Path("out")) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png")) if folder.is_dir() else []


def old(path: Path) -> Path:
    os.utime(path, (time.time() - 60,) * 2)
    return path


def test_once_takes_what_is_there_and_nothing_twice(genkit: Run, picture: Save, tiny: str):
    for name in ("a.png", "sub/b.png", ".hidden.png", "c.png.part", "~d.png"):
        old(picture(Path("in") / "x.png").rename(_made(Path("in") / name)))
    Path("in/broken.png").write_bytes(Path("in/a.png").read_bytes()[:60])
    old(Path("in/broken.png"))
    picture(Path("in/young.png"))
    words = ("watch", "in", "--do", f"upscale -m {tiny}", "-o", "out", "--once", "--json")
    first = genkit(*words)
    assert outputs() == ["a.png", "sub/b.png"]
    assert first.code == 1 and [event["input"] for event in first.events if event["event"] == "failed"] == ["in/broken.png"]
    assert any("left for the next time" in event.get("message", "") for event in first.events)
    Path("in/broken.png").unlink()
    again = genkit(*words, "--settle", 0)
    assert again.code == 0 and again.events[-1] | {"done": 1, "skipped": 2} == again.events[-1]
    assert outputs() == ["a.png", "sub/b.png", "young.png"]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_outputs_of_one_name_are_refused(genkit: Run, picture: Save, tiny: str):
    old(picture(Path("in/a.png")))
    old(picture(Path("in/a.jpg")))
    outcome = genkit("watch", "in", "--do", f"upscale -m {tiny}", "-o", "out", "--once")
    assert outcome.code == 1 and "would have the name" in outcome.err and len(list(Path("out").iterdir())) == 1


@pytest.mark.parametrize(("poll", "burst"), [(False, 12), (True, 12), pytest.param(False, 500, marks=pytest.mark.slow)])
def test_a_watched_folder_makes_each_once(poll: bool, burst: int, picture: Save, start_echo: Start):
    """Bursts, slow writers, files moved in and replaced, a restart in between, SIGTERM."""
    Path("in/sub").mkdir(parents=True)
    for number in range(4):
        picture(Path(f"in/{number}.png"), seed=number)
    words = ("watch", "in", "--do", "upscale", "-o", "out", "--settle", 0.3, "--json", *(["--poll"] if poll else []))
    told = Path("events.jsonl").open("wb")  # noqa: SIM115 - a pipe that nobody reads would fill and stop it
    process = start_echo(*words, stdout=told)
    slow = picture(Path("slow.png"), 60, 60, seed=9).read_bytes()
    _until(lambda: len(outputs()) == 4)
    with Path("in/slow.png").open("wb") as file:  # slower than the settle time
        for at in range(0, len(slow), len(slow) // 3):
            file.write(slow[at : at + len(slow) // 3])
            file.flush()
            time.sleep(0.35)
            if at + len(slow) // 3 < len(slow):
                assert "slow.png" not in outputs()
    picture(Path("burst.png"), seed=5)
    for number in range(burst):
        shutil.copy("burst.png", f"in/sub/b{number}.png")
    picture(Path("in/.moved.part.png"), seed=7).rename("in/moved.png")
    _until(lambda: len(outputs()) >= 5 + burst // 3, seconds=30 + burst)
    process.send_signal(signal.SIGTERM)  # in the midst of it
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    process = start_echo(*words, stdout=told)
    picture(Path("in/late.png"), seed=8)  # so that there is work for it in any case
    _until(lambda: len(outputs()) == burst + 7, seconds=30 + burst)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    told.close()
    assert process.returncode == 143, err
    events = [json.loads(line) for line in Path("events.jsonl").read_text().splitlines()]
    ends = [event for event in events if event["event"] == "done"]
    assert len(ends) == 2 and ends[-1] is events[-1] and all(event["exit"] == 143 for event in ends)
    made = [event["input"] for event in events if event["event"] == "done-item"]
    assert len(made) == len(set(made)) == burst + 7 and not [event for event in events if event["event"] == "failed"]
    before = {name: Path("out", name).stat().st_mtime_ns for name in outputs()}
    second = start_echo(*words)
    picture(Path("in/new.png"), seed=11)
    _until(lambda: "new.png" in outputs())
    second.send_signal(signal.SIGTERM)
    out, _ = second.communicate(timeout=30)
    assert [event["input"] for event in map(json.loads, out.splitlines()) if event["event"] == "done-item"] == ["in/new.png"]
    assert {name: Path("out", name).stat().st_mtime_ns for name in before} == before
    assert Image.open("out/slow.png").size == (240, 240)


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, outputs()
        time.sleep(0.05)


def test_what_cannot_be_watched_is_said(genkit: Run, picture: Save):
    Path("in").mkdir()
    for words, expected in (
        (("none", "--do", "upscale", "-o", "out"), "is no folder"),
        (("in", "--do", "upscal | style", "-o", "out"), "did you mean upscale"),
        (("in", "--do", "none.toml", "-o", "out"), "not found"),
        (("in", "--do", "upscale -s 2", "-o", "in"), "no folder of its own"),
    ):
        outcome = genkit("watch", *words, "--once")
        assert outcome.code == 2 and expected in outcome.err, outcome.err
