"""`translate`: turn pictures into another kind of picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import DRAWING, RESULT, Declared, option
from genkit.run.settings import GUIDANCE, STEPS, FilmRun
from genkit.run.verb import Context, PictureVerb

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import TranslateModel


@dataclass(frozen=True)
class Translate(PictureVerb):
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

    to: str | None = option(
        None,
        "What to turn it into, for a model that knows several kinds.",
        panel=RESULT,
        metavar="DOMAIN",
        shown=False,
        needs="domains",
    )
    strength: float = option(
        1.0,
        "How much of the result to lay over the input; 0 is the input.",
        panel=RESULT,
        metavar="0-1",
        least=0,
        most=1,
        bounds="0 (the input) to 1 (all of the result)",
    )
    edges: bool = option(
        False, "Draw the edges of the picture first, for a model that starts from edges.", panel=RESULT, needs="edges"
    )
    work_size: int | None = option(
        None,
        "Show the model the picture at N pixels on its longer side and enlarge the result: coarser lines, less time.",
        panel=RESULT,
        metavar="N",
        shown="the picture's size",
        least=16,
        bounds="16 pixels or more",
        unit="px",
    )
    prompt: str | None = option(
        None, "What to change, or what to make of it.", panel=DRAWING, metavar="TEXT", shown=False, of_model=True
    )
    negative: str | None = option(None, "What it should not be.", panel=DRAWING, metavar="TEXT", shown=False, of_model=True)
    steps: str | None = option(None, STEPS)
    guidance: str | None = option(None, GUIDANCE)
    image_guidance: str | None = option(None, GUIDANCE, help="How closely to follow the picture.")
    denoise: str | None = option(
        None,
        "How much of the picture to forget; 1 is all of it.",
        panel=DRAWING,
        metavar="0-1",
        shown="the model's",
        of_model=True,
    )

    name = "translate"
    run_type = FilmRun

    def check(self, context: Context) -> None:
        card = context.card
        self._domain(card)
        if not context.seed:
            return
        ability.need(card, "seed", "--seed")
        if not ability.takes(card, "steps") and not context.model_options.get("dropout"):
            raise UsageError(
                f"--seed: {card.name} draws nothing by chance without its dropout", "add -O dropout=yes, or leave it out"
            )

    def spelled(self, each: Declared, value: Any) -> str:
        return f"--to {value}" if each.name == "to" else each.flag

    def _domain(self, card: Card) -> str | None:
        """What --to names, spelt as in the card; numbered where the card has no names."""
        from genkit.verbs.translate import task

        names = card.params.get("domains") or range(int(card.params.get("num_domains", 0)))
        optional = bool(card.params.get("domain_optional", False))
        return task.choose_domain([str(each) for each in names], self.to, card.name, optional=optional)

    def recorded(self, context: Context) -> dict[str, Any]:
        domain = self._domain(context.card)
        return super().recorded(context) | ({"to": domain} if domain is not None else {})

    def mark_of(self, context: Context) -> str:
        """`_cyclegan-style-monet`, `_genkit-recolor-blue`."""
        from genkit.files import slug

        domain = self._domain(context.card)
        return f"_{context.card.name}" + (f"-{slug(domain, keep='_')}" if domain else "")

    def marks_of(self) -> str:
        from genkit import cards

        return "|".join(rf"_{re.escape(name)}(-[\w-]+)?" for name in cards.names("translate"))

    def apply(self, model: TranslateModel, picture: Picture, context: Context) -> Picture:
        from genkit.media.pictures.colour import to_srgb
        from genkit.verbs.translate import task

        domain = self._domain(context.card)
        options = task.TranslateOptions(self.strength, domain, self.edges, self.work_size, context.seed, context.model_options)
        picture = to_srgb(picture, context.notify)
        return picture.with_pixels(*task.translate(model, picture.pixels, picture.alpha, options, context.notify))
