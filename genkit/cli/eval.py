"""`genkit eval TASK`: measure models, with the protocol beside the figures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.eval_drawing import gan, txt2img
from genkit.cli.eval_tts import tts
from genkit.cli.measuring import (
    PERCEPTUAL,
    SHEET_PICTURES,
    Data,
    Device,
    Features,
    Json,
    Judge,
    MeasureOption,
    Model,
    Names,
    Sheet,
    Side,
    cards_of,
    draw_rows,
    draw_sheet,
    keeper,
    load_features,
    load_methods,
    notify,
    picture_distance,
    print_rows,
    progress,
    write_sheet,
)

app = typer.Typer(name="eval", help="Measure models, with the protocol beside the figures.", no_args_is_help=True)


@app.callback()
def choose() -> None:
    """Measure models on pictures whose truth is known."""


@app.command()
def upscale(
    data: Annotated[
        Path, MeasureOption("--data", metavar="PATH", help="Folder or zip of pictures, or of HR_x4 and LR_x4 pairs.")
    ],
    model: Model = None,
    scale: Annotated[
        int | None, MeasureOption("--scale", metavar="N", min=1, help="How many times larger.", show_default="the model's own")
    ] = None,
    degradation: Annotated[
        str,
        MeasureOption(
            "--degradation",
            metavar="NAME",
            help="given (the data's own small pictures), clean (bicubic) or web-photo.",
            show_default="given where there are pairs",
        ),
    ] = "auto",
    border: Annotated[
        int | None,
        MeasureOption("--border", metavar="N", min=0, help="Pixels left out on each side.", show_default="the scale"),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How near enlargements come to the originals: PSNR and SSIM on luma and RGB, with bicubic enlargement beside."""
    from genkit.cards import default_model, find
    from genkit.errors import UsageError
    from genkit.evaluate import upscale as measure

    if degradation not in ("auto", "given", "clean", "web-photo"):
        raise UsageError(f"--degradation {degradation}: give auto, given, clean or web-photo")
    names = model or [default_model("upscale", scale=scale)]
    wanted = int(scale or find(names[0], "upscale").params["scale"])
    if degradation == "auto":
        degradation = "given" if measure.has_pairs(data, wanted) else "clean"
    models = load_methods("upscale", names, device, partial(measure.of_model, scale=wanted, notify=notify))
    methods = {"bicubic": measure.bicubic(wanted), **models}
    distance = picture_distance()
    rows = measure.evaluate(data, methods, wanted, degradation=degradation, border=border, distance=distance, report=progress)
    columns = {
        "psnr_y": ("PSNR Y", ".2f"),
        "ssim_y": ("SSIM Y", ".4f"),
        "psnr_rgb": ("PSNR RGB", ".2f"),
        "ssim_rgb": ("SSIM RGB", ".4f"),
    }
    print_rows(rows, columns | PERCEPTUAL, measure.protocol(wanted, degradation, border, distance), json)


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
    """How much nearer to the originals than grey pictures results are (PSNR), and how colourful."""
    from genkit.evaluate import colorize as measure

    methods = load_methods("colorize", model, device, partial(measure.of_model, notify=notify))
    kept, keep = keeper(sheet)
    distance = picture_distance()
    rows = measure.evaluate(data, methods, names=names, side=side, distance=distance, keep=keep, report=progress)
    draw_sheet(sheet, data, kept, side)
    columns = {
        "psnr": ("PSNR RGB", ".2f"),
        "gain": ("above grey", "+.2f"),
        "colourfulness": ("colourfulness", ".1f"),
        "share": ("of originals'", ".0%"),
        "lightness_error": ("max |dL|", ".2f"),
    }
    print_rows(rows, columns | PERCEPTUAL, measure.protocol(side, distance), json)


