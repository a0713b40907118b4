"""`genkit eval txt2img`: see `genkit.evaluate.txt2img`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.measuring import PANEL, SHOWN, Device, Json, Model, load_methods, progress, tell


def txt2img(
    data: Annotated[
        list[Path],
        typer.Option("--data", help="The folder or zip it was trained on (repeat for several).", rich_help_panel=PANEL),
    ],
    features: Annotated[
        str, typer.Option("--features", help="VGG-19: a model's name (vgg19) or a file.", rich_help_panel=PANEL)
    ],
    model: Model = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            "--captions",
            help="Table of file and name (TSV, CSV). Default: captions.tsv in the data, or .txt beside the pictures.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="The training configuration: which pictures were read, and how.", rich_help_panel=PANEL),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="Names to draw.", rich_help_panel=PANEL)] = 200,
    style: Annotated[
        str, typer.Option("--style", help="Take the pictures of this style of the configuration.", rich_help_panel=PANEL)
    ] = "",
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", help="Text file: draw these too, one a line, for the sheet.", rich_help_panel=PANEL),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Default: the model's.", rich_help_panel=PANEL)] = None,
    guidance: Annotated[
        float | None, typer.Option("--guidance", min=0, help="Default: the model's.", rich_help_panel=PANEL)
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The first name's; the next have the next.", rich_help_panel=PANEL)
    ] = 0,
    sheet: Annotated[
        Path | None,
        typer.Option("--sheet", help="Write drawings beside their nearest training pictures (PNG).", rich_help_panel=PANEL),
    ] = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Is a trained name's own picture found from what is drawn, and how far is it all from the real pictures?"""
    from genkit.cards import default_model
    from genkit.data.captions import Choice, read_captioned
    from genkit.errors import UsageError
    from genkit.evaluate import txt2img as measure
    from genkit.evaluate.distribution import Features as Judge
    from genkit.train.config import read_config
    from genkit.train.perceptual import load_judge
    from genkit.train.txt2img.job import choice_of

    chosen = choice_of(read_config(config)) if config is not None else Choice()
    judge = Judge(load_judge(features, "genkit eval txt2img"))
    asked = (
        [] if prompts is None else [line.strip() for line in prompts.read_text(encoding="utf-8").splitlines() if line.strip()]
    )
    told = {key: value for key, value in (("steps", steps), ("guidance", guidance)) if value is not None}
    reals: Any = None
    rows: list[dict[str, Any]] = []
    pictures: list[Any] = []
    for name, network in load_methods("txt2img", model or [default_model("txt2img")], device, lambda network: network).items():
        if reals is None:
            from dataclasses import replace

            side = network.native_size[0]
            reals = measure.Reals(
                judge, read_captioned(data, captions, replace(chosen, side=side)), count, style, network.device
            )
            rows.append(measure.reference(reals).row)
        elif network.native_size[0] != reals.shown.shape[1]:
            raise UsageError(f"{name} draws a side of {network.native_size[0]}: measure models of one side together")
        progress(name)
        draw = _drawing(network, told)
        one = measure.measure(name, draw, reals, seed=seed, pairs=SHOWN if sheet is not None else 0)
        rows.append(one.row)
        pictures += one.drawn
        if asked and sheet is not None:
            made = measure.shown(draw(asked, range(seed, seed + len(asked))))
            pictures += [(words, pixels, []) for words, pixels in zip(asked, made, strict=True)]
    if sheet is not None:
        from PIL import Image

        Image.fromarray(measure.sheet(pictures)).save(sheet)
    columns = {
        "top1": ("top 1", ".1%"),
        "top5": ("top 5", ".1%"),
        "near_ratio": ("near ratio", ".3f"),
        "frechet": ("Frechet", ".3f"),
        "kernel": ("kernel", ".3f"),
    }
    tell(rows, columns, measure.protocol(int(rows[0]["pictures"]), style, seed), json)


def _drawing(network: Any, told: dict[str, Any]) -> Any:
    import numpy as np

    from genkit.runtime import inference

    network.configure()

    def draw(prompts: Sequence[str], seeds: Sequence[int]) -> Any:
        with inference():
            images = network(list(prompts), list(seeds), **told)
        return np.round(images.permute(0, 2, 3, 1).float().cpu().numpy() * 255).astype(np.uint8)

    return draw
