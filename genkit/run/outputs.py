"""Outputs that are made of options alone: what a `DrawingVerb` is asked for, its plan, and the stages of one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.run.recipe import flag_of
from genkit.run.work import Work, naming

if TYPE_CHECKING:
    from genkit.media.film.video import Film
    from genkit.media.pictures.images import Picture
    from genkit.models.shapes import Model
    from genkit.run.batch import Process
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.verb import Context, DrawingVerb


@dataclass(frozen=True)
class Output:
    """One output. `name` is what messages call it and `stem` what its file is called; `job` is what `Outputs.draw` takes.

    `seed`, `options`, the `prompt` (or prompts) and the `files` it is made with (option: path) go into its recipe, `source` as
    its input; `spelling` is what stands before and behind a file in its option. What is drawn `alone` is not put into one batch
    with others: a grid, a film (`film`: MP4 or GIF). `size` is (width, height) where known, `marks` are those of pictures on
    the way that are saved. `effort` is what there is to do, in the unit of `Outputs`, 0 where that is megapixels.
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
    marks: Sequence[str] = ()
    effort: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What is drawn: a picture or a film, and what goes into files beside it, by suffix."""

    result: Picture | Film
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """What a call asks for. `draw(model, jobs, notify, steps)` gives one `Sample` for each job, or for the first ones, after
    which the others come again; `steps` (see `steps.py`) is None but for what is drawn alone. `batch(model)` is how many jobs
    it takes at once. `suffixes` are those of the files beside each output. `ready(model, session, reporter)` is called
    once the model is loaded, and gives what `draw` and `batch` get in its place. `reads` are files that were read for all of
    them (option: path) and stand in no recipe. `unit` is what the effort is counted in. `notes` are said before it starts,
    `remarks` (how many outputs there will be, and why) where a person or a log reads them and no caller from Python."""

    outputs: Sequence[Output]
    draw: Callable[..., Sequence[Sample]]
    batch: Callable[[Any], int] = lambda model: 1
    suffixes: Sequence[str] = ()
    ready: Callable[[Any, Session, Reporter], Any] = lambda model, session, reporter: model
    reads: Mapping[str, Path] = field(default_factory=dict)
    unit: str = ""
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()


def plan_outputs(verb: DrawingVerb, context: Context, wanted: Outputs) -> Plan:
    """Where every output goes.

    Raises:
        UsageError: the plan cannot start.
    """
    from genkit.run import plan as paths

    run = context.run
    if run.output == "-" and wanted.suffixes:
        raise UsageError("standard output has no place for files beside it", "write to a file: -o FILE")
    reads = [(f"--{name}", path) for name, path in wanted.reads.items()]
    reads += [(flag_of(name), path) for each in wanted.outputs for name, path in each.files.items()]
    reads += [("the input", each.source) for each in wanted.outputs if each.source]
    unit = wanted.unit or ("" if all(each.size for each in wanted.outputs) else "pictures")
    plan = paths.plan_drawn(
        [
            paths.Wanted(
                each.name,
                each.stem,
                each.size,
                False,
                each.film,
                each.seed,
                paths.Beside(wanted.suffixes, each.marks, run.sidecar),
                each.effort or float(unit == "pictures"),
            )
            for each in wanted.outputs
        ],
        paths.Naming(
            mark="",
            output=run.output,
            format=context.settings.format,
            template=run.name,
            fields={"verb": verb.name, "model": context.card.name},
        ),
        overwrite=run.overwrite,
        resume=run.resume,
        number=run.number,
        reads=reads,
    )
    plan.unit = unit
    return plan


def put(data: bytes, stream: Any) -> None:
    """Write bytes: what `write_atomic` takes."""
    stream.write(data)


@dataclass(frozen=True)
class _Drawn:
    sample: Sample
    recipe: dict[str, Any]


class DrawingWork(Work):
    """The three stages of one output; those that are drawn in one batch are kept until their turn comes."""

    def __init__(
        self, verb: DrawingVerb, context: Context, reporter: Reporter, session: Session, wanted: Outputs, items: Sequence[Item]
    ):
        super().__init__(verb, context, reporter, session)
        self._wanted, self._items = wanted, items
        self._ready: dict[int, Sample] = {}

    def read(self, item: Item) -> Any:
        from genkit.run.batch import Skip

        recipe = self.wanted_recipe(item)
        return Skip("already made") if self.is_made(item, recipe) else recipe

    def wanted_recipe(self, item: Item) -> dict[str, Any]:
        wanted = self._wanted.outputs[item.index]
        files = {name: self.facts(name, path) for name, path in wanted.files.items()}
        for name, (before, after) in wanted.spelling.items():
            files[name] = files[name] | {"before": before, "after": after}
        source = self.facts("input", wanted.source) if wanted.source else None
        recipe = self.recipe(item, wanted.options, seed=wanted.seed, source=source, files=files)
        return recipe | ({"prompt": wanted.prompt} if wanted.prompt is not None else {})

    def prepare(self) -> list[Process]:
        _, model = self.load()
        model = self._wanted.ready(model, self.session, self.reporter)
        count = max(1, self._wanted.batch(model))
        return [partial(self._process, model, count)]

    def _process(self, model: Model, count: int, item: Item, recipe: dict[str, Any]) -> _Drawn:
        from genkit.run.steps import Steps

        context, outputs = self.context, self._wanted.outputs
        if item.index not in self._ready:
            items = self._together(item, count)
            steps = None
            if outputs[item.index].alone:
                steps = Steps(item, recipe, context.run, context.settings, self.reporter)
            jobs = [outputs[each.index].job for each in items]
            with naming(item):
                samples = self._wanted.draw(model, jobs, lambda text: self.notify(item, [text]), steps)
            self._ready = {each.index: sample for each, sample in zip(items, samples, strict=False)}
        return _Drawn(self._ready.pop(item.index), recipe)

    def _together(self, first: Item, count: int) -> list[Item]:
        """The outputs to draw in one batch with this one: those that follow, without what is made already."""
        outputs = self._wanted.outputs
        if outputs[first.index].alone:
            return [first]
        items = [first]
        for item in self._items[first.index + 1 :]:
            if len(items) == count or outputs[item.index].alone:
                break
            try:
                if not self.is_made(item, self.wanted_recipe(item)):
                    items.append(item)
            except GenkitError:  # it fails when its turn comes, and says why
                continue
        return items

    def write(self, item: Item, drawn: _Drawn) -> dict[str, Any]:
        self.write_beside(item, drawn.sample.beside)
        return self.write_media(item, drawn.sample.result, drawn.recipe)
