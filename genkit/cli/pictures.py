"""What every verb does that makes pictures out of pictures: plan, load once, run the batch, report.

A verb describes itself with a `PictureVerb` and calls `run_pictures`; options, naming, resuming, streams, events and exit
codes are the same for all and live here.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import ImageOptions
from genkit.cli.planning import Settings, make_plan, settings_of, show_plan
from genkit.errors import GenkitError, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from genkit.batch import Process
    from genkit.cards import Card
    from genkit.cli.output import Reporter
    from genkit.media.images import Picture
    from genkit.media.paths import Item, Plan
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
    sha256. `companions` (option name: folder) hold one for each picture, see `media/pairing.py`; `apply` then takes a fourth
    argument, the paths by option, None where a picture has none and the option is among the `optional`. With `candidates` each
    input gives so many outputs, named `_1`, `_2` and so on, and `apply` takes the keyword `seed`: the run's own for the first
    one, and one more for each other. A verb that `works` for minutes on a picture has its `apply` take the keyword `working`,
    see `cli/working.py`. `media.pairing.sort_extra` parts what options name into the first two.
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
    from genkit.cli.estimate import estimate
    from genkit.cli.output import Reporter, quiet_libraries

    pipe = shared.output == "-" or (shared.output is None and "-" in shared.paths)
    if pipe and shared.json:
        raise UsageError("--json and -o - both want standard output", "write to a file: -o FILE")
    if pipe and not shared.dry_run and sys.stdout.isatty():
        raise UsageError("a picture would be written to the terminal", "redirect it (> FILE), or give -o FILE")
    reporter = Reporter(as_json=shared.json, quiet=shared.quiet, verbose=shared.verbose, pipe=pipe)
    with quiet_libraries(shared.verbose):
        settings = settings_of(shared, verb.name)
        plan = make_plan(shared, verb, settings, reporter)
        reporter(
            "plan",
            items=len(plan.items),
            model=verb.card.name,
            megapixels=round(plan.megapixels, 3),
            bytes=plan.bytes,
            seconds=estimate(plan.megapixels, verb.card.name, settings.device),
        )
        if shared.dry_run:
            return show_plan(plan, verb, settings, reporter)
        try:
            return _run(shared, verb, settings, plan, reporter)
        finally:
            reporter.close()


def _run(shared: ImageOptions, verb: PictureVerb, settings: Settings, plan: Plan, reporter: Reporter) -> int:
    from genkit import batch
    from genkit.cli.estimate import remember
    from genkit.cli.output import hint_once
    from genkit.media.atomic import clean_leftovers

    for folder in plan.folders:
        for leftover in clean_leftovers(folder):
            reporter.say(f"{leftover}: unfinished output of a killed run, deleted")
    stop = threading.Event()
    work = _Work(shared, verb, settings, len(plan.items), reporter)
    with batch.interruptible(stop, "" if shared.json else "\nfinishing the file in hand; Ctrl-C again drops it\n"):
        try:
            counts = batch.run(plan.items, read=work.read, prepare=work.prepare, write=work.write, emit=reporter, stop=stop)
        finally:
            work.close()
    remember(counts, verb.card.name, settings.device)
    if counts.done and not counts.interrupted:
        hint_once(verb.name, verb.card, reporter)
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


class _Work:
    """The three stages of one picture: read (a thread), process (the caller's), write (threads)."""

    def __init__(self, shared: ImageOptions, verb: PictureVerb, settings: Settings, count: int, reporter: Reporter):
        self._shared, self._verb, self._settings, self._reporter = shared, verb, settings, reporter
        self._count, self._threads = count, 0
        self._files = {option: _facts(option, path) for option, path in verb.files.items()}

    def read(self, item: Item) -> Any:
        from genkit.batch import Skip
        from genkit.media import images

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
        if self._shared.resume and item.target is not None and self._is_made(item.target, recipe, item.exists):
            return Skip("already made")
        picture = images.read(data, max_pixels=self._settings.max_pixels, name=item.name)
        self._tell(item, picture.metadata.notices)
        return _Loaded(picture, recipe)

    def _is_made(self, target: Path, recipe: dict[str, Any], exists: bool) -> bool:
        """Whether an output need not be made again; refuse to replace what is not genkit's."""
        from genkit import journal
        from genkit.media.paths import sidecar_of

        state = journal.state_of(target, recipe) if exists else "other"
        sidecar = sidecar_of(target)
        foreign = [target] if state == "foreign" else []
        foreign += [sidecar] if self._shared.sidecar and sidecar.exists() and not journal.is_sidecar(sidecar) else []
        if foreign and not self._shared.overwrite:
            raise OutputError(
                f"{foreign[0]}: is there already, and was not made by genkit", "--overwrite replaces it", code="foreign"
            )
        return state == "same"

    def _tell(self, item: Item, notices: list[str]) -> None:
        for notice in notices:
            self._reporter("notice", message=notice, input=item.name)

    def prepare(self) -> list[Process]:
        from genkit import runtime
        from genkit.cli.output import fetching
        from genkit.cli.working import Working
        from genkit.models import load_model
        from genkit.weights import resolve

        card = self._verb.card
        place = runtime.choose(self._settings.device, self._settings.dtype, card.dtypes)  # before anything is fetched for it
        files = resolve(
            card,
            announce=self._reporter.say,
            progress=fetching(self._reporter),
            accept_licence=self._shared.accept_licence,
        )
        model = load_model(card, files, place.device, place.dtype, fallback=place.fallback)
        if hasattr(model, "progress"):  # it works in steps that take long enough to be seen
            model.progress = self._reporter.steps()

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
        from genkit import journal
        from genkit.media import images

        strip = self._shared.strip_metadata
        target: Any = sys.stdout.buffer
        if item.target is not None:
            target = item.target
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"{target.parent}: cannot be made: {error.strerror}", "choose another -o") from error

        def keep_recipe(written: Path) -> None:
            """Before the output has its name: a kill must not leave one that a resume does not know."""
            if strip or item.format in journal.WITHOUT_RECIPE:
                journal.note_down(target, written, result.recipe)
            if self._shared.sidecar:
                journal.write_sidecar(target, result.recipe)

        notices = result.picture.metadata.notices
        told = len(notices)
        size = images.write(
            result.picture,
            target,
            format=item.format,
            quality=self._settings.quality,
            recipe=None if strip else result.recipe,
            strip=strip,
            before_naming=keep_recipe,
        )
        self._tell(item, notices[told:])
        return {"width": result.picture.width, "height": result.picture.height, "format": item.format, "bytes": size}

    def _recipe(self, item: Item, digest: str) -> dict[str, Any]:
        from genkit import __version__
        from genkit.media.formats import LOSSY

        options = dict(self._verb.options)
        options |= {"dtype": self._settings.dtype} if self._settings.dtype != "auto" else {}
        options |= {"format": item.format.lower()} if self._settings.format else {}
        options |= {"quality": self._settings.quality} if self._settings.quality and item.format in LOSSY else {}
        options |= {"strip_metadata": True} if self._shared.strip_metadata else {}
        name = item.source.name if item.source else "stdin"
        files = self._files | {option: _facts(option, path) for option, path in item.partners.items() if path}
        return {
            "genkit": __version__,
            "verb": self._verb.name,
            "model": self._verb.card.name,
            "revision": self._verb.card.revision,
            "options": options,
            "seed": self._shared.seed + max(item.variant - 1, 0),
            "input": {"name": name, "sha256": digest},
            **({"files": files} if files else {}),
        }


def _facts(option: str, path: Path) -> dict[str, Any]:
    from genkit.media.pairing import facts_of

    try:
        return facts_of(path)
    except OSError as error:
        raise InputError(f"--{option} {path}: cannot be read: {error.strerror}", exit_code=2) from error
