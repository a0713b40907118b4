"""`gan`: draw pictures from a latent space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import RUN, given, option
from genkit.run.verb import Context, DrawingVerb
from genkit.verbs.gan.options import LABEL, LATENT, SEED, TRUNCATION, WHAT, chosen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genkit.cards import Card
    from genkit.run.outputs import Outputs
    from genkit.run.settings import Run
    from genkit.verbs.gan.latents import Latent

FILM = "Film"
SOURCES = ("seeds", "seed", "mix", "latent", "walk")  # what there is to draw, one at a time


@dataclass(frozen=True)
class Gan(DrawingVerb):
    """Draw pictures from a latent space. A seed gives the same picture alone, in a batch and in a grid.

    \b
      genkit gan --seeds 0-15
      genkit gan --seeds 0-15 --class dress -o dresses/
      genkit gan --grid 4x4 -o sheet.png
      genkit gan --walk 3,7,9 --loop -o walk.mp4
      genkit gan --mix 3:7:3-4
    """

    seeds: str | None = option(None, "Seeds: 0-15, or 3,7,9.", panel=WHAT, metavar="LIST", shown="0", numbers=True)
    seed: int | None = option(None, SEED)
    label: str | None = option(None, LABEL)
    list_classes: bool = option(False, "List the model's classes, and draw nothing.", panel=WHAT, recorded=False, terminal=True)
    truncation: float | None = option(None, TRUNCATION)
    grid: str | None = option(
        None,
        "Lay the pictures out in grids; without --seeds as many as fill one.",
        panel=WHAT,
        metavar="COLSxROWS",
        shown=False,
    )
    mix: list[str] | None = option(
        None,
        "Seed A with the styles of seed B in some layers, as 3:7:0-3; may be repeated.",
        panel=LATENT,
        metavar="A:B:LAYERS",
        shown=False,
        needs="styles",
    )
    latent: list[Path] | None = option(
        None, "Draw a saved latent; may be repeated.", panel=LATENT, metavar="FILE", shown=False, file="list"
    )
    save_latent: bool = option(False, "Save each picture's latent beside it (.npz).", panel=LATENT)
    batch_size: int | None = option(
        None,
        "Pictures to draw at once.",
        panel=RUN,
        metavar="N",
        shown="4, or 16 on a GPU",
        least=1,
        most=1024,
        recorded=False,
        former=("batch",),
    )
    walk: str | None = option(
        None,
        "Go from seed to seed: -o walk.mp4, walk.gif, or a folder for single pictures.",
        panel=FILM,
        metavar="LIST",
        shown=False,
        numbers=True,
    )
    interpolate: str | None = option(
        None,
        "Straight through the styles (w), or along circles through the latents (z).",
        panel=FILM,
        metavar="z|w",
        shown="w, or z for a model that is not style-based",
        choices=("z", "w"),
    )
    seconds: float | None = option(
        None, "How long the walk takes.", panel=FILM, metavar="S", shown="2 from seed to seed", unit="s"
    )
    fps: float | None = option(None, "Pictures a second.", panel=FILM, metavar="N", shown="24")
    loop: bool = option(False, "Go back to the first seed; a GIF plays again and again.", panel=FILM)
    frame: int | None = option(None, "This picture of the walk alone.", panel=FILM, metavar="N", shown="all", least=1)

    name = "gan"
    first = "seeds"

    @cached_property
    def saved(self) -> Sequence[tuple[Path, Latent]]:
        """The saved latents to draw.

        Raises:
            UsageError: one is not there. InputError: it is no latent.
        """
        from genkit.verbs.gan.latents import read_latent

        return [(path, read_latent(path, "--latent")) for path in self.latent or ()]

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
        from genkit.run.outputs import Outputs
        from genkit.verbs.gan.outputs import Drawings
        from genkit.verbs.gan.task import batch_size

        make = Drawings(self, context)
        suffixes = (".npz",) if self.save_latent else ()
        return Outputs(make.outputs(), make.draw, partial(batch_size, wanted=self.batch_size), suffixes)
