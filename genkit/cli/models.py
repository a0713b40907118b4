"""`genkit models`: list, describe, fetch, check, remove, import and locate models."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.describing import described, facts_of, is_about, is_small, mark, ran, table, use, what_for
from genkit.cli.help import page_of
from genkit.cli.verbs import complete_model
from genkit.run.report import write_event

app = typer.Typer(
    name="models",
    rich_markup_mode=None,
    add_completion=False,
    help="List, describe, fetch, check, remove and import models.",
    no_args_is_help=True,
)

ModelName = Annotated[str, typer.Argument(metavar="NAME", help="Name or alias of a model.", autocompletion=complete_model)]
ModelNames = Annotated[
    list[str], typer.Argument(metavar="NAME...", help="Names or aliases of models.", autocompletion=complete_model)
]
Task = Annotated[str | None, typer.Option("--task", metavar="VERB", help="Models of this verb only.", show_default="all verbs")]
Json = Annotated[bool, typer.Option("--json", help="One JSON event a line on standard output.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but results and errors.")]


@app.callback()
def choose() -> None:
    """List, describe, fetch, check, remove and import models.

    Nothing is fetched before its size and licence were said. A fetched file gets its name only when its hash is right.
    """


@app.command("list")
def list_models(
    task: Task = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="WORDS", help="Those whose name or line of use has all of these.", show_default=False),
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Those of less than 100 MB.")] = False,
    commercial: Annotated[bool, typer.Option("--commercial", help="Those that may be used commercially.")] = False,
    json: Json = False,
) -> None:
    """List the models: how large, under which licence, whether here, and when genkit's makers ran their real files."""
    from genkit import cards, weights

    found = cards.all_cards(task)
    for fault in cards.faults():
        typer.echo(f"left out: {fault.message}", err=True)
    if task is not None and not found:
        from genkit.errors import UsageError

        known = sorted({card.task for card in cards.all_cards()})
        raise UsageError(f"there are no models for {task}", f"verbs with models: {', '.join(known)}")
    found = [
        card
        for card in found
        if (not small or is_small(card)) and (not commercial or card.commercial is True) and is_about(card, search or "")
    ]
    if json:
        for card in found:
            write_event("model", **facts_of(card))
        write_event("done", done=len(found), failed=0, skipped=0, exit=0)
        return
    rows = [
        (
            card.name,
            card.task,
            weights.size_text(card.size),
            weights.state(card),
            card.licence,
            use(card),
            mark(card),
            ran(card),
            what_for(card),
        )
        for card in found
    ]
    table(("name", "task", "size", "state", "licence", "commercial", "verified", "run", "what for"), rows)
    if sys.stdout.isatty() and (page := page_of(f"models/{task}" if task else "models")):
        typer.echo(f"more of each: {page}", err=True)


@app.command()
def info(name: ModelName, json: Json = False) -> None:
    """Say everything that is known about one model."""
    from genkit import cards

    facts = facts_of(cards.find(name), full=True)
    if json:
        write_event("model", **facts)
        write_event("done", done=1, failed=0, skipped=0, exit=0)
        return
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in described(facts):
        wrapped = (
            [line] if columns is None else textwrap.wrap(line, columns, subsequent_indent=" " * 15, break_on_hyphens=False)
        )
        typer.echo("\n".join(wrapped))


@app.command()
def pull(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="Names or aliases of models.", autocompletion=complete_model, show_default=False
        ),
    ] = None,
    all_small: Annotated[
        bool,
        typer.Option(
            "--all-small",
            help="Every model of less than 100 MB that needs no acceptance; one that cannot be had stops no other.",
        ),
    ] = False,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="You have read the licence of a gated or non-commercial model, and accept it."),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetch models now, to have them when the network is gone. A broken pull goes on where it stopped."""
    from genkit import cards, weights
    from genkit.errors import UsageError, WeightsError

    if not names and not all_small:
        raise UsageError("nothing is named to fetch", "a name from genkit models list, or --all-small")
    found = [weights.pinned(cards.find(name), fresh=True) for name in names or ()]
    if all_small:
        found += [card for card in cards.all_cards() if is_small(card) and weights.is_allowed(card) and card.origin != "user"]
    found = list({card.name: card for card in found}.values())
    failed: list[str] = []
    brought: set[str] = set()
    with weights.sharing_archives():
        for card in found:
            if card.name in brought:  # in another's place
                continue
            try:
                if weights.local_files(card) is not None:
                    _announce(quiet)(f"{card.name} is here already")
                with transfer_bar(quiet or json) as progress:
                    had, files = weights.obtain(
                        card, announce=_announce(quiet), progress=progress, accept_licence=accept_licence
                    )
            except WeightsError as error:
                if not all_small or error.code == "no-space":
                    raise
                failed.append(card.name)
                _announce(False)(
                    error.message if error.message.startswith(f"{card.name}:") else f"{card.name}: {error.message}"
                )
                continue
            brought.add(had.name)
            if json:
                write_event("pulled", model=had.name, files={role: str(path) for role, path in files.items()})
            else:
                _paths(files)
    status = 0 if not failed else 3 if len(failed) == len(found) else 1
    if json:
        write_event("done", done=len(found) - len(failed), failed=len(failed), skipped=0, exit=status)
    elif failed:
        _announce(False)(f"{len(found) - len(failed)} of {len(found)} are here; not to be had: {', '.join(failed)}")
    raise typer.Exit(status)


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...", help="Models to check.", show_default="every one that is here", autocompletion=complete_model
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Read the files of models again and compare their hashes. Exit code 3 if one is missing or altered."""
    from genkit import cards, weights
    from genkit.errors import WeightsError

    named = [cards.find(name) for name in names or ()]
    here = named or [card for card in cards.all_cards() if weights.state(card) in ("shipped", "cached", "partial")]
    failed: list[str] = []
    for card in here:
        verdicts = weights.verify(card)
        if any(verdict.state in ("altered", "missing") for verdict in verdicts):
            failed.append(card.name)
        for verdict in verdicts:
            if json:
                found = {
                    "file": str(verdict.path),
                    "state": verdict.state,
                    "expected": verdict.expected,
                    "sha256": verdict.sha256,
                }
                write_event("verified", model=card.name, **found)
            else:
                typer.echo(f"{verdict.state:<9} {card.name}  {verdict.path}")
    if json:
        write_event("done", done=len(here) - len(failed), failed=len(failed), skipped=0, exit=3 if failed else 0)
        raise typer.Exit(3 if failed else 0)
    if failed:
        raise WeightsError(f"missing or altered: {', '.join(failed)}", f"genkit models pull {' '.join(failed)}", code="altered")


