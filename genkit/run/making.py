"""What every verb does with what it makes: load a model once, know what is made already, record how, write, report.

`pictures.py` makes pictures out of pictures with it, `drawing.py` draws them from nothing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from genkit.cli.options import DrawOptions, ImageOptions
from genkit.errors import InputError, OutputError, UsageError
from genkit.run.planning import Settings, show_plan

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.film.video import Film
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter
    from genkit.runtime import Runtime


class Verb(Protocol):
    """`name` is the command (`gan`, `gan project`), `options` what of it goes into recipes."""

    @property
    def name(self) -> str: ...
    @property
    def card(self) -> Card: ...


class Work(Protocol):
    """The three stages of one output, see `run/batch.py`; `close` gives back what they took."""

    def read(self, item: Item) -> Any: ...
    def prepare(self) -> Sequence[Process]: ...
    def write(self, item: Item, result: Any) -> dict[str, Any]: ...
    def close(self) -> None: ...


@contextmanager
def reporting(shared: ImageOptions | DrawOptions, *, pipe: bool) -> Iterator[Reporter]:
    """Who is told what happens; `pipe` says that standard output carries the picture itself.

    Raises:
        UsageError: standard output cannot carry what is asked of it.
    """
    from genkit.run.report import Reporter, quiet_libraries

    if pipe and shared.json:
        raise UsageError("--json and -o - both want standard output", "write to a file: -o FILE")
    if pipe and not shared.dry_run and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal", "redirect it (> FILE), or give -o FILE")
    reporter = Reporter(as_json=shared.json, quiet=shared.quiet, verbose=shared.verbose, pipe=pipe)
    with quiet_libraries(shared.verbose):
        try:
            yield reporter
        finally:
            reporter.close()


def run_plan(
    shared: ImageOptions | DrawOptions,
    verb: Verb,
    settings: Settings,
    plan: Plan,
    reporter: Reporter,
    work_of: Callable[[], Work],
    *,
    stop: threading.Event | None = None,
    stopping: str = "finishing the file in hand; Ctrl-C again drops it",
) -> int:
    """Show the plan, or run the batch with what `work_of` gives, and return the exit code. The first Ctrl-C sets `stop`, and
    tells what is done then."""
    from genkit.files import clean_leftovers
    from genkit.run import batch
    from genkit.run.estimate import estimate, remember
    from genkit.run.report import hint_once

    pace = pace_name(verb)
    seconds = estimate(plan.megapixels, pace, settings.device)
    megapixels = round(plan.megapixels, 3)
    reporter("plan", items=len(plan.items), model=verb.card.name, megapixels=megapixels, bytes=plan.bytes, seconds=seconds)
    if shared.dry_run:
        return show_plan(plan, verb.card, seconds, reporter)
    for folder in plan.folders:
        for leftover in clean_leftovers(folder):
            reporter.say(f"{leftover}: unfinished output of a killed run, deleted")
    stop = stop or threading.Event()
    work = work_of()
    with batch.interruptible(stop, "" if shared.json else f"\n{stopping}\n"):
        try:
            counts = batch.run(plan.items, read=work.read, prepare=work.prepare, write=work.write, emit=reporter, stop=stop)
        finally:
            work.close()
    remember(counts, pace, settings.device)
    if counts.done and not counts.interrupted:
        hint_once(verb.name.partition(" ")[0], verb.card, reporter)
    code = counts.exit_code
    speed = counts.megapixels / counts.seconds if counts.done and counts.seconds else None
    reporter(
        "done",
        done=counts.done,
        failed=counts.failed,
        skipped=counts.skipped,
        left=counts.left,
        seconds=round(counts.seconds, 3),
        speed=round(speed, 4) if speed else None,
        exit=code,
    )
    if counts.interrupted and not shared.json:
        print("interrupted; the same command with --resume goes on where it stopped", file=sys.stderr)
    return code


def pace_name(verb: Verb) -> str:
    """What the pace of a model is kept under: its other commands have paces of their own."""
    command = verb.name.partition(" ")[2]
    return f"{verb.card.name} {command}".strip()


class Making:
    """What the stages of all verbs share."""

    def __init__(self, shared: ImageOptions | DrawOptions, verb: Verb, settings: Settings, reporter: Reporter):
        self._shared, self._verb, self._settings, self._reporter = shared, verb, settings, reporter

    def is_made(self, item: Item, recipe: dict[str, Any]) -> bool:
        """With --resume: whether an output need not be made again; refuse to replace what is not genkit's.

        Raises:
            OutputError: something is there that is not.
        """
        if not self._shared.resume or item.target is None:
            return False
        from genkit.run import journal
        from genkit.run.plan import sidecar_of

        target = item.target
        state = journal.state_of(target, recipe) if item.exists else "other"
        sidecar = sidecar_of(target)
        foreign = [target] if state == "foreign" else []
        foreign += [sidecar] if self._shared.sidecar and sidecar.exists() and not journal.is_sidecar(sidecar) else []
        if foreign and not self._shared.overwrite:
            raise OutputError(
                f"{foreign[0]}: is there already, and was not made by genkit", "--overwrite replaces it", code="foreign"
            )
        return state == "same"

    def tell(self, item: Item, notices: Sequence[str]) -> None:
        for notice in notices:
            self._reporter("notice", message=notice, input=item.name)

    def load(self) -> tuple[Runtime, Any]:
        """The model and where it runs."""
        from genkit import runtime

        card = self._verb.card
        place = runtime.choose(self._settings.device, self._settings.dtype, card.dtypes)  # before anything is fetched for it
        return place, load_card(card, place, self._shared, self._reporter)

    def recipe(
        self,
        item: Item,
        options: Mapping[str, Any],
        *,
        seed: int | None,
        source: Mapping[str, Any] | None,
        files: Mapping[str, Any],
    ) -> dict[str, Any]:
        """How an output is made; `source` is its input and `files` its further ones, each with its name and sha256."""
        from genkit import __version__
        from genkit.media.pictures.formats import LOSSY

        options = dict(options)
        options |= {"dtype": self._settings.dtype} if self._settings.dtype != "auto" else {}
        options |= {"format": item.format.lower()} if self._settings.format else {}
        options |= {"quality": self._settings.quality} if self._settings.quality and item.format in (*LOSSY, "MP4") else {}
        options |= {"strip_metadata": True} if self._shared.strip_metadata else {}
        return {
            "genkit": __version__,
            "verb": self._verb.name,
            "model": self._verb.card.name,
            "revision": self._verb.card.revision,
            "options": options,
            **({"seed": seed} if seed is not None else {}),
            **({"input": dict(source)} if source else {}),
            **({"files": dict(files)} if files else {}),
        }

    def write(self, item: Item, made: Picture | Film, recipe: dict[str, Any]) -> dict[str, Any]:
        """Write an output whole or not at all, and say what it is."""
        from genkit.media.film.video import Film
        from genkit.run import journal

        strip = self._shared.strip_metadata
        target: Any = sys.stdout.buffer
        if item.target is not None:
            target = item.target
            make_folder(target.parent)

        def keep_recipe(written: Path) -> None:
            """Before the output has its name: a kill must not leave one that a resume does not know."""
            if strip or item.format in journal.WITHOUT_RECIPE:
                journal.note_down(target, written, recipe)
            if self._shared.sidecar:
                journal.write_sidecar(target, recipe)

        if isinstance(made, Film):
            from genkit.media.atomic import write_atomic

            def produce(stream: Any) -> None:
                stream.write(made.with_recipe(None if strip else recipe))

            size = write_atomic(target, produce, before_naming=keep_recipe)
        else:
            size = self._write_picture(item, made, target, recipe, keep_recipe)
        return {"width": made.width, "height": made.height, "format": item.format, "bytes": size}

    def _write_picture(
        self, item: Item, picture: Picture, target: Any, recipe: dict[str, Any], before_naming: Callable[[Path], None]
    ) -> int:
        from genkit.media.pictures import images

        strip = self._shared.strip_metadata
        notices = picture.metadata.notices
        told = len(notices)
        size = images.write(
            picture,
            target,
            format=item.format,
            quality=self._settings.quality,
            recipe=None if strip else recipe,
            strip=strip,
            before_naming=before_naming,
        )
        self.tell(item, notices[told:])
        return size


def load_card(card: Card, place: Runtime, shared: ImageOptions | DrawOptions, reporter: Reporter) -> Any:
    """Load a model that may have to be fetched, and let it tell of its steps."""
    from genkit.models import load_model
    from genkit.run.report import fetching
    from genkit.weights import resolve

    progress = fetching(reporter)
    files = resolve(card, announce=reporter.say, progress=progress, accept_licence=shared.accept_licence)
    model = load_model(card, files, place.device, place.dtype, fallback=place.fallback)
    if hasattr(model, "progress"):  # it works in steps that take long enough to be seen
        model.progress = reporter.steps()
    return model


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}", "choose another -o") from error


def facts_of_file(option: str, path: Path) -> dict[str, Any]:
    """The name and sha256 of a further file, for recipes.

    Raises:
        InputError: it cannot be read.
    """
    from genkit.run.pairing import facts_of

    try:
        return facts_of(path)
    except OSError as error:
        raise InputError(f"--{option} {path}: cannot be read: {error.strerror}", exit_code=2) from error
