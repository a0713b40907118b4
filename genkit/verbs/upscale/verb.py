"""`genkit upscale`: enlarge pictures."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from genkit.cli.options import ImageOptions, parse_model_options, spread

app = typer.Typer(rich_markup_mode=None, add_completion=False)

SIZE = "Size"


@app.command()
@spread
def upscale(
    shared: ImageOptions,
    scale: Annotated[
        float | None,
        typer.Option(
            "-s",
            "--scale",
            metavar="N",
            rich_help_panel=SIZE,
            show_default="the model's, 4",
            help="How many times as wide and high, such as 2 or 1.5.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WxH",
            rich_help_panel=SIZE,
            show_default="by --scale",
            help="Fit inside this, in pixels, or inside 720p, 1080p, 1440p (2k), 4k, 5k or 8k.",
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option("--width", metavar="N", min=1, rich_help_panel=SIZE, show_default="by --scale", help="Width in pixels."),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option("--height", metavar="N", min=1, rich_help_panel=SIZE, show_default="by --scale", help="Height in pixels."),
    ] = None,
    tile: Annotated[
        str,
        typer.Option(
            "--tile",
            metavar="N",
            rich_help_panel="Run",
            help="auto (by free memory), 0 for the whole picture at once, or a side in input pixels.",
        ),
    ] = "auto",
    wrap: Annotated[
        bool, typer.Option("--wrap", rich_help_panel="Model", help="Keep a seamless texture seamless: edges go round.")
    ] = False,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta", rich_help_panel="Model", help="Average eight turned and mirrored passes: 8 times as slow, a bit better."
        ),
    ] = False,
) -> int:
    """Enlarge pictures: files, folders, whole trees. Metadata, transparency, 16 bits and the format are kept.

    Without -o the result lies beside its input: photo.jpg gives photo_x4.jpg.

    \b
      genkit upscale photo.jpg
      genkit upscale holiday -r -o large/ --scale 2
      genkit upscale scan.tif --size 4k --model realesrgan-x4plus
      genkit upscale - < in.jpg > out.jpg
    """
    from genkit import cards
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.verbs.upscale import task

    card = cards.find(shared.model or cards.default_model("upscale", scale=scale), "upscale")
    model_options = parse_model_options(card, shared.model_options)
    options = task.UpscaleOptions(
        scale=scale,
        size=size,
        width=width,
        height=height,
        tile=parse_tile(tile),
        wrap=wrap,
        tta=tta,
        model_options=model_options,
    )
    task.check(options)
    model_scale = int(card.params.get("scale", 1))

    def apply(model: Any, picture: Any, notice: Any) -> Any:
        pixels, alpha = task.upscale(model, picture.pixels, picture.alpha, options, notice)
        return picture.with_pixels(pixels, alpha)

    given = {"scale": scale, "size": size, "width": width, "height": height, "wrap": wrap, "tta": tta}
    recorded = {name: value for name, value in given.items() if value} | (
        {"model_options": model_options} if model_options else {}
    )
    return run_pictures(
        shared,
        PictureVerb(
            name="upscale",
            card=card,
            mark=mark_of(options, model_scale),
            marks=r"_x\d+(\.\d+)?|_\d+k|_\d+p|_\d+x\d+|_[wh]\d+|_restored",
            apply=apply,
            size_of=lambda width, height: task.target_size(width, height, options, model_scale),
            options=recorded,
            fields={"scale": _number(scale or model_scale)},
        ),
    )


def parse_tile(text: str) -> int | None:
    """Read --tile: None for auto.

    Raises:
        UsageError: neither auto nor a number.
    """
    from genkit.errors import UsageError

    if text == "auto":
        return None
    if not text.isdecimal():
        raise UsageError(f"--tile {text}: expected auto, 0 for the whole picture, or a side in pixels")
    return int(text)


def mark_of(options: Any, model_scale: int) -> str:
    """What the name of an output beside its input says: `_x4`, `_4k`, `_w1920`; `_restored` where nothing grows."""
    if options.size is not None:
        return f"_{options.size.lower().replace('×', 'x')}"
    if options.width is not None or options.height is not None:
        parts = (f"w{options.width}" if options.width else "", f"h{options.height}" if options.height else "")
        return "_" + "".join(parts)
    scale = options.scale or model_scale
    return "_restored" if scale == 1 else f"_x{scale:g}"


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value
