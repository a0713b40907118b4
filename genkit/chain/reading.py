"""The recipe that a command means: a line, a TOML file, one that was saved, or what an output says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from genkit.chain.recipe import Recipe


def read(
    command: str | None, words: Sequence[str], *, closed: bool, places: Mapping[str, Path] | None = None
) -> tuple[Recipe, list[str]]:
    """The recipe, and the words that are left, which name inputs.

    Raises:
        UsageError: there is none, or something in it is wrong.
    """
    if command is not None:
        from genkit.chain.one_line import parse_line

        return parse_line(command), list(words)
    if not words:
        raise UsageError("no recipe", "genkit run RECIPE.toml PATH..., or genkit run -c 'colorize | upscale -s 2' PATH...")
    return read_named(words[0], closed=closed, places=places), list(words[1:])


def read_named(word: str, *, closed: bool, places: Mapping[str, Path] | None = None) -> Recipe:
    """The recipe of a file or of a name.

    Raises:
        UsageError: there is none, or something in it is wrong.
    """
    from genkit.chain import saved
    from genkit.chain.recipe_file import read_recipe_file

    path = Path(word)
    if saved.NAME.fullmatch(word) and not path.is_file() and saved.saved_path(word).is_file():
        return replace(read_recipe_file(saved.saved_path(word)), name=word)
    if path.is_dir():
        raise UsageError(f"{word}: is a folder, and no recipe", "the recipe comes before the inputs")
    if path.suffix.lower() == ".toml":
        if not path.exists():
            raise UsageError(f"{word}: not found", code="missing-input")
        return read_recipe_file(path, closed=closed)
    if path.is_file():
        return of_output(path, places)
    if "|" in word:
        raise UsageError(f"{word}: steps go behind -c", f"genkit run -c '{word}' PATH...")
    raise saved.unknown(word)


def of_output(path: Path, places: Mapping[str, Path] | None = None) -> Recipe:
    """The recipe that an output carries, with its further files at `places`, or else where they were left.

    Raises:
        InputError: it carries none. UsageError: a further file is not there.
    """
    from genkit.chain.record import files_in, read_record
    from genkit.run.further_files import find_files

    recipe = recipe_in(path)
    places = find_files(path, files_in(recipe)) if places is None else places
    return read_record(recipe, str(path), places)


def recipe_in(path: Path) -> dict[str, Any]:
    """What an output says of itself, or the journal of its folder.

    Raises:
        InputError: there is nothing, or the file cannot be opened. UsageError: there is no such file.
    """
    from genkit.media.recipe import read_recipe
    from genkit.run.journal import look_up

    if not path.exists():
        raise UsageError(f"not found: {path}", code="missing-input")
    try:
        recipe = read_recipe(path) or look_up(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if recipe is None:
        raise InputError(f"{path}: no recipe in it", "it was not made by genkit, or with --strip-metadata", code="no-recipe")
    return recipe
