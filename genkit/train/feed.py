"""Batches made on a thread of their own, so that the optimiser does not wait for pictures."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np
from torch import Tensor

Batch = dict[str, Tensor]


def feed(make: Callable[[np.random.Generator], Batch], seed: int) -> Iterator[Batch]:
    """Yield `make(rng)` without end, eight ahead at most; whatever `make` raises ends the run."""
    ready: queue.Queue[Batch | Exception] = queue.Queue(maxsize=8)

    def fill() -> None:
        rng = np.random.default_rng(seed)
        try:
            while True:
                ready.put(make(rng))
        except Exception as error:  # whatever ends this thread must end the run, not leave it waiting
            ready.put(error)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        batch = ready.get()
        if isinstance(batch, Exception):
            raise batch
        yield batch
