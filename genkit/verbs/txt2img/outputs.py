"""The pictures of `genkit txt2img` as outputs: their names, sheets of them, and how they are drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.run.drawing import Drawing, Made
from genkit.verbs.txt2img.requests import Entry

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.cli.options import DrawOptions
    from genkit.run.report import Reporter
    from genkit.run.working import Working
    from genkit.verbs.txt2img.options import SpeedOptions
    from genkit.verbs.txt2img.task import Drawn, Job, Setup

SHOWN_NAME = 48  # letters of a prompt in messages


@dataclass(frozen=True)
class Sheet:
    """Pictures that are laid out together."""

    entries: Sequence[Entry]
    columns: int
    rows: int


def single_drawings(entries: Sequence[Entry], card: Card, *, alone: bool) -> list[Drawing]:
    """One output for each picture; those that would have one name are numbered."""
    from genkit.verbs.txt2img.prompts import numbered

    stems = numbered(map(stem_of, entries))
    return [
        Drawing(
            name_of(entry.job),
            stem,
            entry,
            seed=entry.job.seed,
            options=entry.options,
            files=entry.files,
            spelling=entry.spelling,
            prompt=entry.job.prompt,
            size=size_of(entry, card),
            alone=alone,
        )
        for entry, stem in zip(entries, stems, strict=True)
    ]


def sheet_drawings(
    entries: Sequence[Entry],
    grid: tuple[int, int],
    only: int | None,
    prompt: str | Sequence[str],
    options: Mapping[str, Any],
    common: Entry,
    list_file: Any,
) -> list[Drawing]:
    """Outputs of `grid` (columns, rows) pictures each. Their recipes say all that was asked for, and which sheet they are.

    Raises:
        UsageError: there are not so many sheets.
    """
    from genkit.verbs.txt2img.prompts import numbered

    columns, rows = grid
    sheets = [entries[at : at + columns * rows] for at in range(0, len(entries), columns * rows)]
    if only is not None and only > len(sheets):
        raise UsageError(f"--sheet {only}: there is {'one sheet' if len(sheets) == 1 else f'no more than {len(sheets)}'}")
    found = []
    for number, cells in enumerate(sheets, 1):
        if only not in (None, number):
            continue
        name = f"sheet {number} of {len(sheets)}" if len(sheets) > 1 else f"sheet of {len(cells)}"
        stem = f"{stem_of(cells[0])}-grid{columns}x{rows}"
        part = {"sheet": number} if len(sheets) > 1 else {}
        files = dict(common.files) | ({"from": list_file} if list_file is not None else {})
        found.append(
            Drawing(
                name,
                stem,
                Sheet(cells, columns, rows),
                options=dict(options) | {"grid": f"{columns}x{rows}"} | part,
                files=files,
                spelling=common.spelling,
                prompt=prompt,
                alone=True,
            )
        )
    names = numbered(one.stem for one in found)
    return [replace(one, stem=stem) for one, stem in zip(found, names, strict=True)]


def stem_of(entry: Entry) -> str:
    from genkit.verbs.txt2img.prompts import slug

    marks = [one for text in entry.marks if (one := _safe(text))]
    return "-".join([slug(entry.job.prompt), *marks, f"seed{entry.job.seed}"])


def _safe(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in text.lower()).strip("-.")


def name_of(job: Job) -> str:
    from genkit.verbs.txt2img.prompts import plain

    text = " ".join(plain(job.prompt).split())
    text = text if len(text) <= SHOWN_NAME else f"{text[: SHOWN_NAME - 3]}..."
    return f"{text}, seed {job.seed}"


def size_of(entry: Entry, card: Card) -> tuple[int, int] | None:
    """What comes out, where the cards tell."""
    if entry.job.size is None:
        return None
    scale = 1
    if entry.upscale is not None:
        from genkit import cards

        scale = int(cards.find(entry.upscale, "upscale").params.get("scale", 0))
    return (entry.job.size[0] * scale, entry.job.size[1] * scale) if scale else None


def parts_not_here(entries: Sequence[Entry]) -> list[str]:
    """What to say, before anything is fetched, of upscalers, adapters and autoencoders that are named by their cards."""
    from pathlib import Path

    from genkit import cards
    from genkit.run.planning import not_here

    setups = dict.fromkeys(one.job.setup for one in entries)
    named = [("upscale", one.upscale) for one in entries if one.upscale]
    named += [("txt2img", name) for setup in setups for name in (setup.vae, *(lora for lora, _ in setup.loras)) if name]
    found = [cards.find(name, task) for task, name in dict.fromkeys(named) if not Path(name).exists()]
    return [note for card in found if (note := not_here(card))]


class Drawer:
    """Draws: loads the model as the pictures want it set up, and the upscaler; lets steps be seen."""

    def __init__(self, card: Card, shared: DrawOptions, speed: SpeedOptions, entries: Sequence[Entry]):
        self.card, self.shared, self.speed, self.entries = card, shared, speed, entries
        self._model: Any = None
        self._setup: Setup | None = None
        self._upscalers: dict[str, Any] = {}
        self._reporter: Reporter | None = None

    def ready(self, model: Any, reporter: Reporter) -> Any:
        """Set the model up for the first picture, and look at every prompt before any is drawn. Gives this drawer in the
        model's place: nobody else may hold a model that is to be loaded again."""
        from genkit import cards
        from genkit.verbs.txt2img.task import check

        self._reporter = reporter
        self._model = model
        self._configure(self.entries[0].job.setup)
        check(model, [one.job for one in self.entries], self.card.name, reporter.say)
        self._refuse_schedulers(model)
        for name in dict.fromkeys(one.upscale for one in self.entries if one.upscale):
            self._upscalers[name] = self._load(cards.find(name, "upscale"))
        return self

    def _refuse_schedulers(self, model: Any) -> None:
        known = model.schedulers()
        for name in dict.fromkeys(one.job.setup.scheduler for one in self.entries):
            if name is not None and name not in known:
                raise UsageError(
                    f"--scheduler {name}: {self.card.name} has none of that name",
                    f"it has {', '.join(known)}",
                    code="model-option",
                )

    def batch(self, drawer: Drawer) -> int:
        """How many to draw at once: as asked, or what memory bears of the largest size."""
        from genkit.verbs.txt2img.files import to_whole

        if self.speed.batch_size != "auto":
            return to_whole("--batch-size", self.speed.batch_size, 1, 1024)
        model = self._model
        sizes = {one.job.size or model.native_size for one in self.entries}
        return max(1, min(model.batch_limit(*size) for size in sizes))

    def draw(
        self, drawer: Drawer, jobs: Sequence[Any], notice: Callable[[str], None], working: Working | None
    ) -> Sequence[Made]:
        """Draw outputs in one batch, or one that is drawn alone; where one of them fails, those before it."""
        if isinstance(jobs[0], Sheet):
            return [Made(self._sheet(jobs[0], notice, working))]
        made: list[Made] = []
        try:
            for one in self._draw(jobs, notice, working):
                made.append(Made(_picture(one)))
        except GenkitError:
            if not made:
                raise
        return made

    def _sheet(self, sheet: Sheet, notice: Callable[[str], None], working: Working | None) -> Any:
        from genkit.media.pictures.picture import Picture
        from genkit.pixels.sheet import find_labels, lay_out
        from genkit.verbs.txt2img.task import facts_of

        facts = [facts_of(one.job, "-") for one in sheet.entries]
        pictures = [(one.pixels, one.alpha) for one in self._draw(sheet.entries, notice, working)]
        return Picture(lay_out(pictures, find_labels(facts, sheet.columns), sheet.columns, sheet.rows), None, "PNG")

    def _draw(self, entries: Sequence[Entry], notice: Callable[[str], None], working: Working | None) -> Iterator[Drawn]:
        from genkit.verbs.txt2img.task import draw

        batch = self.batch(self)
        done = 0
        for setup, part in _by_setup(entries):
            if setup != self._setup:
                self._open(setup, notice)
            with _Seen(self, working, done, len(entries), part) as seen:
                drawings = draw(self._model, [one.job for one in part], batch=batch, notice=notice)
                for drawn, entry in zip(drawings, part, strict=True):
                    done = seen.done = done + 1
                    yield self._finished(drawn, entry, notice)
            del seen  # it holds the model, which the next one may have to make room for

    def _finished(self, drawn: Drawn, entry: Entry, notice: Callable[[str], None]) -> Drawn:
        if entry.upscale is None:
            return drawn
        from genkit.verbs.txt2img.task import Drawn
        from genkit.verbs.upscale.task import UpscaleOptions, upscale

        return Drawn(*upscale(self._upscalers[entry.upscale], drawn.pixels, drawn.alpha, UpscaleOptions(), notice))

    def _open(self, setup: Setup, notice: Callable[[str], None]) -> None:
        """Set the model up for pictures that want it otherwise: a sampler is exchanged, for all else it is loaded again."""
        from genkit import runtime

        if self._setup is not None and replace(self._setup, scheduler=setup.scheduler) == setup:
            self._model.use_scheduler(setup.scheduler)
            self._setup = setup
            return
        notice(f"{self.card.name} is loaded again for other settings of the whole model")
        device, self._model = self._model.device, None
        runtime.release(device)
        self._model = self._load(self.card)
        self._configure(setup)

    def _configure(self, setup: Setup) -> None:
        speed = self.speed
        self._model.configure(
            scheduler=setup.scheduler,
            loras=setup.loras,
            vae=setup.vae,
            controls=setup.controls,
            offload=speed.offload,
            attention=speed.attention,
            compile=speed.compile,
            cache=speed.cache,
            fetch=self._fetch,
        )
        self._setup = setup

    def _fetch(self, card: Card) -> Any:
        from genkit.run.report import fetching
        from genkit.weights import resolve

        assert self._reporter is not None
        reporter = self._reporter
        return resolve(card, announce=reporter.say, progress=fetching(reporter), accept_licence=self.shared.accept_licence)

    def _load(self, card: Card) -> Any:
        from genkit import runtime
        from genkit.run.making import load_card
        from genkit.run.planning import settings_of

        assert self._reporter is not None
        settings = settings_of(self.shared, "txt2img")
        place = runtime.choose(settings.device, settings.dtype if card is self.card else "auto", card.dtypes)
        return load_card(card, place, self.shared, self._reporter)


