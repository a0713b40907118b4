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
            help="A mask or other file that it was made with, as mask=m.png; may be repeated.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="CARD",
            show_default="found beside FILE",
            help="The model's card (a TOML file), where the model has no name here.",
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
    resume: Annotated[bool, typer.Option("--resume", help="Pass over an output that was made so already.")] = False,
    number: Annotated[bool, typer.Option("--number", help="Number the output if its name is taken: NAME_2.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but paths and errors.")] = False,
) -> Any:
    """Make an output again: the same verb, model, options and seed on the same input give the same pixels."""
    from genkit import config, verbs
    from genkit.chain.reading import recipe_in
    from genkit.cli.verbs import run
    from genkit.errors import InputError
    from genkit.run.call import from_recipe
    from genkit.run.further_files import find_files, find_input
    from genkit.run.recipe import files_of, verb_of

    recipe = recipe_in(file)
    if recipe["verb"] == "run":
        return _replay_chain(
            file,
            recipe,
            source,
            _given(files),
            {"device": device, "max_pixels": max_pixels, "output": output}
            | {"overwrite": overwrite, "resume": resume, "number": number, "json": json, "quiet": quiet},
        )
    recipe = _with_card(file, recipe, model)
    name = " ".join(verb_of(recipe))
    if name not in (*verbs.VERBS, *verbs.COMMANDS):  # a stranger's recipe must not remove models
        raise InputError(f"{file}: made by {recipe['verb']!r}, which this genkit does not have", "install the newest genkit")
    found = find_input(file, recipe["input"], source, notify=_note) if isinstance(recipe.get("input"), dict) else None
    places = find_files(file, files_of(recipe), found, _given(files), notify=_note)
    for note in _differences(recipe):
        _note(note)
    output = output or str(file.with_name(f"{file.stem}-replay{file.suffix}"))
    flags = {"overwrite": overwrite, "resume": resume, "number": number, "json": json, "quiet": quiet}
    given = {"device": device, "max_pixels": max_pixels, **flags}
    chosen = {name: value for name, value in given.items() if value}
    # An input may begin with - or @: its own path, made absolute, cannot be taken for anything else.
    call = from_recipe(verbs.find(name), recipe, found and found.absolute(), places, {"output": output, **chosen})
    with config.leaving_out("format", "quality", "dtype"):
        return run(call)


def _replay_chain(file: Path, recipe: dict[str, Any], source: Path | None, files: dict[str, Path], run: dict[str, Any]) -> int:
    """Make the output of a chain again, from the recipe that it carries."""
    from genkit import config
    from genkit.chain.declaration import RunChain
    from genkit.chain.record import files_in
    from genkit.cli.verbs import run as run_call
    from genkit.run.call import Call
    from genkit.run.further_files import find_files, find_input
    from genkit.run.settings import ChainRun

    found = find_input(file, recipe["input"], source, notify=_note) if isinstance(recipe.get("input"), dict) else None
    places = find_files(file, files_in(recipe), found, files, notify=_note)
    for step in recipe.get("steps") or ():
        for note in _differences({"genkit": recipe.get("genkit"), **step}) if isinstance(step, dict) else ():
            _note(note)
    chosen = {name: value for name, value in run.items() if value}
    chosen.setdefault("output", str(file.with_name(f"{file.stem}-replay{file.suffix}")))
    paths = [str(file.absolute()), *([str(found.absolute())] if found else [])]
    strip = isinstance(options := recipe.get("options"), dict) and options.get("strip_metadata") is True
    with config.leaving_out("format", "quality", "dtype"):
        return run_call(Call(RunChain(places=places), ChainRun(paths=paths, strip_metadata=strip, **chosen)))


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


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)


def _given(texts: list[str] | None) -> dict[str, Path]:
    from genkit.errors import UsageError

    pairs = [text.partition("=") for text in texts or ()]
    for option, equals, path in pairs:
        if not (option and equals and path):
            raise UsageError(f"--file {option}{equals}{path}: expected OPTION=PATH, such as mask=m.png")
    return {option.replace("-", "_"): Path(path) for option, _, path in pairs}


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
