"""What a step's options are once a recipe is run: parameters and settings put in, lists multiplied, paths placed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from genkit.chain.recipe import RUN_OPTIONS, FromUser, Parameter, Recipe, Step, nearest
from genkit.errors import UsageError
from genkit.run import option
from genkit.run.verb import SpeechVerb

MOST = 10_000  # chains that one recipe may give


@dataclass(frozen=True)
class Varied:
    """Something that has several values: a parameter (`step` empty) or an option of a step."""

    step: str
    key: str
    values: Sequence[Any]


def options_of(step: Step) -> dict[str, option.Declared]:
    """What a step may say, by name."""
    own = (*RUN_OPTIONS, "format", "quality") if issubclass(step.verb, SpeechVerb) else RUN_OPTIONS
    shared = [each for each in option.declared(step.verb.run_type) if each.name in own]
    return {each.name: each for each in (*option.declared(step.verb), *shared)}


# --- what the user sets ---------------------------------------------------------------------------------------------------


def with_settings(recipe: Recipe, texts: Iterable[str]) -> Recipe:
    """The recipe with every `--set NAME=VALUE` put in.

    Raises:
        UsageError: there is nothing of that name, or it does not take the value.
    """
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"--set {text}: expected NAME=VALUE, such as strength=0.6")
        recipe = put(recipe, name, [value], "--set")
    return recipe


def swept(recipe: Recipe, texts: Iterable[str]) -> Recipe:
    """The recipe with every `--sweep NAME=VALUE,VALUE` put in.

    Raises:
        UsageError: as `with_settings`, or there are no values.
    """
    for text in texts:
        name, equals, values = text.partition("=")
        several = [one for one in values.split(",") if one]
        if not (name and equals and several):
            raise UsageError(f"--sweep {text}: expected NAME=VALUE,VALUE, such as strength=0.2,0.5,0.8")
        recipe = put(recipe, name, several, "--sweep")
    return recipe


def put(recipe: Recipe, name: str, texts: Sequence[str], flag: str) -> Recipe:
    """Give a parameter, or the option of a step (`strength`, `style.strength`), one value or several."""
    plain = name.replace("-", "_")
    for parameter in recipe.parameters.values():
        if name in (parameter.name, parameter.name.replace("_", "-")):
            values = [check_parameter(parameter, parse_parameter(parameter, text, flag), f"{flag} {name}") for text in texts]
            changed = replace(parameter, default=values[0] if len(values) == 1 else values)
            return replace(recipe, parameters={**recipe.parameters, parameter.name: changed})
    of_step, _, key = plain.rpartition(".")
    steps = [step for step in recipe.every if key in options_of(step) and of_step in ("", step.name.replace("-", "_"))]
    if of_step and not any(of_step == step.name.replace("-", "_") for step in recipe.every):
        known = [step.name for step in recipe.every]
        raise UsageError(f"{flag} {name}: there is no step {of_step!r}", nearest(of_step, known))
    if not steps:
        known = [*recipe.parameters, *(key for step in recipe.every for key in options_of(step))]
        raise UsageError(f"{flag} {name}: there is nothing of that name", nearest(plain, dict.fromkeys(known)))
    chosen = [step for step in steps if key in step.values] or steps
    if len(chosen) > 1:
        several = " or ".join(f"{flag} {step.name}.{key}" for step in chosen)
        raise UsageError(f"{flag} {name}: several steps have it", several)
    declared = options_of(chosen[0])[key]
    values = [parse_option(declared, text, flag, name) for text in texts]
    value = values[0] if len(values) == 1 else Several(values)

    def change(step: Step) -> Step:
        return replace(step, values={**step.values, key: value}) if step is chosen[0] else step

    return recipe.changed(change)


class Several(list[Any]):
    """Values of which each is tried, whether or not the option takes a list itself."""


def parse_parameter(parameter: Parameter, text: str, flag: str) -> Any:
    return _parsed(parameter.kind, text, f"{flag} {parameter.name}={text}")


def parse_option(declared: option.Declared, text: str, flag: str, name: str) -> Any:
    value = _parsed(declared.kind, text, f"{flag} {name}={text}")
    return [value] if declared.several else value


def _parsed(kind: type, text: str, called: str) -> Any:
    if kind is bool:
        words = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
        if text.lower() not in words:
            raise UsageError(f"{called}: expected yes or no")
        return words[text.lower()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise UsageError(f"{called}: expected {option.WORDS[kind]}") from None
    return FromUser(text)


def check_parameter(parameter: Parameter, value: Any, called: str) -> Any:
    """A parameter's value in its type.

    Raises:
        UsageError: another type, out of bounds or not among the choices.
    """
    if parameter.kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = str if parameter.kind is Path else parameter.kind
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise UsageError(f"{called}: expected {option.WORDS[parameter.kind]}, not {value!r}")
    if parameter.choices and value not in parameter.choices:
        raise UsageError(f"{called}: expected one of {', '.join(map(str, parameter.choices))}, not {value}")
    low, high = parameter.least, parameter.most
    if isinstance(value, (int, float)) and not ((low is None or value >= low) and (high is None or value <= high)):
        raise UsageError(
            f"{called}: {value:g} is out of bounds ({low if low is not None else ''} to {high if high is not None else ''})"
        )
    return value


# --- references and lists -------------------------------------------------------------------------------------------------


def parameter_values(recipe: Recipe) -> dict[str, Any]:
    """Each parameter's value; a list of them where it has several.

    Raises:
        UsageError: one has no value, or a wrong one.
    """
    found: dict[str, Any] = {}
    for name, parameter in recipe.parameters.items():
        value = parameter.default
        if value is None:
            raise recipe.origin.error(
                parameter.place, f"{name} has no default", f"give it a value: --set {name}=VALUE", "usage"
            )
        if isinstance(value, list) and not value:
            raise recipe.origin.error(parameter.place, "an empty list gives no output")
        try:
            several = [check_parameter(parameter, one, name) for one in (value if isinstance(value, list) else [value])]
        except UsageError as error:
            raise recipe.origin.error(parameter.place, error.message.partition(": ")[2], error.hint) from None
        found[name] = Several(several) if isinstance(value, list) else several[0]
    return found


def alternatives(step: Step, key: str, value: Any) -> Sequence[Any]:
    """The values that an option is to have, one after another; one for what is no list."""
    if isinstance(value, Several):
        return value
    declared = options_of(step).get(key)
    if declared is None or not isinstance(value, list):
        return [value]
    takes_list = declared.several or declared.option.listed
    if takes_list and not (value and all(isinstance(one, list) for one in value)):
        return [value]
    if not value:
        raise step.error(key, "an empty list gives no output")
    return value


def assignments(varied: Sequence[Varied], recipe: Recipe) -> list[dict[tuple[str, str], Any]]:
    """Every combination of the values of what has several."""
    count = 1
    for one in varied:
        count *= len(one.values)
    if count > MOST:
        raise recipe.origin.error((), f"its lists multiply to {count:,} chains, and {MOST:,} are the most")
    keys = [(one.step, one.key) for one in varied]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*(one.values for one in varied))]


def named_parameter(value: Any) -> str | None:
    """The name in "$name"; None for what is no reference to a parameter."""
    if isinstance(value, str) and not isinstance(value, FromUser) and value.startswith("$") and value != "$input":
        return None if value.startswith("$step.") else value[1:]
    return None


def named_picture(value: Any) -> str | None:
    """What "$input" or "$step.NAME" names; None for anything else."""
    if isinstance(value, str) and not isinstance(value, FromUser) and (value == "$input" or value.startswith("$step.")):
        return value.removeprefix("$step.").removeprefix("$")
    return None


def filled(step: Step, key: str, value: Any, parameters: Mapping[str, Any]) -> Any:
    """A value with the parameter that it names put in; "$$" begins a text with a dollar."""
    if isinstance(value, list) and not isinstance(value, Several):
        return [filled(step, key, one, parameters) for one in value]
    if isinstance(value, dict):
        return {name: filled(step, key, one, parameters) for name, one in value.items()}
    if isinstance(value, str) and value.startswith("$$"):
        return value[1:]
    name = named_parameter(value)
    if name is None:
        return value
    if name not in parameters:
        known = [*(f"${one}" for one in parameters), "$input", "$step.NAME"]
        raise step.error(key, f"there is no parameter {name!r}", nearest(f"${name}", known))
    return parameters[name]
