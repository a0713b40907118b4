"""The options that the commands of `genkit gan` share, and what a model must have for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.cli.options import DrawOptions
    from genkit.verbs.gan.latents import Latent
    from genkit.verbs.gan.task import Drawn

STYLE_BASED = ("stylegan2", "style_dcgan")  # families that map a latent to a w for each layer
WHAT, LATENT = "Pictures", "Latent space"

ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class",
        metavar="NAME|N",
        rich_help_panel=WHAT,
        show_default="each seed its own",
        help="The class to draw, by name or number, where a model has classes.",
    ),
]
Truncation = Annotated[
    float | None,
    typer.Option(
        "--truncation",
        metavar="0-1",
        rich_help_panel=WHAT,
        show_default="the card's",
        help="How far from the mean latents may lie: less gives fewer failures and less variety.",
    ),
]
SeedOption = Annotated[
    int | None, typer.Option("--seed", metavar="N", min=0, rich_help_panel=WHAT, show_default=False, help="One seed.")
]
Layers = Annotated[
    str | None,
    typer.Option(
        "--layers",
        metavar="LIST",
        rich_help_panel=LATENT,
        show_default="all",
        help="The layers that a step is for, from 0: the first shape, the last colours.",
    ),
]


def find_card(name: str | None) -> Card:
    from genkit import cards

    return cards.find(name or cards.default_model("gan"), "gan")


def read_options(card: Card, given: list[str] | None, label: str | None, truncation: float | None) -> dict[str, Any]:
    """`class` and `truncation`, as options of their own or as `-O label=` and `-O truncation=`, checked against the card.

    Raises:
        UsageError: the model has no such option (the hint names those that have), or the value cannot be.
    """
    from genkit.cli.options import parse_model_options
    from genkit.verbs.inpaint.verb import with_words

    for option, name, value in (("--class", "label", label), ("--truncation", "truncation", truncation)):
        if value is not None and not has_option(card, name):
            thing = "classes" if name == "label" else "truncation"
            refuse(option, f"{card.name} has no {thing}", partial(has_option, name=name))
    words = {"label": label, "truncation": None if truncation is None else f"{truncation:g}"}
    values = parse_model_options(card, with_words(given, words))
    found = {"class": values.pop("label", None), "truncation": values.pop("truncation", None)}
    # a default of the card is no choice of the user's, and stands in the card
    asked = {text.partition("=")[0] for text in given or ()} | {name for name, value in words.items() if value is not None}
    found["class"] = found["class"] if "label" in asked else None
    found["truncation"] = found["truncation"] if "truncation" in asked else None
    if found["class"] is not None:
        _check_class(card, str(found["class"]).strip().lower())
    return {name: value for name, value in found.items() if value is not None}


def _check_class(card: Card, name: str) -> None:
    """Refuse a class that the card does not list before anything is loaded; of published models only the loaded one knows."""
    labels = card.params.get("labels")
    if not isinstance(labels, (list, tuple)):
        return
    known = [str(one).lower() for one in labels]
    if name not in known and not (name.isdigit() and int(name) < len(known)):
        raise UsageError(f"{card.name} has no class {name!r}", f"classes: {', '.join(known)}", code="unknown-class")


def has_option(card: Card, name: str) -> bool:
    return any(option.name == name for option in card.options)


def is_style_based(card: Card) -> bool:
    return card.family in STYLE_BASED


def need_styles(card: Card, option: str) -> None:
    """Refuse what needs a w for each layer.

    Raises:
        UsageError: this model has none; names those that have.
    """
    if not is_style_based(card):
        refuse(option, f"{card.name} is not style-based: it has no layers with a latent each", is_style_based)


def refuse(option: str, reason: str, able: Callable[[Card], bool]) -> None:
    """Refuse an option that the model cannot honour, naming those that can.

    Raises:
        UsageError: always.
    """
    from genkit import cards

    names = [one.name for one in cards.all_cards("gan") if able(one)]
    way_out = f"models with it: {', '.join(names)}" if names else "no model here does; leave it out"
    raise UsageError(f"{option}: {reason}", way_out, code="model-option")


def size_of(card: Card, columns: int = 1, rows: int = 1) -> tuple[int, int] | None:
    """Width and height of a picture, or of a grid of them, where the card tells."""
    from genkit.verbs.gan.task import GAP

    side = card.params.get("side")
    if not isinstance(side, int):
        return None
    return columns * (side + GAP) - GAP, rows * (side + GAP) - GAP


def slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text.lower()).strip("-")


def read_latent(path: Path, option: str = "--latent") -> Latent:
    """Read a latent that everything asked for needs.

    Raises:
        UsageError: it is not there. InputError: it is no latent.
    """
    from genkit.verbs.gan.latents import load_latent

    return load_latent(read_bytes(path, option), str(path))


def read_bytes(path: Path, option: str) -> bytes:
    if not path.is_file():
        raise UsageError(f"{option} {path}: not found", code="missing-input")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{option} {path}: cannot be read: {error.strerror}", exit_code=2) from error


def refuse_other_model(card: Card, latent: Latent, path: Path) -> None:
    """Refuse a latent of another model: its numbers mean nothing here.

    Raises:
        UsageError: names the model that it is of.
    """
    if latent.model and latent.model != card.name:
        raise UsageError(f"{path} is a latent of {latent.model}, not of {card.name}", f"--model {latent.model}", code="latent")


def w_of(model: Any, latent: Latent, name: str) -> Any:
    """The latent's w (1, L, D) on the model's device.

    Raises:
        UsageError: it does not fit the model.
    """
    import torch

    one = model.mapping(model.latents([0]), model.labels_for([0]), 1.0)
    if latent.w.shape != one.shape[1:]:
        shapes = " and ".join("x".join(map(str, shape)) for shape in (latent.w.shape, one.shape[1:]))
        raise UsageError(
            f"{name}: a latent of another network ({shapes})", "give the --model that it was made with", code="latent"
        )
    return torch.from_numpy(latent.w)[None].to(model.device)


def picture_of(drawn: Drawn) -> Any:
    from genkit.media.pictures.picture import Picture

    return Picture(drawn.pixels, drawn.alpha, "PNG")


def load_alone(card: Card, shared: DrawOptions) -> Any:
    """Load a model outside a batch."""
    from genkit import runtime
    from genkit.run.making import load_card
    from genkit.run.planning import settings_of
    from genkit.run.report import Reporter, quiet_libraries

    settings = settings_of(shared, "gan")
    reporter = Reporter(as_json=shared.json, quiet=shared.quiet, verbose=shared.verbose)
    with quiet_libraries(shared.verbose):
        return load_card(card, runtime.choose(settings.device, "auto", card.dtypes), shared, reporter)
