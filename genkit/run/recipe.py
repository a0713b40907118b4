"""A recipe and the command line that it stands for: its verb, options and further files as argv (standard library only).

What a recipe is, and how files carry it, is `media/recipe.py`'s. Recipes are hostile: only well-formed options are spelled, and
none that concerns the machine of whoever replays them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.errors import flag
from genkit.run.option import declared
from genkit.run.settings import DrawnRun, PictureRun

# what concerns the user's machine and files, and never pixels: a stranger's recipe must not decide it for whoever replays it
NEVER_RECORDED = frozenset(
    each.name for shared in (PictureRun, DrawnRun) for each in declared(shared) if not each.option.recorded
) | {"help", "input"}


def files_of(recipe: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The further files of a recipe, by option: those that are well formed, each with a bare name."""
    files = recipe.get("files")
    return {
        str(option): {**one, "name": Path(one["name"]).name}
        for option, one in (files.items() if isinstance(files, dict) else ())
        if _is_option(option) and isinstance(one, dict) and isinstance(one.get("name"), str) and Path(one["name"]).name
    }


def command_of(recipe: dict[str, Any], places: Mapping[str, Path] | None = None) -> list[str]:
    """Write the command line that makes the output again, as argv; `places` are where its further files lie, by option."""
    words = ["genkit", *verb_of(recipe)]
    source = recipe.get("input")
    if isinstance(source, dict) and source.get("name"):
        name = str(source["name"])
        words.append(f"./{name}" if name.startswith(("-", "@")) else name)
    for name in ("prompt", "text"):
        prompts = recipe.get(name)
        texts = [text for text in (prompts if isinstance(prompts, list) else [prompts]) if isinstance(text, str)]
        words += [f" {text}" if text.startswith("-") else text for text in texts]  # never an option of its own
    if recipe.get("model"):
        words += ["--model", str(recipe["model"])]
    options = recipe.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        if _is_option(name):
            words += _option_words(str(name), value)
    for option, one in files_of(recipe).items():
        path = str((places or {}).get(option, one["name"]))
        # a bare word could be one of the option's own (--mask alpha)
        bare = "/" not in path and (path.startswith("-") or not Path(path).suffix)
        path = f"./{path}" if bare and not Path(path).is_absolute() else path
        before, after = spelling_of(one)
        words += [flag_of(option), f"{before}{path}{after}"]
    if recipe.get("seed") is not None:
        words += ["--seed", str(recipe["seed"])]
    return words


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


def _option_words(name: str, value: Any) -> list[str]:
    """Spell one option: true is a flag, a list repeats it, a dict of model options becomes -O key=value."""
    if value is None or value is False:
        return []
    if isinstance(value, dict):
        return [word for key, item in value.items() for word in ("-O", f"{key}={_plain(item)}")]
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in _option_words(name, item)]
    return [flag(name)] if value is True else [flag(name), _plain(value)]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
