"""What an output says of the chain that made it, and a recipe out of what an output says.

{"genkit", "verb": "run", "name", "steps": [{"verb", "model", "revision", "options", "seed", "files", ...}], "options", "input"}
A step takes the picture of the one before it; else "from" says whose, by its number from 0 or as "input", and "pictures" says
the same of options that take pictures of the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.chain.recipe import INPUT, Origin, Recipe, Step, with_names
from genkit.errors import InputError, UsageError
from genkit.run.verb import SpeechVerb

if TYPE_CHECKING:
    from genkit.chain.graph import Node
    from genkit.chain.plan import ChainPlan, Source

NAME = "run"


def recipe_of(
    name: str, steps: Sequence[Mapping[str, Any]], options: Mapping[str, Any], source: Mapping[str, Any] | None
) -> dict[str, Any]:
    from genkit.version import __version__

    return {
        "genkit": __version__,
        "verb": NAME,
        **({"name": name} if name else {}),
        "steps": [dict(step) for step in steps],
        "options": dict(options),
        **({"input": dict(source)} if source else {}),
    }


def step_record(
    node: Node, chain: Sequence[Node], source: Source, plan: ChainPlan, files: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """A step as data; `files` are its further files, by option."""
    context, drawn = node.context, source.drawn if node.outputs is not None else None
    choice = plan.choices.get((source, node))
    card = choice.card if choice is not None else context.card
    spelled: dict[str, Any] = {name: dict(one) for name, one in files.items()}
    seed: int | None = context.seed
    if drawn is not None:
        seed, options = drawn.seed, dict(drawn.options)
        for name, (before, after) in drawn.spelling.items():
            spelled[name] |= {"before": before, "after": after}
    else:
        options = node.verb.recorded(context)
        options = {key: value for key, value in options.items() if key not in node.pictures}
    options |= {"dtype": context.settings.dtype} if context.settings.dtype != "auto" else {}
    record: dict[str, Any] = {"verb": node.verb.name, "model": card.name, "revision": card.revision, "options": options}
    record |= {"seed": seed} if seed is not None else {}
    record |= {"files": spelled} if spelled else {}
    record |= {"prompt": drawn.prompt} if drawn is not None and drawn.prompt is not None else {}
    place = chain.index(node)
    before_it = chain[place - 1] if place else None
    if node.outputs is None and node.source is not before_it:
        record["from"] = INPUT if node.source is None else chain.index(node.source)
    if node.pictures:
        record["pictures"] = {name: INPUT if one is None else chain.index(one) for name, one in node.pictures.items()}
    return record


# --- the way back ---------------------------------------------------------------------------------------------------------


def steps_in(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of what an output says: those of a chain, or the one call of a verb; only those that are well formed."""
    if recipe.get("verb") != NAME:
        return [dict(recipe)]
    steps = recipe.get("steps")
    return (
        [step for step in steps if isinstance(step, dict) and isinstance(step.get("verb"), str)]
        if isinstance(steps, list)
        else []
    )


def files_in(recipe: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The further files of every step: by option, and by `STEP.option` where several steps have one of that name."""
    from genkit.run.recipe import files_of

    found: dict[str, dict[str, Any]] = {}
    for number, step in enumerate(steps_in(recipe), 1):
        for option, one in files_of(step).items():
            found[option if option not in found else f"{number}.{option}"] = one
    return found


def read_record(recipe: Mapping[str, Any], label: str, places: Mapping[str, Path]) -> Recipe:
    """The recipe that makes others as an output was made; its further files lie at `places`, named as by `files_in`.

    Raises:
        InputError: a verb that this genkit does not have. UsageError: a step that is none.
    """
    from genkit import verbs
    from genkit.run.call import values_of
    from genkit.run.recipe import files_of, verb_of

    origin = Origin(label)
    taken: set[str] = set()
    steps: list[Step] = []
    records = steps_in(recipe)
    if not records:
        raise UsageError(f"{label}: its recipe has no steps", "it was not written by genkit")
    for number, record in enumerate(records, 1):
        name = " ".join(verb_of(record))
        if name not in (*verbs.VERBS, *verbs.COMMANDS):
            raise InputError(f"{label}: made by {name!r}, which this genkit does not have", "install the newest genkit")
        verb = verbs.find(name)
        own: dict[str, Path] = {}
        for option in files_of(record):
            key = option if option not in taken else f"{number}.{option}"
            taken.add(key)
            if key in places:
                own[option] = places[key]
        values = values_of(verb, {"genkit": recipe.get("genkit"), **record}, own)
        kept = values.keys() - {"strip_metadata", "paths"} - (set() if issubclass(verb, SpeechVerb) else {"format", "quality"})
        steps.append(
            Step("", verb, {key: value for key, value in values.items() if key in kept}, None, ("step", number - 1), origin)
        )
    steps = with_names(steps)
    found = []
    for step, record in zip(steps, records, strict=True):
        pictures = record.get("pictures")
        values = dict(step.values)
        for option, one in pictures.items() if isinstance(pictures, dict) else ():
            values[str(option)] = _reference(one, steps, label)
        start = record.get("from")
        named = None if start is None else _reference(start, steps, label).removeprefix("$step.").removeprefix("$")
        found.append(replace(step, values=values, start=named))
    return Recipe(str(recipe.get("name") or ""), found, output=_output(recipe), origin=origin)


def _reference(value: Any, steps: Sequence[Step], label: str) -> str:
    if value == INPUT:
        return "$input"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(steps):
        return f"$step.{steps[value].name}"
    raise UsageError(f"{label}: its recipe refers to a step {value!r}, which it does not have", "it was not written by genkit")


def _output(recipe: Mapping[str, Any]) -> dict[str, Any]:
    options = recipe.get("options")
    known = {key: options[key] for key in ("format", "quality") if key in options} if isinstance(options, dict) else {}
    return {key: value for key, value in known.items() if isinstance(value, str if key == "format" else int)}


def to_toml(recipe: Recipe) -> str:
    """A recipe as the text of a recipe file."""
    import tomli_w

    def table(step: Step) -> dict[str, Any]:
        start = {"from": "$input" if step.start == INPUT else f"$step.{step.start}"} if step.start else {}
        named = {"name": step.name} if step.name != step.verb.name else {}
        return {"verb": step.verb.name, **named, **start, **{key: _plain(value) for key, value in step.values.items()}}

    data: dict[str, Any] = {"name": recipe.name} if recipe.name else {}
    data |= {"summary": recipe.summary} if recipe.summary else {}
    if recipe.parameters:
        data["parameters"] = {each.name: _plain(each.default) for each in recipe.parameters.values()}
    data |= {"output": dict(recipe.output)} if recipe.output else {}
    data["step"] = [table(step) for step in recipe.steps]
    if recipe.branches:
        data["branch"] = [{"name": one.name, "step": [table(step) for step in one.steps]} for one in recipe.branches]
    return tomli_w.dumps(data)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (bool, int, float)) else str(value)
