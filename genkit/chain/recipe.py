"""A recipe as data: steps, branches and parameters, with where each stands, whatever it was written as.

`recipe_file.py` reads it from TOML, `one_line.py` from a line, `record.py` from what an output says of itself.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.chain.lines import Place, line_of
from genkit.errors import GenkitError, UsageError

if TYPE_CHECKING:
    from genkit.run.verb import Verb

INPUT = "input"
RUN_OPTIONS = ("model", "model_options", "seed", "dtype")  # what a step may say beside its verb's own options
OF_STEP = ("verb", "name", "from")
OUTPUT_KEYS = ("format", "quality", "name")


class FromUser(str):
    """A value that the user of a recipe gave: a path in it is his own, wherever it leads."""


@dataclass(frozen=True)
class Origin:
    """Where a recipe was written. `label` is the file's name, empty for a line that was typed; paths are relative to `folder`,
    and with `closed` none of them may leave it."""

    label: str = ""
    folder: Path | None = None
    closed: bool = False
    lines: Mapping[Place, int] = field(default_factory=dict)

    def error(self, place: Place, text: str, hint: str | None = None, code: str | None = None) -> UsageError:
        """An error that names file, line and key."""
        key = ".".join(str(one) for one in place if not isinstance(one, int))
        if not self.label:
            return UsageError(f"{key}: {text}" if key else text, hint, code=code)
        where = f"{self.label}, line {line_of(place, dict(self.lines))}"
        return UsageError(f"{where}, {key}: {text}" if key else f"{where}: {text}", hint, code=code)

    def unknown(self, place: Place, what: str, name: str, known: Iterable[str]) -> UsageError:
        """The error for a name that is none, with the nearest that is."""
        return self.error(place, f"there is no {what} {name!r}", nearest(name, known))


def nearest(name: str, known: Iterable[str]) -> str | None:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"one of: {', '.join(names)}" if names else None


@dataclass(frozen=True)
class Step:
    """One call of a verb. `values` are its options as they were written (references too), `start` is the step (or "input")
    whose picture it takes, None for the one before it. `place` is where it stands in the file."""

    name: str
    verb: type[Verb]
    values: Mapping[str, Any]
    start: str | None = None
    place: Place = ()
    origin: Origin = field(default_factory=Origin, compare=False)

    def error(self, key: str, error: GenkitError | str, hint: str | None = None) -> UsageError:
        """An error about one of its options; of the whole step where `key` is empty."""
        text = error if isinstance(error, str) else error.message
        hint = hint if isinstance(error, str) else error.hint
        code = None if isinstance(error, str) else error.code
        if self.origin.label:
            place = (*self.place, key) if key else self.place
            line = line_of(place, dict(self.origin.lines))
            where = f"{self.origin.label}, line {line}, {key or self.name}"
        else:
            where = f"step {self.name}"
        found = UsageError(f"{where}: {text}", hint, code=code)
        if isinstance(error, GenkitError):
            found.exit_code = error.exit_code
        return found


@dataclass(frozen=True)
class Branch:
    """Steps that make an output of their own, from `start` on (None: what the common steps end in)."""

    name: str
    steps: Sequence[Step]
    start: str | None = None


@dataclass(frozen=True)
class Parameter:
    """What whoever runs a recipe may set. `kind` is bool, int, float, str or Path; a list of values multiplies."""

    name: str
    kind: type
    default: Any
    help: str = ""
    least: float | None = None
    most: float | None = None
    choices: Sequence[Any] = ()
    place: Place = ()


@dataclass(frozen=True)
class Recipe:
    """`name` is what outputs are marked with beside their inputs, empty for that of the verbs; `output` are its format, quality
    and names."""

    name: str
    steps: Sequence[Step]
    branches: Sequence[Branch] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    origin: Origin = field(default_factory=Origin)

    @property
    def every(self) -> Iterator[Step]:
        yield from self.steps
        for branch in self.branches:
            yield from branch.steps

    def changed(self, change: Callable[[Step], Step]) -> Recipe:
        """The recipe with each of its steps changed."""
        branches = [replace(one, steps=[change(step) for step in one.steps]) for one in self.branches]
        return replace(self, steps=[change(step) for step in self.steps], branches=branches)


def with_names(steps: Sequence[Step], taken: Iterable[str] = ()) -> list[Step]:
    """Steps without a name are called after their verbs, and numbered where there are several."""
    used = {*taken, *(step.name for step in steps if step.name)}
    found = []
    for step in steps:
        if not step.name:
            plain = step.verb.name.replace(" ", "_")
            number, name = 1, plain
            while name in used:
                number += 1
                name = f"{plain}{number}"
            used.add(name)
            step = replace(step, name=name)
        found.append(step)
    return found
