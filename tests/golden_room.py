"""What the golden tests share: a copy of the inputs to work on, what is steady in events and recipes, and the comparison.

Golden files were made by the code as it was before it was re-arranged. `GENKIT_GOLDEN=write pytest tests/test_golden.py` writes
them anew, which is right only where a change of behaviour is meant. Only the command line is used here, and nothing else of
genkit: these tests have to outlive every move of its modules.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Outcome, Run

GOLDEN = Path(__file__).with_name("golden")
INPUTS = GOLDEN / "inputs"
FORMER = GOLDEN / "former"
WRITE = os.environ.get("GENKIT_GOLDEN") == "write"

# What another run or another processor may say otherwise. `bytes` of a plan is a formula; that of an output is its encoder's.
UNSTEADY = {"seconds", "speed", "loss", "sound_s", "share", "scale"}
DISTANCE = re.compile(r"distance [0-9.e-]+|\([0-9.e-]+ at the start")
# Which model is named beside the one that draws depends on the machine; these files have that of one with room for all.
STRONGER = re.compile(r"(?<=^genkit-icons: )(.*a stronger model: --model )\S+ \([^)]*\)")


def hold(name: str, made: str) -> None:
    """Compare a text with the golden file of that name, to the letter."""
    path = GOLDEN / name
    if WRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.encode())
        return
    assert path.exists(), f"{path.relative_to(GOLDEN.parent)} is missing: GENKIT_GOLDEN=write makes it"
    assert made == path.read_bytes().decode()


def hold_data(name: str, made: dict[str, Any]) -> None:
    hold(name, as_lines(made))


def as_lines(made: dict[str, Any]) -> str:
    """JSON with a line for each event, recipe or file, so that a difference can be read."""
    parts = []
    for key, value in made.items():
        if isinstance(value, list) and value:
            body = "[\n  " + ",\n  ".join(_line(one) for one in value) + "\n ]"
        elif isinstance(value, dict) and value:
            body = "{\n  " + ",\n  ".join(f"{_line(name)}: {_line(one)}" for name, one in value.items()) + "\n }"
        else:
            body = _line(value)
        parts.append(f" {_line(key)}: {body}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@pytest.fixture
def place(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the inputs as the working folder, so that no path of this machine is in what commands say."""
    return _work_in(shutil.copytree(INPUTS, tmp_path / "work"), genkit, monkeypatch)


@pytest.fixture
def common_place(genkit: Run, common_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same for what makes nothing: one copy for all."""
    return _work_in(common_inputs, genkit, monkeypatch)


@pytest.fixture(scope="session")
def common_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(INPUTS, tmp_path_factory.mktemp("common") / "work")


def _work_in(folder: Path, genkit: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """On the processor, for a GPU has batches, notes and pixels of its own."""
    monkeypatch.chdir(folder)
    assert genkit("config", "set", "device", "cpu").code == 0
    return folder


def run_line(genkit: Run, line: str, *more: str) -> Outcome:
    """Run a line as a shell would, with `< FILE` and `> FILE` at its end."""
    words = shlex.split(line)
    target = words.pop() if ">" in words[-2:-1] else None
    words = words[:-1] if target else words
    data = Path(words.pop()).read_bytes() if "<" in words[-2:-1] else b""
    words = words[:-1] if data else words
    outcome = genkit(*words, *(() if target else more), stdin=data)
    if target:
        Path(target).write_bytes(outcome.stdout)
        outcome.stdout = b""
    return outcome


def steady(events: Iterable[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    """Events without what another run may say otherwise. Several threads tell of several outputs: there, what belongs to one
    output stands together, in its order, behind what belongs to none."""
    told = [_steady(one, home) for one in events]
    if len({one["output"] for one in told if "output" in one and one["event"] != "saved"}) < 2:
        return told
    common: list[dict[str, Any]] = []
    own: dict[tuple[str, str], list[dict[str, Any]]] = {}
    named: dict[str, tuple[str, str]] = {}  # steps and notices name the input alone
    for event in told:
        if "input" not in event:
            common.append(event)
            continue
        source = event["input"]
        if event["event"] in ("start", "planned", "skipped", "failed"):
            named[source] = (source, event["output"] or "")
        key = (
            named.get(source, (source, ""))
            if event["event"] in ("step", "saved", "notice")
            else (source, event["output"] or "")
        )
        own.setdefault(key, []).append(event)
    order = own if any(one["event"] == "planned" for group in own.values() for one in group) else sorted(own)
    items = [event for key in order for event in own[key]]
    return [*common[:-1], *items, *common[-1:]]


def _steady(event: dict[str, Any], home: Path) -> dict[str, Any]:
    fields = {key: "(not steady)" if key in UNSTEADY and value is not None else value for key, value in event.items()}
    if event["event"] in ("done-item", "saved") and "bytes" in event:
        fields["bytes"] = "(not steady)"
    for key in ("message", "hint"):
        if isinstance(fields.get(key), str):
            fields[key] = DISTANCE.sub("(not steady)", fields[key].replace(str(home), "HOME"))
            fields[key] = STRONGER.sub(r"\1zimage-turbo (33 GB, Apache-2.0)", fields[key])
    return fields


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def recipes(genkit: Run, names: Iterable[str]) -> dict[str, Any]:
    """What each file says about how it was made, by its name; None where it says nothing."""
    names = list(names)
    found: dict[str, Any] = dict.fromkeys(names)
    for event in genkit("show", "--json", *names).events if names else ():
        if event["event"] == "recipe":
            found[event["file"]] = event["recipe"] | {"genkit": "VERSION"}
    for name in names:
        if name.removesuffix(".json") in found and name.endswith(".json"):  # --sidecar
            found[name] = json.loads(Path(name).read_text()) | {"genkit": "VERSION"}
    return found
