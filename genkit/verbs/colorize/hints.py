"""Colours that a user gives: strokes on transparency, brought to the size at which a model works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

SAME_ASPECT = 0.01  # relative; besides, a side may be a pixel off from rounding
COVERED = 0.25  # a working pixel is known from this much of stroke on; thinner strokes count where they are at their thickest


@dataclass(frozen=True)
class Hints:
    """Strokes: sRGB or grey pixels (H, W, 1 or 3) and alpha (H, W), uint8 or uint16; known where alpha is above a half."""

    pixels: np.ndarray
    alpha: np.ndarray
    name: str

    @classmethod
    def of(cls, pixels: np.ndarray, alpha: np.ndarray | None, name: str) -> Hints:
        """Take a picture as hints.

        Raises:
            UsageError: it has no transparency, or no strokes.
        """
        if alpha is None:
            raise UsageError(f"{name}: has no transparency", "hints are coloured strokes on a transparent picture, such as PNG")
        if not (alpha > np.iinfo(alpha.dtype).max // 2).any():
            raise UsageError(f"{name}: is transparent everywhere", "hints are coloured strokes on a transparent picture")
        return cls(pixels, alpha, name)

    def at(self, picture: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """ab (1, 2, h, w) and where it is known (1, 1, h, w), 0 or 1, at `size`, for a picture of another; (height, width).

        Raises:
            InputError: the picture is of another shape.
        """
        import torch
        from torch.nn.functional import adaptive_avg_pool2d, max_pool2d

        self._check_shape(*picture)
        rows = []
        for index in range(size[0]):  # a row at a time: full-size float planes of a large picture take too much memory
            top, stop = index * len(self.pixels) // size[0], -(-(index + 1) * len(self.pixels) // size[0])
            rows.append(adaptive_avg_pool2d(self._weighted(top, stop), (1, size[1])))
        pooled = torch.cat(rows, 2)  # (1, 3, h, w): ab times the cover, and the cover
        cover = pooled[:, 2:]
        thickest = (cover > 0) & (cover == max_pool2d(cover, 3, 1, 1))
        known = ((cover >= COVERED) | thickest).float()
        return (pooled[:, :2] / cover.clamp_min(1e-6) * known).numpy(), known.numpy()

    def _weighted(self, top: int, stop: int) -> Tensor:
        import torch

        from genkit.nets.lab import rgb_to_lab

        peak = int(np.iinfo(self.pixels.dtype).max)
        values = torch.from_numpy(self.pixels[top:stop].astype(np.float32)).div_(peak).permute(2, 0, 1)[None]
        ab = rgb_to_lab(values.expand(-1, 3, -1, -1))[:, 1:]
        alpha = self.alpha[top:stop]
        known = torch.from_numpy((alpha > np.iinfo(alpha.dtype).max // 2).astype(np.float32))[None, None]
        return torch.cat([ab * known, known], 1)

    def _check_shape(self, height: int, width: int) -> None:
        own_height, own_width = self.pixels.shape[:2]
        wanted = own_width * height / own_height  # the width that the picture has at this aspect ratio
        if abs(wanted - width) > max(SAME_ASPECT * width, 1 + height / own_height):
            raise InputError(
                f"{self.name}: {own_width}x{own_height} is another shape than the picture's {width}x{height}",
                "draw them on a copy of the picture",
            )
