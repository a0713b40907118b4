"""What a verb's options are, declared once: a frozen dataclass whose fields are made by `option()`.

    @dataclass(frozen=True)
    class Colorize(PictureVerb):
        strength: float = option(1.0, "How much colour.", panel="Colour", metavar="N", least=0, most=2)

The command's signature and help, the Python function, the JSON schema, the recipe and the documentation are all made of these
records (`declared`). Standard library only: help needs this module.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

from genkit.errors import UsageError

REQUIRED: Any = MISSING
MODEL, OUTPUT, RUN, REPORT = SHARED = "Model", "Output", "Run", "Reporting"  # in the order in which help has them, last
DRAWING, RESULT = "Drawing", "Result"


@dataclass(frozen=True)
class Option:
    """What is known of an option beside the name, type and default of its field.

    `flags` are spellings beside `--name` (or, where one is long, in its place); `shown` is what help says of the default (True:
    the default itself, False: nothing). A number lies from `least` to `most`; `bounds` says so in other words, `way_out` what
    to do. `choices` are the values it takes. `needs` is a capability that the model's card must have; `of_model` says that the
    option is one of the model's own (`-O name=value`) with a spelling of its own, whose type and bounds the card knows.
    `recorded` options go into the recipe. `file` says that it names files which a recipe knows by name and hash: "one" for all
    inputs, "paired" also a folder with one for each, "list" again for each; Python may give, instead of a file, what it would
    hold, which is of the type `content`. `argument` options stand without a flag.
    `terminal` ones (stdout, the terminal, streams) have no meaning in Python. `former` are names in Python of former versions.
    `numbers` says that the text lists whole numbers (`0-15`, `3,7,9`), for which Python may give a number, a range, a sequence.
    `per_line` ones may stand on one line of a list of what is to be made, where those of one `group` (several ways to say one
    thing) replace each other; the verb finds the files that they name. A `listed` one is a text of several values (2,4,7), each
    of which is tried with each of the others'. A flag that `negates` turns the model's own option off. `was` is a version and
    the default before it, which is what recipes of former versions mean that do not name the option.
    """

    help: str = ""
    panel: str = RUN
    metavar: str | None = None
    flags: tuple[str, ...] = ()
    shown: str | bool = True
    least: float | None = None
    most: float | None = None
    bounds: str = ""
    way_out: str | None = None
    choices: tuple[str | int, ...] = ()
    unit: str = ""
    needs: str = ""
    of_model: bool = False
    recorded: bool = True
    recorded_as: str = ""
    file: str = ""
    content: type | None = None
    argument: bool = False
    terminal: bool = False
    completes: str = ""
    former: tuple[str, ...] = ()
    numbers: bool = False
    per_line: bool = False
    group: str = ""
    listed: bool = False
    negates: bool = False
    was: tuple[str, Any] | None = None


def option(default: Any, facts: str | Option = "", **more: Any) -> Any:
    """A field of a verb's dataclass that is an option. `facts` is its help, or a record that several declarations share."""
    record = Option(facts, **more) if isinstance(facts, str) else dataclasses.replace(facts, **more)
    return dataclasses.field(default=default, metadata={"option": record})


