"""The stub of `genkit/__init__.py`: the signatures of the verbs' functions as their declarations have them, for editors."""

from __future__ import annotations

import textwrap
from pathlib import Path

from genkit.python.functions import doc_of, first_of, parameters_of
from genkit.run import option
from genkit.run.verb import DrawingVerb, PictureVerb, SpeechVerb, Verb
from genkit.verbs import VERBS, find

HEAD = '''"""What genkit offers from Python; made of the verbs' declarations by `.ci/docs.py`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from genkit.cards import Card
from genkit.errors import GenkitError as GenkitError
from genkit.errors import InputError as InputError
from genkit.errors import OutputError as OutputError
from genkit.errors import RunError as RunError
from genkit.errors import UsageError as UsageError
from genkit.errors import WeightsError as WeightsError
from genkit.python.batches import Result
from genkit.python.models import Model
from genkit.version import __version__ as __version__

Events = Callable[[dict[str, Any]], None]

def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Model: ...
def list_models(verb: str | None = None) -> list[Card]: ...
def batch(verb: str, inputs: Iterable[Any], output: str | Path | None = None, **values: Any) -> Iterator[Result]: ...
'''

TYPES = {bool: "bool", int: "int", float: "float", str: "str", Path: "str | Path"}


def stub() -> str:
    return HEAD + "".join(_function(find(name)) for name in VERBS)


def _function(verb: type[Verb]) -> str:
    first = first_of(verb)
    lines = [f"    {first}: Any,", "    output: str | Path | None = None,", "    *,"]
    if not issubclass(verb, PictureVerb):
        declared = next(each for each in option.declared(verb) if each.name == first)
        optional = "" if first in ("prompts", "texts") else f" = {_value(declared.default)}"
        lines[0] = f"    {first}: Any{optional},"
    for each in parameters_of(verb):
        lines.append(f"    {each.name}: {_type(each)}{'' if each.required else f' = {_value(each.default)}'},")
    lines += ["    events: Events | None = None,"]
    doc = textwrap.indent(f'"""{doc_of(verb)}\n"""', "    ").replace("\\", "\\\\")
    doc = "\n".join(line.rstrip() for line in doc.splitlines())
    return f"def {verb.name}(\n" + "\n".join(lines) + f"\n) -> {_result(verb)}:\n{doc}\n    ...\n"


def _type(each: option.Declared) -> str:
    if each.name == "model":
        return "str | Path | Model | None"
    if each.name == "model_options":
        return "Mapping[str, Any] | None"
    if each.option.file:
        return "Any"  # a path, a Pillow picture or an array; several of them where it may be given again
    kind = f"Literal[{', '.join(map(repr, each.option.choices))}]" if each.option.choices else TYPES[each.kind]
    kind = f"{kind} | float" if each.option.of_model and each.kind is str else kind
    kind = f"{kind} | Sequence[{kind}]" if each.several else kind
    return f"{kind} | None" if each.optional else kind


def _value(default: object) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def _result(verb: type[Verb]) -> str:
    return "Any" if issubclass(verb, (PictureVerb, DrawingVerb, SpeechVerb)) else "None"
