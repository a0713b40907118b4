"""`genkit replay`: make an output again from the recipe that it carries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

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
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            metavar="OPTION=PATH",
            show_default="found beside FILE or its input",
            help="A mask or other file that it was made with, again for each: mask=m.png.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="CARD",
            show_default="found beside FILE",
            help="The card, where it is none that is known by name.",
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", metavar="NAME", show_default="auto", help="auto, cpu, cuda, cuda:N or mps.")
    ] = None,
    max_pixels: Annotated[
        str | None,
        typer.Option(
            "--max-pixels",
            metavar="N",
            rich_help_panel="Run",
            show_default="100M",
            help="Refuse inputs of more pixels than this; M is a million.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but paths and errors.")] = False,
) -> Any:
    """Make an output again: the same verb, model, options and seed on the same input give the same pixels."""
    from genkit import config
    from genkit.cli.app import load_command
    from genkit.cli.show import recipe_in
    from genkit.errors import InputError
    from genkit.run.recipe import command_of, files_of, verb_of
    from genkit.verbs import VERBS

    recipe = _with_card(file, recipe_in(file), model)
    verb, *command = verb_of(recipe)
    if verb not in VERBS:  # a stranger's recipe must not remove models
        raise InputError(f"{file}: made by {recipe['verb']!r}, which this genkit does not have", "install the newest genkit")
    found = _find_input(file, recipe["input"], source) if isinstance(recipe.get("input"), dict) else None
    places = find_files(file, files_of(recipe), found, _given(files))
    words = command_of(recipe, places)[2 + len(command) :]
    if found is not None:
        # An input may begin with - or @: its own path, made absolute, cannot be taken for anything else.
        words = [str(found.absolute()), *words[1:]]
    for note in _differences(recipe):
        print(f"note: {note}", file=sys.stderr)
    words += ["-o", output or str(file.with_name(f"{file.stem}-replay{file.suffix}"))]
    words += ["--device", device] if device else []
    words += [name for name, wanted in (("--overwrite", overwrite), ("--json", json), ("--quiet", quiet)) if wanted]
    words += ["--max-pixels", max_pixels] if max_pixels else []
    with config.leaving_out("format", "quality", "dtype"):
        return load_command(verb).main(args=[*command, *words], prog_name=f"genkit {verb}", standalone_mode=False)


def _with_card(file: Path, recipe: dict[str, Any], given: Path | None) -> dict[str, Any]:
    """The recipe with the place of a card that was given by its path (`./NAME.toml` in the recipe).

    Raises:
        UsageError: it is not there, or --model is given for a model that has a name.
    """
    from genkit.errors import UsageError

    wanted = str(recipe.get("model"))
    if not (wanted.startswith("./") and wanted.endswith(".toml")):
        if given is not None:
            raise UsageError(f"--model {given}: {file} was made with {wanted}, which is known by name", "leave out --model")
        return recipe
    name = Path(wanted).name
    places = [given] if given else [folder / name for folder in (file.parent, Path(), file.absolute().parent.parent)]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise UsageError(
            f"{given or name}, the card of the model that made {file}, is not {'there' if given else 'beside it'}",
            "say where it is with --model CARD.toml",
            code="missing-input",
        )
    return recipe | {"model": str(found.absolute())}


def _find_input(file: Path, wanted: dict[str, Any], given: Path | None) -> Path:
    """The input by --input, else where it was likely left: beside the output, in the working folder, one folder up.

    Raises:
        UsageError: it is not there, or only another file of its name.
    """
    from genkit.errors import UsageError

    if given is not None:
        return _accepted(given, "--input", wanted)
    path, altered = _look_for(file, wanted, [file.parent, Path(), file.absolute().parent.parent], {file})
    if path is not None:
        return path
    if altered is not None:
        raise UsageError(
            f"{altered} has changed since {file} was made from it", "give the original with --input", code="input-differs"
        )
    name = Path(str(wanted.get("name"))).name
    raise UsageError(f"the input {name} is not beside {file}", "say where it is with --input", code="missing-input")


def find_files(file: Path, wanted: dict[str, dict[str, Any]], source: Path | None, given: dict[str, Path]) -> dict[str, Path]:
    """Where the further files lie: as given, else beside the input, beside the output, in the working folder, one folder up.

    Raises:
        UsageError: one is not there, only another file has its name, or --file names an option that the recipe does not have.
    """
    from genkit.errors import UsageError
    from genkit.run.recipe import flag_of

    if unknown := [option for option in given if option not in wanted]:
        has = f"it has {', '.join(wanted)}" if wanted else "it was made without further files"
        raise UsageError(f"--file {unknown[0]}=...: {file} was made without {unknown[0]}", has)
    folders = [*([source.absolute().parent] if source else []), file.parent, Path(), file.absolute().parent.parent]
    places: dict[str, Path] = {}
    for option, one in wanted.items():
        flag = flag_of(option)
        if option in given:
            places[option] = _accepted(given[option], f"--file {option}", one).absolute()
            continue
        path, altered = _look_for(file, one, folders, {file})
        if path is None:
            hint = f"say where it is with --file {option}=PATH"
            if altered is not None and (source is None or not altered.samefile(source)):
                raise UsageError(f"{altered} has changed since it was the {flag} of {file}", hint, code="input-differs")
            where = "its input or " if source else ""
            raise UsageError(f"{one['name']}, the {flag} of {file}, is not beside {where}it", hint, code="missing-input")
        places[option] = path.absolute()
    return places


def _given(texts: list[str] | None) -> dict[str, Path]:
    from genkit.errors import UsageError

    pairs = [text.partition("=") for text in texts or ()]
    for option, equals, path in pairs:
        if not (option and equals and path):
            raise UsageError(f"--file {option}{equals}{path}: expected OPTION=PATH, such as mask=m.png")
    return {option.replace("-", "_"): Path(path) for option, _, path in pairs}


def _accepted(given: Path, flag: str, wanted: dict[str, Any]) -> Path:
    from genkit.errors import UsageError
    from genkit.run.pairing import digest

    if not given.is_file():
        raise UsageError(f"{flag} {given}: not found", code="missing-input")
    if digest(given) != wanted.get("sha256"):
        print(f"note: {given} is not the file it was made from (another sha256): the pixels will differ", file=sys.stderr)
    return given


def _look_for(file: Path, wanted: dict[str, Any], folders: list[Path], but: set[Path]) -> tuple[Path | None, Path | None]:
    """The file of that name and content in one of the folders, and else the first one of that name alone."""
    from genkit.run.pairing import digest

    places = [folder / Path(str(wanted.get("name"))).name for folder in folders]
    there = [path for path in places if path.is_file() and not any(path.samefile(one) for one in but)]
    same = next((path for path in there if digest(path) == wanted.get("sha256")), None)
    return same, there[0] if there else None


def _differences(recipe: dict[str, Any]) -> list[str]:
    """What may make the pixels differ: another genkit, or other weights under the same name."""
    from genkit import cards
    from genkit.errors import GenkitError
    from genkit.version import __version__

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
