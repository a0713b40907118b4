"""`genkit replay`: make an output again from the recipe that it carries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.options import MaxPixels

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An output of genkit.", show_default=False)],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PATH", show_default="FILE with -replay in its name", help="Where to write it."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--input", metavar="PATH", show_default="found beside FILE", help="The input it was made from."),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", show_default="auto", help="auto, cpu, cuda, cuda:N or mps.")
    ] = None,
    max_pixels: MaxPixels = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but paths and errors.")] = False,
) -> Any:
    """Make an output again: the same verb, model, options and seed on the same input give the same pixels."""
    from genkit import config
    from genkit.cli.app import COMMANDS, load_command
    from genkit.cli.show import recipe_in
    from genkit.errors import InputError
    from genkit.media.recipe import command_of

    recipe = recipe_in(file)
    verb = str(recipe["verb"])
    if verb not in COMMANDS:
        raise InputError(f"{file}: made by {verb!r}, which this genkit does not have", "install the newest genkit")
    words = command_of(recipe)[2:]
    if isinstance(recipe.get("input"), dict):
        found = _find_input(file, recipe["input"], source)
        # An input may begin with - or @: its own path, made absolute, cannot be taken for anything else.
        words = [str(found.absolute()), *words[1:]]
    for note in _differences(recipe):
        print(f"note: {note}", file=sys.stderr)
    words += ["-o", output or str(file.with_name(f"{file.stem}-replay{file.suffix}"))]
    words += ["--device", device] if device else []
    words += [name for name, wanted in (("--overwrite", overwrite), ("--json", json), ("--quiet", quiet)) if wanted]
    words += ["--max-pixels", max_pixels] if max_pixels else []
    with config.leaving_out("format", "quality", "dtype"):
        return load_command(verb).main(args=words, prog_name=f"genkit {verb}", standalone_mode=False)


def _find_input(file: Path, wanted: dict[str, Any], given: Path | None) -> Path:
    """The input by --input, else where it was likely left: beside the output, in the working folder, one folder up.

    Raises:
        UsageError: it is not there, or only another file of its name.
    """
    from genkit.errors import UsageError

    name, digest = Path(str(wanted.get("name"))).name, wanted.get("sha256")
    if given is not None:
        if not given.is_file():
            raise UsageError(f"--input {given}: not found", code="missing-input")
        if _digest(given) != digest:
            print(f"note: {given} is not the file it was made from (another sha256): the pixels will differ", file=sys.stderr)
        return given
    places = [folder / name for folder in (file.parent, Path(), file.absolute().parent.parent)]
    there = [path for path in places if path.is_file() and not path.samefile(file)]
    for path in there:
        if _digest(path) == digest:
            return path
    if there:
        raise UsageError(
            f"{there[0]} has changed since {file} was made from it", "give the original with --input", code="input-differs"
        )
    raise UsageError(f"the input {name} is not beside {file}", "say where it is with --input", code="missing-input")


def _digest(path: Path) -> str:
    import hashlib

    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _differences(recipe: dict[str, Any]) -> list[str]:
    """What may make the pixels differ: another genkit, or other weights under the same name."""
    from genkit import __version__, cards
    from genkit.errors import GenkitError

    notes = []
    if recipe.get("genkit") != __version__:
        notes.append(f"made by genkit {recipe.get('genkit')}, this is {__version__}")
    try:
        card = cards.find(str(recipe.get("model")))
    except GenkitError:  # the verb itself says that there is no such model, with near matches
        return notes
    if recipe.get("revision") and card.revision != recipe["revision"]:
        notes.append(f"{card.name} is another revision than it was made with: the pixels will differ")
    return notes
