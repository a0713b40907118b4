"""`gan directions`: find, name, draw and list directions of a latent space."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.media.pictures.formats import WRITABLE, format_of
from genkit.run import ability, settings
from genkit.run.option import OUTPUT, option
from genkit.run.verb import Context, Verb
from genkit.verbs.gan.options import LATENT, LAYERS, SEED, WHAT, check_layers

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.models.shapes import SampleModel
    from genkit.run.item import Item
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.verb import Outcome
    from genkit.verbs.gan.directions import Directions

SHEET_AMOUNTS = (-3.0, -1.5, 0.0, 1.5, 3.0)


@dataclass(frozen=True)
class DirectionsRun(settings.DrawnRun):
    """The shared options without those of pictures: what comes out is a file of its own kind."""

    output: str | None = option(
        None,
        "Where to.",
        panel=OUTPUT,
        flags=("-o", "--output"),
        metavar="FILE",
        shown="<model>-directions.npz",
        recorded=False,
    )
    format: None = None
    quality: None = None
    name: None = None
    resume: bool = False
    strip_metadata: bool = False
    sidecar: bool = False
    model_options: None = None
    dtype: None = None
    dry_run: bool = False
    verbose: bool = False


@dataclass(frozen=True)
class FindDirections(Verb):
    """Find directions of the latent space along which pictures change, without a label, and save them; or list saved ones.

    \b
      genkit gan directions --sheet sheet.png
      genkit gan directions my-directions.npz --name 0=sleeves --name 3=colour
    """

    file: Path | None = option(None, "A file of directions to list, or to name.", argument=True, metavar="[FILE]", shown=False)
    method: str | None = option(
        None,
        "Factorise the weights (sefa), or take the principal components of many latents (pca).",
        panel=LATENT,
        metavar="sefa|pca",
        shown="sefa",
        choices=("sefa", "pca"),
    )
    count: int = option(16, "How many directions.", panel=LATENT, metavar="N", least=1, most=4096)
    layers: str | None = option(None, LAYERS)
    names: list[str] | None = option(
        None, "Name a direction; may be repeated.", panel=LATENT, flags=("--name",), metavar="N=WORD", shown=False
    )
    sheet: Path | None = option(
        None, "Draw what each does to a picture: a row each, from -3 to 3.", panel=WHAT, metavar="FILE", shown=False
    )
    seed: int | None = option(None, SEED)

    name = "gan directions"
    first = "file"
    run_type = DirectionsRun

    @cached_property
    def saved(self) -> Directions | None:
        """The directions of FILE, with the names that are given.

        Raises:
            UsageError: it is not there, or names that cannot be. InputError: it holds none.
        """
        if self.file is None:
            return None
        from genkit.verbs.gan.directions import load_directions
        from genkit.verbs.gan.latents import read_bytes

        return load_directions(read_bytes(self.file, "directions"), str(self.file)).named(self._names())

    def _names(self) -> dict[int, str]:
        pairs = [text.partition("=") for text in self.names or ()]
        for number, equals, word in pairs:
            if not (number.strip().isdigit() and equals and word.strip()):
                raise UsageError(f"--name {number}{equals}{word}: expected N=WORD, such as 0=sleeves")
        return {int(number): word for number, _, word in pairs}

    def find_card(self, run: settings.Run) -> Card:
        """The model that is asked for or whose directions a file has, else the verb's default.

        Raises:
            UsageError: there is none of that name.
        """
        from genkit import cards

        return cards.find((self.saved and self.saved.model) or run.model or cards.default_model("gan"), "gan")

    def listed(self, run: settings.Run) -> int | None:
        """Name and list the directions of a file, whose model need not be here for that."""
        if self.saved is None or self.file is None or self.sheet is not None:
            return None
        from genkit.run.call import Call, reporting

        self._check_saved(run)
        with reporting(Call(self, run)) as reporter:
            if self.names:
                _save(self.file, self.saved)
            _tell(self.saved, [self.file], reporter)
        return 0

    def _check_saved(self, run: settings.Run) -> None:
        if self.file is not None and (self.method or self.layers or run.output or run.model):
            raise UsageError("a FILE is listed, named or drawn, and not found anew", "leave out FILE, or the other options")

    def check(self, context: Context) -> None:
        self._names()
        self._check_saved(context.run)
        ability.need(context.card, "styles", "directions")
        check_layers(self.layers, context.card)
        if context.run.output == "-":
            raise UsageError("standard output is no place for directions", "write to a file: -o FILE")
        if self.sheet is not None and format_of(self.sheet.suffix) not in WRITABLE:
            raise UsageError(f"--sheet {self.sheet}: not a format that can be written", "such as --sheet sheet.png")
        self._items(context)

    def _items(self, context: Context) -> list[Item]:
        """What is written: directions, unless FILE has them, and a sheet.

        Raises:
            UsageError: it would replace what is there, or FILE.
        """

        def make() -> list[Item]:
            from genkit.run import guard
            from genkit.run.item import Item

            run = context.run
            target = Path(run.output or f"{context.card.name}-directions.npz")
            items = [Item(0, "directions", None, target, "NPZ")] if self.file is None else []
            items += [Item(1, "sheet", None, self.sheet, "PNG")] if self.sheet is not None else []
            items = guard.numbered(items) if run.number else items
            return guard.check(items, [("the file", self.file)] if self.file else [], overwrite=run.overwrite, resume=None)

        found: list[Item] = context.once("items", make)
        return found

    def carry_out(self, context: Context, reporter: Reporter, session: Session, stop: threading.Event | None) -> Outcome:
        """Find directions, or take those of FILE; save, draw and list them.

        Raises:
            GenkitError: the model cannot be had, the layers are not there, or a file cannot be written.
        """
        from genkit.run.batch import Counts
        from genkit.run.plan import Item, Plan
        from genkit.run.verb import Outcome
        from genkit.run.work import load

        _, model = load(context, session, reporter)
        found, items = self.saved or self._find(model, context.card), self._items(context)
        if self.file is not None:
            items = [Item(0, "directions", None, self.file, "NPZ"), *items]
        for item in items:
            assert item.target is not None
            if item.name == "sheet":
                _draw_sheet(model, found, self.seed or 0, item.target)
            elif self.file is None or self.names:
                _save(item.target, found)
        _tell(found, [item.target for item in items if item.target], reporter)
        return Outcome(Plan(items), Counts(done=len(items)), 0)

    def _find(self, model: SampleModel, card: Card) -> Directions:
        from genkit.verbs.gan.directions import find_directions
        from genkit.verbs.gan.latents import parse_layers

        layers = parse_layers(self.layers, model.layers, "--layers") if self.layers is not None else None
        method, revision = self.method or "sefa", card.revision or ""
        return find_directions(model, card.name, method, self.count, layers, revision=revision).named(self._names())


def _save(path: Path, found: Directions) -> None:
    from genkit.media.atomic import write_atomic
    from genkit.run.outputs import put

    write_atomic(path, partial(put, found.dump()))


def _draw_sheet(model: SampleModel, found: Directions, seed: int, path: Path) -> None:
    """A row for each direction, from the one end to the other."""
    import numpy as np

    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture
    from genkit.verbs.gan.task import grid, render

    w = model.embed(model.latents([seed]), model.labels_for([seed]), None)
    rows = [found.moved(w, index, amount) for index in range(len(found.vectors)) for amount in SHEET_AMOUNTS]
    pictures = list(render(model, np.concatenate(rows), [seed] * len(rows)))
    images.write(Picture(*grid(pictures, len(SHEET_AMOUNTS), len(found.vectors))), path)


def _tell(found: Directions, written: Sequence[Path], reporter: Reporter) -> None:
    for index, (name, share, scale) in enumerate(zip(found.names, found.shares, found.scales, strict=True)):
        reporter("direction", index=index, name=name, share=round(float(share), 5), scale=round(float(scale), 5))
    files = [str(path) for path in written]
    reporter("done", done=len(found.shares), failed=0, skipped=0, exit=0, files=files)
