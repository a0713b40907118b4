"""How many pictures are made at once on a CPU, and on how many threads each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.models.shapes import PixelModel
    from genkit.runtime import Runtime

MOST_WORKERS = 4
PICTURES_A_WORKER = 4  # with fewer, the last picture would run on a part of the cores for too large a part of the time
LARGE_TILE = 320  # pixels a side, halo included: what a worker of a CPU holds in memory at once


class Threads:
    """Takes threads from the rest of the process, and gives them back."""

    def __init__(self) -> None:
        self._before = 0

    def workers(self, place: Runtime, model: PixelModel, pictures: int, *, alone: bool) -> int:
        """How many pictures to process at once: on a CPU several, each on threads of its own. What works `alone` takes as much
        memory as there is to be had.

        The threads of one convolution meet after each layer: one that shares its core with an encoder keeps all waiting.
        """
        if place.device.type != "cpu" or alone:
            return 1
        import torch

        if model.stochastic:  # a pipeline that draws noise keeps the step it is at, for one picture
            return 1
        if place.dtype != torch.float32:  # one picture's fault turns the model to float32, which others must not meet half done
            return 1

        from genkit import runtime

        threads = torch.get_num_threads()
        tile_bytes = LARGE_TILE**2 * model.pixel_bytes or 1
        room = int(0.8 * runtime.free_memory(place.device) // tile_bytes)
        workers = min(threads, MOST_WORKERS, pictures // PICTURES_A_WORKER, room)
        if workers > 1:
            self._before = threads
            torch.set_num_threads(max(1, threads // workers))
        return max(1, workers)

    def give_back(self) -> None:
        if self._before:
            import torch

            torch.set_num_threads(self._before)
