"""How many pictures are made at once on a CPU, and on how many threads each."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.models.shapes import PixelModel
    from genkit.runtime import Runtime

MOST_WORKERS = 4
PICTURES_A_WORKER = 4  # with fewer, the last picture would run on a part of the cores for too large a part of the time
WORTH_MEASURING = 100  # pictures: with fewer the seconds that it takes are not won back
CLEARLY = 0.9  # another number of workers is taken where it needs less than so much of the time
LARGE_TILE = 320  # pixels a side, halo included: what a worker of a CPU holds in memory at once


class Threads:
    """Takes threads from the rest of the process, and gives them back."""

    def __init__(self) -> None:
        self._shared: list[Any] = []  # runners that several workers call at once

    def workers(self, place: Runtime, models: Mapping[str, PixelModel], pictures: int, *, alone: bool) -> int:
        """How many pictures to process at once by these models, by name: on a CPU several, each on threads of its own. What
        works `alone` takes as much memory as there is to be had.

        The threads of one convolution meet after each layer: one that shares its core with an encoder keeps all waiting.
        Before many pictures that is measured, once for a model on a machine.
        """
        runners = [getattr(model, "runner", None) for model in models.values()]
        if place.device.type != "cpu" or alone or not all(hasattr(runner, "share") for runner in runners):
            return 1
        if any(model.stochastic for model in models.values()):  # a pipeline that draws noise keeps the step it is at
            return 1
        if place.dtype != "float32":  # one picture's fault turns the model to float32, which others must not meet half done
            return 1

        from genkit import runtime

        tile_bytes = LARGE_TILE**2 * max(model.pixel_bytes for model in models.values()) or 1
        room = int(0.8 * runtime.free_memory(place.device) // tile_bytes)
        workers = max(1, min(runtime.cores(), MOST_WORKERS, pictures // PICTURES_A_WORKER, room))
        if workers > 1:
            self._shared += runners
        if workers > 1 and pictures >= WORTH_MEASURING:
            workers = quickest(models, workers)
        for runner in self._shared:
            runner.share(workers)
        return workers

    def give_back(self) -> None:
        for runner in self._shared:
            runner.share(1)
        self._shared.clear()


def quickest(models: Mapping[str, PixelModel], most: int) -> int:
    """How many workers, `most` at most, need the least time for a picture that goes through all of these models."""
    counts = sorted({most, *(1 << power for power in range(most.bit_length()) if 1 << power < most)})
    seconds = dict.fromkeys(counts, 0.0)
    for name, model in models.items():
        for count, found in _seconds(name, model, counts).items():
            seconds[count] += found
    best = min(counts, key=lambda count: seconds[count])
    return best if seconds[best] < CLEARLY * seconds[most] else most if isfinite(seconds[most]) else 1


def _seconds(name: str, model: PixelModel, counts: list[int]) -> dict[int, float]:
    """By the number of workers, what one pass takes: as remembered, else as measured now; nothing where that cannot be."""
    from genkit import runtime
    from genkit.engine.throughput import seconds_a_pass
    from genkit.run import estimate

    runner: Any = model.runner  # type: ignore[attr-defined]
    keys = {count: f"{name} {runner.engine} {count} of {runtime.cores()} workers" for count in counts}
    known = {count: estimate.recall(key) for count, key in keys.items()}
    found = {count: value for count, value in known.items() if value is not None}
    if len(found) < len(counts):
        examples = model.examples() if hasattr(model, "examples") else {}
        if not examples:
            return {}
        found = {}
        for count in counts:
            try:
                found[count] = seconds_a_pass(runner, examples, count)
            except (RuntimeError, MemoryError) as error:
                if not runtime.is_out_of_memory(error):
                    raise
                found[count] = inf
        estimate.keep({keys[count]: value for count, value in found.items() if isfinite(value)})
    return found
