"""What every verb does that makes pictures out of pictures: plan, load once, run the batch, report.

A verb describes itself with a `PictureVerb` and calls `run_pictures`; options, naming, resuming, streams, events and exit
codes are the same for all and live here.
"""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import MAX_PIXELS, ImageOptions, parse_pixels
from genkit.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from genkit.batch import Process
    from genkit.cards import Card
    from genkit.cli.output import Reporter
    from genkit.media.headers import Probe
    from genkit.media.images import Picture
    from genkit.media.inputs import Found
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
    """

    name: str
    card: Card
    mark: str
    marks: str
    apply: Callable[[Any, Picture, Notice], Picture]
    size_of: Callable[[int, int], tuple[int, int]]
    options: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    hint: str | None = None


@dataclass(frozen=True)
class _Settings:
    """Options after the user's configuration has filled in what the command line left out."""

    device: str
    dtype: str
    format: str | None
    quality: int | None
    max_pixels: int


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
        settings = _settings(shared, verb.name)
        plan = _make_plan(shared, verb, settings, reporter)
        reporter(
            "plan",
            items=len(plan.items),
            model=verb.card.name,
            megapixels=round(plan.megapixels, 3),
            bytes=plan.bytes,
            seconds=estimate(plan.megapixels, verb.card.name, settings.device),
        )
        if shared.dry_run:
            return _show_plan(plan, verb, settings, reporter)
        try:
            return _run(shared, verb, settings, plan, reporter)
        finally:
            reporter.close()


def _settings(shared: ImageOptions, verb: str) -> _Settings:
    from genkit import config
    from genkit.media.paths import names_format

    def pick(given: Any, key: str, fallback: Any = None) -> Any:
        return given if given is not None else (config.get(f"{verb}.{key}") or fallback)

    return _Settings(
        device=pick(shared.device, "device", "auto"),
        dtype=pick(shared.dtype, "dtype", "auto"),
        format=shared.format if names_format(shared.name, shared.output) else pick(shared.format, "format"),
        quality=pick(shared.quality, "quality"),
        max_pixels=parse_pixels(pick(shared.max_pixels, "max-pixels", MAX_PIXELS)),
    )


def _make_plan(shared: ImageOptions, verb: PictureVerb, settings: _Settings, reporter: Reporter) -> Plan:
    from genkit.media import paths
    from genkit.media.formats import FORMATS
    from genkit.media.inputs import find_inputs

    folder = paths.output_folder(shared.output)
    found = find_inputs(
        shared.paths, suffixes=FORMATS.keys(), recursive=shared.recursive, leave_out=folder, notice=reporter.say
    )
    data = None
    if any(one.path is None for one in found):
        if sys.stdin.isatty():
            raise UsageError("standard input is the terminal", f"pipe a picture in: genkit {verb.name} - < photo.jpg > out.jpg")
        data = sys.stdin.buffer.read()
    elif shared.output is None and not shared.again:
        found = _without_own(found, verb, reporter)
    naming = paths.Naming(
        mark=verb.mark,
        output=shared.output,
        format=settings.format,
        template=shared.name,
        fields={"verb": verb.name, "model": verb.card.name, "seed": shared.seed, **verb.fields},
    )
    plan = paths.plan(
        found,
        naming,
        probe=partial(_probe, max_pixels=settings.max_pixels),
        size_of=verb.size_of,
        stdin=data,
        overwrite=shared.overwrite,
        resume=shared.resume,
        sidecar=shared.sidecar,
    )
    for notice in plan.notices:
        reporter.say(notice)
    return plan


def _probe(source: Path | bytes, max_pixels: int) -> Probe:
    """Look at a header; what is too large to be read is left for its turn to fail, and claims no space in the plan."""
    from genkit.media import headers

    facts = headers.probe(source) if isinstance(source, Path) else headers.read_header(source, "standard input")
    if facts.width * facts.height > max_pixels:
        raise InputError(f"{source if isinstance(source, Path) else 'standard input'}: above --max-pixels")
    return facts


