"""What the declarations of `genkit gan` share: options, and what was asked for of those that are the model's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import option
from genkit.run.option import Option

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.verb import Context, Verb

WHAT, LATENT = "Pictures", "Latent space"

LABEL = Option(
    "The class to draw, by name or number, where a model has classes.",
    panel=WHAT,
    flags=("--class",),
    metavar="NAME|N",
    shown="each seed its own",
    needs="classes",
    of_model=True,
    former=("class",),
)
TRUNCATION = Option(
    "How far from the mean latents may lie: less gives fewer failures and less variety.",
    panel=WHAT,
    metavar="0-1",
    shown="the model's",
    of_model=True,
)
SEED = Option("One seed.", panel=WHAT, metavar="N", shown=False, least=0)
LAYERS = Option(
    "The layers that a step is for, from 0: the first shape, the last colours.",
    panel=LATENT,
    metavar="LIST",
    shown="all",
    numbers=True,
)


def chosen(verb: Verb, context: Context) -> dict[str, Any]:
    """`class` and `truncation` as recipes have them, by whichever spelling they were asked for: a default of the card is no
    choice of the user's, and stands in the card.

    Raises:
        UsageError: the card lists classes, and this is none of them.
    """
    asked = {text.partition("=")[0] for text in context.run.model_options or ()}
    asked |= {each.key for each, _ in option.given(verb) if each.option.of_model}
    found = {key: context.model_options[name] for key, name in (("class", "label"), ("truncation",) * 2) if name in asked}
    if "class" in found:
        _check_class(context.card, str(found["class"]).strip().lower())
    return found


def check_layers(text: str | None, card: Card) -> None:
    """Refuse layers that the network has not got, where its card tells.

    Raises:
        UsageError: names one.
    """
    if text is not None:
        from genkit.cards.abilities import style_layers
        from genkit.verbs.gan.latents import MOST_LAYERS, parse_layers

        parse_layers(text, style_layers(card) or MOST_LAYERS, "--layers")


def _check_class(card: Card, name: str) -> None:
    """Refuse a class that the card does not list before anything is loaded; of published models only the loaded one knows."""
    labels = card.params.get("labels")
    if not isinstance(labels, (list, tuple)):
        return
    known = [str(one).lower() for one in labels]
    if name not in known and not (name.isdigit() and int(name) < len(known)):
        raise UsageError(f"{card.name} has no class {name!r}", f"classes: {', '.join(known)}", code="unknown-class")
