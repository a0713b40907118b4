"""How the pictures of `genkit txt2img` are drawn: the model set up as they want it, sheets of them, and steps that are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.run.drawn import Sample

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import DrawModel
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.steps import Steps
    from genkit.run.verb import Context, Notify
    from genkit.verbs.txt2img.declaration import Txt2imgDeclaration
    from genkit.verbs.txt2img.job import Setup
    from genkit.verbs.txt2img.resolver import Planned


@dataclass(frozen=True)
class Sheet:
    """Pictures that are laid out together."""

    pictures: Sequence[Planned]
    columns: int
    rows: int


class Drawer:
    """Draws: sets the model up as the pictures want it, and loads what enlarges them; lets steps be seen."""

    def __init__(self, verb: Txt2imgDeclaration, context: Context, planned: Sequence[Planned]):
        self.verb, self.context, self.planned = verb, context, planned
        self._setup: Setup | None = None
        self._enlargers: dict[str, Callable[[Picture, Notify], Picture]] = {}

    def ready(self, model: DrawModel, session: Session, reporter: Reporter) -> Drawer:
        """Look at every prompt before any picture is drawn, and set the model up for the first. Gives this drawer in the
        model's place: nobody else may hold a model that is to be loaded again."""
        from genkit.verbs.txt2img.task import check

        self.model, self.session, self.reporter = model, session, reporter
        self._refuse_schedulers()
        check(model, [each.job for each in self.planned], self.context.card.name, self.reporter.say)
        self._configure(self.planned[0].job.setup)
        for name in dict.fromkeys(each.upscale for each in self.planned if each.upscale):
            self._enlargers[name] = self._enlarger(name)
        return self

    def _refuse_schedulers(self) -> None:
        known = self.model.schedulers()
        for name in dict.fromkeys(each.job.setup.scheduler for each in self.planned):
            if name is not None and name not in known:
                raise UsageError(
                    f"--scheduler {name}: {self.context.card.name} has none of that name",
                    f"it has {', '.join(known)}",
                    code="model-option",
                )

    def batch(self, drawer: Drawer) -> int:
        """How many to draw at once: as asked, or what memory bears of the largest size."""
        sizes = {each.job.size or self.model.native_size for each in self.planned}
        return self.verb.batch_limit() or max(1, min(self.model.batch_limit(*size) for size in sizes))

    def draw(self, drawer: Drawer, jobs: Sequence[Any], notify: Notify, steps: Steps | None) -> Sequence[Sample]:
        """Draw outputs in one batch, or one that is drawn alone; where one of them fails, those before it."""
        if isinstance(jobs[0], Sheet):
            return [Sample(self._sheet(jobs[0], notify, steps))]
        samples: list[Sample] = []
        try:
            for picture in self._draw(jobs, notify, steps):
                samples.append(Sample(picture))
        except GenkitError:
            if not samples:
                raise
        return samples

    def _sheet(self, sheet: Sheet, notify: Notify, steps: Steps | None) -> Picture:
        from genkit.media.pictures.picture import Picture
        from genkit.pixels.sheet import find_labels, lay_out
        from genkit.verbs.txt2img.task import facts_of

        facts = [facts_of(each.job, "-") for each in sheet.pictures]
        pictures = [(each.pixels, each.alpha) for each in self._draw(sheet.pictures, notify, steps)]
        return Picture(lay_out(pictures, find_labels(facts, sheet.columns), sheet.columns, sheet.rows))

    def _draw(self, planned: Sequence[Planned], notify: Notify, steps: Steps | None) -> Iterator[Picture]:
        from genkit.verbs.txt2img.task import draw

        batch = self.batch(self)
        done = 0
        for setup, group in groupby(planned, lambda each: each.job.setup):
            part = list(group)
            if setup != self._setup:
                self._change(setup, notify)
            with _Watched(self, steps, done, len(planned), part[0].job.steps) as watched:
                pictures = draw(self.model, [each.job for each in part], batch=batch, notify=notify)
                for picture, each in zip(pictures, part, strict=True):
                    done = watched.done = done + 1
                    yield self._enlargers[each.upscale](picture, notify) if each.upscale else picture
            del watched  # it holds the model, which the next one may have to make room for

    def _change(self, setup: Setup, notify: Notify) -> None:
        """Set the model up for pictures that want it otherwise: a sampler is exchanged, for all else it is loaded again."""
        from genkit import runtime
        from genkit.run.work import load

        if self._setup is not None and replace(self._setup, scheduler=setup.scheduler) == setup:
            self.model.use_scheduler(setup.scheduler)
            self._setup = setup
            return
        notify(f"{self.context.card.name} is loaded again for other settings of the whole model")
        device = self.model.device
        self.session.forget(self.model)
        del self.model
        runtime.release(device)
        self.model = load(self.context, self.session, self.reporter)[1]
        self._configure(setup)

    def _configure(self, setup: Setup) -> None:
        from genkit.run.pipelines import fetch_part

        verb = self.verb
        lasting: dict[str, Any] = {
            "loras": setup.loras,
            "vae": setup.vae,
            "controls": setup.controls,
            "offload": verb.offload if verb.offload != "auto" else None,
            "attention": verb.attention,
            "compile": verb.compile,
            "cache": verb.cache,
        }
        lasting = {name: value for name, value in lasting.items() if value}
        if lasting:
            self.session.forget(self.model)
            accept = self.context.run.accept_licence
            self.model.configure(**lasting, fetch=lambda card: fetch_part(card, self.reporter, accept_licence=accept))
        self.model.use_scheduler(setup.scheduler)
        self._setup = setup

    def _enlarger(self, name: str) -> Callable[[Picture, Notify], Picture]:
        """What `genkit upscale --model NAME` does to a picture, on the device that is drawn on."""
        from genkit import verbs
        from genkit.run.settings import PictureRun
        from genkit.run.work import load

        run, device = self.context.run, self.context.settings.device
        upscale: Any = verbs.find("upscale")()
        settings = PictureRun([], model=name, device=device, dtype="auto", accept_licence=run.accept_licence)
        context = upscale.context(settings)
        model = load(context, self.session, self.reporter)[1]
        return lambda picture, notify: upscale.apply(model, picture, context.of_input({}, 0, notify, None))


