"""What a recipe says of the call that made its output: its verb, options and further files, and the command line for it
(standard library only).

What a recipe is, and how files carry it, is `media/recipe.py`'s. Recipes are hostile: only well-formed options are spelled, and
none that concerns the machine of whoever replays them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from genkit.errors import flag
from genkit.run.option import Declared, declared
from genkit.run.settings import DrawnRun, PictureRun

# what concerns the user's machine and files, and never pixels: a stranger's recipe must not decide it for whoever replays it.
# Only `sheet` means pixels, in recipes of txt2img: which of its sheets an output is. Other verbs refuse it without `sweep`.
NEVER_RECORDED = (
    frozenset(each.name for shared in (PictureRun, DrawnRun) for each in declared(shared) if not each.option.recorded)
    | {"help", "input"}
) - {"sheet"}


def files_of(recipe: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The further files of a recipe, by option: those that are well formed, each with a bare name."""
    files = recipe.get("files")
    return {
        str(option): {**one, "name": Path(one["name"]).name}
        for option, one in (files.items() if isinstance(files, dict) else ())
        if _is_option(option) and isinstance(one, dict) and isinstance(one.get("name"), str) and Path(one["name"]).name
    }


def command_of(recipe: dict[str, Any]) -> list[str]:
    """The command line that makes the output again, as argv."""
    words = ["genkit", *verb_of(recipe)]
    source = recipe.get("input")
    if isinstance(source, dict) and source.get("name"):
        name = str(source["name"])
        words.append(f"./{name}" if name.startswith(("-", "@")) else name)
    words += texts_of(recipe)
    words += ["--model", str(recipe["model"])] if recipe.get("model") else []
    for spelling, value in spelled_options(recipe, {}):
        words += [word for one in (value if isinstance(value, list) else [value]) for word in _option_words(spelling, one)]
    return words + (["--seed", str(recipe["seed"])] if recipe.get("seed") is not None else [])


def texts_of(recipe: Mapping[str, Any]) -> list[str]:
    """The prompts, or what is said; none of them looks like an option."""
    found = [recipe.get(name) for name in ("prompt", "text")]
    texts = [text for one in found for text in (one if isinstance(one, list) else [one]) if isinstance(text, str)]
    return [f" {text}" if text.startswith("-") else text for text in texts]


def as_meant(recipe: Mapping[str, Any], options: Iterable[Declared]) -> dict[str, Any]:
    """A recipe of any version, with what the verb's options that it does not name meant then."""
    version = [int(number) for number in re.findall(r"\d+", str(recipe.get("genkit", "")))[:3]]
    former = {
        each.key: each.option.was[1]
        for each in options
        if each.option.was is not None and version < [int(number) for number in each.option.was[0].split(".")]
    }
    given = recipe.get("options")
    return {**recipe, "options": {**former, **given}} if former and isinstance(given, dict) else dict(recipe)


def spelled_options(recipe: Mapping[str, Any], places: Mapping[str, Path]) -> Iterator[tuple[str, Any]]:
    """The options of a recipe as they are spelled on the command line, with their values; its further files lie at `places`, by
    option. What is not well formed is left out."""
    options = recipe.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        if _is_option(name) and value is not None and value is not False:
            if isinstance(value, dict):
                yield "-O", [f"{key}={_plain(item)}" for key, item in value.items()]
            else:
                yield flag(str(name)), value
    for option, one in files_of(recipe).items():
        path = str(places.get(option, one["name"]))
        # a bare word could be one of the option's own (--mask alpha)
        bare = "/" not in path and (path.startswith("-") or not Path(path).suffix)
        path = f"./{path}" if bare and not Path(path).is_absolute() else path
        before, after = spelling_of(one)
        yield flag_of(option), f"{before}{path}{after}"


def spelling_of(one: Mapping[str, Any]) -> tuple[str, str]:
    """What an option has before and behind its file (`canny:` and `:0.8`), where a recipe says so in such words."""
    before, after = str(one.get("before", "")), str(one.get("after", ""))
    known = re.fullmatch(r"([a-z0-9][a-z0-9-]*:)?", before) and re.fullmatch(r"(:-?\d+(\.\d+)?)?", after)
    return (before, after) if known else ("", "")


def verb_of(recipe: Mapping[str, Any]) -> list[str]:
    """The verb, and the command of it where it has several: `gan project`. Words that are none are left out, for a stranger's
    recipe must not bring options of its own."""
    verb, *commands = str(recipe["verb"]).split(" ")
    return [verb, *(one for one in commands if re.fullmatch(r"[a-z]+", one))]


def flag_of(option: str) -> str:
    """How the option of a further file is spelled; a number at its end counts files of the same option."""
    return flag(re.sub(r"_\d+$", "", option))


def _is_option(name: Any) -> bool:
    return bool(re.fullmatch(r"[a-z][a-z0-9_]*", str(name))) and name not in NEVER_RECORDED


def _option_words(spelling: str, value: Any) -> list[str]:
    """One option: true is a flag."""
    return [] if value is None or value is False else [spelling] if value is True else [spelling, _plain(value)]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
