"""A network that changes colours and nothing else, for pictures of any size.

It sees a copy whose shorter side is `size`; its change is brought to the whole picture as a line in the picture's own colours
around each place (`nets/guided.py`), so that detail and edges are the picture's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from genkit.models.translate.translating import Translate
from genkit.models.upscale.transform import example_picture
from genkit.nets.guided import enlarge_rows, lines_in
from genkit.nets.planes import area, bilinear

STRIDE = 16  # what divides the copy's sides
STRIP_PIXELS = 1 << 19
LONGEST = 4  # of the copy, in its shorter sides: a strip's copy would be larger than any photograph's
RADIUS, EPSILON = 2, 4e-4  # of the lines, at the copy's size


class Recolour(Translate):
    """`forward(network, images, domain)` gives changed copies, both -1 to 1."""

    FACTS: ClassVar[tuple[str, ...]] = ("domains", "size")

    def __init__(
        self, network: Any, *, device: Any = None, dtype: Any = None, domains: Sequence[str], size: int, forward: Any = None
    ):
        self.size = size
        super().__init__(
            network,
            device=device,
            dtype=dtype,
            whole=True,
            receptive=None,
            tiles=False,
            pixel_bytes=48,
            domains=domains,
            forward=forward,
        )

    def __call__(
        self,
        images: np.ndarray,
        *,
        domain: int | None = None,
        statistics: Sequence[np.ndarray] | None = None,
        **options: Any,
    ) -> np.ndarray:
        height, width = images.shape[-2:]
        share = min(self.size / min(height, width), LONGEST * self.size / max(height, width))
        small_size = [max(STRIDE, round(side * share / STRIDE) * STRIDE) for side in (height, width)]
        small = (area if share < 1 else bilinear)(images, *small_size)
        output = super().__call__(small, domain=domain, statistics=statistics, **options)
        if (height, width) == tuple(small_size):
            return output
        slope, level = lines_in(small, output - small, RADIUS, EPSILON)
        lines = np.concatenate([slope.reshape(len(images), 9, *small_size), level], 1)
        result = np.empty_like(images)
        step = max(1, STRIP_PIXELS // width)
        for top in range(0, height, step):
            rows = images[:, :, top : top + step]
            planes = enlarge_rows(lines, top, rows.shape[2], height, width)
            slope = planes[:, :9].reshape(len(images), 3, 3, *rows.shape[2:])
            result[:, :, top : top + step] = rows + planes[:, 9:] + (slope * rows[:, None]).sum(2)
        return result

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        sides = [(self.size, self.size + 3 * STRIDE), (self.size + STRIDE, self.size)]
        return {"run": [[2 * example_picture(height, width) - 1] for height, width in sides]}
