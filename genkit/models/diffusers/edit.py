"""An editing pipeline as `genkit translate` calls it: a whole picture in, the changed picture of the same size out.

Two kinds: those that follow an instruction and see the picture beside what they draw, and image-to-image, which starts from
the picture with so much noise on it as `denoise` says. Both see all of a picture at once and know pictures of about one size,
so a picture is brought there and back: one photograph cannot be cut into tiles, for each tile would become another picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from genkit.models.diffusers.runner import Runner, resize, within
from genkit.models.shapes import TranslateModel
from genkit.nets.mirror import reflect

NEAR = (0.5, 1.5)  # of size x size: pictures of so many pixels are taken as they are, for resizing costs their detail
ASPECT = 7  # longest to shortest side: pipelines end at 8, and rounding to their multiples takes something of it
GRAIN = 32  # what divides the sides where a pipeline brings every picture to one area


class Editor(TranslateModel):
    """One seed is one picture, whatever the batch. Pictures go in uncut, of any size; `size` is the side of the square whose
    area the pipeline works at."""

    stochastic = True
    whole = True
    tiles = False

    def __init__(self, runner: Runner):
        self.runner, self.pipeline = runner, runner.pipeline
        self.options = tuple(runner.settings.defaults)
        self.size, self.multiple, self.minimum = runner.size, runner.multiple, runner.minimum
        self.device, self.dtype = runner.device, runner.dtype

    def to(self, device: Any, dtype: Any) -> Self:
        """Move all parts, as after a GPU ran out of memory."""
        self.runner.to(device, dtype)
        self.device, self.dtype = self.runner.device, self.runner.dtype
        return self

    def __call__(self, images: np.ndarray, *, seeds: Sequence[int] | None = None, **options: Any) -> np.ndarray:
        """Edit; without `seeds` each picture gets the seed 0.

        Raises:
            UsageError: options that the model does not have or that do not go together, a prompt that is too long.
            InputError: the safety checker withheld a picture.
        """
        values = self.runner.complete(options)
        noise_seeds = list(seeds) if seeds is not None else [0] * len(images)
        kind = self.runner.kind
        # prepared on the CPU, where the noise comes from: nearly the same picture on every device
        inner = resize(torch.from_numpy(images).clamp(0, 1), working_sides(images.shape[-2], images.shape[-1], self.size))
        height, width = inner.shape[-2:]
        padded = torch.from_numpy(reflect(inner.numpy(), *self._margins(height, width)))
        inputs = within(padded, kind.most_pixels, self.multiple)
        sides = (inputs.shape[-2], inputs.shape[-1])
        if kind.area is not None:
            sides = sides_of_area(kind.area, *sides)
        if kind.single:
            parts = [
                self._edit_one(inputs[place], noise_seeds[place], values, sides, place, len(inputs))
                for place in range(len(inputs))
            ]
            result = torch.cat(parts)
        else:
            result = self.runner.run(noise_seeds, values, sides, self.progress, image=inputs)
        made = resize(resize(result, padded.shape[-2:])[..., :height, :width], images.shape[-2:])
        return made.float().cpu().numpy()

    def _edit_one(
        self, image: Tensor, seed: int, values: dict[str, Any], sides: tuple[int, int], place: int, count: int
    ) -> Tensor:
        """For pipelines that read several pictures as several views for one result, and these as PIL has them."""
        from PIL import Image

        watch = self.progress

        def report(done: int, of: int) -> None:
            if watch is not None:
                watch(place * of + done, count * of)

        view = Image.fromarray((image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
        given = view if self.runner.kind.bare else [view]
        return self.runner.run([seed], values, sides, report if watch is not None else None, image=given)

    def _margins(self, height: int, width: int) -> tuple[int, int]:
        shortest = -(-max(height, width) // ASPECT)
        bottom, right = (-(-max(side, shortest, self.minimum) // self.multiple) * self.multiple for side in (height, width))
        return bottom - height, right - width


def working_sides(height: int, width: int, size: int) -> tuple[int, int]:
    """Sides (height, width) to work at, of the same proportions: those given, if they are near `size` squared pixels."""
    share = height * width / size**2
    scale = 1.0 if NEAR[0] <= share <= NEAR[1] else share**-0.5
    scale = min(scale, ASPECT**0.5 * size / max(height, width))  # a strip is made wider by its mirror image afterwards
    return max(1, round(height * scale)), max(1, round(width * scale))


def sides_of_area(area: int, height: int, width: int) -> tuple[int, int]:
    """Sides (height, width) of about `area` pixels and the proportions given, as the pipelines with an area compute them."""
    ratio = width / height
    across = (area * ratio) ** 0.5
    return round(across / ratio / GRAIN) * GRAIN, round(across / GRAIN) * GRAIN
