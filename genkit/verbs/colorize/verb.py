"""`genkit colorize`: give pictures colours and keep their lightness."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import ImageOptions, parse_model_options, spread

if TYPE_CHECKING:
    from genkit.verbs.colorize.hints import Hints
    from genkit.verbs.colorize.palette import Palette

app = typer.Typer(rich_markup_mode=None, add_completion=False)

COLOUR = "Colour"


@app.command()
@spread
def colorize(
    shared: ImageOptions,
    strength: Annotated[
        float,
        typer.Option(
            "--strength",
            metavar="N",
            rich_help_panel=COLOUR,
            help="How much colour: 0 none (grey), 1 what the model says, up to 2 twice as much.",
        ),
    ] = 1.0,
    hint: Annotated[
        str | None,
        typer.Option(
            "--hint",
            metavar="PATH",
            rich_help_panel=COLOUR,
            show_default=False,
            help="Coloured strokes on transparency that say which colour is where: a file, or a folder named as the inputs.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            rich_help_panel=COLOUR,
            show_default=False,
            help="Take the palette of this picture; one for a whole folder gives it the same colours throughout.",
        ),
    ] = None,
) -> int:
    """Colour black-and-white pictures: files, folders, whole trees. Lightness, transparency, 16 bits and metadata are kept.

    Pictures in colour are turned to grey first. Hints are drawn on the picture as it is shown: upright, whichever way the
    camera was held. Without -o, photo.jpg gives photo_colorized.jpg beside it.

    \b
      genkit colorize portrait.jpg
      genkit colorize album -r -o coloured/ --reference kodachrome.jpg
      genkit colorize scan.tif --strength 0.7 --model ddcolor
      genkit colorize portrait.jpg --hint strokes.png --model siggraph17
    """
    from genkit import cards
    from genkit.run.pairing import sort_extra
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.run.planning import settings_of
    from genkit.verbs.colorize import task

    card = cards.find(shared.model or cards.default_model("colorize"), "colorize")
    limit = settings_of(shared, "colorize").max_pixels
    model_options = parse_model_options(card, shared.model_options)
    task.check(task.ColorizeOptions(strength=strength))
    if hint is not None:
        _only_with(card, "hints", "--hint", "takes no hints")
    if shared.seed:
        _only_with(card, "stochastic", "--seed", "draws nothing by chance, so a seed changes nothing")
    files, folders = sort_extra({"hint": hint, "reference": reference})
    palette = read_palette(Path(reference), limit) if reference is not None else None  # a folder is refused here, as no picture
    common_hints = read_hints(files["hint"], limit) if "hint" in files else None

    def apply(model: Any, picture: Any, notice: Any, partners: Any = None) -> Any:
        from genkit.media.pictures.colour import to_srgb

        own = (partners or {}).get("hint")  # a picture of a folder need not have any
        own_hints = read_hints(own, limit) if own is not None else common_hints
        options = task.ColorizeOptions(strength, own_hints, palette, shared.seed, model_options)
        picture = to_srgb(picture, notice)
        pixels, alpha = task.colorize(model, picture.pixels, picture.alpha, options, notice)
        return picture.with_pixels(pixels, alpha)

    recorded: dict[str, Any] = {"strength": strength} if strength != 1 else {}
    return run_pictures(
        shared,
        PictureVerb(
            name="colorize",
            card=card,
            mark="_colorized",
            marks="_colorized",
            apply=apply,
            size_of=lambda width, height: (width, height),
            options=recorded | ({"model_options": model_options} if model_options else {}),
            files=files,
            companions=folders,
            optional=("hint",),
        ),
    )


def read_palette(path: Path, max_pixels: int) -> Palette:
    """The palette of a reference picture.

    Raises:
        UsageError: it cannot be read, or has no colours.
    """
    from genkit.run.further import read_further
    from genkit.verbs.colorize.palette import Palette

    picture = read_further("--reference", path, max_pixels)
    return Palette.of(picture.pixels, picture.alpha, f"--reference {path}")


def read_hints(path: Path, max_pixels: int) -> Hints:
    """The hints in a picture of strokes.

    Raises:
        UsageError: it cannot be read, or is not strokes on transparency.
    """
    from genkit.run.further import read_further
    from genkit.verbs.colorize.hints import Hints

    picture = read_further("--hint", path, max_pixels)
    return Hints.of(picture.pixels, picture.alpha, f"--hint {path}")


def _only_with(card: Any, param: str, option: str, reason: str) -> None:
    """Refuse an option that the model cannot honour, naming those that can.

    Raises:
        UsageError: the card does not say `params.<param>`.
    """
    from genkit import cards
    from genkit.errors import UsageError

    if card.params.get(param):
        return
    able = [one.name for one in cards.all_cards("colorize") if one.params.get(param)]
    way_out = f"models with it: {', '.join(able)}" if able else "no model does; leave it out"
    raise UsageError(f"{option}: {card.name} {reason}", way_out, code="model-option")
