"""`genkit eval TASK`: measure models, with the protocol beside the figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(name="eval", help="Measure models, with the protocol beside the figures.", no_args_is_help=True)

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


@app.callback()
def choose() -> None:
    """Measure models on pictures whose truth is known."""


@app.command()
def upscale(
    data: PairedData,
    model: Model = None,
    scale: Scale = None,
    degradation: Degradation = "auto",
    border: Border = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """PSNR and SSIM on Y and RGB, with bicubic enlargement beside."""
    from genkit.cards import default_model, find
    from genkit.errors import UsageError
    from genkit.evaluate import upscale as measure
    from genkit.tasks.upscale import UpscaleOptions
    from genkit.tasks.upscale import upscale as enlarge

    if degradation not in ("auto", "given", "clean", "web-photo"):
        raise UsageError(f"--degradation {degradation}: give auto, given, clean or web-photo")
    names = model or [default_model("upscale", scale=scale)]
    wanted = int(scale or find(names[0], "upscale").params["scale"])
    if degradation == "auto":
        degradation = "given" if measure.has_pairs(data, wanted) else "clean"

    def method(network: Any) -> measure.Enlarge:
        return lambda small: enlarge(network, small, None, UpscaleOptions(scale=wanted), _say)[0]

    methods = {"bicubic": measure.bicubic(wanted)} | _load("upscale", names, device, method)
    rows = measure.evaluate(data, methods, wanted, degradation=degradation, border=border, report=_progress)
    columns = {
        "psnr_y": ("PSNR Y", ".2f"),
        "ssim_y": ("SSIM Y", ".4f"),
        "psnr_rgb": ("PSNR RGB", ".2f"),
        "ssim_rgb": ("SSIM RGB", ".4f"),
    }
    _tell(rows, columns, measure.protocol(wanted, degradation, border), json)


@app.command()
def colorize(
    data: Data,
    model: Model = None,
    names: Names = None,
    side: Side = 256,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """PSNR above the grey picture's, and colourfulness."""
    from genkit.cards import default_model
    from genkit.evaluate import colorize as measure
    from genkit.tasks.colorize import ColorizeOptions
    from genkit.tasks.colorize import colorize as colour

    def method(network: Any) -> measure.Colour:
        return lambda grey: colour(network, grey, None, ColorizeOptions(), _say)[0]

    methods = _load("colorize", model or [default_model("colorize")], device, method)
    kept, keep = _keeper(sheet)
    rows = measure.evaluate(data, methods, names=names, side=side, keep=keep, report=_progress)
    _draw(sheet, data, kept, side)
    columns = {
        "psnr": ("PSNR RGB", ".2f"),
        "gain": ("above grey", "+.2f"),
        "colourfulness": ("colourfulness", ".1f"),
        "share": ("of originals'", ".0%"),
        "lightness_error": ("max |dL|", ".2f"),
    }
    _tell(rows, columns, measure.protocol(side), json)


