"""The options of `genkit gan`; what is done with them is `verb.py`'s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.run.option import RUN, option
from genkit.run.verb import DrawingVerb
from genkit.verbs.gan.options import LABEL, LATENT, SEED, TRUNCATION, WHAT

if TYPE_CHECKING:
    from genkit.verbs.gan.latents import Latent

FILM = "Film"


@dataclass(frozen=True)
class GanDeclaration(DrawingVerb):
    """In the order of help."""

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

    @cached_property
    def saved(self) -> Sequence[tuple[Path, Latent]]:
        """The saved latents to draw.

        Raises:
            UsageError: one is not there. InputError: it is no latent.
        """
        from genkit.verbs.gan.latents import read_latent

        return [(path, read_latent(path, "--latent")) for path in self.latent or ()]
