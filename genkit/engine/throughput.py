"""How quick a runner is when so many threads call it at once, measured beside what a batch does besides: packing files."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genkit.engine.runner import Runner

SECONDS = 0.25
LARGER = 2  # times the examples' sides, where the network takes any size: nearer to a tile


def seconds_a_pass(runner: Runner, examples: Mapping[str, Sequence[Sequence[np.ndarray]]], workers: int) -> float:
    """Seconds for one pass through every function that `examples` has arrays for, `workers` passes being made at once.

    `examples` are as those by which a network is converted: two lists of arrays for each function. A network whose two have
    the same shapes takes no others. What a pass raises is raised.
    """
    passes = {stage: _enlarged(*two) for stage, two in examples.items()}

    def once() -> None:
        for stage, arrays in passes.items():
            runner.run(stage, *arrays)

    runner.share(workers)
    done, over, failed = [0] * workers, threading.Event(), list[BaseException]()
    together = threading.Barrier(workers + 1)

    def work(place: int) -> None:
        try:
            once()  # what is compiled or allocated at first
            together.wait()
            while not over.is_set():
                once()
                done[place] += 1
        except threading.BrokenBarrierError:
            return
        except BaseException as error:  # raised where the measure was asked for, not lost in a thread
            failed.append(error)
            together.abort()

    def pack() -> None:
        content = np.random.default_rng(0).integers(0, 16, 1 << 20, np.uint8).tobytes()
        while not over.is_set():
            zlib.compress(content, 6)

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in range(workers)]
    threads.append(threading.Thread(target=pack, daemon=True))
    for thread in threads:
        thread.start()
    try:
        with suppress(threading.BrokenBarrierError):
            together.wait()
        begun = time.perf_counter()
        while not failed and (time.perf_counter() - begun < SECONDS or not all(done)):
            time.sleep(0.005)
        seconds, passes_made = time.perf_counter() - begun, sum(done)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return seconds / passes_made


def _enlarged(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> list[np.ndarray]:
    if all(one.shape == other.shape for one, other in zip(first, second, strict=True)):
        return list(first)
    return [
        np.tile(one, (1, 1, LARGER, LARGER)) if one.ndim == 4 and one.shape != other.shape else one
        for one, other in zip(first, second, strict=True)
    ]
