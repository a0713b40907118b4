"""An inpainting pipeline as `genkit inpaint` calls it: pictures and masks in, filled pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from genkit.models.diffusers.pipelines import DENOISE
from genkit.models.diffusers.runner import Runner, resize, within
from genkit.models.shapes import FillModel
from genkit.nets.mirror import reflect


class Painter(FillModel):
    """One seed is one picture, whatever the batch. At its default (or above), `denoise` looks at nothing of what is under the
    mask; below, what is there is the start that the picture keeps more of. `size` is the side the pipeline was trained at;
    `reach` is all of it. Values that are no numbers are left for the caller to see."""

    stochastic = True

    def __init__(self, runner: Runner):
        self.runner, self.pipeline = runner, runner.pipeline
        self.options = tuple(runner.settings.defaults)
        self.size = self.reach = runner.size
        self.multiple, self.minimum = runner.multiple, runner.minimum
        self.device, self.dtype = runner.device, runner.dtype

    def to(self, device: Any, dtype: Any) -> Self:
        """Move all parts, as after a GPU ran out of memory."""
        self.runner.to(device, dtype)
        self.device, self.dtype = self.runner.device, self.runner.dtype
        return self

    def __call__(
        self, images: np.ndarray, masks: np.ndarray, *, seeds: Sequence[int] | None = None, **options: Any
    ) -> np.ndarray:
        """Fill; without `seeds` each picture gets the seed 0.

        Raises:
            UsageError: options that the model does not have or that do not go together.
            InputError: the safety checker withheld a picture.
        """
        values = self.runner.complete(options)
        height, width = images.shape[-2:]
        # prepared on the CPU, where the noise comes from: nearly the same picture on every device
        pictures, holes = torch.from_numpy(images).clamp(0, 1), torch.from_numpy((masks >= 0.5).astype(np.float32))
        if values.get(DENOISE) is None or values[DENOISE] >= self.runner.settings.defaults[DENOISE]:
            pictures = hide(pictures, holes)
        bottom, right = (-(-max(side, self.minimum) // self.multiple) * self.multiple - side for side in (height, width))
        padded, holes = (torch.from_numpy(reflect(one.numpy(), bottom, right)) for one in (pictures, holes))
        inputs, holes = (within(one, self.runner.kind.most_pixels, self.multiple) for one in (padded, holes))
        result = self.runner.run(
            seeds if seeds is not None else [0] * len(images),
            values,
            (inputs.shape[-2], inputs.shape[-1]),
            self.progress,
            image=inputs,
            mask_image=(holes > 0.5).float(),
        )
        return resize(result, padded.shape[-2:])[..., :height, :width].float().cpu().numpy()


def hide(images: Tensor, masks: Tensor) -> Tensor:
    """Replace what is under the masks by smooth colour from around: averages over ever larger neighbourhoods, the nearest
    that know anything. Where nothing is known the picture becomes grey."""
    known = 1 - masks
    if min(images.shape[-2:]) == 1 or not masks.any():
        colours, weights = images * known, known
        filled = colours.sum((-2, -1), keepdim=True) / weights.sum((-2, -1), keepdim=True).clamp(min=1e-6)
        return images * known + filled * masks
    small_known = avg_pool2d(known, 2, ceil_mode=True)
    small = avg_pool2d(images * known, 2, ceil_mode=True) / small_known.clamp(min=1e-6)
    holes = (small_known <= 0).float()
    if holes.all():
        return images * known + 0.5 * masks
    if holes.any():
        small = hide(small, holes)
    return images * known + interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False) * masks
