"""What the measures of `genkit eval` share: options, models by name, sheets and tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genkit.cards import Card

SHEET_PICTURES = 24
MeasureOption = partial(typer.Option, rich_help_panel="Measure")
Data = Annotated[Path, MeasureOption("--data", metavar="PATH", help="Folder or zip of pictures.")]
Model = Annotated[
    list[str] | None,
    MeasureOption("--model", metavar="NAME", help="Model name, again for each to compare.", show_default="the shipped one"),
]
Names = Annotated[
    Path | None,
    MeasureOption("--names", metavar="FILE", help="Text file with the pictures to take, one a line.", show_default="all"),
]
Side = Annotated[
    int, MeasureOption("--side", metavar="N", min=16, help="Side in pixels of the centre square that is measured.")
]
Features = Annotated[
    str | None,
    MeasureOption("--features", metavar="NAME|FILE", help="Tell a distance by features too: of vgg19, genkit-style or a file."),
]
Judge = Annotated[
    str,
    MeasureOption(
        "--features",
        metavar="NAME|FILE",
        help="Features that judge: of vgg19, genkit-style or a file of VGG-19's weights. The protocol says which it was.",
        show_default="vgg19 if it is here, else genkit-style",
    ),
]
Sheet = Annotated[
    Path | None, MeasureOption("--sheet", metavar="FILE", help="Write inputs, results and originals side by side (PNG).")
]
Device = Annotated[str, MeasureOption("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")]
Json = Annotated[bool, MeasureOption("--json", help="Print the rows as JSON.")]
Columns = dict[str, tuple[str, str]]  # the key of a row: its title and format
PERCEPTUAL: Columns = {"lpips": ("LPIPS", ".4f"), "distance": ("distance", ".5f")}  # those that rows have


def cards_of(task: str, names: list[str] | None) -> dict[str, Card]:
    """Cards by name, or the default one; those that share a name, as a new training and what shipped before it may, by the
    argument."""
    from genkit.cards import default_model, find

    arguments = names or [default_model(task)]
    cards = [find(argument, task) for argument in arguments]
    shared = [card.name for card in cards]
    return {
        str(argument) if shared.count(card.name) > 1 else card.name: card
        for argument, card in zip(arguments, cards, strict=True)
    }


def load_methods(task: str, names: list[str] | None, device: str, method: Callable[[Any], Any] | None = None) -> dict[str, Any]:
    """Models by name, each as what the measure calls, or as it is loaded."""
    from genkit import runtime
    from genkit.models import load_model
    from genkit.weights import obtain

    methods = {}
    for name, card in cards_of(task, names).items():
        place = runtime.choose(device, "auto", card.dtypes)
        had, files = obtain(card, announce=notify)
        model = load_model(had, files, place.device, place.dtype, fallback=place.fallback)
        methods[name if had is card else had.name] = model if method is None else method(model)
    return methods


def load_features(given: str | None) -> Any:
    from genkit.evaluate.perceptual import load_perceptual

    return None if given is None else load_perceptual(given)


def picture_distance(instead: bool = True) -> Any:
    from genkit.evaluate.lpips import picture_distance

    return picture_distance(notify, instead=instead)


def keeper(sheet: Path | None) -> tuple[dict[str, dict[str, Any]], Callable[[str, str, Any], None]]:
    """Where results are kept by picture and method, and what keeps them: the first 24 pictures, if a sheet is wanted."""
    kept: dict[str, dict[str, Any]] = {}

    def keep(method: str, name: str, pixels: Any) -> None:
        if sheet is not None and (name in kept or len(kept) < SHEET_PICTURES):
            kept.setdefault(name, {})[method] = pixels

    return kept, keep


def draw_sheet(sheet: Path | None, data: Path, kept: dict[str, dict[str, Any]], side: int) -> None:
    """Write results beside their originals."""
    if sheet is None:
        return
    from genkit.data.pictures import read_pictures
    from genkit.data.squares import centre_square

    originals = {name: centre_square(pixels, side) for name, pixels in read_pictures(data, list(kept))}
    draw_rows(sheet, [[*kept[name].values(), originals[name]] for name in kept])


def draw_rows(sheet: Path, rows: list[list[Any]]) -> None:
    """Write rows of pictures of one size, two rows beside each other."""
    import numpy as np

    from genkit.evaluate.sheets import grid

    write_sheet(sheet, grid([np.concatenate(row, 1) for row in rows], 2))


def write_sheet(sheet: Path, pixels: Any) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(sheet)


def print_rows(rows: list[dict[str, Any]], columns: Columns, protocol: str, json: bool) -> None:
    """Print rows as a table, the protocol below, or both as JSON."""
    if json:
        import json as notation

        typer.echo(notation.dumps({"schema": "genkit/1", "event": "done", "protocol": protocol, "rows": rows}))
        return
    columns = {key: column for key, column in columns.items() if key in rows[0]}
    heads: dict[str, str] = {key: key for key in ("set", "model") if key in rows[0]}
    heads |= {"pictures": "n", **{key: title for key, (title, _) in columns.items()}}
    lines = [heads] + [{key: format(row[key], columns[key][1] if key in columns else "") for key in heads} for row in rows]
    widths = {key: max(len(line[key]) for line in lines) for key in heads}
    for line in lines:
        cells = [line[key].ljust(widths[key]) if key in ("set", "model") else line[key].rjust(widths[key]) for key in heads]
        typer.echo("  ".join(cells))
    typer.echo(protocol)


def notify(text: str) -> None:
    typer.echo(text, err=True)


def progress(name: str) -> None:
    import sys

    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[2K{name}", nl=False, err=True)