@app.command()
def inpaint(
    data: Data,
    model: Model = None,
    names: Names = None,
    masks: Annotated[
        Path | None,
        MeasureOption(
            "--masks",
            metavar="PATH",
            help="Folder or zip of masks, one for each picture, white = repaint.",
            show_default="drawn from seed 0",
        ),
    ] = None,
    holes: Annotated[
        str,
        MeasureOption("--holes", metavar="KIND", help="What is drawn: strokes, thin ones, or box:N, blob:N of N per cent."),
    ] = "strokes",
    side: Side = 256,
    features: Features = None,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How near filled holes come to the originals (PSNR) and how rough they are, with classical methods beside."""
    from genkit.evaluate import inpaint as measure

    methods, judge = measure.classical(), load_features(features)
    for name, network in load_methods("inpaint", model, device).items():
        methods[f"{name} --texture 0"] = measure.of_model(network, notify, texture=0.0)
        methods[name] = measure.of_model(network, notify)
    distance = picture_distance(instead=judge is None)
    kept, keep = keeper(sheet)
    rows = measure.evaluate(
        data,
        methods,
        names=names,
        masks=masks or holes,
        side=side,
        features=judge,
        distance=distance,
        keep=keep,
        report=progress,
    )
    draw_sheet(sheet, data, kept, side)
    textured = {"energy": ("energy", ".2f"), "seam": ("seam", ".2f")}
    columns = {"psnr": ("PSNR hole", ".2f"), **textured, **PERCEPTUAL, "unmasked_error": ("unmasked", ".0f")}
    print_rows(rows, columns, measure.protocol(side, masks or holes, judge, distance), json)


@app.command()
def cutout(
    data: Annotated[
        list[Path],
        MeasureOption("--data", metavar="PATH", help="Folder or zip of subjects with transparency around, again for each."),
    ],
    backgrounds: Annotated[
        Path, MeasureOption("--backgrounds", metavar="PATH", help="Folder or zip of pictures to put them before.")
    ],
    model: Model = None,
    names: Annotated[
        Path | None,
        MeasureOption(
            "--names", metavar="FILE", help="Text file with the backgrounds to take, one a line.", show_default="all"
        ),
    ] = None,
    every: Annotated[
        bool, MeasureOption("--all", help="Take all subjects, not those alone whose names training leaves out.")
    ] = False,
    matte: Annotated[bool, MeasureOption("--matte", help="With soft edges, as genkit cutout --matte.")] = False,
    count: Annotated[int, MeasureOption("--count", metavar="N", min=1, help="How many composites.")] = 100,
    side: Annotated[int, MeasureOption("--side", metavar="N", min=16, help="Side in pixels of a composite.")] = 320,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How well masks fit subjects whose transparency is known, put before photographs: IoU and mean absolute error."""
    from genkit.evaluate import cutout as measure

    methods = load_methods("cutout", model, device, partial(measure.of_model, matte=matte))
    pairs = measure.composites(data, backgrounds, names=names, count=count, side=side, held=not every)
    kept: dict[int, dict[str, Any]] = {}

    def keep(method: str, number: int, mask: Any) -> None:
        if number < SHEET_PICTURES:
            kept.setdefault(number, {})[method] = mask

    rows = measure.evaluate(pairs, methods, keep=keep, report=progress)
    if sheet is not None:
        draw_rows(sheet, measure.rows_of_sheet(pairs, kept))
    columns = {"iou": ("IoU", ".3f"), "mae": ("MAE", ".4f"), "lost": ("lost", ".0%")}
    print_rows(rows, columns, measure.protocol(side, len(pairs), not every), json)


@app.command()
def style(
    data: Data,
    styles: Annotated[Path, MeasureOption("--styles", metavar="PATH", help="Folder or zip of style pictures.")],
    model: Model = None,
    features: Judge = "",
    names: Names = None,
    style_names: Annotated[
        Path | None, MeasureOption("--style-names", metavar="FILE", help="Text file with the styles to take, one a line.")
    ] = None,
    count: Annotated[int, MeasureOption("--count", metavar="N", min=1, help="How many photographs, and how many styles.")] = 12,
    side: Side = 256,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How near results are to the style and to the photograph, over all pairs of the two, the unchanged photographs beside."""
    from genkit.evaluate import style as measure

    models = load_methods("style", model, device, partial(measure.of_model, notify=notify))
    methods = {"photograph": lambda photo, style: photo, **models}
    pictures = measure.Pictures(data, styles, names=names, style_names=style_names, count=count, side=side)
    judge = load_features(features)
    distance = picture_distance(instead=False)  # the judge says enough of the content
    rows, drawn = measure.evaluate(
        pictures, methods, features=judge, distance=distance, draw=sheet is not None, report=progress
    )
    if sheet is not None:
        write_sheet(sheet, drawn)
    columns = {"style": ("style", ".4g"), "content": ("content", ".4g"), **PERCEPTUAL}
    print_rows(rows, columns, measure.protocol(side, count, judge, distance), json)


@app.command()
def translate(
    data: Annotated[Path | None, MeasureOption("--data", metavar="PATH", help="Folder or zip of pictures.")] = None,
    pairs: Annotated[
        str | None, MeasureOption("--pairs", metavar="A:B|DIR", help="Pairs: A:B, or a folder of A and B or side by side.")
    ] = None,
    model: Model = None,
    names: Names = None,
    features: Features = None,
    copies: Annotated[
        bool,
        MeasureOption(
            "--copies", help="Tell whether results copy pictures of --data that --names leaves out (with --features)."
        ),
    ] = False,
    side: Annotated[
        int | None,
        MeasureOption("--side", metavar="N", min=16, help="Side in pixels of what is measured.", show_default="the model's"),
    ] = None,
    sheet: Sheet = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How near results come to what they should be (PSNR, feature distance): on --pairs, or on pictures and their edges or a
    filter's drawings of them, by the model."""
    from genkit.data.pairs import folder_pairs, measured_pairs
    from genkit.data.squares import chosen_names
    from genkit.errors import UsageError
    from genkit.evaluate import translate as measure

    if (data is None) == (pairs is None):
        raise UsageError("give --data or --pairs", "genkit eval translate --data photos/")
    if copies and (data is None or names is None or features is None):
        raise UsageError("--copies needs --data, --names and --features")
    params = next(iter(cards_of("translate", model).values())).params
    kind = "pairs" if pairs is not None else "edges" if params.get("edges") else "sketch"
    size = side or int(params.get("size", 256))
    methods: dict[str, Any] = {}
    with_colour = False
    for name, network in load_methods("translate", model, device).items():
        methods[name] = measure.of_model(network, notify)
        if kind == "edges" and network.domain_optional:
            methods[f"{name}, told the colour"] = measure.of_model(network, notify, with_colour=True)
            with_colour = True
    judge = load_features(features)
    distance = picture_distance(instead=judge is None)
    kept, keep = keeper(sheet)
    training = None
    each: Any
    if data is None:
        training_pairs, held = folder_pairs(str(pairs), names, size)
        chosen = held if names is not None else [*training_pairs, *held]
        each = ((str(number), *pair) for number, pair in enumerate(chosen))
    else:
        listed = chosen_names(data, names)
        each = measured_pairs(kind, data, listed, size, named=with_colour)
        if copies:
            training = measure.training_features(judge, data, listed, size)
    rows = measure.evaluate(each, methods, features=judge, distance=distance, training=training, keep=keep, report=progress)
    if sheet is not None:
        draw_rows(sheet, [list(results.values()) for results in kept.values()])
    columns = {"psnr": ("PSNR RGB", ".2f"), **PERCEPTUAL, "near_ratio": ("near ratio", ".3f")}
    print_rows(rows, columns, measure.protocol(kind, training is not None, judge, distance), json)


for command in (gan, txt2img, tts):
    app.command()(command)
