"""A loaded network as `inpaint` calls it: a picture and a mask in, the whole picture with the hole filled out.

What lies under the mask never reaches the network: it is set to zero here. Number format, memory layout and size rules (by
reflection, cropped afterwards) are seen to here too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from genkit.errors import UsageError
from genkit.models.running import Running
from genkit.models.shapes import FillModel
from genkit.models.upscale.transform import example_picture
from genkit.nets.mirror import reflect
from genkit.nets.pyramid import fill_smoothly


class Fill(Running, FillModel):
    """`reach` is half of `size` where it is not given. `run(network, images, masks, **options)` gets the `seeds` of stochastic
    networks as a keyword. With `smooth` it gets the picture with its holes filled smoothly already (`nets/pyramid.py`), and
    not with zeros. `mirrored`: the result is the mean of the picture's and its mirror image's."""

    FACTS: ClassVar[tuple[str, ...]] = (
        *("size", "multiple", "minimum", "stochastic", "reach", "options", "pixel_bytes", "smooth", "mirrored"),
    )

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
        size: int | None,
        multiple: int = 1,
        minimum: int = 1,
        stochastic: bool = False,
        reach: int | None = None,
        run: Callable[..., Any] | None = None,
        options: tuple[str, ...] = (),
        pixel_bytes: int = 16384,
        smooth: bool = False,
        mirrored: bool = False,
    ):
        self.size, self.multiple, self.minimum, self.stochastic = size, multiple, minimum, stochastic
        self.reach = reach or (size or 512) // 2
        self.options, self.pixel_bytes = tuple(options), pixel_bytes
        self.smooth, self.mirrored = smooth, mirrored
        self._put(network, device, dtype, {"run": run or (lambda network, images, masks: network(images, masks))})

    def __call__(
        self, images: np.ndarray, masks: np.ndarray, *, seeds: Sequence[int] | None = None, **options: Any
    ) -> np.ndarray:
        if unknown := [name for name in options if name not in self.options]:
            raise UsageError(f"this model has no option {unknown[0]!r}")
        height, width = images.shape[-2:]
        masks = (masks >= 0.5).astype(np.float32)
        images = images * (1 - masks)
        margins = self._margins(height), self._margins(width)
        # a hole at the edge goes on in the mirror, where nothing is known either
        images, masks = reflect(images, *margins), reflect(masks, *margins)
        if self.stochastic:
            options["seeds"] = list(seeds) if seeds is not None else list(range(len(images)))
        result = self._filled(images, masks, options)
        if self.mirrored:
            other = self._filled(images[..., ::-1], masks[..., ::-1], options)[..., ::-1]
            result = (result + other) / 2
        return result[:, :3, :height, :width]

    def _filled(self, images: np.ndarray, masks: np.ndarray, options: dict[str, Any]) -> np.ndarray:
        if self.smooth:
            images = fill_smoothly(images, masks)
        return self.runner.run("run", images, masks, **options)[0]

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        if self.stochastic:
            return {}
        step = max(self.multiple, -(-self.minimum // self.multiple) * self.multiple)
        found = []
        for sides in ((128, 96), (72, 160)):
            height, width = (-(-side // step) * step for side in sides)
            masks = np.zeros((1, 1, height, width), np.float32)
            masks[..., height // 4 : height // 2, width // 3 : width // 2] = 1
            found.append([example_picture(height, width) * (1 - masks), masks])
        return {"run": found}

    def _margins(self, length: int) -> int:
        return -(-max(length, self.minimum) // self.multiple) * self.multiple - length
