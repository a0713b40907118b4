"""`genkit show`: what an output says about how it was made. Reads metadata only; no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

CHAIN = "run"  # the verb in recipes of chains

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Outputs of genkit.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line: file, recipe, command.")] = False,
    toml: Annotated[bool, typer.Option("--toml", help="Print it as a recipe file, for genkit run.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Show the pictures themselves in the terminal.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE", show_default=False, help="Draw the sound: waveform and mel spectrogram (png)."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let --plot replace a file that exists.")] = False,
) -> int:
    """Show how an output was made, and the command that makes it again."""
    from genkit.errors import GenkitError

    if plot is not None:
        from genkit.view.plots import write_plot

        write_plot(files, plot, overwrite=overwrite)
        print(plot)
        return 0
    if preview:
        from genkit.view.terminal import print_pictures

        print_pictures(files)
        return 0
    if toml:
        return _as_toml(files, json=json)

    failed = 0
    for place, path in enumerate(files):
        try:
            recipe, command = _recipe_or_settings(path)
        except GenkitError as error:
            if len(files) == 1:
                raise
            failed += 1
            print(f"failed: {error.message}", file=sys.stderr)
            continue
        if json:
            from genkit.run.report import write_event

            write_event("recipe", file=str(path), recipe=recipe, command=command)
        else:
            print(("\n" if place else "") + _text(path, recipe, command))
    return int(failed > 0)


def _recipe_or_settings(path: Path) -> tuple[dict[str, Any], str]:
    """What made a file, and the command that makes it again; of another program's picture its settings, and the command that
    draws from them.

    Raises:
        GenkitError: there is nothing of the kind, or nothing that can be read.
    """
    import shlex

    from genkit import verbs
    from genkit.chain.reading import recipe_in
    from genkit.errors import InputError
    from genkit.run.option import declared
    from genkit.run.recipe import as_meant, command_of, verb_of

    try:
        recipe = recipe_in(path)
    except InputError as error:
        if error.code != "no-recipe":
            raise
        from genkit.media.parameters.reading import read_parameters

        found = read_parameters(path)
        if found is None:
            raise
        negative = {"Negative prompt": found.negative} if found.negative else {}
        recipe = {"program": found.program, "prompt": found.prompt, "options": {**negative, **found.settings}}
        return recipe, shlex.join(["genkit", "txt2img", "--like", str(path)])
    if recipe["verb"] == CHAIN:
        return recipe, _chain_command(path, recipe)
    name = " ".join(verb_of(recipe))
    known = name in (*verbs.VERBS, *verbs.COMMANDS)
    return recipe, shlex.join(command_of(as_meant(recipe, declared(verbs.find(name))) if known else recipe))


def _chain_command(path: Path, recipe: dict[str, Any]) -> str:
    """What runs a chain again: its line, or else the output as a recipe."""
    import shlex

    from genkit.chain.one_line import line_of_recipe
    from genkit.chain.record import files_in, read_record

    source = recipe.get("input") if isinstance(recipe.get("input"), dict) else {}
    name = str(source.get("name", "")) if source else ""
    names = [f"./{name}" if name.startswith(("-", "@")) else name] if name else []
    places = {option: Path(one["name"]) for option, one in files_in(recipe).items()}
    line = line_of_recipe(read_record(recipe, str(path), places))
    return shlex.join(["genkit", "run", *(["-c", line] if line is not None else [str(path)]), *names])


def _as_toml(files: list[Path], *, json: bool) -> int:
    """Print the recipe of one output as a recipe file; its further files are named as they were, to be put beside it."""
    from genkit.chain.reading import recipe_in
    from genkit.chain.record import files_in, read_record, to_toml
    from genkit.errors import UsageError

    if len(files) > 1 or json:
        raise UsageError("--toml prints one recipe", "give one FILE, and no --json")
    recipe = recipe_in(files[0])
    places = {option: Path(one["name"]) for option, one in files_in(recipe).items()}
    typer.echo(to_toml(read_record(recipe, str(files[0]), places)), nl=False)
    return 0


def _text(path: Path, recipe: dict[str, Any], command: str) -> str:
    from genkit.run.recipe import files_of

    source = recipe.get("input") if isinstance(recipe.get("input"), dict) else None
    rows = [("made by", recipe.get("program") or f"genkit {recipe.get('genkit')} {recipe['verb']}")]
    if recipe.get("verb") == CHAIN:
        from genkit.chain.record import steps_in

        rows += [("recipe", str(recipe["name"]))] if recipe.get("name") else []
        rows += [
            (f"step {number}", f"{step['verb']} with {step.get('model')}") for number, step in enumerate(steps_in(recipe), 1)
        ]
    if recipe.get("model"):
        revision = recipe.get("revision")
        rows.append(("model", f"{recipe['model']}" + (f" ({revision})" if revision else "")))
    prompts = recipe.get("prompt")
    rows += [("prompt", str(one)) for one in (prompts if isinstance(prompts, list) else [prompts]) if one is not None]
    options = recipe.get("options")
    for name, value in options.items() if isinstance(options, dict) else ():
        values = value.items() if isinstance(value, dict) else [(name, value)]
        rows += [(str(key).replace("_", "-"), str(one)) for key, one in values]
    if recipe.get("seed") is not None:
        rows.append(("seed", str(recipe["seed"])))
    if source:
        rows.append(("input", f"{source.get('name')} (sha256:{source.get('sha256')})"))
    rows += [
        (option.replace("_", "-"), f"{one['name']} (sha256:{one.get('sha256')})") for option, one in files_of(recipe).items()
    ]
    width = max(len(name) for name, _ in rows)
    # Control characters in a hostile file's recipe must not reach the terminal.
    lines = [f"  {name:{width}}  {_printable(value)}" for name, value in rows]
    return "\n".join([str(path), *lines, "", f"  {_printable(command)}"])


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
