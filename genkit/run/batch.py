"""The one loop of every verb: read ahead, process, write behind, and tell what happens, in the order of the plan.

A thread reads and decodes ahead of the model, the caller's thread (and others, if `prepare` says so) runs the model, and
threads encode and write behind it.
What waits in between is bounded in number and in bytes, so memory does not grow with the number of files. An input that fails
is reported and passed over. On the first Ctrl-C the item in hand is finished and written, unless it says by `Stopped` that it
can go on later; on the second all is dropped. While the model is fetched or loaded there is none in hand, and the first ends
it.

What happens is told by events (`emit(name, **fields)`), which `events.py` lists.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from genkit.errors import GenkitError, RunError, system_error
from genkit.run.item import Item

INTERRUPTED = 130
AHEAD = BEHIND = 4  # items that wait, at most, however small they are
WRITERS = 2
UNKNOWN_BYTES = 64 << 20  # what an item weighs whose header could not be read


class Emit(Protocol):
    def __call__(self, event: str, /, **fields: Any) -> None: ...


class Stopped(Exception):
    """What a `process` raises that was told to stop within an item, of which it has kept what it had: the item is left."""


class Skip:
    """What `read` returns for an item that needs no work."""

    def __init__(self, reason: str):
        self.reason = reason


Read = Callable[[Item], Any]
Process = Callable[[Item, Any], Any]
Write = Callable[[Item, Any], dict[str, Any]]


@dataclass
class Counts:
    """How a batch went. `left` are items that were not begun or not finished when it was interrupted; `loading` are the
    seconds that went into loading the model; `work` is what was done, in the plan's unit; `errors` say why items failed."""

    done: int = 0
    failed: int = 0
    skipped: int = 0
    left: int = 0
    seconds: float = 0.0
    loading: float = 0.0
    megapixels: float = 0.0
    work: float = 0.0
    interrupted: bool = False
    errors: list[GenkitError] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return INTERRUPTED if self.interrupted else int(self.failed > 0)


def run(
    items: Sequence[Item],
    *,
    read: Read,
    prepare: Callable[[], Sequence[Process]],
    write: Write,
    emit: Emit,
    stop: threading.Event | None = None,
    memory: int | None = None,
) -> Counts:
    """Take every item through `read`, one of the functions that `prepare` returns, and `write`; return the counts.

    `prepare` loads the model. It is called once, when the first item is ready, so a batch that has nothing left to do loads
    nothing; what it raises ends the batch. Of the functions it returns the first runs in the caller's thread and each other
    one in a thread of its own: one for each GPU, or several on a CPU. `memory` is the bytes of decoded pictures that may wait.
    """
    return _Run(items, read, prepare, write, emit, stop or threading.Event(), memory or waiting_memory()).go()


