"""Everything that can be seen of the command line is as it was: help, plans, recipes, events, refusals. See golden_room.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Run
from golden_cases import FORMER_CASES, MADE, PAGES, PLANS, REFUSED
from golden_room import GOLDEN, files_in, hold, hold_data, recipes, run_line, steady

import genkit as genkit_package

PRESENT = re.compile(r"present here: .*")


def slug(line: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in line)[:80].strip("-")


@pytest.mark.parametrize("command", PAGES, ids=lambda command: command.replace(" ", "-") or "genkit")
def test_pages_of_help(command: str, genkit: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    outcome = genkit(*command.split(), "--help")
    assert outcome.code == 0 and not outcome.err
    said = outcome.out.replace(str(Path(genkit_package.__file__).parents[1]), "HERE")
    hold(f"help/{command.replace(' ', '-') or 'genkit'}.txt", said)


@pytest.mark.parametrize("name", PLANS)
def test_plans(name: str, genkit: Run, common_place: Path, own_folders: Path):
    before = files_in(common_place)
    outcome = run_line(genkit, PLANS[name], "--dry-run", "--json")
    hold_data(
        f"plans/{name}.json", {"command": PLANS[name], "exit": outcome.code, "events": steady(outcome.events, own_folders)}
    )
    assert files_in(common_place) == before  # a plan makes nothing


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_and_told(name: str, genkit: Run, place: Path, own_folders: Path):
    before = files_in(place)
    outcome = run_line(genkit, MADE[name], "--json")
    after = files_in(place)
    assert {path: after[path] for path in before} == before
    new = [path for path in after if path not in before]
    hold_data(
        f"made/{name}.json",
        {
            "command": MADE[name],
            "exit": outcome.code,
            "events": steady(outcome.events, own_folders),
            "outputs": recipes(genkit, new),
        },
    )


@pytest.mark.parametrize("line", REFUSED, ids=lambda line: line.replace("/", "_")[:60])
def test_refusals(line: str, genkit: Run, common_place: Path, own_folders: Path):
    before = files_in(common_place)
    outcome = run_line(genkit, line)
    said = [PRESENT.sub("present here: ...", text.replace(str(own_folders), "HOME")) for text in outcome.err.splitlines()]
    hold_data(f"refused/{slug(line)}.json", {"command": line, "exit": outcome.code, "stdout": outcome.lines, "stderr": said})
    assert outcome.code != 0 and files_in(common_place) == before


def test_no_golden_file_is_left_over():
    wanted = {
        "help": {f"{command.replace(' ', '-') or 'genkit'}.txt" for command in PAGES},
        "plans": {f"{name}.json" for name in PLANS},
        "made": {f"{name}.json" for name in MADE},
        "refused": {f"{slug(line)}.json" for line in REFUSED},
        "shown": {f"{name}.txt" for name in FORMER_CASES},
        "former": set(FORMER_CASES),
    }
    assert {kind: {path.name for path in (GOLDEN / kind).iterdir()} for kind in wanted} == wanted
