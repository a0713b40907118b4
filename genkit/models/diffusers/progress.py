"""What a model that draws tells of its steps: how many are done, and previews, over all calls that a batch takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from genkit.models.diffusers.draw import Draw


class Steps:
    """Tells of the steps of one call, which may be several of the pipeline."""

    def __init__(self, model: Draw, count: int, groups: int):
        self._model, self._count, self._groups = model, count, groups
        self._shown: Tensor | None = None

    def of(self, place: int, group: list[int], sides: tuple[int, int]) -> Callable[[Any, int, Any], None]:
        if self._model.watch is not None:
            self._model.preview().begin()

        def report(pipeline: Any, step: int, latents: Tensor) -> None:
            steps = int(pipeline.num_timesteps)
            if self._model.watch is not None:
                colours = self._model.preview()(latents, step, *sides)
                if self._shown is None:
                    self._shown = torch.full((self._count, *colours.shape[1:]), 0.5)  # grey until its turn comes
                self._shown[group] = colours
                self._model.watch(place * steps + step + 1, self._shown.clone())
            if self._model.progress is not None:
                self._model.progress(place * steps + step + 1, self._groups * steps)

        return report
