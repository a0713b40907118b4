"""`genkit watch`: what arrives in a folder, whole, goes through a recipe.

What was made is known by its output, which says what it was made of: a restart does nothing twice, and no list can be lost.
The file system's events (or polling) only wake the look at the folder up, so that one that is missed is found at the next look.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.chain.declaration import RunChain
from genkit.errors import GenkitError
from genkit.media.pictures.formats import FORMATS
from genkit.run.inputs import Found, is_junk, natural_key

if TYPE_CHECKING:
    from genkit.chain.graph import Graph
    from genkit.chain.several import SeveralReporter
    from genkit.run.session import Session
    from genkit.run.verb import Context

TEMPORARY = re.compile(r"(^[.~])|(~|\.(part|partial|crdownload|download|tmp|temp|swp|filepart|opdownload))$", re.I)
PATIENCE = 10  # settle times that a file which is not whole has until its failure is told
MOST_AT_ONCE = 64

Mark = tuple[int, int, int]  # size, time of change, number: what tells whether a file is another than before


@dataclass
class Folder:
    """What is known of the files of a folder. `handled` are those that were made or failed, as they were then."""

    root: Path
    leave_out: Path
    settle_s: float
    handled: dict[Path, Mark] = field(default_factory=dict)
    _waiting: dict[Path, tuple[Mark, float]] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[Path, Mark]]:
        """Every picture that may be one, but temporary and hidden ones and what lies where outputs go."""
        out = os.path.realpath(self.leave_out)
        for top, folders, names in os.walk(self.root):
            folders[:] = [
                name
                for name in folders
                if not is_junk(name) and os.path.realpath(os.path.join(top, name)) != out  # noqa: PTH118
            ]
            for name in names:
                path = Path(top, name)
                if is_junk(name) or TEMPORARY.search(name) or path.suffix.lower() not in FORMATS:
                    continue
                try:
                    found = path.stat()
                except OSError:  # gone again
                    continue
                if path.is_file() and found.st_size:
                    yield path, (found.st_size, found.st_mtime_ns, found.st_ino)

    def ready(self, *, now: float, at_once: bool = False) -> list[Path]:
        """What has not changed for the settle time and is whole. `at_once`: by the file's own time, without waiting."""
        found, there = [], set()
        for path, mark in self.files():
            there.add(path)
            if self.handled.get(path) == mark:
                continue
            before, since = self._waiting.get(path, (None, now))
            if before != mark:
                self._waiting[path] = mark, now
                since = min(now, mark[1] / 1e9 - time.time() + now) if at_once else now
            quiet = now - since
            if quiet >= self.settle_s and (_is_whole(path) or at_once or quiet >= PATIENCE * self.settle_s):
                found.append(path)
        for path in [one for one in self.handled if one not in there]:
            del self.handled[path]
        self._waiting = {path: one for path, one in self._waiting.items() if path in there}
        return sorted(found, key=lambda path: natural_key(str(path)))

    def done(self, path: Path) -> None:
        mark, _ = self._waiting.pop(path, (None, 0.0))
        if mark is not None:
            self.handled[path] = mark

    def twins_of(self, path: Path) -> Path | None:
        """Another file whose output would have the same name."""
        stem = str(path.with_suffix("")).casefold()
        return next((one for one in self.handled if one != path and str(one.with_suffix("")).casefold() == stem), None)


def _is_whole(path: Path) -> bool:
    from genkit.run.journal import is_whole

    try:
        return is_whole(path)
    except (OSError, ValueError):
        return False


class Watch:
    """A folder, the recipe that its pictures go through, and the folder that they go to."""

    def __init__(
        self, verb: RunChain, context: Context, root: Path, settle_s: float, reporter: SeveralReporter, session: Session
    ):
        self.verb, self.context, self.reporter, self.session = verb, context, reporter, session
        self.graph: Graph = verb.graph(context)
        self.folder = Folder(root, Path(str(context.run.output)), settle_s)

    def once(self, stop: threading.Event) -> None:
        """What is there; what is still being written is left for the next time, and said."""
        ready = self.folder.ready(now=time.monotonic(), at_once=True)
        self._make(ready, stop)
        young = sum(1 for _ in self.folder._waiting)
        if young and not stop.is_set():
            self.reporter.say(f"{young} changed less than {self.folder.settle_s:g} s ago: left for the next time")

    def go_on(self, stop: threading.Event, *, poll: bool) -> None:
        """Until `stop` is set."""
        import watchfiles

        wait_ms = max(50, int(1000 * min(self.folder.settle_s / 2, 5)))
        events = watchfiles.watch(
            self.folder.root,
            watch_filter=None,
            stop_event=stop,
            rust_timeout=wait_ms,
            debounce=min(200, wait_ms),
            yield_on_timeout=True,
            force_polling=poll or None,
            raise_interrupt=True,
        )
        self._make(self.folder.ready(now=time.monotonic()), stop)
        for _ in events:
            if stop.is_set():
                return
            self._make(self.folder.ready(now=time.monotonic()), stop)

    def _make(self, paths: Sequence[Path], stop: threading.Event) -> None:
        for at in range(0, len(paths), MOST_AT_ONCE):
            if stop.is_set():
                return
            self._run(paths[at : at + MOST_AT_ONCE], stop)

    def _run(self, paths: Sequence[Path], stop: threading.Event) -> None:
        alone: list[Path] = []
        for path in paths:
            twin = self.folder.twins_of(path)
            if twin is not None:
                self._fail(path, f"{path}: its output would have the name of that of {twin}", "give one of them another name")
            else:
                alone.append(path)
                self.folder.handled.setdefault(path, (0, 0, 0))  # its name is taken, for those that come with it
        if not alone:
            return
        from genkit.chain.running import run_chain

        inputs = [Found(path, path.relative_to(self.folder.root)) for path in alone]
        try:
            run_chain(
                self.verb,
                self.graph,
                self.context,
                self.reporter,
                self.session,
                stop=stop,
                keep=self.verb.kept(),
                inputs=inputs,
            )
        except GenkitError as error:
            if len(alone) > 1:  # one of them is in the way of all
                for path in alone:
                    self._run([path], stop)
                return
            if error.exit_code == 3:  # no model: that is no file's fault
                raise
            self._fail(alone[0], error.message, error.hint)
        if not stop.is_set():
            for path in alone:
                self.folder.done(path)

    def _fail(self, path: Path, message: str, hint: str | None) -> None:
        self.reporter("failed", input=str(path), output="", megapixels=0.0, code="output", message=message, hint=hint)
        self.reporter.counts["failed"] += 1
        self.folder.done(path)
