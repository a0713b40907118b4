"""What a model that draws tells of its steps: how many are done, and previews, over all calls that a batch takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor


class Steps:
    """Tells of the steps of one call, which may be several of the pipeline: how many are done to `progress`, and pictures
    (N, 3, H, W) of `count` to `watch`, which what `preview` gives makes of latents."""

    def __init__(
        self,
        progress: Callable[[int, int], None] | None,
        watch: Callable[[int, np.ndarray], None] | None,
        preview: Callable[[], Any],
        count: int,
        groups: int,
    ):
        self._progress, self._watch, self._preview = progress, watch, preview
        self._count, self._groups = count, groups
        self._shown: Tensor | None = None

    def of(self, place: int, group: list[int], sides: tuple[int, int]) -> Callable[[Any, int, Any], None]:
        if self._watch is not None:
            self._preview().begin()

        def report(pipeline: Any, step: int, latents: Tensor) -> None:
            steps = int(pipeline.num_timesteps)
            if self._watch is not None:
                colours = self._preview()(latents, step, *sides)
                if self._shown is None:
                    self._shown = torch.full((self._count, *colours.shape[1:]), 0.5)  # grey until its turn comes
                self._shown[group] = colours
                self._watch(place * steps + step + 1, self._shown.numpy().copy())
            if self._progress is not None:
                self._progress(place * steps + step + 1, self._groups * steps)

        return report
