"""What the former version has made is known, skipped by --resume, and made again by `replay`. See golden/make_former.py."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from golden_cases import FORMER_CASES
from golden_room import FORMER, files_in, hold, recipes
from PIL import Image

from genkit import verbs
from genkit.cards import find
from genkit.run.option import declared
from genkit.run.recipe import as_meant, verb_of

LEVELS = 2  # of 255: another processor may round otherwise
SAMPLES = 0.01  # of full scale
REPLAYS = [(name, one) for name, case in FORMER_CASES.items() for one in case.replays]


@pytest.fixture
def former(request: pytest.FixtureRequest, genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the former version left in a folder, with the times that its journals know (git keeps none)."""
    folder = tmp_path / "work"
    shutil.copytree(FORMER / request.param, folder)
    for journal in folder.rglob(".genkit-journal.jsonl"):
        for line in filter(None, journal.read_text().splitlines()):
            entry = json.loads(line)
            os.utime(journal.parent / entry["name"], ns=(entry["mtime_ns"], entry["mtime_ns"]))
    monkeypatch.chdir(folder)
    assert genkit("config", "set", "device", "cpu").code == 0
    return folder


@pytest.mark.parametrize(("former", "name"), [(name, name) for name in FORMER_CASES], indirect=["former"], ids=[*FORMER_CASES])
def test_resume_passes_over_what_the_former_version_made(former: Path, name: str, genkit: Run):
    before = files_in(former)
    replaced = any(recipe is not None and outgrown(recipe) for recipe in recipes(genkit, before).values())
    for line in FORMER_CASES[name].lines:
        if " directions " in line[:20]:  # it has no --resume, and refuses to replace what is there
            continue
        outcome = genkit(*shlex.split(line), "--resume", "--json")
        skipped = [event["reason"] for event in outcome.events if event["event"] == "skipped"]
        done = outcome.events[-1]
        if replaced:
            told = [event["message"] for event in outcome.events if event["event"] == "notice"]
            assert (outcome.code, done["failed"]) == (0, 0) and done["done"] == outcome.events[0]["items"], outcome.out
            assert f"{done['done']} made with other options are made anew" in told
            return
        assert (outcome.code, done["done"], done["failed"]) == (0, 0, 0), outcome.out
        assert skipped and skipped == ["already made"] * done["skipped"] and not outcome.err
    assert files_in(former) == before


@pytest.mark.parametrize(("former", "name"), [(name, name) for name in FORMER_CASES], indirect=["former"], ids=[*FORMER_CASES])
def test_show_tells_what_the_former_version_made(former: Path, name: str, genkit: Run):
    made = [
        path for path, recipe in recipes(genkit, files_in(former)).items() if recipe is not None and path.startswith("out/")
    ]
    outcome = genkit("show", *[path for path in made if not path.endswith(".json")])
    assert outcome.code == 0
    hold(f"shown/{name}.txt", outcome.out)


@pytest.mark.parametrize(("former", "line"), REPLAYS, indirect=["former"], ids=[f"{name}-{one}" for name, one in REPLAYS])
def test_replay_makes_again_what_the_former_version_made(former: Path, line: str, genkit: Run):
    before = files_in(former)
    made, *words = line.split()
    again = f"again/{Path(made).name}"
    outcome = genkit("replay", made, *words, "-o", again, "--json")
    assert outcome.code == 0 and outcome.events[-1]["done"] == 1, outcome.out + outcome.err
    first, second = recipes(genkit, [made, again]).values()
    assert first is not None and second is not None
    verb = verbs.find(" ".join(verb_of(first)))
    if outgrown(first):
        assert second["revision"] == find(first["model"]).revision
        assert _pixels(Path(made)).shape == _pixels(Path(again)).shape
        first = first | {"revision": second["revision"]}
    else:
        assert alike(Path(made), Path(again))
    assert _spelt(second) == _spelt(as_meant(first, declared(verb)))
    assert {path: content for path, content in files_in(former).items() if path in before} == before


def outgrown(recipe: dict[str, Any]) -> bool:
    """Whether better weights ship now under the name of the model that made it."""
    return bool(recipe.get("revision")) and find(recipe["model"]).revision != recipe["revision"]


def _spelt(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe with its options as texts: a sheet keeps what was given as it was spelt ("5"), and what was not as 5.0."""
    return recipe | {"options": {key: str(value).removesuffix(".0") for key, value in recipe["options"].items()}}


def alike(first: Path, second: Path) -> bool:
    """Whether two outputs are the same but for rounding; of films only that they are as long."""
    if first.suffix in (".wav", ".flac", ".ogg", ".mp3"):
        import soundfile

        (one, rate), (other, same) = soundfile.read(first), soundfile.read(second)
        return rate == same and one.shape == other.shape and float(np.abs(one - other).max()) <= SAMPLES
    if first.suffix in (".mp4", ".gif"):
        return _frames(first) == _frames(second)
    one, other = _pixels(first), _pixels(second)
    return one.shape == other.shape and int(np.abs(one - other).max()) <= LEVELS


def _pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def _frames(path: Path) -> tuple[int, Any]:
    import av

    with av.open(str(path)) as film:
        frames = list(film.decode(video=0))
        return len(frames), (frames[0].width, frames[0].height)