def _without_own(found: list[Found], verb: PictureVerb, reporter: Reporter) -> list[Found]:
    """Leave out what this verb has made: by the recipe inside, or by its name where the original lies beside it."""
    from genkit.media.recipe import read_recipe

    stems = {(one.path.parent, one.path.stem) for one in found if one.path}
    kept: list[Found] = []
    own: list[Found] = []
    for one in found:
        assert one.path is not None
        recipe = None
        with suppress(OSError):  # it fails, with its reason, when its turn to be read comes
            recipe = read_recipe(one.path)
        original = re.sub(f"(?:{verb.marks})$", "", one.path.stem)
        named = recipe is None and original != one.path.stem and (one.path.parent, original) in stems
        mine = named or (recipe is not None and recipe["verb"] == verb.name)
        (own if mine else kept).append(one)
    if own:
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        reporter.say(f"{own[0].name}{more} passed over: made by genkit {verb.name} (--again takes them too)")
    return kept


def _show_plan(plan: Plan, verb: PictureVerb, settings: _Settings, reporter: Reporter) -> int:
    from genkit.cli.estimate import estimate
    from genkit.cli.output import duration, size

    for item in plan.items:
        width, height = item.size or (None, None)
        reporter(
            "planned",
            input=item.name,
            output="-" if item.target is None else str(item.target),
            width=width,
            height=height,
            format=item.format,
            bytes=item.bytes,
        )
    seconds = estimate(plan.megapixels, verb.card.name, settings.device)
    time = f"about {duration(seconds)}" if seconds is not None else f"not known, {verb.card.name} has not run here yet"
    reporter.say(f"{len(plan.items)} to make, about {size(plan.bytes)}; time: {time}; nothing was written")
    if reporter.as_json:
        reporter("done", done=0, failed=0, skipped=0, left=len(plan.items), seconds=0.0, speed=None, exit=0)
    return 0


def _run(shared: ImageOptions, verb: PictureVerb, settings: _Settings, plan: Plan, reporter: Reporter) -> int:
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
    if verb.hint and counts.done and not counts.interrupted:
        hint_once(verb.name, verb.hint, reporter)
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

    def __init__(self, shared: ImageOptions, verb: PictureVerb, settings: _Settings, count: int, reporter: Reporter):
        self._shared, self._verb, self._settings, self._reporter = shared, verb, settings, reporter
        self._count, self._threads = count, 0

    def read(self, item: Item) -> Any:
        from genkit.batch import Skip
        from genkit.media import images

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

        def process(item: Item, loaded: _Loaded) -> _Loaded:
            def notice(message: str) -> None:
                self._reporter("notice", message=message, input=item.name)

            return _Loaded(self._verb.apply(model, loaded.picture, notice), loaded.recipe)

        return [process] * self._workers(place, model)

    def _workers(self, place: Runtime, model: Any) -> int:
        """How many pictures to process at once: on a CPU several, each on threads of its own.

        The threads of one convolution meet after each layer: one that shares its core with an encoder keeps all waiting.
        """
        if place.device.type != "cpu":
            return 1
        import torch

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

        options = dict(self._verb.options)
        options |= {"dtype": self._settings.dtype} if self._settings.dtype != "auto" else {}
        options |= {"format": item.format.lower()} if self._settings.format else {}
        options |= {"quality": self._settings.quality} if self._settings.quality else {}
        options |= {"strip_metadata": True} if self._shared.strip_metadata else {}
        name = item.source.name if item.source else "stdin"
        return {
            "genkit": __version__,
            "verb": self._verb.name,
            "model": self._verb.card.name,
            "revision": self._verb.card.revision,
            "options": options,
            "seed": self._shared.seed,
            "input": {"name": name, "sha256": digest},
        }
