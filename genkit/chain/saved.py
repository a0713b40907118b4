"""The user's own recipes: `GENKIT_HOME/recipes/NAME.toml`, with the files that they name in a folder of that name beside it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from genkit.chain.recipe import FromUser, Recipe, Step, nearest
from genkit.chain.record import to_toml
from genkit.chain.sandbox import names_paths
from genkit.chain.values import named_parameter, named_picture, options_of
from genkit.errors import UsageError
from genkit.files import home, replace_text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def folder() -> Path:
    return home() / "recipes"


def saved_path(name: str) -> Path:
    return folder() / f"{name}.toml"


def names() -> list[str]:
    """Every recipe that was saved."""
    return sorted(path.stem for path in folder().glob("*.toml")) if folder().is_dir() else []


def save(recipe: Recipe, name: str, *, overwrite: bool) -> Path:
    """Keep a recipe with copies of its files.

    Raises:
        UsageError: no name, one that is taken, or a file that is not there.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"--save {name}: no name of a recipe", "letters, digits, - and _")
    path = saved_path(name)
    if path.exists() and not overwrite:
        raise UsageError(f"--save {name}: there is a recipe of that name", "--overwrite replaces it", code="output-exists")
    copies: dict[Path, str] = {}
    own = replace(recipe.changed(lambda step: _with_copies(step, name, copies)), name=recipe.name or name)
    for source, place in copies.items():
        target = folder() / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(source)):
            shutil.copyfile(source, target)
    replace_text(path, to_toml(own))
    return path


def _with_copies(step: Step, name: str, copies: dict[Path, str]) -> Step:
    known = options_of(step)

    def copied(value: Any) -> Any:
        if isinstance(value, list):
            return [copied(one) for one in value]
        if not isinstance(value, str) or named_parameter(value) or named_picture(value):
            return value
        base = Path() if isinstance(value, FromUser) or step.origin.folder is None else step.origin.folder
        path = base / Path(value).expanduser()
        if not path.is_file():
            return str(value)
        source = path.resolve()
        if source not in copies:
            number, place = 1, f"{name}/{path.name}"
            while place in copies.values():
                number += 1
                place = f"{name}/{path.stem}-{number}{path.suffix}"
            copies[source] = place
        return copies[source]

    values = {key: copied(value) if key in known and names_paths(known[key]) else value for key, value in step.values.items()}
    return replace(step, values=values)


def listing() -> Iterator[tuple[str, str]]:
    """(name, what it does) of every saved recipe; what cannot be read says so."""
    from genkit.chain.one_line import line_of_recipe
    from genkit.chain.recipe_file import read_recipe_file

    for name in names():
        try:
            recipe = read_recipe_file(saved_path(name))
        except UsageError as error:
            yield name, f"damaged: {error.message}"
            continue
        yield name, recipe.summary or line_of_recipe(recipe) or ", ".join(step.name for step in recipe.every)


def unknown(name: str) -> UsageError:
    """The error for a word that is neither a file nor a saved recipe."""
    known = names()
    hint = (
        nearest(name, known)
        if known
        else "a recipe file, an output of genkit, or a line: genkit run -c 'colorize | upscale' PATH"
    )
    return UsageError(f"{name}: neither a file nor a saved recipe", hint, code="missing-input")
