"""What every verb does that makes pictures out of pictures: plan, load once, run the batch, report.

A verb describes itself with a `PictureVerb` and calls `run_pictures`; options, naming, resuming, streams, events and exit
codes are the same for all and live here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import ImageOptions
from genkit.errors import GenkitError, InputError
from genkit.run.making import Making, facts_of_file, reporting, run_plan
from genkit.run.planning import Settings, make_plan, settings_of

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.plan import Item
    from genkit.run.report import Reporter
    from genkit.runtime import Runtime

MOST_WORKERS = 4
PICTURES_A_WORKER = 4  # with fewer, the last picture would run on a part of the cores for too large a part of the time
LARGE_TILE = 320  # pixels a side, halo included: what a worker of a CPU holds in memory at once

Notice = Callable[[str], None]


@dataclass(frozen=True)
class PictureVerb:
    """One verb as the shared part needs it.

    `mark` is what an output beside its input is called after (`_x4`), and `marks` the pattern of all the verb gives;
    `options` go into the recipe; `fields` into --name. `apply` takes the loaded model, a picture and a place for notices.

    `files` (option name: path) are further files that all pictures use; recipe, --resume and replay know them by name and
    sha256. `companions` (option name: folder) hold one for each picture, see `run/pairing.py`; `apply` then takes a fourth
    argument, the paths by option, None where a picture has none and the option is among the `optional`. With `candidates` each
    input gives so many outputs, named `_1`, `_2` and so on, and `apply` takes the keyword `seed`: the run's own for the first
    one, and one more for each other. A verb that `works` for minutes on a picture has its `apply` take the keyword `working`,
    see `run/working.py`. `media.pairing.sort_extra` parts what options name into the first two.
    """

    name: str
    card: Card
    mark: str
    marks: str
    apply: Callable[..., Picture]
    size_of: Callable[[int, int], tuple[int, int]]
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    companions: Mapping[str, Path] = field(default_factory=dict)
    optional: Collection[str] = ()
    candidates: int | None = None
    works: bool = False


@dataclass(frozen=True)
class _Loaded:
    picture: Picture
    recipe: dict[str, Any]


def run_pictures(shared: ImageOptions, verb: PictureVerb) -> int:
    """Run one verb over everything that was named, and return the exit code.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    pipe = shared.output == "-" or (shared.output is None and "-" in shared.paths)
    with reporting(shared, pipe=pipe) as reporter:
        settings = settings_of(shared, verb.name)
        plan = make_plan(shared, verb, settings, reporter)
        work = partial(_Work, shared, verb, settings, len(plan.items), reporter)
        return run_plan(shared, verb, settings, plan, reporter, work)


class _Work:
    """The three stages of one picture: read (a thread), process (the caller's), write (threads)."""

    def __init__(self, shared: ImageOptions, verb: PictureVerb, settings: Settings, count: int, reporter: Reporter):
        self._shared, self._verb, self._settings, self._reporter = shared, verb, settings, reporter
        self._making = Making(shared, verb, settings, reporter)
        self._count, self._threads = count, 0
        self._files = {option: facts_of_file(option, path) for option, path in verb.files.items()}

    def read(self, item: Item) -> Any:
        from genkit.media.pictures import images
        from genkit.run.batch import Skip

        for option, path in item.partners.items():
            if path is None and option not in self._verb.optional:
                folder = self._verb.companions[option]
                raise InputError(
                    f"{item.name}: nothing of that name in --{option} {folder}",
                    "add it, or leave the picture out",
                    code="no-partner",
                )
        data = images.load(item.source if item.source is not None else item.data or b"", item.name)
        recipe = self._recipe(item, hashlib.sha256(data).hexdigest())
        if self._making.is_made(item, recipe):
            return Skip("already made")
        picture = images.read(data, max_pixels=self._settings.max_pixels, name=item.name)
        self._making.tell(item, picture.metadata.notices)
        return _Loaded(picture, recipe)

    def prepare(self) -> list[Process]:
        from genkit.run.working import Working

        place, model = self._making.load()

        def process(item: Item, loaded: _Loaded) -> _Loaded:
            def notice(message: str) -> None:
                self._reporter("notice", message=message, input=item.name)

            further: list[Any] = [dict(item.partners)] if self._verb.companions else []
            keywords: dict[str, Any] = {"seed": loaded.recipe["seed"]} if self._verb.candidates is not None else {}
            if self._verb.works:
                bar = self._reporter.steps()
                keywords["working"] = Working(item, loaded.recipe, self._shared, self._settings, self._reporter, bar)
            try:
                result = self._verb.apply(model, loaded.picture, notice, *further, **keywords)
            except GenkitError as error:
                if item.name not in error.message:  # a task knows pixels, and not where they are from
                    error.message = f"{item.name}: {error.message}"
                raise
            return _Loaded(result, loaded.recipe)

        return [process] * self._workers(place, model)

    def _workers(self, place: Runtime, model: Any) -> int:
        """How many pictures to process at once: on a CPU several, each on threads of its own.

        The threads of one convolution meet after each layer: one that shares its core with an encoder keeps all waiting.
        """
        if place.device.type != "cpu":
            return 1
        import torch

        if self._verb.works:  # one optimisation alone takes as much memory as there is to be had
            return 1
        if getattr(model, "stochastic", False):  # a pipeline that draws noise keeps the step it is at, for one picture
            return 1
        if place.dtype != torch.float32:  # one picture's fault turns the model to float32, which others must not meet half done
            return 1

        from genkit import runtime

        threads = torch.get_num_threads()
        tile_bytes = LARGE_TILE**2 * getattr(model, "pixel_bytes", 0) or 1
        room = int(0.8 * runtime.free_memory(place.device) // tile_bytes)
        workers = min(threads, MOST_WORKERS, self._count // PICTURES_A_WORKER, room)
        if workers > 1:
            self._threads = threads
            torch.set_num_threads(max(1, threads // workers))
        return max(1, workers)

    def close(self) -> None:
        """Give back what `prepare` took from the rest of the process."""
        if self._threads:
            import torch

            torch.set_num_threads(self._threads)

    def write(self, item: Item, result: _Loaded) -> dict[str, Any]:
        return self._making.write(item, result.picture, result.recipe)

    def _recipe(self, item: Item, digest: str) -> dict[str, Any]:
        name = item.source.name if item.source else "stdin"
        return self._making.recipe(
            item,
            self._verb.options,
            seed=self._shared.seed + max(item.variant - 1, 0),
            source={"name": name, "sha256": digest},
            files=self._files | {option: facts_of_file(option, path) for option, path in item.partners.items() if path},
        )
