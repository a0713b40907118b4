"""`genkit gan directions`: find, name, draw and list directions of a latent space."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import AcceptLicence, Debug, Device, DrawOptions, Json, Model, Overwrite, Quiet
from genkit.run.drawing import put
from genkit.verbs.gan.options import LATENT, WHAT, Layers, SeedOption

if TYPE_CHECKING:
    from genkit.verbs.gan.directions import Directions

SHEET_AMOUNTS = (-3.0, -1.5, 0.0, 1.5, 3.0)
METHOD = Annotated[
    str | None,
    typer.Option(
        "--method",
        metavar="sefa|pca",
        rich_help_panel=LATENT,
        show_default="sefa",
        help="Factorise the weights (sefa), or take the principal components of many latents (pca).",
    ),
]


def directions(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file of directions to list, or to name.", show_default=False)
    ] = None,
    model: Model = None,
    method: METHOD = None,
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, max=4096, rich_help_panel=LATENT, help="How many directions.")
    ] = 16,
    layers: Layers = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="N=WORD", rich_help_panel=LATENT, show_default=False, help="Name a direction, again for each."
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            metavar="FILE",
            rich_help_panel=WHAT,
            show_default=False,
            help="Draw what each does to a picture: a row each, from -3 to 3.",
        ),
    ] = None,
    seed: SeedOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", show_default="<model>-directions.npz", help="Where to.")
    ] = None,
    overwrite: Overwrite = False,
    accept_licence: AcceptLicence = False,
    device: Device = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Find directions of the latent space along which pictures change, without a label, and save them; or list saved ones.

    \b
      genkit gan directions --sheet sheet.png
      genkit gan directions my-directions.npz --name 0=sleeves --name 3=colour
    """
    from genkit.errors import UsageError
    from genkit.verbs.gan.directions import METHODS, find_directions, load_directions
    from genkit.verbs.gan.latents import parse_layers
    from genkit.verbs.gan.options import find_card, load_alone, need_styles, read_bytes

    shared = DrawOptions(model=model, accept_licence=accept_licence, device=device, json=json, quiet=quiet)
    given = _names(names or [])
    known = None
    if file is not None:
        if method or layers or output or model:
            raise UsageError("a FILE is listed, named or drawn, and not found anew", "leave out FILE, or the other options")
        known = load_directions(read_bytes(file, "directions"), str(file)).named(given)
    loaded = None
    if known is None or sheet is not None:
        card = find_card(known.model if known else model)
        need_styles(card, "directions")
        target = output or Path(f"{card.name}-directions.npz")
        _refuse_existing([*([target] if known is None else []), *([sheet] if sheet else [])], overwrite)
        loaded = load_alone(card, shared)
    if known is None:
        assert loaded is not None
        chosen = parse_layers(layers, loaded.layers, "--layers") if layers is not None else None
        ways = method or METHODS[0]
        known = find_directions(loaded, card.name, ways, count, chosen, revision=card.revision or "").named(given)
        _save(target, known)
    elif given and file is not None:
        _save(file, known)
    if sheet is not None:
        _draw_sheet(loaded, known, seed or 0, sheet)
    _list(known, file or target, sheet, shared)
    return 0


def _names(texts: list[str]) -> dict[int, str]:
    from genkit.errors import UsageError

    pairs = [text.partition("=") for text in texts]
    for number, equals, word in pairs:
        if not (number.strip().isdigit() and equals and word.strip()):
            raise UsageError(f"--name {number}{equals}{word}: expected N=WORD, such as 0=sleeves")
    return {int(number): word for number, _, word in pairs}


def _refuse_existing(paths: list[Path], overwrite: bool) -> None:
    from genkit.errors import UsageError

    there = [str(path) for path in paths if path.exists()]
    if there and not overwrite:
        raise UsageError(f"already there: {', '.join(there)}", "--overwrite replaces it, or another -o", code="output-exists")


def _save(path: Path, found: Directions) -> None:
    from genkit.media.atomic import write_atomic

    write_atomic(path, partial(put, found.dump()))


def _draw_sheet(model: Any, found: Directions, seed: int, path: Path) -> None:
    """A row for each direction, from the one end to the other."""
    import torch

    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture
    from genkit.verbs.gan.task import grid, render

    w = model.mapping(model.latents([seed]), model.labels_for([seed]), None)
    rows = [found.moved(w, index, amount) for index in range(len(found.vectors)) for amount in SHEET_AMOUNTS]
    pictures = list(render(model, torch.cat(rows), [seed] * len(rows)))
    images.write(Picture(*grid(pictures, len(SHEET_AMOUNTS), len(found.vectors))), path)


def _list(found: Directions, path: Path, sheet: Path | None, shared: DrawOptions) -> None:
    from genkit.run.report import write_event

    for index, share in enumerate(found.shares):
        facts = {"name": found.names[index], "share": round(float(share), 5), "scale": round(float(found.scales[index]), 5)}
        if shared.json:
            write_event("direction", index=index, **facts)
        elif not shared.quiet:
            print(f"{index:>4}  {facts['share']:7.2%}  {facts['name']}", file=sys.stderr)
    written = [str(one) for one in (path, sheet) if one is not None]
    if shared.json:
        write_event("done", done=len(found.shares), failed=0, skipped=0, exit=0, files=written)
        return
    for one in written:
        typer.echo(one)
