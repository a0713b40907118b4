"""`genkit inpaint`: repaint a part of pictures."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import Guidance, ImageOptions, Steps, parse_model_options, spread

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.pixels.masks import Drawn, MaskRule

app = typer.Typer(rich_markup_mode=None, add_completion=False)

MASK, PAINT = "Mask", "Model"
MOST_CANDIDATES = 64


@app.command()
@spread
def inpaint(
    shared: ImageOptions,
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar="FILE|DIR|alpha",
            rich_help_panel=MASK,
            show_default=False,
            help="White is repainted: one file for all, a folder paired by name, or alpha for the input's own transparency.",
        ),
    ] = None,
    mask_color: Annotated[
        str | None,
        typer.Option(
            "--mask-color", metavar="#RRGGBB", rich_help_panel=MASK, show_default=False, help="Repaint what has this colour."
        ),
    ] = None,
    mask_tolerance: Annotated[
        int,
        typer.Option(
            "--mask-tolerance",
            metavar="N",
            min=0,
            max=255,
            rich_help_panel=MASK,
            help="How far from --mask-color, of 255; JPEG files want about 30.",
        ),
    ] = 0,
    mask_box: Annotated[
        str | None,
        typer.Option(
            "--mask-box",
            metavar="X,Y,W,H",
            rich_help_panel=MASK,
            show_default=False,
            help="Repaint a rectangle, in pixels or per cent: 10,20,30%,40.",
        ),
    ] = None,
    outpaint: Annotated[
        str | None,
        typer.Option(
            "--outpaint",
            metavar="L,T,R,B",
            rich_help_panel=MASK,
            show_default=False,
            help="Extend the canvas by so many pixels (or per cent) left, above, right and below, and paint what is new.",
        ),
    ] = None,
    invert_mask: Annotated[
        bool, typer.Option("--invert-mask", rich_help_panel=MASK, help="Repaint what the mask would keep.")
    ] = False,
    grow: Annotated[
        int,
        typer.Option("--grow", metavar="N", min=0, max=1024, rich_help_panel=MASK, help="Pixels that the mask grows by first."),
    ] = 4,
    feather: Annotated[
        int,
        typer.Option(
            "--feather",
            metavar="N",
            min=0,
            max=1024,
            rich_help_panel=MASK,
            help="Pixels beyond that, over which it is blended in.",
        ),
    ] = 4,
    candidates: Annotated[
        int,
        typer.Option(
            "--candidates",
            metavar="N",
            min=1,
            max=MOST_CANDIDATES,
            rich_help_panel=PAINT,
            help="Make N different fillings (_1, _2, ...), where the model draws from noise.",
        ),
    ] = 1,
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", metavar="TEXT", rich_help_panel=PAINT, show_default=False, help="What to paint there."),
    ] = None,
    negative: Annotated[
        str | None,
        typer.Option("--negative", metavar="TEXT", rich_help_panel=PAINT, show_default=False, help="What not to paint."),
    ] = None,
    steps: Steps = None,
    guidance: Guidance = None,
    denoise: Annotated[
        str | None,
        typer.Option(
            "--denoise",
            metavar="0-1",
            rich_help_panel=PAINT,
            show_default="the card's",
            help="How much of what is under the mask to forget; 1 is all of it.",
        ),
    ] = None,
) -> int:
    """Repaint a part of pictures: remove things, fill holes, extend the canvas.

    Not one pixel changes outside the mask, its --grow and its --feather. PNG, TIFF and lossless formats so keep every other
    pixel bit for bit; JPEG, and what else is lossy, is encoded again as a whole. A mask counts as white from half on, and what
    is transparent in it as black; one of another size must have the picture's proportions. It is drawn on the picture as it is
    shown: upright, whichever way the camera was held.

    \b
      genkit inpaint photo.jpg --mask mask.png
      genkit inpaint photos -r -o clean/ --mask masks/
      genkit inpaint scan.png --mask-color '#ff00ff'
      genkit inpaint photo.png --outpaint 0,0,25%,0
    """
    from genkit import cards
    from genkit.pixels import masks
    from genkit.run.pairing import sort_extra
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.run.planning import settings_of
    from genkit.verbs.inpaint import task

    card = cards.find(shared.model or cards.default_model("inpaint"), "inpaint")
    words = {"prompt": prompt, "negative": negative, "steps": steps, "guidance": guidance, "denoise": denoise}
    model_options = parse_model_options(card, with_words(shared.model_options, words))
    options = task.InpaintOptions(grow=grow, feather=feather, model_options=model_options)
    task.check(options)
    rule = masks.read_rule(mask, mask_color, mask_tolerance, mask_box, outpaint, invert_mask)
    files, folders = sort_extra({"mask": None if rule.alpha else mask})
    limit = settings_of(shared, "inpaint").max_pixels
    refuse_unreadable(files)
    drawing = draws(card)
    if candidates > 1 and not drawing:
        refuse_candidates(card, "--candidates")
    if shared.seed and not drawing:
        refuse_candidates(card, "--seed")
    drawn_of = lru_cache(maxsize=1)(lambda path: read_drawn(path, limit))

    def apply(model: Any, picture: Any, notice: Any, partners: Any = None, *, seed: int = 0) -> Any:
        path = {**files, **(partners or {})}.get("mask")
        masks.refuse_canvas(rule, picture.width, picture.height, limit)
        drawn = drawn_of(path) if path is not None else None
        pixels, alpha, mask = masks.lay_out(rule, picture.pixels, picture.alpha, drawn)
        if not mask.any():
            notice(why_empty(rule, drawn is not None))
            return picture.with_pixels(pixels, alpha)
        return picture.with_pixels(
            *task.inpaint(model, pixels, alpha, mask, options, notice, seed=seed, opaque=rule.alpha and not invert_mask)
        )

    given = {
        "mask": mask if rule.alpha else None,
        "mask_color": mask_color,
        "mask_tolerance": mask_tolerance or None,
        "mask_box": mask_box,
        "outpaint": outpaint,
        "invert_mask": invert_mask,
        "grow": grow if grow != task.GROW else None,
        "feather": feather if feather != task.FEATHER else None,
    }
    recorded = {name: value for name, value in given.items() if value is not None and value is not False}
    return run_pictures(
        shared,
        PictureVerb(
            name="inpaint",
            card=card,
            mark="_inpainted",
            marks=r"_inpainted(_\d+)?",
            apply=apply,
            size_of=partial(masks.canvas_size, rule),
            options=recorded | ({"model_options": model_options} if model_options else {}),
            files=files,
            companions=folders,
            candidates=candidates if drawing else None,
        ),
    )


def with_words(given: list[str] | None, words: dict[str, str | None]) -> list[str]:
    """Add what was given as an option of its own (`--steps 30`) to the model's options (`-O steps=30`).

    Raises:
        UsageError: one is given both ways.
    """
    from genkit.errors import UsageError

    keys = {text.partition("=")[0] for text in given or ()}
    for name, value in words.items():
        if value is not None and name in keys:
            raise UsageError(f"--{name} and -O {name} say the same thing", "give one of them")
    return [*(given or ()), *(f"{name}={value}" for name, value in words.items() if value is not None)]


def draws(card: Card) -> bool:
    """Whether a model begins with noise, so that another seed gives another picture: those that work in steps do."""
    return any(option.name == "steps" for option in card.options)


def refuse_candidates(card: Card, option: str) -> None:
    from genkit import cards
    from genkit.errors import UsageError

    able = [one.name for one in cards.all_cards("inpaint") if draws(one)]
    raise UsageError(
        f"{option}: {card.name} has one answer for a picture and a mask",
        f"models that can differ: {', '.join(able)}" if able else "leave it out",
    )


def refuse_unreadable(files: dict[str, Path]) -> None:
    """Look at what every picture needs before any is begun."""
    from genkit.errors import InputError
    from genkit.media.pictures.headers import probe

    for option, path in files.items():
        try:
            probe(path)
        except InputError as error:
            flag = f"--{option.replace('_', '-')}"
            raise InputError(f"{flag} {error.message}", error.hint, code=error.code, exit_code=2) from error


def read_drawn(path: Path, max_pixels: int) -> Drawn:
    from genkit.media.pictures import images
    from genkit.pixels.masks import Drawn

    picture = images.read(path, max_pixels=max_pixels)
    return Drawn(picture.pixels, picture.alpha, str(path))


def why_empty(rule: MaskRule, drawn: bool) -> str:
    start = "the mask is empty, so the picture stays as it is: "
    if drawn:
        return start + "white is repainted, black and transparent are kept (--invert-mask turns it round)"
    if rule.color is not None:
        return start + "no pixel has that colour (--mask-tolerance takes in near ones)"
    return start + ("nothing in it is transparent" if rule.alpha else "nothing is left to repaint")
