"""Outputs that are made of options alone (`drawn.py`): their plan, and the stages of one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.run.recipe import flag_of
from genkit.run.work import Work, naming

if TYPE_CHECKING:
    from genkit.models.shapes import Model
    from genkit.run.batch import Process
    from genkit.run.drawn import Outputs, Sample
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.verb import Context, DrawingVerb


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
