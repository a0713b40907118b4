"""JSON Schema (2020-12) of calls, events and recipes, made of the declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.errors import CODES
from genkit.run import events, option
from genkit.run.verb import Verb

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def of_verb(verb: type[Verb]) -> dict[str, Any]:
    """A call of a verb as an object: what `genkit.run.call.from_values` takes."""
    own, shared = option.declared(verb), option.declared(verb.run_type)
    return {
        "$schema": DIALECT,
        "title": verb.name,
        "description": " ".join((verb.__doc__ or "").partition("\n\n")[0].split()),
        "type": "object",
        "properties": {each.name: of_option(each) for each in (*own, *shared)},
        "required": [each.name for each in (*own, *shared) if each.required],
        "additionalProperties": False,
    }


def of_option(each: option.Declared) -> dict[str, Any]:
    """One option: its type, bounds, choices and default, and under `x-genkit` what only genkit knows."""
    facts = each.option
    item: dict[str, Any] = {"type": TYPES[each.kind]}
    if each.kind is str and (facts.of_model or facts.listed):  # the model's card says which, and there may be several
        item = {"type": ["string", "number", *(["array"] if facts.listed else [])]}
    item |= {"minimum": facts.least} if facts.least is not None else {}
    item |= {"maximum": facts.most} if facts.most is not None else {}
    item |= {"enum": list(facts.choices)} if facts.choices else {}
    schema: dict[str, Any] = {"type": "array", "items": item} if each.several else item
    if each.optional:
        schema = {"anyOf": [schema, {"type": "null"}]}
    own = {"panel": facts.panel, "flags": list(each.flags) if not facts.argument else [], "recorded": facts.recorded}
    own |= {name: value for name in ("needs", "file", "unit", "metavar") if (value := getattr(facts, name))}
    own |= {"of_model": True} if facts.of_model else {}
    own |= {"default": facts.shown} if isinstance(facts.shown, str) else {}
    return {
        **schema,
        "description": facts.help,
        **({} if each.required else {"default": each.default}),
        "x-genkit": own,
    }


def of_event(name: str) -> dict[str, Any]:
    event = events.EVENTS[name]
    types = {field: kind.rstrip("?") for field, kind in event.fields.items()}
    optional = {field for field, kind in event.fields.items() if kind.endswith("?")}
    properties = {field: {"type": [kind, "null"] if field in optional else kind} for field, kind in types.items()}
    return {
        "type": "object",
        "description": event.when,
        "properties": {"schema": {"const": events.SCHEMA}, "event": {"const": name}, **properties},
        "required": ["schema", "event", *(field for field in types if field not in optional)],
    }


def of_recipe() -> dict[str, Any]:
    """What an output says of how it was made."""
    file = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "sha256": {"type": "string"}},
        "required": ["name", "sha256"],
    }
    words = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    return {
        "type": "object",
        "properties": {
            "genkit": {"type": "string", "description": "the version that made it"},
            "verb": {"type": "string"},
            "model": {"type": "string"},
            "revision": {"type": "string", "description": "the hash of the model's weights, or a repository's commit"},
            "options": {"type": "object", "description": "the options that differ from their defaults"},
            "seed": {"type": ["integer", "null"]},
            "input": file,
            "files": {"type": "object", "additionalProperties": file, "description": "further files, by option"},
            "prompt": words,
            "text": words,
        },
        "required": ["genkit", "verb", "options"],
    }


def of_all(verbs: dict[str, type[Verb]]) -> dict[str, Any]:
    """Everything that a program may send and get."""
    return {
        "$schema": DIALECT,
        "verbs": {name: of_verb(verb) for name, verb in verbs.items()},
        "events": {name: of_event(name) for name in events.EVENTS},
        "recipe": of_recipe(),
        "errors": dict(CODES),
        "exit_codes": {str(code): text for code, text in events.EXIT_CODES.items()},
    }
