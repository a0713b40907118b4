"""`spread` puts the fields of a record into a command's signature, for the commands that are no verbs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_type_hints


def spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """Replace each parameter whose type is a record by the record's fields, so that Typer sees one flat signature."""
    hints = get_type_hints(command, include_extras=True)
    records: dict[str, Any] = {}
    required: list[inspect.Parameter] = []
    own: list[inspect.Parameter] = []
    shared: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            own.append(parameter.replace(annotation=kind, kind=parameter.KEYWORD_ONLY))
            continue
        records[name] = kind
        types = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = parameter.empty if field.default is MISSING else field.default
            one = inspect.Parameter(field.name, parameter.KEYWORD_ONLY, default=default, annotation=types[field.name])
            (required if default is parameter.empty else shared).append(one)
    signature = inspect.Signature([*required, *own, *shared])

    def flat(**values: Any) -> Any:
        for name, record in records.items():
            values[name] = record(**{field.name: values.pop(field.name) for field in fields(record)})
        return command(**values)

    flat.__name__, flat.__doc__, flat.__module__ = command.__name__, command.__doc__, command.__module__
    flat.__signature__ = signature  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return flat
