"""`genkit eval gan` and `genkit eval txt2img`: see `genkit.evaluate.gan` and `genkit.evaluate.txt2img`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from genkit.cli.measuring import (
    SHEET_PICTURES,
    Columns,
    Data,
    Device,
    Json,
    Judge,
    MeasureOption,
    Model,
    cards_of,
    load_methods,
    notify,
    print_rows,
    progress,
    write_sheet,
)

DISTANCES: Columns = {
    "near_ratio": ("near ratio", ".3f"),
    "fid": ("FID", ".2f"),
    "frechet": ("Frechet", ".3f"),
    "kernel": ("kernel", ".3f"),
}


def gan(
    data: Data,
    model: Model = None,
    features: Judge = "",
    names: Annotated[
        Path | None,
        MeasureOption(
            "--names",
            metavar="FILE",
            help="Text file with pictures of --data that were not trained on: what is as near as they are is no copy.",
        ),
    ] = None,
    config: Annotated[
        str | None,
        MeasureOption(
            "--config",
            metavar="NAME|FILE",
            help="The training configuration: how pictures were read.",
            show_default="as the model's card says",
        ),
    ] = None,
    count: Annotated[
        int, MeasureOption("--count", metavar="N", min=8, help="Pictures to draw; at most half of the real ones.")
    ] = 2000,
    truncation: Annotated[
        float, MeasureOption("--truncation", metavar="0-1", min=0, max=1, help="For models that have it; 1 measures the model.")
    ] = 1.0,
    sheet: Annotated[
        Path | None,
        MeasureOption("--sheet", metavar="FILE", help="Write drawn pictures beside their nearest training pictures (PNG)."),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """How far drawn pictures are from real ones as a whole (Fréchet and kernel distance, precision and recall), and whether
    they are copies; real pictures beside."""
    from genkit.errors import UsageError
    from genkit.evaluate import gan as measure
    from genkit.evaluate.distribution import Features as Vectors
    from genkit.evaluate.fid import inception
    from genkit.evaluate.perceptual import load_perceptual
    from genkit.train.config import config_path, read_config

    cards = cards_of("gan", model)
    how_read = dict(read_config(config_path(config, "gan")).data) if config is not None else {}
    vectors, whole = Vectors(load_perceptual(features)), inception(notify)
    real: Any = None
    rows: list[dict[str, Any]] = []
    nearest: list[Any] = []
    for name, network in load_methods("gan", model, device).items():
        if real is None:
            training, held = measure.read_sets(data, names, network, {**cards[name].params, **how_read})
            real = measure.RealPictures(vectors, training, held, count, network.device, whole)
            rows.append(measure.reference(real).row)
        elif network.side != real.training.pixels.shape[1]:
            raise UsageError(f"{name} draws a side of {network.side}: measure models of one side together")
        progress(name)
        draw, labels = measure.drawing(network, real.training.classes, truncation)
        measured = measure.measure(name, draw, labels, real, pairs=SHEET_PICTURES if sheet is not None else 0)
        rows.append(measured.row)
        nearest += measured.nearest
    if sheet is not None:
        write_sheet(sheet, measure.sheet(nearest))
    columns = {
        "fid": DISTANCES["fid"],
        "frechet": DISTANCES["frechet"],
        "kernel": DISTANCES["kernel"],
        "precision": ("precision", ".3f"),
        "recall": ("recall", ".3f"),
        "near_ratio": DISTANCES["near_ratio"],
        "copies": ("copies", ".1%"),
    }
    told = measure.protocol(names is not None, int(rows[0]["pictures"]), truncation, vectors.title, fid=whole is not None)
    print_rows(rows, columns, told, json)


def txt2img(
    data: Annotated[
        list[Path], MeasureOption("--data", metavar="PATH", help="The folder or zip it was trained on; again for each.")
    ],
    model: Model = None,
    features: Judge = "",
    captions: Annotated[
        Path | None,
        MeasureOption(
            "--captions",
            metavar="FILE",
            help="Table of file and name (TSV, CSV).",
            show_default="captions.tsv in the data, or .txt beside the pictures",
        ),
    ] = None,
    config: Annotated[
        str | None,
        MeasureOption("--config", metavar="NAME|FILE", help="The training configuration: which pictures were read, and how."),
    ] = None,
    count: Annotated[int, MeasureOption("--count", metavar="N", min=1, help="Names to draw.")] = 200,
    style: Annotated[
        str, MeasureOption("--style", metavar="NAME", help="Take the pictures of this style of the configuration.")
    ] = "",
    prompts: Annotated[
        Path | None, MeasureOption("--prompts", metavar="FILE", help="Text file: draw these too, one a line, for the sheet.")
    ] = None,
    steps: Annotated[
        int | None, MeasureOption("--steps", metavar="N", min=1, help="Steps of the drawing.", show_default="the model's")
    ] = None,
    guidance: Annotated[
        float | None,
        MeasureOption("--guidance", metavar="N", min=0, help="How closely names are followed.", show_default="the model's"),
    ] = None,
    seed: Annotated[int, MeasureOption("--seed", metavar="N", min=0, help="The first name's; the next have the next.")] = 0,
    sheet: Annotated[
        Path | None,
        MeasureOption("--sheet", metavar="FILE", help="Write drawings beside their nearest training pictures (PNG)."),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Draw names that a model was trained on: how often is the drawing nearest to that name's own picture, and how far are
    drawings as a whole from the real pictures?"""
    from dataclasses import replace

    from genkit.data.captions import Selection, read_captioned
    from genkit.data.labels import opaque
    from genkit.data.names import read_names
    from genkit.errors import UsageError
    from genkit.evaluate import txt2img as measure
    from genkit.evaluate.distribution import Features as Vectors
    from genkit.evaluate.fid import inception
    from genkit.evaluate.perceptual import load_perceptual
    from genkit.train.config import config_path, read_config
    from genkit.train.txt2img.job import selection_of

    selection = selection_of(read_config(config_path(config, "txt2img"))) if config is not None else Selection()
    vectors, whole = Vectors(load_perceptual(features)), inception(notify)
    further = [] if prompts is None else read_names(prompts)
    settings = {key: value for key, value in (("steps", steps), ("guidance", guidance)) if value is not None}
    real: Any = None
    rows: list[dict[str, Any]] = []
    pictures: list[Any] = []
    for name, network in load_methods("txt2img", model, device).items():
        side = network.native_size[0]
        if real is None:
            captioned = read_captioned(data, captions, replace(selection, side=side))
            real = measure.RealPictures(vectors, captioned, count, style, network.device, whole)
            rows.append(measure.reference(real).row)
        elif side != real.pixels.shape[1]:
            raise UsageError(f"{name} draws a side of {side}: measure models of one side together")
        progress(name)
        draw = measure.drawing(network, settings)
        measured = measure.measure(name, draw, real, seed=seed, pairs=SHEET_PICTURES if sheet is not None else 0)
        rows.append(measured.row)
        pictures += measured.drawn
        if further and sheet is not None:
            drawn = opaque(draw(further, range(seed, seed + len(further))), measure.GROUND)
            pictures += [(words, pixels, []) for words, pixels in zip(further, drawn, strict=True)]
    if sheet is not None:
        write_sheet(sheet, measure.sheet(pictures))
    columns = {"top1": ("top 1", ".1%"), "top5": ("top 5", ".1%"), **DISTANCES}
    told = measure.protocol(int(rows[0]["pictures"]), style, seed, vectors.title, fid=whole is not None)
    print_rows(rows, columns, told, json)