def _by_setup(entries: Sequence[Entry]) -> Iterator[tuple[Setup, list[Entry]]]:
    from itertools import groupby

    for setup, part in groupby(entries, lambda one: one.job.setup):
        yield setup, list(part)


def _picture(drawn: Drawn) -> Any:
    from genkit.media.pictures.picture import Picture

    return Picture(drawn.pixels, drawn.alpha, "PNG")


class _Seen:
    """Lets the steps of what is drawn inside be seen: on the bar, as previews in the terminal, as files."""

    def __init__(self, drawer: Drawer, working: Working | None, done: int, of: int, entries: Sequence[Entry]):
        self._drawer, self._working, self.done, self._of = drawer, working, done, of
        self._every = drawer.speed.save_steps
        self._steps = int(dict(entries[0].job.options).get("steps") or 0)
        self._model = drawer._model
        self._before = self._model.progress, self._model.watch

    def __enter__(self) -> _Seen:
        working, reporter = self._working, self._drawer._reporter
        assert reporter is not None
        preview = reporter.preview()
        if working is not None:
            self._model.progress = self._step
            if self._every:
                working.reserve(f"step{step:04}" for step in range(self._every, self._steps, self._every))
        if preview is not None or (working is not None and self._every):

            def watch(step: int, images: Any) -> None:
                if preview is not None:
                    preview(_pixels(images[0])[0])
                if working is not None and self._every and step % self._every == 0 and step != self._steps:
                    self._save(step, images[0])

            self._model.watch = watch
        return self

    def _step(self, done: int, of: int) -> None:
        """Steps of the batch in hand, as a part of those of the whole sheet."""
        assert self._working is not None
        self._working.step(self.done * of + done, self._of * of)

    def _save(self, step: int, image: Any) -> None:
        from genkit.media.pictures.picture import Picture

        assert self._working is not None
        self._working.save(Picture(*_pixels(image), "PNG"), f"step{step:04}")

    def __exit__(self, *_: Any) -> None:
        self._model.progress, self._model.watch = self._before


def _pixels(image: Any) -> tuple[Any, Any]:
    """A preview (3 or 4, H, W) in [0, 1] as pixels and alpha."""
    import numpy as np

    pixels = (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return np.ascontiguousarray(pixels[..., :3]), alpha
