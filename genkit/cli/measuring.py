"""What the measures of `genkit eval` share: options, models by name, sheets and tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genkit.cards import Card

PANEL = "Measure"
SHOWN = 24  # pictures on a sheet
Data = Annotated[Path, typer.Option("--data", help="Folder or zip of pictures.", rich_help_panel=PANEL)]
PairedData = Annotated[
    Path, typer.Option("--data", help="Folder or zip of pictures, or of HR_x4 and LR_x4 pairs.", rich_help_panel=PANEL)
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", help="Model name (repeat to compare). Default: the shipped one.", rich_help_panel=PANEL),
]
Scale = Annotated[int | None, typer.Option("--scale", min=1, help="Default: the model's own.", rich_help_panel=PANEL)]
Degradation = Annotated[
    str,
    typer.Option(
        "--degradation",
        help="given (the data's own small pictures), clean (bicubic) or web-photo. Default: given where there are pairs.",
        rich_help_panel=PANEL,
    ),
]
Border = Annotated[
    int | None,
    typer.Option("--border", min=0, help="Pixels left out on each side. Default: the scale.", rich_help_panel=PANEL),
]
Names = Annotated[
    Path | None,
    typer.Option("--names", help="Text file with the pictures to take, one a line. Default: all.", rich_help_panel=PANEL),
]
Side = Annotated[
    int, typer.Option("--side", min=16, help="Side in pixels of the centre square that is measured.", rich_help_panel=PANEL)
]
Masks = Annotated[
    Path | None,
    typer.Option(
        "--masks",
        help="Folder or zip of masks, one for each picture, white = repaint. Default: drawn from seed 0.",
        rich_help_panel=PANEL,
    ),
]
Features = Annotated[
    Path | None,
    typer.Option("--features", help="VGG-19 weights, to tell a feature distance too.", rich_help_panel=PANEL),
]
Sheet = Annotated[
    Path | None, typer.Option("--sheet", help="Write inputs, results and originals side by side (PNG).", rich_help_panel=PANEL)
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=PANEL)]
Json = Annotated[bool, typer.Option("--json", help="Print the rows as JSON.", rich_help_panel=PANEL)]


def cards_of(task: str, names: list[str]) -> dict[str, Card]:
    """Cards by name; those that share one, as a new training and what shipped before it may, by what was given for them."""
    from genkit.cards import find

    cards = [find(name, task) for name in names]
    shared = [card.name for card in cards]
    return {
        given if shared.count(card.name) > 1 else card.name: card for given, card in zip(map(str, names), cards, strict=True)
    }


def load_methods(task: str, names: list[str], device: str, method: Callable[[Any], Any]) -> dict[str, Any]:
    """Models by name, each as what the measure calls."""
    from genkit import runtime
    from genkit.models import load_model
    from genkit.weights import resolve

    found = {}
    for name, card in cards_of(task, names).items():
        place = runtime.choose(device, "auto", card.dtypes)
        files = resolve(card, announce=say)
        found[name] = method(load_model(card, files, place.device, place.dtype, fallback=place.fallback))
    return found


def keeper(sheet: Path | None) -> tuple[dict[str, dict[str, Any]], Callable[[str, str, Any], None]]:
    """Where results are kept by picture and method, and what keeps them: the first 24 pictures, if a sheet is wanted."""
    kept: dict[str, dict[str, Any]] = {}

    def keep(method: str, name: str, pixels: Any) -> None:
        if sheet is not None and (name in kept or len(kept) < SHOWN):
            kept.setdefault(name, {})[method] = pixels

    return kept, keep


def draw_sheet(sheet: Path | None, data: Path, kept: dict[str, dict[str, Any]], side: int) -> None:
    if sheet is None:
        return
    from genkit.data.pictures import read_pictures
    from genkit.data.squares import centre_square

    originals = {name: centre_square(pixels, side) for name, pixels in read_pictures(data, list(kept))}
    draw_rows(sheet, [[*kept[name].values(), originals[name]] for name in kept])


def draw_rows(sheet: Path, pictures: list[list[Any]]) -> None:
    """Write rows of pictures of one size, two rows beside each other."""
    import numpy as np
    from PIL import Image

    rows = [np.concatenate(row, 1) for row in pictures]
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    lines = [np.concatenate(rows[place : place + 2], 1) for place in range(0, len(rows), 2)]
    Image.fromarray(np.concatenate(lines, 0)).save(sheet)


def tell(rows: list[dict[str, Any]], columns: dict[str, tuple[str, str]], said: str, json: bool) -> None:
    """Print rows as a table, the protocol below, or both as JSON."""
    if json:
        import json as notation

        typer.echo(notation.dumps({"schema": "genkit/1", "event": "done", "protocol": said, "rows": rows}))
        return
    heads: dict[str, str] = {key: key for key in ("set", "model") if key in rows[0]}
    heads |= {"pictures": "n", **{key: title for key, (title, _) in columns.items()}}
    lines = [heads] + [{key: format(row[key], columns[key][1] if key in columns else "") for key in heads} for row in rows]
    widths = {key: max(len(line[key]) for line in lines) for key in heads}
    for line in lines:
        cells = [line[key].ljust(widths[key]) if key in ("set", "model") else line[key].rjust(widths[key]) for key in heads]
        typer.echo("  ".join(cells))
    typer.echo(said)


def say(text: str) -> None:
    typer.echo(text, err=True)


def progress(name: str) -> None:
    import sys

    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[2K{name}", nl=False, err=True)
