"""Enlarge chroma so that its edges lie where the edges of the lightness lie.

The fast guided filter (He and Sun 2015, arXiv 1505.00996, after He et al. 2013): around every pixel of a small grid ab is
fitted as a line in L, by least squares in a window; the lines' coefficients, which are smooth, are enlarged and applied to L at
full resolution. A line can overshoot where L leaves what the window held (a glint, a thin dark rim), which would be a halo:
the result is held between the least and the most that the window held of ab.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

EPSILON = 4.0  # variance of L (a standard deviation of 2) below which an edge counts as noise


class Guided:
    """ab fitted to a guide at the size of a grid; `rows` gives it at any larger size, a strip at a time."""

    def __init__(self, lightness: Tensor, ab: Tensor, radius: int, epsilon: float = EPSILON):
        """`lightness` (1, 1, h, w) and `ab` (1, 2, h, w) of one size; `radius` of the window, 0 = plain bilinear."""
        self.planes, self.radius = ab, radius
        if radius > 0:
            slope, offset = fit(lightness, ab, radius, epsilon)
            self.planes = torch.cat([slope, offset, -_widest(-ab, radius), _widest(ab, radius)], 1)  # (1, 8, h, w)

    def rows(self, lightness: Tensor, top: int, height: int) -> Tensor:
        """The strip (1, 2, n, W) that begins at row `top` of a picture of `height` rows, whose L (1, 1, n, W) is given."""
        planes = enlarge_rows(self.planes, top, lightness.shape[2], height, lightness.shape[3])
        if self.radius == 0:
            return planes
        slope, offset, least, most = planes.split(2, 1)
        return torch.minimum(torch.maximum(slope * lightness + offset, least), most)


def fit(lightness: Tensor, ab: Tensor, radius: int, epsilon: float = EPSILON) -> tuple[Tensor, Tensor]:
    """Slope and offset (1, 2, h, w) of ab = slope * L + offset around each pixel: equations 5, 6 and 8 of He et al. 2013."""
    mean_l, mean_ab = _box(lightness, radius), _box(ab, radius)
    variance = _box(lightness * lightness, radius) - mean_l * mean_l
    covariance = _box(lightness * ab, radius) - mean_l * mean_ab
    slope = covariance / (variance.clamp_min(0) + epsilon)
    return _box(slope, radius), _box(mean_ab - slope * mean_l, radius)


def _box(planes: Tensor, radius: int) -> Tensor:
    """Mean over a window; at the border over what there is of it."""
    side = 2 * radius + 1
    return avg_pool2d(planes, side, 1, radius, count_include_pad=False)


def _widest(planes: Tensor, radius: int) -> Tensor:
    """Maximum over a window."""
    side = 2 * radius + 1
    return max_pool2d(pad(planes, (radius,) * 4, value=-torch.inf), side, 1)


def enlarge_rows(planes: Tensor, top: int, count: int, height: int, width: int) -> Tensor:
    """Rows [top, top + count) of the bilinear enlargement of (1, C, h, w) to height x width, pixel centres at half integers."""
    source = planes.shape[2]
    places = ((torch.arange(top, top + count) + 0.5) * (source / height) - 0.5).clamp(0, source - 1)
    first = places.floor().long()
    second = (first + 1).clamp_max(source - 1)
    mix = (places - first).to(planes).view(1, 1, -1, 1)
    strip = torch.lerp(planes[:, :, first], planes[:, :, second], mix)
    return interpolate(strip, (count, width), mode="bilinear", align_corners=False)
