"""Options of `genkit txt2img` as texts by name: the same from the command line, a line of a list, and a picture's recipe.

What they are called, which of them a line may bring, and how they replace each other is all taken from the declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from genkit import verbs
from genkit.errors import UsageError
from genkit.run import option
from genkit.run.lists import parse_seeds

if TYPE_CHECKING:
    from genkit.run.option import Declared
    from genkit.run.verb import Context, Verb

Values = dict[str, list[str]]


@lru_cache(maxsize=1)
def per_line() -> Mapping[str, Declared]:
    """The options that one line of a list may bring, by name."""
    return {each.name: each for each in option.declared(verbs.find("txt2img")) if each.option.per_line}


@lru_cache(maxsize=1)
def of_the_run() -> Mapping[str, Declared]:
    """Those that hold for a whole run, by the name that a line or a recipe would give them."""
    verb = verbs.find("txt2img")
    every = [each for each in (*option.declared(verb), *option.declared(verb.run_type)) if not each.option.per_line]
    return {each.flag[2:].replace("-", "_"): each for each in every if each.flag.startswith("--") and not each.option.argument}


def spelling_of(name: str) -> Declared | None:
    """The option that a model's own one of that name has here: `steps`, and `no_safety_checker` for `safety`."""
    return next((each for each in per_line().values() if each.option.of_model and each.key == name), None)


def seed_options() -> list[str]:
    """The options that say which seeds are drawn, or how many."""
    return [name for name, each in per_line().items() if each.option.group == per_line()["seed"].option.group]


def texts_of(value: Any) -> list[str]:
    """A value as texts."""
    if isinstance(value, (list, tuple)):
        return [text for each in value for text in texts_of(each)]
    return [("true" if value else "false") if isinstance(value, bool) else str(value)]


def is_on(values: Values, name: str) -> bool:
    """Whether a flag is given, and not as `false`."""
    return values.get(name, ["false"])[-1] == "true"


def values_of(verb: Verb, context: Context) -> Values:
    """What was given, with the model's own options, which come as -O key=value.

    Raises:
        UsageError: an option that is given both ways.
    """
    values = {each.name: texts_of(value) for each, value in option.given(verb) if each.option.per_line}
    own: Values = {}
    for text in context.run.model_options or ():
        key, _, value = text.partition("=")
        if key == "prompt":
            raise UsageError("-O prompt: the prompt stands for itself", 'genkit txt2img "a red bicycle"')
        spelled = spelling_of(key)
        name = spelled.name if spelled else key
        if spelled is not None and name in values:
            raise UsageError(f"{spelled.flag} and -O {key} say the same thing", "give one of them")
        own[name] = texts_of(not context.model_options[key]) if spelled and spelled.option.negates else [value]
    return values | own


def overridden(base: Values, own: Values) -> Values:
    """Options with others over them; seeds of one spelling replace those of the other, and a count alone goes on from the
    first of them."""
    gone = seed_options() if names_seed(own) else ["seeds"] if "n" in own else []
    first = {"seed": [_first_of(base["seeds"])]} if "seeds" in base and "seeds" in gone and not names_seed(own) else {}
    return {name: value for name, value in base.items() if name not in gone} | first | own


def _first_of(seeds: list[str]) -> str:
    return str(parse_seeds(",".join(seeds))[0])


def names_seed(values: Values) -> bool:
    """Whether it is said which seeds are drawn, and not only how many."""
    return "seed" in values or "seeds" in values