@dataclass(frozen=True)
class Declared:
    """One option of one verb. `kind` is bool, int, float, str or Path; a `several` option takes a list of them; `optional` ones
    may be None, which is their default."""

    name: str
    kind: type
    several: bool
    optional: bool
    default: Any
    option: Option

    @property
    def required(self) -> bool:
        return self.default is MISSING

    @property
    def flag(self) -> str:
        """How it is spelled on the command line: its longest flag."""
        named = [one for one in self.option.flags if one.startswith("--")]
        if named:
            return named[0]
        return self.option.flags[0] if self.name in ("n", "model_options") else f"--{self.name.replace('_', '-')}"

    @property
    def flags(self) -> tuple[str, ...]:
        """Every spelling, short ones first."""
        return self.option.flags if self.flag in self.option.flags else (*self.option.flags, self.flag)

    @property
    def key(self) -> str:
        """What it is called in recipes."""
        return self.option.recorded_as or self.name

    def accept(self, value: Any) -> Any:
        """A value from Python, JSON or TOML in the option's own type.

        Raises:
            UsageError: it is of another type, not among the choices, or out of bounds.
        """
        if value is None and self.optional:
            return None
        if self.option.content is not None and isinstance(value, self.option.content):
            return value
        if self.option.listed and isinstance(value, (list, tuple)):
            return ",".join(self._single(one) for one in value)
        if self.several:
            texts = [value] if isinstance(value, (str, int, float, Path)) else list(value)
            return [self._single(one) for one in texts]
        return self._single(value)

    def _single(self, value: Any) -> Any:
        if self.kind is Path and isinstance(value, (str, Path)):
            return Path(value)
        if self.kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if self.kind is str and isinstance(value, Path):
            return str(value)
        if self.option.numbers and not isinstance(value, str):
            from genkit.run.lists import as_list

            return as_list(value, self.flag)
        if self.kind is str and isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value).removesuffix(".0")  # a number that is parsed where more is known of it
        if not isinstance(value, self.kind) or (self.kind is int and isinstance(value, bool)):
            raise UsageError(f"{self.flag} {value}: expected {WORDS[self.kind]}")
        return value

    def parse(self, text: str) -> Any:
        """One value from a text, as a line of a list has it, checked.

        Raises:
            UsageError: it is of another type, not among the choices, or out of bounds.
        """
        try:
            value = {int: int, float: float}.get(self.kind, str)(text)
        except ValueError:
            raise UsageError(f"{self.flag} {text}: expected {self.option.bounds or self.range_text}") from None
        self.check([value] if self.several else value)
        return value

    def check(self, value: Any) -> None:
        """Refuse a value that is out of bounds or not among the choices.

        Raises:
            UsageError: says what it takes.
        """
        for one in value if self.several and value is not None else [] if value is None else [value]:
            option = self.option
            if option.choices and one not in option.choices:
                expected = option.bounds or f"one of {', '.join(map(str, option.choices))}"
                raise UsageError(f"{self.flag} {one}: expected {expected}", option.way_out)
            if isinstance(one, (int, float)) and not isinstance(one, bool) and not self.within(one):
                raise UsageError(f"{self.flag} {one:g}: expected {option.bounds or self.range_text}", option.way_out)

    def within(self, value: float) -> bool:
        low = -float("inf") if self.option.least is None else self.option.least
        high = float("inf") if self.option.most is None else self.option.most
        return low <= value <= high  # False for not-a-number

    @property
    def range_text(self) -> str:
        low, high = self.option.least, self.option.most
        number = WORDS[self.kind]
        if low is None and high is None:
            return number
        if low is not None and high is not None:
            return f"{number} from {low:g} to {high:g}"
        return f"{number} of {low:g} or more" if low is not None else f"{number} of {high:g} or less"


WORDS: Mapping[type, str] = {int: "a whole number", float: "a number", str: "text", Path: "a path", bool: "yes or no"}


def declared(owner: type) -> tuple[Declared, ...]:
    """The options of a dataclass, in the order in which they are declared."""
    if owner not in _DECLARED:
        _DECLARED[owner] = _read(owner)
    return _DECLARED[owner]


_DECLARED: dict[type, tuple[Declared, ...]] = {}  # types are looked up once


def _read(owner: type) -> tuple[Declared, ...]:
    hints = typing.get_type_hints(owner)
    return tuple(_declared(field, hints[field.name]) for field in dataclasses.fields(owner) if "option" in field.metadata)


def _declared(field: dataclasses.Field[Any], hint: Any) -> Declared:
    parts = [one for one in typing.get_args(hint) if one is not type(None)] if _is_union(hint) else [hint]
    assert len(parts) == 1, f"{field.name}: an option has one type"
    several = typing.get_origin(parts[0]) is list
    kind = typing.get_args(parts[0])[0] if several else parts[0]
    return Declared(field.name, kind, several, _is_union(hint), field.default, field.metadata["option"])


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def place(each: Declared) -> tuple[bool, int]:
    """A sort key, in the order of help: first what must be given, then a verb's own panels, then those that all have."""
    panel = each.option.panel
    return not each.required, SHARED.index(panel) + 1 if panel in SHARED and not each.option.argument else 0


def given(record: Any) -> Iterator[tuple[Declared, Any]]:
    """The options of an instance that differ from their defaults, with their values."""
    for each in declared(type(record)):
        value = getattr(record, each.name)
        if value != each.default and not (each.several and not value):
            yield each, value


def check(record: Any) -> None:
    """Refuse values that are out of bounds.

    Raises:
        UsageError: says which.
    """
    for each in declared(type(record)):
        each.check(getattr(record, each.name))


def build(owner: type, values: Mapping[str, Any], *, known: str) -> Any:
    """An instance from values by name, as Python, JSON or TOML have them; `known` is what an unknown name is said not to be of.

    Raises:
        UsageError: a name that it does not have (with near ones), or a value that the option does not take.
    """
    options = {each.name: each for each in declared(owner)}
    former = {old: each.name for each in options.values() for old in each.option.former}
    accepted: dict[str, Any] = {}
    for name, value in values.items():
        own = former.get(name, name)
        if own not in options:
            import difflib

            near = difflib.get_close_matches(own, options, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"its options: {', '.join(options)}"
            raise UsageError(f"{known} has no option {name}", hint)
        accepted[own] = options[own].accept(value)
    missing = [each.name for each in options.values() if each.required and each.name not in accepted]
    if missing:
        raise UsageError(f"{known}: {missing[0]} is missing")
    return owner(**accepted)
