"""`genkit schema`: the options of a verb as JSON Schema, for programs that build on genkit."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def schema(
    verb: Annotated[
        str | None, typer.Argument(metavar="[VERB]", help="upscale, 'gan project', ...", show_default="all verbs")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Events, recipes, error and exit codes, too.")] = False,
) -> None:
    """Print JSON Schema (2020-12) of what a verb takes: types, defaults, bounds, and what a model must be able to do.

    \b
      genkit schema upscale
      genkit schema --all
    """
    from genkit import verbs
    from genkit.errors import UsageError
    from genkit.run import schema as schemas

    if verb is not None and everything:
        raise UsageError(f"{verb} and --all contradict each other", "give one of them")
    if verb is not None:
        printed = schemas.of_verb(verbs.find(verb))
    else:
        known = {name: verbs.find(name) for name in (*verbs.VERBS, *verbs.COMMANDS)}
        whole = schemas.of_all(known)
        printed = whole if everything else {"$schema": schemas.DIALECT, **whole["verbs"]}
    typer.echo(json.dumps(printed, indent=2, ensure_ascii=True))
