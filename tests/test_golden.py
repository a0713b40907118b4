"""Everything that can be seen of the command line is as it was: help, plans, recipes, events, refusals. See golden_room.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Run
from golden_cases import MADE, PAGES, PLANS, REFUSED
from golden_room import files_in, hold, hold_data, place, recipes, run_line, steady  # noqa: F401 - a fixture among them

PRESENT = re.compile(r"present here: .*")


@pytest.mark.parametrize("command", PAGES, ids=lambda command: command.replace(" ", "-") or "genkit")
def test_pages_of_help(command: str, genkit: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    outcome = genkit(*command.split(), "--help")
    assert outcome.code == 0 and not outcome.err
    hold(f"help/{command.replace(' ', '-') or 'genkit'}.txt", outcome.out)


@pytest.mark.parametrize("name", PLANS)
def test_plans(name: str, genkit: Run, place: Path, own_folders: Path):  # noqa: F811
    before = files_in(place)
    outcome = run_line(genkit, PLANS[name], "--dry-run", "--json")
    hold_data(
        f"plans/{name}.json", {"command": PLANS[name], "exit": outcome.code, "events": steady(outcome.events, own_folders)}
    )
    assert files_in(place) == before  # a plan makes nothing


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_and_told(name: str, genkit: Run, place: Path, own_folders: Path):  # noqa: F811
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
def test_refusals(line: str, genkit: Run, place: Path, own_folders: Path):  # noqa: F811
    before = files_in(place)
    outcome = run_line(genkit, line)
    said = [PRESENT.sub("present here: ...", text.replace(str(own_folders), "HOME")) for text in outcome.err.splitlines()]
    name = "".join(sign if sign.isalnum() else "-" for sign in line)[:80].strip("-")
    hold_data(f"refused/{name}.json", {"command": line, "exit": outcome.code, "stdout": outcome.lines, "stderr": said})
    assert outcome.code != 0 and files_in(place) == before