def waiting_memory() -> int:
    """An eighth of the machine's memory, from 256 MB to 2 GB."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        physical = 4 << 30
    return min(max(physical // 8, 256 << 20), 2 << 30)


@contextmanager
def interruptible(stop: threading.Event, message: str = "") -> Iterator[None]:
    """Let the first Ctrl-C set `stop` and put `message` on stderr, and the second one raise KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_interrupt(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # Straight to the descriptor: this thread may hold the lock of anything that prints.
        os.write(2, message.encode())

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts_raised() -> Iterator[None]:
    """Let the first Ctrl-C end what is inside, a pull of gigabytes perhaps."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Budget:
    """A bound on what waits: `places` items and `limit` bytes, of which one item may be larger than all."""

    def __init__(self, places: int, limit: int):
        self._changed = threading.Condition()
        self._places, self._limit = places, limit
        self._count = self._used = 0

    def take(self, size: int, given_up: threading.Event) -> None:
        with self._changed:
            while self._count and (self._count >= self._places or self._used + size > self._limit):
                if given_up.is_set():
                    return
                self._changed.wait(0.2)
            self._count += 1
            self._used += size

    def widen(self, places: int) -> None:
        with self._changed:
            self._places += places
            self._changed.notify_all()

    def give(self, size: int) -> None:
        with self._changed:
            self._count -= 1
            self._used -= size
            self._changed.notify_all()


class _Run:
    def __init__(
        self,
        items: Sequence[Item],
        read: Read,
        prepare: Callable[[], Sequence[Process]],
        write: Write,
        emit: Emit,
        stop: threading.Event,
        memory: int,
    ):
        self._items, self._read, self._prepare, self._write, self._emit = items, read, prepare, write, emit
        self._stop = stop
        self._dropped = threading.Event()  # nobody waits for what is still on its way
        self._ahead, self._behind = _Budget(AHEAD, memory // 4), _Budget(BEHIND, memory - memory // 4)
        self._ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._settled: dict[int, tuple[str, dict[str, Any]]] = {}
        self._next = 0
        self._broken: BaseException | None = None
        self.counts = Counts()

    def go(self) -> Counts:
        begun = time.monotonic()
        threading.Thread(target=self._read_ahead, name="genkit-read", daemon=True).start()
        # Daemons: a second Ctrl-C must not wait for them. What they leave is a .part file, swept away by the next run.
        writers = [threading.Thread(target=self._write_behind, name="genkit-write", daemon=True) for _ in range(WRITERS)]
        for writer in writers:
            writer.start()
        try:
            self._process_all()
            for _ in writers:
                self._finished.put(None)
            for writer in writers:
                writer.join()
        except BaseException:  # an interrupt too: the threads must not go on without whoever waits for them
            self._stop.set()
            self._dropped.set()
            raise
        if self._broken is not None:
            raise self._broken
        counts = self.counts
        counts.left = len(self._items) - counts.done - counts.failed - counts.skipped
        counts.interrupted = self._stop.is_set() and counts.left > 0
        counts.seconds = time.monotonic() - begun
        return counts

    def _read_ahead(self) -> None:
        try:
            for place, item in enumerate(self._items):
                weight = _weight(item.input_size, item.pixel_bytes)
                self._ahead.take(weight, self._stop)
                if self._stop.is_set():
                    return
                try:
                    loaded = self._read(item)
                except Exception as error:  # one bad input must not end the batch; `_fail` tells a bug from a bad file
                    self._ahead.give(weight)
                    self._fail(place, item, error)
                    continue
                if isinstance(loaded, Skip):
                    self._ahead.give(weight)
                    self._settle(place, "skipped", reason=loaded.reason)
                    continue
                self._ready.put((place, item, loaded, weight))
                del loaded
        finally:
            self._ready.put(None)

    def _process_all(self) -> None:
        first = self._ready.get()
        if first is None or self._stop.is_set():
            return
        begun = time.monotonic()
        try:
            with _interrupts_raised():
                mine, *others = self._prepare()
        except KeyboardInterrupt:  # nothing is in hand yet that would be worth waiting for
            self._stop.set()
            return
        self.counts.loading = time.monotonic() - begun
        # What a worker has in hand holds a place on both sides: without more of them, several would wait for each other.
        self._ahead.widen(len(others))
        self._behind.widen(len(others))
        threads = [threading.Thread(target=self._work, args=(one,), name="genkit-model", daemon=True) for one in others]
        for thread in threads:
            thread.start()
        self._work(mine, first)
        for thread in threads:
            thread.join()

    def _work(self, process: Process, entry: Any = None) -> None:
        entry = entry or self._ready.get()
        while entry is not None:
            if not self._stop.is_set():
                self._process(process, *entry)
            del entry
            entry = self._ready.get()
        self._ready.put(None)  # for the next worker

    def _process(self, process: Process, place: int, item: Item, loaded: Any, weight: int) -> None:
        result_weight = _weight(item.size, item.pixel_bytes)
        self._behind.take(result_weight, self._dropped)
        self._tell("start", input=item.name, output=_text(item))
        begun = time.monotonic()
        try:
            result = process(item, loaded)
        except Stopped:
            self._behind.give(result_weight)
        except Exception as error:  # as for reading
            self._behind.give(result_weight)
            self._fail(place, item, error)
        else:
            self._finished.put((place, item, result, result_weight, time.monotonic() - begun))
        self._ahead.give(weight)

    def _write_behind(self) -> None:
        while (entry := self._finished.get()) is not None:
            place, item, result, weight, seconds = entry
            del entry
            try:
                fields = self._write(item, result)
            except Exception as error:  # as for reading
                self._fail(place, item, error)
            else:
                self._settle(place, "done-item", seconds=round(seconds, 3), **fields)
            finally:
                del result
                self._behind.give(weight)

    def _fail(self, place: int, item: Item, error: Exception) -> None:
        told = error if isinstance(error, GenkitError) else system_error(error)
        if told is not None:
            message, hint, code = told.message, told.hint, told.code
            message = message if isinstance(error, GenkitError) else f"{item.name}: {message}"
        else:
            message, hint, code = f"{item.name}: this is a bug in genkit: {type(error).__name__}: {error}", None, "bug"
            if os.environ.get("GENKIT_DEBUG"):
                import traceback

                traceback.print_exception(error)
        kind = type(told) if told is not None else RunError
        self.counts.errors.append(kind(message, hint, code=code))
        self._settle(place, "failed", code=code, message=message, hint=hint)

    def _settle(self, place: int, event: str, **fields: Any) -> None:
        """Count an item's end, and tell every end whose turn has come: the order is the plan's, whoever is quicker."""
        with self._lock:
            if self._dropped.is_set():
                return
            counts, item = self.counts, self._items[place]
            fields = {"input": item.name, "output": _text(item), "megapixels": round(item.megapixels, 3)} | fields
            if event == "done-item":
                counts.done += 1
                counts.megapixels += item.megapixels
                counts.work += item.work
            elif event == "failed":
                counts.failed += 1
            else:
                counts.skipped += 1
            self._settled[place] = (event, fields)
            while self._next in self._settled:
                name, told = self._settled.pop(self._next)
                self._next += 1
                self._tell(name, **told)

    def _tell(self, event: str, **fields: Any) -> None:
        try:
            self._emit(event, **fields)
        except Exception as error:  # the reader of our output has gone: the caller's thread ends the batch with it
            self._broken = error
            self._stop.set()


def _weight(size: tuple[int, int] | None, pixel_bytes: int) -> int:
    return size[0] * size[1] * pixel_bytes if size else UNKNOWN_BYTES


def _text(item: Item) -> str:
    return "-" if item.target is None else str(item.target)
