"""`gan edit`: change a picture along a direction of the latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import option
from genkit.run.verb import Context, DrawingVerb
from genkit.verbs.gan.options import LABEL, LATENT, LAYERS, SEED, TRUNCATION, check_layers, chosen

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.models.shapes import SampleModel
    from genkit.run.drawn import Output, Outputs, Sample
    from genkit.run.settings import Run
    from genkit.run.verb import Notify
    from genkit.verbs.gan.directions import Directions
    from genkit.verbs.gan.latents import Latent

ALL = 1 << 20  # directions: more than any latent has numbers


@dataclass(frozen=True)
class Edit(DrawingVerb):
    """Change a picture along a direction of the latent space, by as much as --amount says.

    \b
      genkit gan edit --seed 7 --direction 3 --amount -2 --amount 2
      genkit gan edit photo_projected.npz --direction sleeves --amount 1.5
    """

    latent: Path | None = option(
        None, "A saved latent (.npz); or a seed with --seed.", argument=True, metavar="[LATENT]", shown=False
    )
    seed: int | None = option(None, SEED)
    label: str | None = option(None, LABEL)
    truncation: float | None = option(None, TRUNCATION)
    direction: str = option("0", "A direction, see `genkit gan directions`.", panel=LATENT, metavar="NAME|N")
    amount: list[float] | None = option(
        None,
        "How far, in standard deviations; below 0 the other way; repeated, it gives a picture each.",
        panel=LATENT,
        metavar="X",
        shown="2",
    )
    directions: Path | None = option(
        None,
        "A file of `genkit gan directions`.",
        panel=LATENT,
        metavar="FILE",
        shown="<model>-directions.npz beside the latent or here, else found anew",
        file="one",
    )
    layers: str | None = option(None, LAYERS)
    save_latent: bool = option(False, "Save the changed latent beside the picture (.npz).", panel=LATENT)

    name = "gan edit"
    first = "latent"

    @cached_property
    def saved(self) -> Latent | None:
        """The latent to start from, where it is a file's.

        Raises:
            UsageError: it is not there. InputError: it is no latent.
        """
        from genkit.verbs.gan.latents import read_latent

        return read_latent(self.latent, "edit") if self.latent is not None else None

    def find_card(self, run: Run) -> Card:
        """The model that is asked for, else that of the saved latent, else the verb's default.

        Raises:
            UsageError: there is none of that name.
        """
        from genkit import cards

        return cards.find(run.model or (self.saved and self.saved.model) or cards.default_model("gan"), "gan")

    def check(self, context: Context) -> None:
        if (self.latent is None) == (self.seed is None):
            raise UsageError("edit what? Give a saved latent, or --seed N", "genkit gan edit --seed 7 --direction 0 --amount 2")
        ability.need(context.card, "styles", "edit")
        check_layers(self.layers, context.card)
        found = chosen(self, context)
        if self.saved is not None and self.latent is not None:
            from genkit.verbs.gan.latents import refuse_other_model

            refuse_other_model(context.card, self.saved, self.latent)
            if found:
                raise UsageError(f"--{next(iter(found))}: a saved latent has its own", "leave it out")

    def outputs(self, context: Context) -> Outputs:
        from genkit.run.drawn import Outputs

        file = self._file(context)
        known = _read(context.card, file) if file is not None else None
        name = known.called(known.find(self.direction)) if known else self.direction
        return Outputs(
            [self._output(context, file, name, amount) for amount in self.amount or [2.0]],
            partial(self._draw, context, file, known),
            suffixes=(".npz",) if self.save_latent else (),
        )

    def _file(self, context: Context) -> Path | None:
        """The file of directions: as given, else one of the model's name beside the latent or here."""
        if self.directions is not None:
            return self.directions
        folders = [*([self.latent.parent] if self.latent else []), Path()]
        places = [folder / f"{context.card.name}-directions.npz" for folder in folders]
        return next((place for place in places if place.is_file()), None)

    def _output(self, context: Context, file: Path | None, direction: str, amount: float) -> Output:
        from genkit.run.drawn import Output
        from genkit.verbs.gan.outputs import named, size_of

        start = self.latent.stem if self.latent else f"{context.card.name}-seed{self.seed:04}"
        step = f"{named(direction)}{amount:+g}"
        given = {"layers": self.layers, "save_latent": self.save_latent or None}
        options = chosen(self, context) | {"direction": self.direction, "amount": amount}
        return Output(
            f"{self.latent or f'seed {self.seed}'} {named(direction)} {amount:+g}",
            f"{start}-{step}",
            amount,
            seed=self.seed,
            options=options | {option: value for option, value in given.items() if value is not None},
            files={"directions": file} if file else {},
            source=self.latent,
            size=size_of(context.card),
        )

    def _draw(
        self,
        context: Context,
        file: Path | None,
        known: Directions | None,
        model: SampleModel,
        amounts: Sequence[float],
        notify: Notify,
        steps: object,
    ) -> list[Sample]:
        from genkit.run.drawn import Sample
        from genkit.verbs.gan.latents import Latent, w_of
        from genkit.verbs.gan.outputs import single
        from genkit.verbs.gan.task import render

        card = context.card
        if file is not None:
            notify(f"directions: {file}")
        found = context.once("directions", lambda: self._directions(card, file, known, model))
        options = chosen(self, context)
        truncation, noise = options.get("truncation"), self.seed
        if self.saved is not None:
            w, truncation, noise = w_of(model, self.saved, str(self.latent)), self.saved.truncation, self.saved.noise_seed
        else:
            seeds = [self.seed or 0]
            w = model.embed(model.latents(seeds), model.labels_for(seeds, options.get("class")), truncation)
        if found.vectors.shape[1] != w.shape[2]:
            raise UsageError(f"{file}: directions of another network", "genkit gan directions", code="directions")
        made = []
        for amount in amounts:
            moved = found.moved(w, found.find(self.direction), amount)
            drawn = next(render(model, moved, [noise], truncation=truncation, notify=notify))
            latent = Latent(drawn.w, card.name, card.revision or "", noise, truncation)
            made.append(Sample(single(iter([drawn])), {".npz": latent.dump()} if self.save_latent else {}))
        return made

    def _directions(self, card: Card, file: Path | None, known: Directions | None, model: SampleModel) -> Directions:
        from genkit.verbs.gan.directions import find_directions
        from genkit.verbs.gan.latents import parse_layers

        found = known or find_directions(model, card.name, count=ALL)
        if self.layers is not None:
            found = replace(found, layers=tuple(parse_layers(self.layers, model.layers, "--layers")))
        if any(not 0 <= one < model.layers for one in found.layers):
            raise UsageError(f"{file}: directions for layers that {card.name} has not got", code="directions")
        return found


def _read(card: Card, path: Path) -> Directions:
    """Directions that everything asked for needs.

    Raises:
        UsageError: of another model, or not there. InputError: it holds none.
    """
    from genkit.verbs.gan.directions import load_directions
    from genkit.verbs.gan.latents import read_bytes

    found = load_directions(read_bytes(path, "--directions"), str(path))
    if found.model != card.name:
        raise UsageError(f"{path} has directions of {found.model}, not of {card.name}", "give those of this model")
    return found
