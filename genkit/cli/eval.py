"""`genkit eval TASK`: measure models, with the protocol beside the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.eval_tts import tts
from genkit.cli.eval_txt2img import txt2img
from genkit.cli.measuring import (
    PANEL,
    SHOWN,
    Border,
    Data,
    Degradation,
    Device,
    Features,
    Json,
    Masks,
    Model,
    Names,
    PairedData,
    Scale,
    Sheet,
    Side,
    cards_of,
    draw_rows,
    draw_sheet,
    keeper,
    load_methods,
    progress,
    say,
    tell,
)

app = typer.Typer(name="eval", help="Measure models, with the protocol beside the figures.", no_args_is_help=True)
app.command()(txt2img)
app.command()(tts)


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
    from genkit.verbs.upscale.task import UpscaleOptions
    from genkit.verbs.upscale.task import upscale as enlarge

    if degradation not in ("auto", "given", "clean", "web-photo"):
        raise UsageError(f"--degradation {degradation}: give auto, given, clean or web-photo")
    names = model or [default_model("upscale", scale=scale)]
    wanted = int(scale or find(names[0], "upscale").params["scale"])
    if degradation == "auto":
        degradation = "given" if measure.has_pairs(data, wanted) else "clean"

    def method(network: Any) -> measure.Enlarge:
        return lambda small: enlarge(network, small, None, UpscaleOptions(scale=wanted), say)[0]

    methods = {"bicubic": measure.bicubic(wanted)} | load_methods("upscale", names, device, method)
    rows = measure.evaluate(data, methods, wanted, degradation=degradation, border=border, report=progress)
    columns = {
        "psnr_y": ("PSNR Y", ".2f"),
        "ssim_y": ("SSIM Y", ".4f"),
        "psnr_rgb": ("PSNR RGB", ".2f"),
        "ssim_rgb": ("SSIM RGB", ".4f"),
    }
    tell(rows, columns, measure.protocol(wanted, degradation, border), json)


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
    from genkit.verbs.colorize.task import ColorizeOptions
    from genkit.verbs.colorize.task import colorize as colour

    def method(network: Any) -> measure.Colour:
        return lambda grey: colour(network, grey, None, ColorizeOptions(), say)[0]

    methods = load_methods("colorize", model or [default_model("colorize")], device, method)
    kept, keep = keeper(sheet)
    rows = measure.evaluate(data, methods, names=names, side=side, keep=keep, report=progress)
    draw_sheet(sheet, data, kept, side)
    columns = {
        "psnr": ("PSNR RGB", ".2f"),
        "gain": ("above grey", "+.2f"),
        "colourfulness": ("colourfulness", ".1f"),
        "share": ("of originals'", ".0%"),
        "lightness_error": ("max |dL|", ".2f"),
    }
    tell(rows, columns, measure.protocol(side), json)


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
    from genkit.verbs.inpaint.task import InpaintOptions
    from genkit.verbs.inpaint.task import inpaint as fill
    from genkit.weights import read_state_dict

    def method(network: Any) -> measure.Fill:
        return lambda pixels, mask: fill(network, pixels, None, mask, InpaintOptions(grow=0, feather=0), say)[0]

    methods = measure.classical() | load_methods("inpaint", model or [default_model("inpaint")], device, method)
    judge = None if features is None else load_features(read_state_dict(features))
    kept, keep = keeper(sheet)
    rows = measure.evaluate(data, methods, names=names, masks=masks, side=side, features=judge, keep=keep, report=progress)
    draw_sheet(sheet, data, kept, side)
    columns = {"psnr": ("PSNR hole", ".2f"), "distance": ("distance", ".5f"), "unmasked_error": ("unmasked", ".0f")}
    tell(rows, {key: one for key, one in columns.items() if key in rows[0]}, measure.protocol(side, masks is not None), json)


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
    from genkit.verbs.style.task import StyleOptions, Styles
    from genkit.verbs.style.task import style as stylise
    from genkit.weights import read_state_dict

    def method(network: Any) -> measure.Stylise:
        def run(photo: Any, manner: Any) -> Any:
            return stylise(network, photo, None, StyleOptions(Styles([manner])), say)[0]

        return run

    methods = {"photograph": lambda photo, manner: photo}
    methods |= load_methods("style", model or [default_model("style")], device, method)
    pictures = measure.Pictures(data, styles, names=names, style_names=style_names, count=count, side=side)
    judge = load_features(read_state_dict(features))
    rows, drawn = measure.evaluate(pictures, methods, features=judge, draw=sheet is not None, report=progress)
    if sheet is not None:
        from PIL import Image

        Image.fromarray(drawn).save(sheet)
    tell(rows, {"style": ("style", ".4g"), "content": ("content", ".4g")}, measure.protocol(side, count), json)


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
    from genkit.data.pairs import folder_pairs, measured_pairs
    from genkit.data.squares import chosen_names
    from genkit.errors import UsageError
    from genkit.evaluate import translate as measure
    from genkit.nets.vgg import load_features
    from genkit.verbs.translate.task import TranslateOptions
    from genkit.verbs.translate.task import translate as turn
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
            return turn(network, given, None, TranslateOptions(to=to), say)[0]

        return run

    methods: dict[str, Any] = {}
    for name, network in load_methods("translate", chosen, device, lambda network: network).items():
        methods[name] = method(network, False)
        if kind == "edges" and getattr(network, "domain_optional", False):
            methods[f"{name}, told the colour"] = method(network, True)
    judge = None if features is None else load_features(read_state_dict(features))
    kept, keep = keeper(sheet)
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
    rows = measure.evaluate(each, methods, features=judge, training=training, keep=keep, report=progress)
    if sheet is not None:
        draw_rows(sheet, [list(one.values()) for one in kept.values()])
    columns = {"psnr": ("PSNR RGB", ".2f"), "distance": ("distance", ".5f"), "near_ratio": ("near ratio", ".3f")}
    tell(rows, {key: one for key, one in columns.items() if key in rows[0]}, measure.protocol(kind, training is not None), json)


@app.command()
def gan(
    data: Data,
    features: Annotated[
        str, typer.Option("--features", help="VGG-19 that judges: a file of its weights, or vgg19.", rich_help_panel=PANEL)
    ],
    model: Model = None,
    names: Annotated[
        Path | None,
        typer.Option(
            "--names",
            help="Text file with pictures of --data that were not trained on: what is as near as they are is no copy.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="The training configuration: how pictures were read. Default: as the model's card says.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=8, help="Pictures to draw; at most half of the real ones.", rich_help_panel=PANEL)
    ] = 2000,
    truncation: Annotated[
        float,
        typer.Option(
            "--truncation", min=0, max=1, help="For models that have it; 1 measures the model.", rich_help_panel=PANEL
        ),
    ] = 1.0,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet", help="Write drawn pictures beside their nearest training pictures (PNG).", rich_help_panel=PANEL
        ),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Frechet and kernel distance, precision and recall, and whether drawn pictures are copies; real pictures beside."""
    from genkit.cards import default_model
    from genkit.errors import UsageError
    from genkit.evaluate import gan as measure
    from genkit.evaluate.distribution import Features as Judge
    from genkit.train.config import read_config
    from genkit.train.perceptual import load_judge

    chosen = model or [default_model("gan")]
    cards = cards_of("gan", chosen)
    read = dict(read_config(config).data) if config is not None else {}
    judge = Judge(load_judge(features, "genkit eval gan"))
    found: dict[int, Any] = {}
    rows: list[dict[str, Any]] = []
    pairs: list[Any] = []
    for name, network in load_methods("gan", chosen, device, lambda network: network).items():
        if found and network.side not in found:
            raise UsageError(f"{name} draws a side of {network.side}: measure models of one side together")
        if not found:
            training, held = measure.read_sets(data, names, network, {**cards[name].params, **read})
            found[network.side] = reals = measure.Reals(judge, training, held, count, network.device)
            rows.append(measure.reference(reals).row)
        progress(name)
        draw, labels = measure.drawing(network, reals.training.classes, truncation)
        one = measure.measure(name, draw, labels, reals, pairs=SHOWN if sheet is not None else 0)
        rows.append(one.row)
        pairs += one.nearest
    if sheet is not None:
        from PIL import Image

        Image.fromarray(measure.sheet(pairs)).save(sheet)
    columns = {
        "frechet": ("Frechet", ".3f"),
        "kernel": ("kernel", ".3f"),
        "precision": ("precision", ".3f"),
        "recall": ("recall", ".3f"),
        "near_ratio": ("near ratio", ".3f"),
        "copies": ("copies", ".1%"),
    }
    tell(rows, columns, measure.protocol(names is not None, int(rows[0]["pictures"]), truncation), json)
