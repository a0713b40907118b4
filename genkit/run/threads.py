"""How many pictures are made at once on a CPU, and on how many threads each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.models.shapes import PixelModel
    from genkit.runtime import Runtime

MOST_WORKERS = 4
PICTURES_A_WORKER = 4  # with fewer, the last picture would run on a part of the cores for too large a part of the time
LARGE_TILE = 320  # pixels a side, halo included: what a worker of a CPU holds in memory at once


class Threads:
    """Takes threads from the rest of the process, and gives them back."""

    def __init__(self) -> None:
        self._shared: list[Any] = []  # runners that several workers call at once

    def workers(self, place: Runtime, models: Iterable[PixelModel], pictures: int, *, alone: bool) -> int:
        """How many pictures to process at once by these models: on a CPU several, each on threads of its own. What works
        `alone` takes as much memory as there is to be had.

        The threads of one convolution meet after each layer: one that shares its core with an encoder keeps all waiting.
        """
        models = list(models)
        runners = [getattr(model, "runner", None) for model in models]
        if place.device.type != "cpu" or alone or not all(hasattr(runner, "share") for runner in runners):
            return 1
        if any(model.stochastic for model in models):  # a pipeline that draws noise keeps the step it is at, for one picture
            return 1
        if place.dtype != "float32":  # one picture's fault turns the model to float32, which others must not meet half done
            return 1

        from genkit import runtime

        tile_bytes = LARGE_TILE**2 * max(model.pixel_bytes for model in models) or 1
        room = int(0.8 * runtime.free_memory(place.device) // tile_bytes)
        workers = min(runtime.cores(), MOST_WORKERS, pictures // PICTURES_A_WORKER, room)
        if workers > 1:
            self._shared += runners
            for runner in runners:
                runner.share(workers)  # type: ignore[union-attr]
        return max(1, workers)

    def give_back(self) -> None:
        for runner in self._shared:
            runner.share(1)
