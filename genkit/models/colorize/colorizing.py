"""A loaded network as the colorize task calls it: lightness in, chroma out, both in Lab units, whatever the network wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from genkit.errors import UsageError
from genkit.models.running import Running
from genkit.models.shapes import ColorizeModel
from genkit.models.upscale.transform import example_picture
from genkit.nets.gamut import fit_gamut
from genkit.nets.lab import rgb_to_lab
from genkit.nets.planes import bilinear

LONGEST = 3  # the longer side of the working size, in shorter sides: what is longer still is squeezed
AB_PEAK = 128.0  # what Lab's a and b are held within: some networks leave it, which shows as blotches


class Colorize(Running, ColorizeModel):
    """`size` is the side in pixels that the network is best at: the shorter one, or with `square` both; `multiple` what divides
    sides. `chroma` is called with float32 tensors: (network, lightness, hints, known, **options); `numbers` are the options'
    names and defaults."""

    FACTS: ClassVar[tuple[str, ...]] = (*("size", "hints", "multiple", "square", "stochastic", "pixel_bytes", "numbers"),)

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
        size: int,
        chroma: Callable[..., Any] | None = None,
        hints: bool = False,
        multiple: int = 1,
        square: bool = False,
        stochastic: bool = False,
        pixel_bytes: int = 8192,
        numbers: Mapping[str, float] | None = None,
    ):
        self.size, self.hints, self.multiple, self.square = size, hints, multiple, square
        self.stochastic, self.pixel_bytes, self.numbers = stochastic, pixel_bytes, dict(numbers or {})
        self._put(network, device, dtype, {"chroma": chroma or (lambda network, *given, **options: None)}, whole=True)

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) at which a picture of this size is shown to the network.

        The aspect ratio is kept up to LONGEST to one; beyond, the longer side is squeezed, but never the shorter one below a
        third of `size`.
        """
        if self.square:
            return self._rounded(self.size), self._rounded(self.size)
        shorter, longer = min(height, width), max(height, width)
        scale = min(self.size / shorter, LONGEST * self.size / longer)
        sides = max(shorter * scale, self.size / LONGEST), longer * scale
        shorter, longer = self._rounded(sides[0]), self._rounded(sides[1])
        return (shorter, longer) if height <= width else (longer, shorter)

    def _rounded(self, side: float) -> int:
        return max(1, round(side / self.multiple)) * self.multiple

    def chroma(
        self, lightness: np.ndarray, hints: np.ndarray | None = None, known: np.ndarray | None = None, **options: Any
    ) -> np.ndarray:
        if hints is not None and known is not None and not self.hints:
            raise UsageError("this model takes no hints")
        given: list[np.ndarray] = []
        if self.hints:
            known = np.zeros_like(lightness) if known is None else known
            hints = np.repeat(known, 2, 1) * 0 if hints is None else hints * known
            given = [hints, known]
        numbers = {**self.numbers, **{name: value for name, value in options.items() if value is not None}}
        (result,) = self.runner.run("chroma", lightness, *given, **numbers)
        return np.clip(result, -AB_PEAK, AB_PEAK)

    def __call__(self, images: np.ndarray, **options: Any) -> np.ndarray:
        lightness = rgb_to_lab(images)[:, :1]
        small = bilinear(lightness, *self.working_size(*images.shape[-2:]))
        ab = bilinear(self.chroma(small, **options), *images.shape[-2:])
        return fit_gamut(np.concatenate([lightness, ab], 1))

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        if self.stochastic:
            return {}
        wide = self._rounded(self.size * 1.5)
        sides = [(self._rounded(self.size), wide), (wide, self._rounded(self.size))]
        found = [[100 * example_picture(*each, 1)] for each in (sides if not self.square else sides[:1] * 2)]
        if self.hints:
            found = [[light, np.zeros_like(light).repeat(2, 1), np.zeros_like(light)] for (light,) in found]
        return {"chroma": found}
