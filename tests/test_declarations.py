"""What is made of the verbs' declarations: the command, the Python function, the schema, the words of errors and events."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from genkit import verbs
from genkit.cli.verbs import app_of, command_of
from genkit.errors import CODES, UsageError
from genkit.python.functions import OF_PLACES, first_of, function_of, parameters_of
from genkit.run import option, schema
from genkit.run.call import from_values
from genkit.run.events import EVENTS
from genkit.run.verb import PictureVerb

ROOT = Path(__file__).parent.parent
NAMES = [*verbs.VERBS, *verbs.COMMANDS]
# Options of commands that Python has not: what is on standard output, on a terminal, or heard.
TERMINAL = {
    "dry_run",
    "json",
    "quiet",
    "verbose",
    "debug",
    "open",
    "sweep",
    "sheet",
    "list_classes",
    "list_voices",
    "play",
    "listing",
}

Run = Callable[..., Any]


def _command(name: str) -> Any:
    group = typer.main.get_command(app_of(name.partition(" ")[0]))
    return group.commands[name.partition(" ")[2]] if " " in name else group


@pytest.mark.parametrize("name", NAMES)
def test_command_and_function_have_the_same_options(name: str):
    verb = verbs.find(name)
    of_command = {one.name for one in _command(name).params if one.name != "help"}
    of_function = set(inspect.signature(function_of(verb)).parameters)
    first = "paths" if issubclass(verb, PictureVerb) else first_of(verb)
    missing = of_command - of_function - {first}
    assert missing <= TERMINAL, missing - TERMINAL
    assert of_function - of_command <= {"events", first_of(verb)}
    assert set(OF_PLACES) - of_command <= {"paths"}


@pytest.mark.parametrize("name", NAMES)
def test_defaults_and_bounds_are_the_commands(name: str):
    verb = verbs.find(name)
    annotations = command_of(verb).__annotations__
    function = inspect.signature(function_of(verb)).parameters
    for each in parameters_of(verb):
        assert function[each.name].default == each.default
        if not each.option.bounds and not each.option.argument:
            (info,) = annotations[each.name].__metadata__
            assert (info.min, info.max) == (each.option.least, each.option.most)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_belongs_to_a_panel_and_says_what_it_does(name: str):
    verb = verbs.find(name)
    for each in (*option.declared(verb), *option.declared(verb.run_type)):
        assert each.option.help or each.name in ("seed",), each.name
        assert not (each.option.of_model and each.kind not in (str, float, int)) or each.option.negates, each.name


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_describes_a_call_that_can_be_made(name: str):
    verb = verbs.find(name)
    described = schema.of_verb(verb)
    assert described["$schema"].endswith("2020-12/schema")
    every = (*option.declared(verb), *option.declared(verb.run_type))
    assert list(described["properties"]) == [each.name for each in every]
    values: dict[str, Any] = {each.name: each.default for each in every if not each.required}
    values |= {each.name: ["x.png"] if each.several else "x" for each in every if each.required}
    call = from_values(verb, values)
    assert call.verb.name == name
    again = from_values(verb, {key: value for key, value in call.to_data().items() if key != "verb"})
    assert again == call


def test_an_unknown_name_and_a_wrong_type_are_named():
    upscale = verbs.find("upscale")
    with pytest.raises(UsageError, match="no option sclae") as caught:
        from_values(upscale, {"sclae": 2, "paths": ["a.png"]})
    assert caught.value.hint is not None and "scale" in caught.value.hint
    with pytest.raises(UsageError, match="--scale big: expected a number"):
        from_values(upscale, {"scale": "big", "paths": ["a.png"]})
    with pytest.raises(UsageError, match="paths is missing"):
        from_values(upscale, {"scale": 2})


def test_the_schema_command_prints_json(genkit: Run):
    one = genkit("schema", "upscale")
    assert one.code == 0 and json.loads(one.out)["properties"]["scale"]["x-genkit"]["flags"] == ["-s", "--scale"]
    whole = json.loads(genkit("schema", "--all").out)
    assert set(whole["verbs"]) == set(NAMES)
    assert set(whole["events"]) == set(EVENTS) and whole["errors"] == dict(sorted(CODES.items()))
    assert genkit("schema", "upscal").code == 2


def test_every_code_of_an_error_is_listed():
    used: set[str] = {"error", "bug", "usage"}
    for path in sorted((ROOT / "genkit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                used |= {
                    str(word.value.value)
                    for word in node.keywords
                    if word.arg == "code" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)
                }
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                used |= {
                    str(line.value.value)
                    for line in node.body
                    if isinstance(line, ast.Assign)
                    and ast.unparse(line.targets[0]) == "code"
                    and isinstance(line.value, ast.Constant)
                }
    assert used == set(CODES), used ^ set(CODES)


def test_the_events_of_golden_runs_have_the_fields_that_are_listed():
    seen: set[str] = set()
    for path in sorted((ROOT / "tests" / "golden").glob("*/*.json")):
        for event in json.loads(path.read_text(encoding="utf-8")).get("events", []):
            name = event["event"]
            if name not in EVENTS:  # of a list
                assert name in {"class", "voice", "direction", "model"}, name
                continue
            seen.add(name)
            described = schema.of_event(name)
            missing = set(described["required"]) - set(event) - {"schema"}
            assert not missing or name == "done", (path.name, name, missing)
    assert {"plan", "planned", "start", "done-item", "failed", "notice", "done"} <= seen


def test_no_verb_and_nothing_that_runs_one_knows_typer():
    for room in ("verbs", "run"):
        for path in sorted((ROOT / "genkit" / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(import|from) (typer|genkit\.cli)", text, re.MULTILINE), path
