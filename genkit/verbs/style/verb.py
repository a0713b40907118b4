"""`genkit style`: put pictures into the style of other pictures."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import ImageOptions, parse_model_options, spread
from genkit.verbs.style.methods import MethodOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from genkit.cards import Card
    from genkit.verbs.style.task import Styles

app = typer.Typer(rich_markup_mode=None, add_completion=False)

STYLE, RESULT = "Style", "Result"


@app.command()
@spread
def style(
    shared: ImageOptions,
    ways: MethodOptions,
    styles: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            metavar="FILE",
            rich_help_panel=STYLE,
            show_default=False,
            help="The picture whose style is wanted; again for each, to blend several. A model of one style takes none.",
        ),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(
            "--weight",
            metavar="N",
            rich_help_panel=STYLE,
            show_default="all alike",
            help="The share of each --style, in their order: --weight 3 --weight 1.",
        ),
    ] = None,
    style_size: Annotated[
        int | None,
        typer.Option(
            "--style-size",
            metavar="N",
            rich_help_panel=STYLE,
            show_default="at most 512",
            help="Bring the shorter side of each style to N pixels: larger gives broader strokes.",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option("--strength", metavar="0-1", rich_help_panel=RESULT, help="How much style: 0 is the input, 1 all of it."),
    ] = 1.0,
    keep_colors: Annotated[
        bool,
        typer.Option("--keep-colors", rich_help_panel=RESULT, help="Keep the input's colours, and take strokes and light."),
    ] = False,
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar="FILE|DIR",
            rich_help_panel=RESULT,
            show_default=False,
            help="Style only where it is white: one file for all, or a folder paired by name.",
        ),
    ] = None,
    tile: Annotated[
        str,
        typer.Option(
            "--tile",
            metavar="auto|0|N",
            rich_help_panel=RESULT,
            help="Side of the tiles in pixels; 0 takes the whole picture at once. The result is the same.",
        ),
    ] = "auto",
    work_size: Annotated[
        int | None,
        typer.Option(
            "--work-size",
            metavar="N",
            rich_help_panel=RESULT,
            show_default="the picture's size",
            help="Paint the picture at N pixels on its longer side and enlarge that along its edges: broader strokes.",
        ),
    ] = None,
) -> int:
    """Put pictures into the style of a painting: files, folders, whole trees, at their full resolution.

    Transparency, 16 bits and metadata are kept. Masks and maps are drawn on the picture as it is shown: upright, whichever way
    the camera was held. Without -o, photo.jpg gives photo_styled.jpg beside it.

    \b
      genkit style photo.jpg --style starry-night.jpg
      genkit style photos -r -o styled/ --style monet.jpg --strength 0.6
      genkit style photo.jpg --style a.jpg --weight 3 --style b.jpg --weight 1
      genkit style photo.jpg --style wave.jpg --keep-colors --mask sky.png
      genkit style photo.jpg --style monet.jpg --photoreal
      genkit style photo.jpg --style monet.jpg --method optimize --steps 200
      genkit style map.png --semantic map.png --style a.jpg --style-semantic b.png
    """
    from genkit.pixels import masks
    from genkit.run.pairing import sort_extra
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.run.planning import settings_of
    from genkit.verbs.inpaint.verb import read_drawn, refuse_unreadable
    from genkit.verbs.style import methods as style_methods
    from genkit.verbs.style import task
    from genkit.verbs.upscale.verb import parse_tile

    style_methods.check(ways, tile, len(styles or ()), work_size)
    card = style_methods.find_card(shared.model, ways)
    model_options = parse_model_options(card, shared.model_options)
    options = task.StyleOptions(strength=strength, keep_colors=keep_colors, tile=parse_tile(tile), work_size=work_size)
    task.check(options)
    refuse_styles(card, {"--style": styles, "--weight": weight, "--style-size": style_size, "--semantic": ways.semantic})
    task.check_styles(len(styles or ()), weight or (), style_size)
    style_methods.refuse_seed(card, shared, ways)
    limit = settings_of(shared, "style").max_pixels
    files, folders = sort_extra({"mask": mask})
    further, further_folders, recorded = style_methods.further_files(ways)
    refuse_unreadable(files | further)
    paths = style_files(styles or ())
    if paths:
        options = replace(options, styles=read_styles(paths.values(), weight or (), style_size, limit))
    drawn_of = lru_cache(maxsize=1)(lambda path: read_drawn(path, limit))

    methods = style_methods.Methods(ways, card, further, shared.seed, limit)

    def apply(model: Any, picture: Any, notice: Any, partners: Any = None, *, working: Any = None) -> Any:
        from genkit.media.pictures.colour import to_srgb

        picture = to_srgb(picture, notice)
        own = options
        if (path := {**files, **(partners or {})}.get("mask")) is not None:
            drawn = drawn_of(path)
            own = replace(own, mask=masks.from_picture(drawn.pixels, drawn.alpha, (picture.width, picture.height), drawn.name))
        own = replace(own, paint=methods.painter(model, own, partners or {}, notice, working, picture))
        return picture.with_pixels(*task.style(model, picture.pixels, picture.alpha, own, notice))

    given = {"weight": weight, "style_size": style_size, "keep_colors": keep_colors, "work_size": work_size}
    recorded |= {name: value for name, value in given.items() if value}
    recorded |= {"strength": strength} if strength != 1 else {}
    return run_pictures(
        shared,
        PictureVerb(
            name="style",
            card=card,
            mark="_styled",
            marks=r"_styled(_step\d+)?",
            apply=apply,
            size_of=lambda width, height: (width, height),
            options=recorded | ({"model_options": model_options} if model_options else {}),
            files=paths | files | further,
            companions=folders | further_folders,
            works=ways.optimizes,
        ),
    )


def style_files(styles: Sequence[str | Path]) -> dict[str, Path]:
    """The style pictures by the names they have in a recipe: style, style_2, style_3 (`style_names`).

    Raises:
        UsageError: one is not there, or is a folder.
    """
    from genkit.errors import UsageError
    from genkit.run.pairing import sort_extra

    found: dict[str, Path] = {}
    for name, style in zip(style_names(len(styles)), styles, strict=True):
        files, folders = sort_extra({"style": style})
        if folders:
            raise UsageError(f"--style {style}: is a folder", "give pictures, each with a --style of its own")
        found[name] = files["style"]
    return found


def style_names(count: int) -> list[str]:
    return ["style" if index == 0 else f"style_{index + 1}" for index in range(count)]


def read_styles(paths: Iterable[Path], weights: Sequence[float], size: int | None, max_pixels: int) -> Styles:
    """Read the style pictures, in sRGB and with colours under what is transparent.

    Raises:
        UsageError: one cannot be read.
    """
    from genkit.run.further import read_further

    return gather([read_further("--style", path, max_pixels) for path in paths], weights, size)


def gather(pictures: Sequence[Any], weights: Sequence[float], size: int | None) -> Styles:
    """Style pictures as the task takes them, with colours under what is transparent."""
    from genkit.pixels.transparency import bleed
    from genkit.verbs.style.task import Styles

    visible = [one.pixels if one.alpha is None else bleed(one.pixels, one.alpha) for one in pictures]
    return Styles(visible, weights, size)


def refuse_styles(card: Card, given: dict[str, Any]) -> None:
    """Refuse a style for a model of one style, and none for a model of any, naming those that fit.

    Raises:
        UsageError: the card's `own_style` does not go with what was given.
    """
    from genkit import cards
    from genkit.errors import UsageError

    own = bool(card.params.get("own_style"))
    wrong = [option for option, value in given.items() if value is not None] if own else []
    if not wrong and (own or given["--style"]):
        return
    networks = [one for one in cards.all_cards("style") if one.family != "vgg19"]  # that one only looks at pictures
    able = [one.name for one in networks if bool(one.params.get("own_style")) != own]
    if own:
        way_out = f"models of any style: {', '.join(able)}" if able else "leave it out"
        raise UsageError(f"{wrong[0]}: {card.name} has one style, its own", way_out, code="model-option")
    way_out = f", or take a model of one style: {', '.join(able)}" if able else ""
    raise UsageError("nothing says which style: --style is missing", f"give --style PICTURE{way_out}", code="missing-style")