@app.command()
def inpaint(
    data: Data,
    model: Model = None,
    names: Names = None,
    masks: Masks = None,
    side: Side = 256,
    features: Features = None,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """PSNR inside the hole, with OpenCV's methods beside where it is installed."""
    from genkit.cards import default_model
    from genkit.evaluate import inpaint as measure
    from genkit.nets.vgg import load_features
    from genkit.tasks.inpaint import InpaintOptions
    from genkit.tasks.inpaint import inpaint as fill
    from genkit.weights import read_state_dict

    def method(network: Any) -> measure.Fill:
        return lambda pixels, mask: fill(network, pixels, None, mask, InpaintOptions(grow=0, feather=0), _say)[0]

    methods = measure.classical() | _load("inpaint", model or [default_model("inpaint")], device, method)
    judge = None if features is None else load_features(read_state_dict(features))
    kept, keep = _keeper(sheet)
    rows = measure.evaluate(data, methods, names=names, masks=masks, side=side, features=judge, keep=keep, report=_progress)
    _draw(sheet, data, kept, side)
    columns = {"psnr": ("PSNR hole", ".2f"), "distance": ("distance", ".5f"), "unmasked_error": ("unmasked", ".0f")}
    _tell(rows, {key: one for key, one in columns.items() if key in rows[0]}, measure.protocol(side, masks is not None), json)


@app.command()
def style(
    data: Data,
    styles: Annotated[Path, typer.Option("--styles", help="Folder or zip of style pictures.", rich_help_panel=PANEL)],
    features: Annotated[Path, typer.Option("--features", help="VGG-19 weights that judge.", rich_help_panel=PANEL)],
    model: Model = None,
    names: Names = None,
    style_names: Annotated[
        Path | None,
        typer.Option("--style-names", help="Text file with the styles to take, one a line.", rich_help_panel=PANEL),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, help="How many photographs, and how many styles.", rich_help_panel=PANEL)
    ] = 12,
    side: Side = 256,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Content and style losses over all pairs of photographs and styles, the unchanged photographs beside."""
    from genkit.cards import default_model
    from genkit.evaluate import style as measure
    from genkit.nets.vgg import load_features
    from genkit.tasks.style import StyleOptions, Styles
    from genkit.tasks.style import style as stylise
    from genkit.weights import read_state_dict

    def method(network: Any) -> measure.Stylise:
        def run(photo: Any, manner: Any) -> Any:
            return stylise(network, photo, None, StyleOptions(Styles([manner])), _say)[0]

        return run

    methods = {"photograph": lambda photo, manner: photo}
    methods |= _load("style", model or [default_model("style")], device, method)
    pictures = measure.Pictures(data, styles, names=names, style_names=style_names, count=count, side=side)
    judge = load_features(read_state_dict(features))
    rows, drawn = measure.evaluate(pictures, methods, features=judge, draw=sheet is not None, report=_progress)
    if sheet is not None:
        from PIL import Image

        Image.fromarray(drawn).save(sheet)
    _tell(rows, {"style": ("style", ".4g"), "content": ("content", ".4g")}, measure.protocol(side, count), json)


@app.command()
def translate(
    data: Annotated[Path | None, typer.Option("--data", help="Folder or zip of pictures.", rich_help_panel=PANEL)] = None,
    pairs: Annotated[
        str | None,
        typer.Option("--pairs", help="Pairs: A:B, or a folder of A and B or side by side.", rich_help_panel=PANEL),
    ] = None,
    model: Model = None,
    names: Names = None,
    features: Features = None,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies",
            help="Tell whether results copy pictures of --data that --names leaves out (with --features).",
            rich_help_panel=PANEL,
        ),
    ] = False,
    side: Annotated[
        int | None,
        typer.Option("--side", min=16, help="Side in pixels of what is measured. Default: the model's.", rich_help_panel=PANEL),
    ] = None,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """PSNR and feature distance on pairs: --pairs, or pictures and their edges, or photographs and a filter's drawings."""
    from genkit.cards import default_model, find
    from genkit.errors import UsageError
    from genkit.evaluate import translate as measure
    from genkit.evaluate.pairs import folder_pairs, measured_pairs
    from genkit.evaluate.squares import chosen_names
    from genkit.nets.vgg import load_features
    from genkit.tasks.translate import TranslateOptions
    from genkit.tasks.translate import translate as turn
    from genkit.weights import read_state_dict

    if (data is None) == (pairs is None):
        raise UsageError("give --data or --pairs", "genkit eval translate --data photos/")
    if copies and (data is None or names is None or features is None):
        raise UsageError("--copies needs --data, --names and --features")
    chosen = model or [default_model("translate")]
    params = find(chosen[0], "translate").params
    kind = "pairs" if pairs is not None else "edges" if params.get("edges") else "sketch"
    size = side or int(params.get("size", 256))

    def method(network: Any, told: bool) -> measure.Translate:
        def run(given: Any, colour: int) -> Any:
            to = network.domains[colour - 1] if told and colour else None
            return turn(network, given, None, TranslateOptions(to=to), _say)[0]

        return run

    methods: dict[str, Any] = {}
    for name, network in _load("translate", chosen, device, lambda network: network).items():
        methods[name] = method(network, False)
        if kind == "edges" and getattr(network, "domain_optional", False):
            methods[f"{name}, told the colour"] = method(network, True)
    judge = None if features is None else load_features(read_state_dict(features))
    kept, keep = _keeper(sheet)
    training = None
    each: Any
    if pairs is not None:
        found = folder_pairs(pairs, names, size)
        each = ((str(number), *pair) for number, pair in enumerate(found[1] if names is not None else [*found[0], *found[1]]))
    else:
        assert data is not None
        listed = chosen_names(data, names)
        each = measured_pairs(kind, data, listed, size, named=len(methods) > len(chosen))
        if copies and judge is not None:
            training = measure.places(judge, data, listed, size)
    rows = measure.evaluate(each, methods, features=judge, training=training, keep=keep, report=_progress)
    if sheet is not None:
        _stack(sheet, [list(one.values()) for one in kept.values()])
    columns = {"psnr": ("PSNR RGB", ".2f"), "distance": ("distance", ".5f"), "near_ratio": ("near ratio", ".3f")}
    _tell(
        rows, {key: one for key, one in columns.items() if key in rows[0]}, measure.protocol(kind, training is not None), json
    )


def _load(task: str, names: list[str], device: str, method: Callable[[Any], Any]) -> dict[str, Any]:
    """Models by name, each as what the measure calls."""
    from genkit import runtime
    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    found = {}
    for card in [find(name, task) for name in names]:
        place = runtime.choose(device, "auto", card.dtypes)
        files = resolve(card, announce=_say)
        found[card.name] = method(load_model(card, files, place.device, place.dtype, fallback=place.fallback))
    return found


def _keeper(sheet: Path | None) -> tuple[dict[str, dict[str, Any]], Callable[[str, str, Any], None]]:
    """Where results are kept by picture and method, and what keeps them: the first 24 pictures, if a sheet is wanted."""
    kept: dict[str, dict[str, Any]] = {}

    def keep(method: str, name: str, pixels: Any) -> None:
        if sheet is not None and (name in kept or len(kept) < SHOWN):
            kept.setdefault(name, {})[method] = pixels

    return kept, keep


def _draw(sheet: Path | None, data: Path, kept: dict[str, dict[str, Any]], side: int) -> None:
    if sheet is None:
        return
    from genkit.evaluate.squares import centre_square
    from genkit.media.datasets import read_pictures

    originals = {name: centre_square(pixels, side) for name, pixels in read_pictures(data, list(kept))}
    _stack(sheet, [[*kept[name].values(), originals[name]] for name in kept])


def _stack(sheet: Path, pictures: list[list[Any]]) -> None:
    """Write rows of pictures of one size, two rows beside each other."""
    import numpy as np
    from PIL import Image

    rows = [np.concatenate(row, 1) for row in pictures]
    rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
    lines = [np.concatenate(rows[place : place + 2], 1) for place in range(0, len(rows), 2)]
    Image.fromarray(np.concatenate(lines, 0)).save(sheet)


def _tell(rows: list[dict[str, Any]], columns: dict[str, tuple[str, str]], said: str, json: bool) -> None:
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


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _progress(name: str) -> None:
    import sys

    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[2K{name}", nl=False, err=True)
