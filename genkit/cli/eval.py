"""`genkit eval TASK`: measure models, with the protocol beside the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(name="eval", help="Measure models, with the protocol beside the figures.", no_args_is_help=True)

Data = Annotated[
    Path, typer.Option("--data", help="Folder or zip of pictures, or of HR_x4 and LR_x4 pairs.", rich_help_panel="Measure")
]
Model = Annotated[
    list[str] | None,
    typer.Option("--model", help="Model name (repeat to compare). Default: the shipped one.", rich_help_panel="Measure"),
]
Scale = Annotated[int | None, typer.Option("--scale", min=1, help="Default: the model's own.", rich_help_panel="Measure")]
Degradation = Annotated[
    str,
    typer.Option(
        "--degradation",
        help="given (the data's own small pictures), clean (bicubic) or web-photo. Default: given where there are pairs.",
        rich_help_panel="Measure",
    ),
]
Border = Annotated[
    int | None,
    typer.Option("--border", min=0, help="Pixels left out on each side. Default: the scale.", rich_help_panel="Measure"),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel="Measure")]
Json = Annotated[bool, typer.Option("--json", help="Print the rows as JSON.", rich_help_panel="Measure")]


@app.callback()
def choose() -> None:
    """Measure models on pictures whose truth is known."""


@app.command()
def upscale(
    data: Data,
    model: Model = None,
    scale: Scale = None,
    degradation: Degradation = "auto",
    border: Border = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """PSNR and SSIM on Y and RGB, with bicubic enlargement beside."""
    from genkit import runtime
    from genkit.cards import default_model, find
    from genkit.errors import UsageError
    from genkit.evaluate import upscale as measure
    from genkit.models import load_model
    from genkit.tasks.upscale import UpscaleOptions
    from genkit.tasks.upscale import upscale as enlarge
    from genkit.weights import resolve

    if degradation not in ("auto", "given", "clean", "web-photo"):
        raise UsageError(f"--degradation {degradation}: give auto, given, clean or web-photo")
    cards = [find(name, "upscale") for name in model or [default_model("upscale", scale=scale)]]
    wanted = int(scale or cards[0].params["scale"])
    if degradation == "auto":
        degradation = "given" if measure.has_pairs(data, wanted) else "clean"

    methods: dict[str, measure.Enlarge] = {"bicubic": measure.bicubic(wanted)}
    for card in cards:
        place = runtime.choose(device, "auto", card.dtypes)
        network = load_model(card, resolve(card, announce=_say), place.device, place.dtype)

        def apply(small: Any, network: Any = network) -> Any:
            return enlarge(network, small, None, UpscaleOptions(scale=wanted), _say)[0]

        methods[card.name] = apply
    rows = measure.evaluate(data, methods, wanted, degradation=degradation, border=border, report=_progress)
    said = measure.protocol(wanted, degradation, border)
    if json:
        import json as notation

        typer.echo(notation.dumps({"schema": "genkit/1", "event": "done", "protocol": said, "rows": rows}))
        return
    width = max(len(row["model"]) for row in rows)
    typer.echo(f"{'set':10}  {'model':{width}}  {'n':>4}  {'PSNR Y':>7}  {'SSIM Y':>7}  {'PSNR RGB':>8}  {'SSIM RGB':>8}")
    for row in rows:
        figures = f"{row['psnr_y']:7.2f}  {row['ssim_y']:7.4f}  {row['psnr_rgb']:8.2f}  {row['ssim_rgb']:8.4f}"
        typer.echo(f"{row['set']:10}  {row['model']:{width}}  {row['pictures']:4}  {figures}")
    typer.echo(said)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _progress(name: str) -> None:
    import sys

    if sys.stderr.isatty():
        typer.echo(f"\r\x1b[2K{name}", nl=False, err=True)
