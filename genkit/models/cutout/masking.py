"""A loaded network as `cutout` calls it: a picture of any size in, the mask of its subject in the same size out.

Such networks see the picture at one size, squeezed to a square, and were trained so.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from genkit.models.running import Running
from genkit.models.shapes import MaskModel
from genkit.models.upscale.transform import example_picture
from genkit.nets.planes import bilinear

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Mask(Running, MaskModel):
    """`network` gives masks (N, 1, size, size) of squares, each channel less its `mean` and over its `std`; with `brightest`
    each picture is divided by its brightest number before. With `stretched` the least of each mask becomes 0 and the most 1, as
    publishers of saliency networks do."""

    FACTS: ClassVar[tuple[str, ...]] = ("size", "mean", "std", "brightest", "stretched")
    pixel_bytes = 64  # of the picture: the network's own memory goes by its size alone

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
        size: int,
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        brightest: bool = False,
        stretched: bool = False,
    ):
        self.size, self.mean, self.std = size, tuple(mean), tuple(std)
        self.brightest, self.stretched = brightest, stretched
        self._put(network, device, dtype, {"run": lambda network, images: network(images)})

    def __call__(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[-2:]
        (masks,) = self.runner.run("run", self._prepared(bilinear(images, self.size, self.size)))
        if self.stretched:
            least, most = masks.min((2, 3), keepdims=True), masks.max((2, 3), keepdims=True)
            masks = (masks - least) / np.maximum(most - least, 1e-6)
        return np.clip(bilinear(masks, height, width), 0, 1)

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        return {"run": [[self._prepared(example_picture(self.size, self.size))]] * 2}

    def _prepared(self, images: np.ndarray) -> np.ndarray:
        if self.brightest:
            images = images / np.maximum(images.max((1, 2, 3), keepdims=True), 1e-6)
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.mean, self.std))
        return (images - mean) / std