class _Watched:
    """Lets the steps of what is drawn inside be seen: on the bar, as previews in the terminal, as files. `done` of `of`
    pictures are drawn, and each takes `count` steps."""

    def __init__(self, drawer: Drawer, steps: Steps | None, done: int, of: int, count: int):
        self._steps, self.done, self._of, self._count = steps, done, of, count
        self._every = drawer.verb.save_steps
        self._preview = drawer.reporter.preview()
        self._model = drawer.model
        self._before = self._model.progress, self._model.watch

    def __enter__(self) -> _Watched:
        if self._steps is not None:
            self._model.progress = self._step
            if self._every:
                self._steps.reserve(f"step{step:04}" for step in range(self._every, self._count, self._every))
        if self._preview is not None or (self._steps is not None and self._every):
            self._model.watch = self._watch
        return self

    def _step(self, done: int, of: int) -> None:
        """Steps of the batch in hand, as a part of those of the whole sheet."""
        assert self._steps is not None
        self._steps.step(self.done * of + done, self._of * of)

    def _watch(self, step: int, images: np.ndarray) -> None:
        from genkit.verbs.txt2img.task import picture_of

        picture = picture_of(images[0])
        if self._preview is not None:
            self._preview(picture.pixels)
        if self._steps is not None and self._every and step % self._every == 0 and step != self._count:
            self._steps.save(picture, f"step{step:04}")

    def __exit__(self, *_: Any) -> None:
        self._model.progress, self._model.watch = self._before
