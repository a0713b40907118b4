"""`genkit translate`: turn pictures into another kind of picture."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import Guidance, ImageOptions, Steps, spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from genkit.cards import Card

app = typer.Typer(rich_markup_mode=None, add_completion=False)

RESULT, PAINT = "Result", "Model"


@app.command()
@spread
def translate(
    shared: ImageOptions,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DOMAIN",
            rich_help_panel=RESULT,
            show_default=False,
            help="What to turn it into, for a model that knows several kinds.",
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(
            "--strength",
            metavar="0-1",
            rich_help_panel=RESULT,
            help="How much of the result to lay over the input; 0 is the input.",
        ),
    ] = 1.0,
    edges: Annotated[
        bool,
        typer.Option(
            "--edges", rich_help_panel=RESULT, help="Draw the edges of the picture first, for a model that starts from edges."
        ),
    ] = False,
    work_size: Annotated[
        int | None,
        typer.Option(
            "--work-size",
            metavar="N",
            rich_help_panel=RESULT,
            show_default="the picture's size",
            help="Show the model the picture at N pixels on its longer side and enlarge the result: coarser lines, less time.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            "--prompt", metavar="TEXT", rich_help_panel=PAINT, show_default=False, help="What to change, or what to make of it."
        ),
    ] = None,
    negative: Annotated[
        str | None,
        typer.Option("--negative", metavar="TEXT", rich_help_panel=PAINT, show_default=False, help="What it should not be."),
    ] = None,
    steps: Steps = None,
    guidance: Guidance = None,
    image_guidance: Annotated[
        str | None,
        typer.Option(
            "--image-guidance",
            metavar="N",
            rich_help_panel=PAINT,
            show_default="the card's",
            help="How closely to follow the picture.",
        ),
    ] = None,
    denoise: Annotated[
        str | None,
        typer.Option(
            "--denoise",
            metavar="0-1",
            rich_help_panel=PAINT,
            show_default="the card's",
            help="How much of the picture to forget; 1 is all of it.",
        ),
    ] = None,
) -> int:
    """Turn pictures into another kind of picture: photographs into drawings, edges into photographs, what a prompt asks for.

    Width and height stay as they are. `genkit models list --task translate` says what each model turns into what. Without -o,
    photo.jpg gives photo_<model>.jpg beside it (photo_<model>-<domain>.jpg with --to).

    \b
      genkit translate photo.jpg
      genkit translate photo.jpg --strength 0.6
      genkit translate holiday -r -o painted/ --model cyclegan-style-monet
      genkit translate shoe.png --model pix2pix-edges2shoes
      genkit translate photo.jpg --model instruct-pix2pix --prompt "make it winter"
    """
    from genkit import cards
    from genkit.errors import UsageError
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.verbs.translate import task

    card = cards.find(shared.model or cards.default_model("translate"), "translate")
    words = {"prompt": prompt, "negative": negative, "steps": steps, "guidance": guidance}
    words |= {"image_guidance": image_guidance, "denoise": denoise}
    model_options = parse_options(card, shared.model_options, words)
    domain = choose_domain(card, to)
    if edges and not card.params.get("edges"):
        refuse("--edges", f"{card.name} does not start from edges", lambda one: bool(one.params.get("edges")))
    if shared.seed and not draws(card):
        refuse("--seed", f"{card.name} draws nothing by chance, so a seed changes nothing", draws)
    if shared.seed and not has_option(card, "steps") and not model_options.get("dropout"):
        raise UsageError(
            f"--seed: {card.name} draws nothing by chance without its dropout", "add -O dropout=yes, or leave it out"
        )
    options = task.TranslateOptions(strength, domain, edges, work_size, shared.seed, model_options)
    task.check(options)

    def apply(model: Any, picture: Any, notice: Any) -> Any:
        from genkit.media.pictures.colour import to_srgb

        picture = to_srgb(picture, notice)
        return picture.with_pixels(*task.translate(model, picture.pixels, picture.alpha, options, notice))

    given = {
        "to": domain,
        "strength": strength if strength != 1 else None,
        "edges": edges or None,
        "work_size": work_size,
        "model_options": model_options or None,
    }
    return run_pictures(
        shared,
        PictureVerb(
            name="translate",
            card=card,
            mark=f"_{card.name}" + (f"-{_slug(domain)}" if domain else ""),
            marks="|".join(rf"_{re.escape(name)}(-[\w-]+)?" for name in cards.names("translate")),
            apply=apply,
            size_of=lambda width, height: (width, height),
            options={name: value for name, value in given.items() if value is not None},
        ),
    )


def parse_options(card: Card, given: list[str] | None, words: dict[str, str | None]) -> dict[str, Any]:
    """The model's options, from `-O key=value` and from those that are spelt as options of their own (`--steps 30`).

    Raises:
        UsageError: the model has no such option (the hint names the models that have it), or it is given both ways.
    """
    from genkit.cli.options import parse_model_options
    from genkit.verbs.inpaint.verb import with_words

    known = {option.name for option in card.options}
    for name, value in words.items():
        if value is not None and name not in known:
            refuse(f"--{name.replace('_', '-')}", f"{card.name} takes none", partial(has_option, name=name))
    return parse_model_options(card, with_words(given, words))


def has_option(card: Card, name: str) -> bool:
    return any(option.name == name for option in card.options)


def draws(card: Card) -> bool:
    """Whether a model can draw by chance: those that work in steps do, and those with dropout where it is asked for."""
    return has_option(card, "steps") or has_option(card, "dropout")


def choose_domain(card: Card, to: str | None) -> str | None:
    """The domain that --to names, spelt as in the card.

    Raises:
        UsageError: none where one is needed, an unknown one, or one for a model without domains; names what there is.
    """
    from genkit.verbs.translate import task

    domains = domains_of(card)
    if to is not None and not domains:
        refuse(f"--to {to}", f"{card.name} makes one kind of picture only", lambda one: bool(domains_of(one)))
    return task.choose_domain(domains, to, card.name, optional=bool(card.params.get("domain_optional", False)))


def domains_of(card: Card) -> list[str]:
    """The kinds of picture that a model can make, if they are several: by name, or numbered where the card has no names."""
    names = card.params.get("domains")
    return [str(one) for one in names] if names else [str(one) for one in range(int(card.params.get("num_domains", 0)))]


def refuse(option: str, reason: str, able: Callable[[Card], bool]) -> None:
    """Refuse an option that the model cannot honour, naming those that can.

    Raises:
        UsageError: always.
    """
    from genkit import cards
    from genkit.errors import UsageError

    names = [one.name for one in cards.all_cards("translate") if able(one)]
    way_out = f"models with it: {', '.join(names)}" if names else "no model does; leave it out"
    raise UsageError(f"{option}: {reason}", way_out, code="model-option")


def _slug(text: str) -> str:
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")
