"""Frames in, frames out: decoding, work and encoding at the same time, with a bounded number of frames between them.

One thread decodes, one encodes; the work is done by the caller's thread, or by several. Frames that are the same as the one
before are worked on once.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from genkit.media.film.reading import Shot

WAITING = 4  # frames between two threads
Made = Any
Take = Callable[[Shot, Made], None]


class _Over(Exception):
    """The other side has given up."""


class Channel:
    """A bounded row between two threads that tells both of an error of either."""

    def __init__(self, places: int = WAITING):
        self._row: queue.Queue[Any] = queue.Queue(places)
        self._over = threading.Event()

    def put(self, value: Any) -> None:
        while True:
            if self._over.is_set():
                raise _Over
            try:
                self._row.put(value, timeout=0.1)
                return
            except queue.Full:
                continue

    def get(self) -> Any:
        while True:
            try:
                return self._row.get(timeout=0.1)
            except queue.Empty:
                if self._over.is_set():
                    raise _Over from None

    def give_up(self) -> None:
        self._over.set()


_END = object()


def read_ahead(shots: Iterator[Shot]) -> Iterator[Shot]:
    """The same frames, decoded by a thread of their own."""
    row = Channel()

    def run() -> None:
        try:
            for shot in shots:
                row.put((shot, None))
            row.put((_END, None))
        except _Over:
            pass
        except BaseException as error:  # it is the reader's to hear of
            with suppress(_Over):
                row.put((_END, error))

    thread = threading.Thread(target=run, name="genkit-decode", daemon=True)
    thread.start()
    try:
        while True:
            shot, error = row.get()
            if error is not None:
                raise error
            if shot is _END:
                return
            yield shot
    finally:
        row.give_up()
        thread.join()


class Behind:
    """Takes what is made in its order, in a thread of its own; `close` waits for it and raises what it met."""

    def __init__(self, take: Take):
        self._take, self._row = take, Channel()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="genkit-encode", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while (entry := self._row.get()) is not _END:
                self._take(*entry)
        except _Over:
            pass
        except BaseException as error:  # it is the caller's to hear of
            self._error = error
            self._row.give_up()

    def add(self, shot: Shot, made: Made) -> None:
        try:
            self._row.put((shot, made))
        except _Over:
            self._thread.join()
            raise self._error or RuntimeError("the encoder has stopped") from None

    def close(self) -> None:
        with suppress(_Over):
            self._row.put(_END)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def drop(self) -> None:
        self._row.give_up()
        self._thread.join()


def through(
    shots: Iterator[Shot],
    work: Callable[[Shot], Made],
    take: Take,
    *,
    workers: int,
    same: Callable[[Shot, Shot], bool],
    stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Take every frame through `work` (in so many threads) and hand it to `take` in its order; False once it was `stopped`."""
    behind = Behind(take)
    pool = ThreadPoolExecutor(workers, "genkit-frame") if workers > 1 else None
    waiting: deque[tuple[Shot, Future[Made]]] = deque()
    source = read_ahead(shots)
    before: tuple[Shot, Future[Made]] | None = None
    try:
        for shot in source:
            if stopped():
                return False
            if before is not None and same(before[0], shot):
                made = before[1]
            elif pool is not None:
                made = pool.submit(work, shot)
            else:
                made = Future()
                made.set_result(work(shot))
            before = shot, made
            waiting.append(before)
            while waiting and (waiting[0][1].done() or len(waiting) > workers + 1):
                one, result = waiting.popleft()
                behind.add(one, result.result())
        for one, result in waiting:
            behind.add(one, result.result())
        behind.close()
        return True
    finally:
        source.close()  # type: ignore[attr-defined]
        behind.drop()
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def same_pixels(one: Shot, other: Shot) -> bool:
    """Whether two frames show the same."""
    if one.pixels is other.pixels:
        return True
    if not np.array_equal(one.pixels, other.pixels):
        return False
    return (one.alpha is None and other.alpha is None) or (
        one.alpha is not None and other.alpha is not None and np.array_equal(one.alpha, other.alpha)
    )
