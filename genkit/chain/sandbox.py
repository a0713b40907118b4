"""Where the files that a recipe names lie, and that none of them lies outside its folder.

A recipe may be a stranger's: it names models and files, and whoever runs it did not read it. So every value that could lead to
a file is placed below the recipe's own folder, links followed, or refused; what the user gave himself is his own.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from genkit.chain.recipe import FromUser, Step
from genkit.chain.values import options_of
from genkit.run.option import Declared

_PATHS = re.compile(r"FILE|PATH|DIR|IMG|LATENT")
_KIND = re.compile(r"^[a-z0-9][a-z0-9-]*:")  # canny:photo.jpg
_WEIGHT = re.compile(r":-?\d+(\.\d+)?$")  # adapter.safetensors:0.8
_OUTSIDE = "a recipe reads nothing outside its own folder; copy the file there, or run it with --allow-outside"


def names_paths(each: Declared) -> bool:
    """Whether an option's value may lead to a file."""
    return bool(each.option.file) or each.kind is Path or bool(_PATHS.search(each.option.metavar or ""))


def placed(step: Step, key: str, value: Any) -> Any:
    """A value of a step with the file in it where it lies.

    Raises:
        UsageError: it leads outside.
    """
    if isinstance(value, list):
        return [placed(step, key, one) for one in value]
    if isinstance(value, dict):
        return {name: placed(step, key, one) for name, one in value.items()}
    folder = step.origin.folder
    if not isinstance(value, str) or isinstance(value, FromUser) or folder is None:
        return str(value) if isinstance(value, FromUser) else value
    each = options_of(step).get(key)
    if each is None:
        return value
    if key == "model":
        return _model(step, value, folder)
    if key == "model_options":
        if _leaves(value.partition("=")[2] or value):
            raise step.error(key, f"{value} leads outside", _OUTSIDE)
        return value
    if each.option.argument and each.kind is str:
        if value == "-" or value.startswith("@"):
            raise step.error(key, f"{value!r} is no text", "a recipe's texts stand in it; files go into options")
        return value
    return _path(step, each, value, folder) if names_paths(each) else value


def _model(step: Step, value: str, folder: Path) -> str:
    if value.startswith("hub:"):
        return value
    if not (value.endswith((".toml", ".safetensors")) or "/" in value or "\\" in value or value.startswith((".", "~"))):
        return value
    return _inside(step, "model", value, folder)


def _path(step: Step, each: Declared, value: str, folder: Path) -> str:
    start = match[0] if (match := _KIND.match(value)) and not (folder / value).exists() else ""
    end = match[0] if (match := _WEIGHT.search(value)) and not (folder / value).exists() else ""
    middle = value[len(start) : len(value) - len(end)]
    if not middle or middle == "-":
        raise step.error(each.name, f"{value!r} names no file")
    if (folder / middle).exists() or _leaves(middle) or _looks_like_path(middle) or Path(middle).exists():
        return f"{start}{_inside(step, each.name, middle, folder)}{end}"
    return value  # a word of the option's own: subject, white, a voice


def _inside(step: Step, key: str, value: str, folder: Path) -> str:
    try:
        path = Path(os.path.abspath(folder / Path(value).expanduser()))  # noqa: PTH100 - links are followed below
        real = Path(os.path.realpath(path))
        home = Path(os.path.realpath(folder))
        inside = real == home or home in real.parents
    except (OSError, ValueError, RuntimeError):
        raise step.error(key, f"{value!r} is no path") from None
    if step.origin.closed and not inside:
        raise step.error(key, f"{value} lies outside {folder.name or folder}", _OUTSIDE)
    if not path.exists():
        raise step.error(key, f"{value}: not found in {folder}", "paths in a recipe are relative to it")
    return str(path)


def _leaves(value: str) -> bool:
    return value.startswith(("/", "~", "\\")) or ".." in re.split(r"[\\/]", value) or bool(re.match(r"^[A-Za-z]:[\\/]", value))


def _looks_like_path(value: str) -> bool:
    return "/" in value or bool(re.search(r"\.[A-Za-z][A-Za-z0-9]{1,10}$", value))
