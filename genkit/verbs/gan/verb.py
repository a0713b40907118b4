"""`gan`: draw pictures from a latent space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import given
from genkit.run.verb import Context
from genkit.verbs.gan.declaration import FILM, GanDeclaration
from genkit.verbs.gan.options import chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genkit.cards import Card
    from genkit.run.drawn import Outputs
    from genkit.run.settings import Run

SOURCES = ("seeds", "seed", "mix", "latent", "walk")  # what there is to draw, one at a time


@dataclass(frozen=True)
class Gan(GanDeclaration):
    """Draw pictures from a latent space. A seed gives the same picture alone, in a batch and in a grid.

    \b
      genkit gan --seeds 0-15
      genkit gan --seeds 0-15 --class dress -o dresses/
      genkit gan --grid 4x4 -o sheet.png
      genkit gan --walk 3,7,9 --loop -o walk.mp4
      genkit gan --mix 3:7:3-4
    """

    name = "gan"
    first = "seeds"

    def find_card(self, run: Run) -> Card:
        """The model that is asked for, else that of a saved latent, else the verb's default.

        Raises:
            UsageError: there is none of that name.
        """
        from genkit import cards

        of_latent = self.saved[0][1].model if self.saved else None
        return cards.find(run.model or of_latent or cards.default_model("gan"), "gan")

    def listed(self, run: Run) -> int | None:
        """Print each class with its number, from the card where it says them."""
        if not self.list_classes:
            return None
        from genkit.run.report import write_event

        card = self.find_card(run)
        ability.need(card, "classes", "--list-classes")
        names = card.params.get("labels") or self._labels(card, run)
        for index, name in enumerate(names):
            if run.json:
                write_event("class", index=index, name=str(name))
            else:
                print(f"{index:>4}  {name}")
        if run.json:
            write_event("done", done=len(names), failed=0, skipped=0, exit=0)
        return 0

    def _labels(self, card: Card, run: Run) -> Sequence[str]:
        from genkit.run.call import Call, reporting
        from genkit.run.session import DEFAULT
        from genkit.run.settings import settings_of
        from genkit.run.work import load

        with reporting(Call(self, run)) as reporter:
            labels: Sequence[str] = load(Context(card, run, settings_of(run, self.name)), DEFAULT, reporter)[1].labels
        return labels

    def check(self, context: Context) -> None:
        options = [each for each, _ in given(self)]
        sources = [each.flag for each in options if each.name in SOURCES]
        if len(sources) > 1:
            raise UsageError(f"{' and '.join(sources)} both say what to draw", "give one of them")
        found = chosen(self, context)
        if self.saved and found:
            raise UsageError(f"--{next(iter(found))}: a saved latent has its own", "leave it out")
        if self.grid is not None and (self.walk is not None or self.mix or self.latent):
            raise UsageError(f"--grid lays out the pictures of --seeds, not of {sources[0]}", "leave out one of them")
        if self.walk is None and any(each.option.panel == FILM for each in options):
            raise UsageError(
                "--interpolate, --seconds, --fps, --loop and --frame are for a --walk", "name its seeds: --walk 3,7,9"
            )
        if self.save_latent and (self.grid or self.walk):
            raise UsageError("--save-latent saves the latent of a picture, not of a grid or a film", "leave it out")

    def outputs(self, context: Context) -> Outputs:
        from genkit.run.drawn import Outputs
        from genkit.verbs.gan.outputs import Drawings
        from genkit.verbs.gan.task import batch_size

        make = Drawings(self, context)
        suffixes = (".npz",) if self.save_latent else ()
        return Outputs(make.outputs(), make.draw, partial(batch_size, wanted=self.batch_size), suffixes)
