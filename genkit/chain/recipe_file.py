"""Recipes in TOML files. Files are hostile: what is wrong in one is said by file, line and key, and nothing in it is code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from genkit import verbs
from genkit.chain.lines import Place, lines_of
from genkit.chain.recipe import INPUT, OF_STEP, OUTPUT_KEYS, Branch, Origin, Parameter, Recipe, Step, with_names
from genkit.errors import UsageError
from genkit.files import parse_toml, read_regular

LARGEST = 1 << 20  # bytes
MOST_STEPS = 200
TOP = ("name", "summary", "genkit", "parameters", "step", "branch", "output")
KINDS = {"text": str, "number": float, "whole": int, "flag": bool, "file": Path}
OF_PARAMETER = ("default", "type", "help", "least", "most", "choices")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def read_recipe_file(path: Path, *, closed: bool = True) -> Recipe:
    """Read a recipe; with `closed` it may name no file outside its own folder.

    Raises:
        UsageError: it cannot be read, or something in it is wrong.
    """
    try:
        text = read_regular(path, LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no text in UTF-8, so no recipe", code="unreadable") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}", code="unreadable") from error
    return parse_recipe(text, Origin(str(path), path.absolute().parent, closed), path.stem)


def parse_recipe(text: str, origin: Origin, name: str) -> Recipe:
    """A recipe from its text; `name` is what it is called where it says none itself.

    Raises:
        UsageError: something in it is wrong.
    """
    try:
        data = parse_toml(text)
    except ValueError as error:
        told = str(error)
        line = re.search(r"at line (\d+)", told)
        number = int(line[1]) if line else text.count("\n") + 1
        reason = re.sub(r" \(at .*\)$", "", told)
        raise UsageError(
            f"{origin.label}, line {number}: not TOML: {reason}", 'a key stands as scale = 2, a text in "quotes"'
        ) from None
    origin = Origin(origin.label, origin.folder, origin.closed, lines_of(text))
    return _Reader(origin).recipe(data, name)


class _Reader:
    def __init__(self, origin: Origin):
        self.origin = origin
        self._names: set[str] = set()

    def recipe(self, data: Mapping[str, Any], name: str) -> Recipe:
        self._known(data, (), TOP, "key")
        given = self._text(data, "name")
        if given is not None and not NAME.fullmatch(given):
            raise self.origin.error(("name",), f"{given!r} is no name", "letters, digits, - and _")
        parameters = self._parameters(self._table(data, "parameters"))
        named = self._collect_names(data)
        steps = self._steps(data.get("step", []), ("step",), named)
        branches: list[Branch] = []
        for number, each in enumerate(self._tables(data, "branch", ("branch",))):
            place: Place = ("branch", number)
            self._known(each, place, ("name", "from", "step"), "key of a branch")
            called = self._text(each, "name", place) or str(number + 1)
            if not re.fullmatch(r"[A-Za-z0-9][\w-]{0,63}", called):
                raise self.origin.error((*place, "name"), f"{called!r} is no name", "letters, digits, - and _")
            if called in [one.name for one in branches]:
                raise self.origin.error((*place, "name"), f"two branches are called {called!r}")
            inner = self._steps(each.get("step", []), (*place, "step"), named)
            if not inner:
                raise self.origin.error(place, "a branch without steps", "[[branch.step]] under it, with verb = ...")
            branches.append(Branch(called, inner, self._start(each, place)))
        if not steps and not branches:
            raise self.origin.error((), "no steps in it", '[[step]], and under it verb = "upscale"')
        return Recipe(
            given or name, steps, branches, parameters, self._output(data), self._text(data, "summary") or "", self.origin
        )

    def _output(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        from genkit.run.option import declared
        from genkit.run.settings import PictureRun

        output = self._table(data, "output")
        self._known(output, ("output",), OUTPUT_KEYS, "key of [output]")
        known = {each.name: each for each in declared(PictureRun)}
        for key, value in output.items():
            try:
                known[key].check(known[key].accept(value))
            except UsageError as error:
                raise self.origin.error(("output", key), error.message, error.hint) from None
        return output

    # --- tables and texts ---------------------------------------------------------------------------------------------

    def _known(self, table: Mapping[str, Any], place: Place, known: Iterable[str], what: str) -> None:
        for key in table:
            if key not in known:
                raise self.origin.unknown((*place, key), what, key, known)

    def _table(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = data.get(key, {})
        if not isinstance(value, dict):
            raise self.origin.error((key,), f"expected a table, [{key}]")
        return value

    def _tables(self, data: Mapping[str, Any], key: str, place: Place) -> list[dict[str, Any]]:
        value = data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.origin.error(place, f"expected tables, [[{key}]]")
        if len(value) > MOST_STEPS:
            raise self.origin.error(place, f"{len(value)} of them are more than {MOST_STEPS}")
        return value

    def _text(self, table: Mapping[str, Any], key: str, place: Place = ()) -> str | None:
        value = table.get(key)
        if value is not None and (not isinstance(value, str) or not value.isprintable()):
            raise self.origin.error((*place, key), "expected a text")
        return value

    # --- steps --------------------------------------------------------------------------------------------------------

    def _collect_names(self, data: Mapping[str, Any]) -> list[str]:
        groups = [data.get("step"), *(one.get("step") for one in self._tables(data, "branch", ("branch",)))]
        steps = [step for group in groups if isinstance(group, list) for step in group if isinstance(step, dict)]
        return [name for step in steps if isinstance(name := step.get("name"), str)]

    def _steps(self, value: Any, place: Place, named: list[str]) -> list[Step]:
        found = []
        for number, each in enumerate(self._tables({"step": value}, "step", place)):
            at: Place = (*place, number)
            verb = self._verb(each, at)
            name = self._text(each, "name", at) or ""
            if name and (not NAME.fullmatch(name) or name == INPUT):
                raise self.origin.error((*at, "name"), f"{name!r} is no name of a step", "letters, digits, - and _")
            if name in self._names:
                raise self.origin.error((*at, "name"), f"two steps are called {name!r}")
            values = {key: one for key, one in each.items() if key not in OF_STEP}
            found.append(Step(name, verb, values, self._start(each, at), at, self.origin))
        found = with_names(found, {*self._names, *named})
        self._names |= {step.name for step in found}
        return found

    def _verb(self, step: Mapping[str, Any], place: Place) -> Any:
        name = self._text(step, "verb", place)
        if name is None:
            raise self.origin.error(place, "verb is missing", f"one of: {', '.join(verbs.VERBS)}")
        if name not in verbs.VERBS and name not in verbs.COMMANDS:
            raise self.origin.unknown((*place, "verb"), "verb", name, verbs.VERBS)
        return verbs.find(name)

    def _start(self, table: Mapping[str, Any], place: Place) -> str | None:
        text = self._text(table, "from", place)
        if text is None:
            return None
        if text != "$input" and not text.startswith("$step."):
            raise self.origin.error((*place, "from"), f"{text!r} names no picture", '"$input", or "$step.NAME"')
        return text.removeprefix("$step.").removeprefix("$")

    # --- parameters ---------------------------------------------------------------------------------------------------

    def _parameters(self, table: Mapping[str, Any]) -> dict[str, Parameter]:
        found = {}
        for name, value in table.items():
            place: Place = ("parameters", name)
            if not NAME.fullmatch(name) or name in (INPUT, "step"):
                raise self.origin.error(place, f"{name!r} is no name of a parameter", "letters, digits, - and _")
            facts = value if isinstance(value, dict) else {"default": value}
            self._known(facts, place, OF_PARAMETER, "key of a parameter")
            kind = self._text(facts, "type", place)
            if kind is not None and kind not in KINDS:
                raise self.origin.unknown((*place, "type"), "type", kind, KINDS)
            default = facts.get("default")
            first = default[0] if isinstance(default, list) and default else default
            own = KINDS[kind] if kind else type(first) if first is not None else str
            if own not in KINDS.values():
                raise self.origin.error(place, "expected a text, a number, a flag, or a list of these")
            for bound in ("least", "most"):
                if not isinstance(facts.get(bound, 0), (int, float)):
                    raise self.origin.error((*place, bound), "expected a number")
            choices = facts.get("choices", [])
            if not isinstance(choices, list):
                raise self.origin.error((*place, "choices"), "expected a list")
            help = self._text(facts, "help", place) or ""
            found[name] = Parameter(name, own, default, help, facts.get("least"), facts.get("most"), choices, place)
        return found
