"""What every verb does that draws pictures and has no inputs: the plan of outputs, batches, grids and films, and recipes.

A verb describes itself with a `DrawingVerb` and calls `run_drawings`; the rest is shared with `pictures.py` (`making.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import DrawOptions
from genkit.errors import GenkitError, UsageError
from genkit.run.making import Making, facts_of_file, make_folder, reporting, run_plan
from genkit.run.planning import Settings, settings_of, tell_of_plan

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.film.video import Film
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Drawing:
    """One output. `name` is what messages call it and `stem` what its file is called; `job` is what the verb's `draw` takes.

    `seed`, `options`, the `prompt` (or prompts) and the `files` it is made with (option: path) go into its recipe, `source` as
    its input; `spelling` is what stands before and behind a file in its option. What is drawn `alone` is not put into one batch
    with others: a grid, a film (`film`: MP4 or GIF). `size` is (width, height) where known.
    """

    name: str
    stem: str
    job: Any
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    spelling: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    prompt: str | Sequence[str] | None = None
    source: Path | None = None
    size: tuple[int, int] | None = None
    alone: bool = False
    film: str | None = None


@dataclass(frozen=True)
class Made:
    """What `draw` gives: a picture or a film, and what goes into files beside it, by suffix."""

    result: Picture | Film
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class DrawingVerb:
    """One verb as the shared part needs it. `draw(model, jobs, notice, working)` gives one `Made` for each job, or for the
    first ones, after which the others come again; `working` (see `working.py`) is None but for what is drawn alone.
    `batch(model)` is how many jobs it takes at once. `suffixes` are those of the files beside each output. `ready(model,
    reporter)` is called once the model is loaded, and gives what `draw` and `batch` get in its place. `notes` are said before
    it starts."""

    name: str
    card: Card
    drawings: Sequence[Drawing]
    draw: Callable[..., Sequence[Made]]
    batch: Callable[[Any], int] = lambda model: 1
    suffixes: Sequence[str] = ()
    ready: Callable[[Any, Reporter], Any] = lambda model, reporter: model
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class _Drawn:
    made: Made
    recipe: dict[str, Any]


def run_drawings(shared: DrawOptions, verb: DrawingVerb) -> int:
    """Draw everything a verb describes, and return the exit code.

    Raises:
        GenkitError: the plan cannot start, or the model cannot be had.
    """
    if shared.output == "-" and verb.suffixes:
        raise UsageError("standard output has no place for files beside it", "write to a file: -o FILE")
    with reporting(shared, pipe=shared.output == "-") as reporter:
        settings = settings_of(shared, verb.name)
        plan = _plan(shared, verb, settings)
        tell_of_plan(plan, shared.quality, reporter)
        for note in verb.notes:
            reporter.say(note)
        return run_plan(shared, verb, settings, plan, reporter, partial(_Work, shared, verb, settings, plan, reporter))


def _plan(shared: DrawOptions, verb: DrawingVerb, settings: Settings) -> Plan:
    from genkit.run import plan as paths

    naming = paths.Naming(
        mark="",
        output=shared.output,
        format=settings.format,
        template=shared.name,
        fields={"verb": verb.name, "model": verb.card.name},
    )
    others = {f"--{option}": path for one in verb.drawings for option, path in one.files.items()}
    others |= {f"the input {number}": one.source for number, one in enumerate(verb.drawings, 1) if one.source}
    return paths.plan_drawn(
        [paths.Wanted(one.name, one.stem, one.size, False, one.film, one.seed) for one in verb.drawings],
        naming,
        overwrite=shared.overwrite,
        resume=shared.resume,
        sidecar=shared.sidecar,
        suffixes=verb.suffixes,
        others=others,
    )


def put(data: bytes, stream: Any) -> None:
    """Write bytes: what `write_atomic` takes."""
    stream.write(data)


class _Work:
    """The three stages of one output; those that are drawn in one batch are kept until their turn comes."""

    def __init__(self, shared: DrawOptions, verb: DrawingVerb, settings: Settings, plan: Plan, reporter: Reporter):
        self._shared, self._verb, self._settings, self._plan, self._reporter = shared, verb, settings, plan, reporter
        self._making = Making(shared, verb, settings, reporter)
        self._facts: dict[Path, dict[str, Any]] = {}
        self._ready: dict[int, Made] = {}

    def read(self, item: Item) -> Any:
        from genkit.run.batch import Skip

        recipe = self._recipe(item)
        return Skip("already made") if self._is_made(item, recipe) else recipe

    def _is_made(self, item: Item, recipe: dict[str, Any]) -> bool:
        """What lies beside an output must be there too; all is written before the output itself."""
        beside = [item.target.with_suffix(one) for one in self._verb.suffixes] if item.target else []
        return self._making.is_made(item, recipe) and all(one.exists() for one in beside)

    def _recipe(self, item: Item) -> dict[str, Any]:
        one = self._verb.drawings[item.index]
        files = {option: self._fact(option, path) for option, path in one.files.items()}
        for option, (before, after) in one.spelling.items():
            files[option] = files[option] | {"before": before, "after": after}
        source = self._fact("input", one.source) if one.source else None
        recipe = self._making.recipe(item, one.options, seed=one.seed, source=source, files=files)
        return recipe | ({"prompt": one.prompt} if one.prompt is not None else {})

    def _fact(self, option: str, path: Path) -> dict[str, Any]:
        if path not in self._facts:
            self._facts[path] = facts_of_file(option, path)
        return self._facts[path]

    def prepare(self) -> list[Process]:
        _, model = self._making.load()
        model = self._verb.ready(model, self._reporter)
        count = max(1, self._verb.batch(model))
        return [partial(self._process, model, count)]

    def _process(self, model: Any, count: int, item: Item, recipe: dict[str, Any]) -> _Drawn:
        from genkit.run.working import Working

        def notice(message: str) -> None:
            self._reporter("notice", message=message, input=item.name)

        if item.index not in self._ready:
            items = self._together(item, count)
            working = None
            if self._verb.drawings[item.index].alone:
                working = Working(item, recipe, self._shared, self._settings, self._reporter, self._reporter.steps())
            try:
                made = self._verb.draw(model, [self._verb.drawings[one.index].job for one in items], notice, working)
            except GenkitError as error:
                if item.name not in error.message:
                    error.message = f"{item.name}: {error.message}"
                raise
            self._ready = {one.index: each for one, each in zip(items, made, strict=False)}
        return _Drawn(self._ready.pop(item.index), recipe)

    def _together(self, first: Item, count: int) -> list[Item]:
        """The outputs to draw in one batch with this one: those that follow, without what is made already."""
        if self._verb.drawings[first.index].alone:
            return [first]
        items = [first]
        for item in self._plan.items[first.index + 1 :]:
            if len(items) == count or self._verb.drawings[item.index].alone:
                break
            try:
                if not self._is_made(item, self._recipe(item)):
                    items.append(item)
            except GenkitError:  # it fails when its turn comes, and says why
                continue
        return items

    def write(self, item: Item, drawn: _Drawn) -> dict[str, Any]:
        from genkit.media.atomic import write_atomic

        if item.target is not None:
            make_folder(item.target.parent)
            for suffix, data in drawn.made.beside.items():
                write_atomic(item.target.with_suffix(suffix), partial(put, data))
        return self._making.write(item, drawn.made.result, drawn.recipe)

    def close(self) -> None:
        """Nothing was taken that others wait for."""
