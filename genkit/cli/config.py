"""`genkit config`: the user's own defaults, kept in GENKIT_HOME/config.toml."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="Read and change your own defaults.", no_args_is_help=True)


def _complete_key(incomplete: str) -> list[str]:
    from genkit import config

    return [key for key in config.known_keys() if key.startswith(incomplete)]


Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", show_default=False, autocompletion=_complete_key, help="A setting, such as upscale.model or device."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def choose() -> None:
    """Read and change your own defaults. An option on the command line always wins.

    \b
      genkit config set upscale.model realesrgan-x4plus
      genkit config set device cuda:1
      genkit config list
    """


@app.command()
def get(key: Key) -> int:
    """Print one setting; exit 1 if it is not set."""
    from genkit import config

    value = config.get(key)
    if value is None:
        typer.echo(f"{key} is not set", err=True)
        return 1
    typer.echo(value)
    return 0


@app.command("set")
def set_(key: Key, value: Annotated[str, typer.Argument(metavar="VALUE", show_default=False, help="Its new value.")]) -> None:
    """Change one setting; the value is checked."""
    from genkit import cards, config

    stored = config.set(key, value, cards.lasting_name)
    typer.echo(f"{key} = {stored}  ({config.path()})", err=True)


@app.command()
def unset(key: Key) -> int:
    """Take one setting back to genkit's own default."""
    from genkit import config

    if not config.unset(key):
        typer.echo(f"{key} was not set", err=True)
    return 0


@app.command("list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also those that may be set and are not.")] = False,
    json: Json = False,
) -> None:
    """Print the settings made, one a line."""
    from genkit import config

    settings = config.read_all()
    if json:
        from genkit.run.report import write_event

        write_event("settings", path=str(config.path()), settings=settings)
        return
    for key, value in settings.items():
        typer.echo(f"{key} = {value}")
    if everything:
        for key, text in config.known_keys().items():
            if key not in settings:
                typer.echo(f"# {key}: {text}")
    elif not settings:
        typer.echo("nothing is set; --all lists what can be", err=True)