@app.command()
def rm(names: ModelNames, quiet: Quiet = False) -> None:
    """Remove the local files of models; of imported ones also the card."""
    from genkit import cards, weights

    found = [cards.find(name) for name in names]
    for card in found:
        freed = weights.remove(card)
        _announce(quiet)(f"{card.name}: {weights.size_text(freed)} freed")


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint: safetensors or PyTorch.", show_default=False)],
    name: Annotated[str, typer.Option("--as", metavar="NAME", help="What to call it.", show_default=False)],
    task: Annotated[str, typer.Option("--task", metavar="VERB", help="The verb that it is for.", show_default=False)],
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="Kind of network.", show_default="found by its tensors")
    ] = None,
    files: Annotated[
        list[str] | None, typer.Option("--file", metavar="ROLE=FILE", help="A further file of the model; may be repeated.")
    ] = None,
    params: Annotated[
        list[str] | None,
        typer.Option("-O", metavar="PARAM=VALUE", help="A parameter that the tensors cannot tell; may be repeated."),
    ] = None,
    licence: Annotated[str, typer.Option("--licence", metavar="TEXT", help="Licence to note in the card.")] = "not stated",
    summary: Annotated[
        str | None, typer.Option("--summary", metavar="TEXT", help="What it is for.", show_default=False)
    ] = None,
) -> None:
    """Make a checkpoint on your disk a model of your own. It is opened without running anything that is in it.

    StyleGAN's .pkl files are read, too: their tensors are taken out, and the source that they carry is left where it is.
    A voice of Piper's (--family piper, FILE.onnx with FILE.onnx.json beside it) is kept as it is.
    """
    from genkit import weights
    from genkit.cli.importing import kept_files, options, recognise, refuse_other_settings, refuse_other_task

    weights.refuse_taken(name)
    sources = {"weights": file} | {role: Path(path) for role, path in (_pair(text, "--file ROLE=FILE") for text in files or ())}
    given = {key: _value(text) for key, text in (_pair(text, "-O PARAM=VALUE") for text in params or ())}
    states: dict[str, Any] = {}
    if kept := kept_files(family, sources):
        fields, states = kept
        found = fields["params"]
    else:
        read = {role: weights.read_any(path) for role, path in sources.items()}
        states = {role: state for role, (state, _) in read.items()}
        family, found, dtypes = recognise(states["weights"], family, file)
        refuse_other_settings(found, read["weights"][1], file)
        fields = {"family": family, "dtypes": list(dtypes), "params": found}
    refuse_other_task(fields["family"], task)
    found |= given
    about = {"name": name, "tasks": [task], "summary": summary or f"Imported from {file.name}.", "licence": licence}
    fields = about | fields
    if own := options(fields["family"], found):
        fields["options"] = own
    card = weights.adopt(fields, states)
    typer.echo(f"{card.name}: family {card.family}, {', '.join(f'{key} {value}' for key, value in found.items())}", err=True)
    typer.echo(f"use it: genkit {task} --model {card.name} ...", err=True)
    typer.echo(card.toml)


@app.command()
def path(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="A model.", show_default="the cache", autocompletion=complete_model),
    ] = None,
) -> None:
    """Print where a model's files lie, or where the cache is. Never fetches."""
    from genkit import cards, weights

    if name is None:
        typer.echo(cards.cache_folder())
        return
    card = cards.find(name)
    files = weights.local_files(card)
    if files is None:
        from genkit.errors import WeightsError

        raise WeightsError(f"{card.name} is not here ({weights.state(card)})", f"genkit models pull {card.name}", code="absent")
    _paths(files)


# --- what the commands say ----------------------------------------------------------------------------------------------


@contextmanager
def transfer_bar(silent: bool = False) -> Iterator[Callable[[str, int, int | None], None] | None]:
    """A progress callable for `weights.resolve` that draws on stderr, or None where there is no terminal."""
    if silent or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        rows: dict[str, Any] = {}

        def progress(name: str, done: int, total: int | None) -> None:
            if name not in rows:
                rows[name] = bars.add_task(name, total=total)
            bars.update(rows[name], completed=done, total=total)

        yield progress


def _announce(quiet: bool) -> Callable[[str], None]:
    return lambda text: None if quiet else typer.echo(text, err=True)


def _paths(files: dict[str, Path]) -> None:
    """A repository's root says where all of it is; other models are a few files."""
    for path in [files["root"]] if "root" in files else dict.fromkeys(files.values()):
        typer.echo(path)


def _pair(text: str, form: str) -> tuple[str, str]:
    from genkit.errors import UsageError

    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise UsageError(f"{text}: expected {form}")
    return key, value


def _value(text: str) -> Any:
    """A TOML value where it is one (4, 0.5, true), else the text itself."""
    from genkit.files import parse_toml

    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return text
