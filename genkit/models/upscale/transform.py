"""A loaded network as the pixel verbs call it: RGB float32 [0, 1] in and out, whatever the network wants inside.

Size rules (by reflection, cropped afterwards) and the number of channels are seen to here, so callers need not know them. A
network of one channel sees the channels one after another and also takes (N, 1, H, W).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from genkit.errors import UsageError
from genkit.models.running import Running
from genkit.models.shapes import TranslateModel
from genkit.models.shapes.model import Shape
from genkit.nets.mirror import reflect


class Transform(Running, TranslateModel):
    """Also what `translate` may run, for which nothing of a picture is needed as a whole.

    `multiple`, `minimum` and `square` are the network's size rules; `run(network, images, **options)` calls it; `defaults` are
    the options that a call may bring, with what they are where it does not.
    """

    shape: ClassVar[Shape] = "transform"
    FACTS: ClassVar[tuple[str, ...]] = (
        *("scale", "channels", "receptive", "multiple", "minimum", "square", "tiles", "pixel_bytes", "defaults"),
    )
    defaults: Mapping[str, float] = MappingProxyType({})

    def __init__(
        self,
        network: Any,
        *,
        scale: int,
        device: Any = None,
        dtype: Any = None,
        channels: int = 3,
        receptive: int | None = None,
        multiple: int = 1,
        minimum: int = 1,
        square: bool = False,
        tiles: bool = True,
        pixel_bytes: int = 16384,
        run: Callable[..., Any] | None = None,
        defaults: Mapping[str, float] = MappingProxyType({}),
    ):
        self.scale, self.channels, self.receptive = scale, channels, receptive
        self.multiple, self.minimum, self.square, self.tiles = multiple, minimum, square, tiles
        self.pixel_bytes = pixel_bytes
        self.defaults = dict(defaults)
        self._put(network, device, dtype, {"run": run or (lambda network, images: network(images))})

    def __call__(self, images: np.ndarray, **options: Any) -> np.ndarray:
        for name in options:
            if name not in self.defaults:
                raise UsageError(f"this model has no option {name!r}")
        height, width = images.shape[-2:]
        padded = reflect(images, *self._padding(height, width))
        (result,) = self.runner.run("run", self._fit_channels(padded), **options)
        result = self._restore_channels(result, images.shape[0], images.shape[1])
        return result[..., : height * self.scale, : width * self.scale]

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        step = max(self.multiple, -(-self.minimum // self.multiple) * self.multiple)
        sides = [(-(-96 // step) * step, -(-128 // step) * step), (-(-160 // step) * step, -(-72 // step) * step)]
        if self.square:
            sides = [(height, height) for height, _ in sides]
        return {"run": [[example_picture(height, width, self.channels)] for height, width in sides]}

    @property
    def fixed(self) -> dict[str, dict[str, float]]:
        """Options that change the weights: a graph is of one value."""
        return {"run": dict(self.defaults)}

    def _padding(self, height: int, width: int) -> tuple[int, int]:
        new_height = -(-max(height, self.minimum) // self.multiple) * self.multiple
        new_width = -(-max(width, self.minimum) // self.multiple) * self.multiple
        if self.square:
            new_height = new_width = max(new_height, new_width)
        return new_height - height, new_width - width

    def _fit_channels(self, images: np.ndarray) -> np.ndarray:
        count, channels, height, width = images.shape
        if self.channels == 1:
            return images.reshape(count * channels, 1, height, width)
        if self.channels == 4:
            return np.concatenate([images, np.ones_like(images[:, :1])], 1)  # opaque
        return images

    def _restore_channels(self, result: np.ndarray, count: int, channels: int) -> np.ndarray:
        if self.channels == 1:
            return result.reshape(count, channels, *result.shape[-2:])
        return result[:, :3]


def example_picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """(1, channels, height, width) in [0, 1]: soft hills with a little grain, always the same."""
    generator = np.random.default_rng(7)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / 24
    planes = [0.5 + 0.35 * np.sin(down * (1 + 0.3 * place) + place) * np.cos(across + 2 * place) for place in range(channels)]
    grain = generator.normal(0, 0.05, (1, channels, height, width))
    return np.clip(np.stack(planes)[None] + grain, 0, 1).astype(np.float32)
