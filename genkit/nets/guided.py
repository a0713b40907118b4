"""The guided filter (He et al. 2013, IEEE TPAMI 35(6)) with a colour guide, as lines that can be used at a larger size (its
fast form, He and Sun 2015, arXiv 1505.00996)."""

from __future__ import annotations

import numpy as np


def lines_in(
    guide: np.ndarray, wanted: np.ndarray, radius: int, epsilon: float, *, repeated: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Slope (N, O, C, H, W) and level (N, O, H, W) of `wanted` (N, O, H, W) as a line in `guide` (N, C, H, W) around each
    place, so that `wanted` is about `(slope * guide).sum(2) + level`: equations 14 and 15. `epsilon` is the variance of the
    guide below which it is taken for even; `repeated` is as for `window_mean`."""

    def mean_of(planes: np.ndarray) -> np.ndarray:
        return window_mean(planes, radius, repeated=repeated)

    number, count, height, width = guide.shape
    place = (height, width)
    mean, target = mean_of(guide), mean_of(wanted)
    products = (guide[:, :, None] * guide[:, None]).reshape(number, -1, *place)
    covariance = mean_of(products).reshape(number, count, count, *place) - mean[:, :, None] * mean[:, None]
    across = mean_of((guide[:, :, None] * wanted[:, None]).reshape(number, -1, *place))
    across = across.reshape(number, count, -1, *place) - mean[:, :, None] * target[:, None]  # (N, C, O, H, W)
    if count == 1:
        solved = np.moveaxis(across / (covariance + np.float32(epsilon)), 1, 2)
    else:
        system = np.transpose(covariance, (0, 3, 4, 1, 2)) + np.float32(epsilon) * np.eye(count, dtype=np.float32)
        solved = np.transpose(np.linalg.solve(system, np.transpose(across, (0, 3, 4, 1, 2))), (0, 4, 3, 1, 2))
    level = target - (solved * mean[:, None]).sum(2)
    slope = mean_of(solved.reshape(number, -1, *place)).reshape(number, -1, count, *place)
    return slope, mean_of(level)


def window_mean(planes: np.ndarray, radius: int, *, repeated: bool = True) -> np.ndarray:
    """The mean over a window of (N, C, H, W); beyond a border that is repeated, or over what there is of the window."""
    for axis in (2, 3):
        planes = _mean_along(planes, radius, axis, repeated)
    return planes


def _mean_along(planes: np.ndarray, radius: int, axis: int, repeated: bool) -> np.ndarray:
    length = planes.shape[axis]
    margins = [(0, 0)] * 4
    margins[axis] = (radius + 1, radius)
    padded = np.pad(planes, margins, mode="edge" if repeated else "constant")
    sums = np.cumsum(padded, axis, dtype=np.float64)
    window = 2 * radius + 1
    total = sums.take(range(window, window + length), axis) - sums.take(range(length), axis)
    if repeated:
        return (total / window).astype(planes.dtype)
    places = np.arange(length)
    inside = np.minimum(places, radius) + np.minimum(length - 1 - places, radius) + 1  # of the window's places
    return (total / inside.reshape([-1 if each == axis else 1 for each in range(4)])).astype(planes.dtype)


def enlarge_rows(planes: np.ndarray, top: int, count: int, height: int, width: int) -> np.ndarray:
    """Rows [top, top + count) of the bilinear enlargement of (N, C, h, w) to height x width, pixel centres at half integers."""
    first, second, mix = _between(planes.shape[2], np.arange(top, top + count), height)
    upper = planes[:, :, first]
    strip = upper + (planes[:, :, second] - upper) * mix[:, None]
    first, second, mix = _between(planes.shape[3], np.arange(width), width)
    left = strip[..., first]
    return left + (strip[..., second] - left) * mix


def _between(source: int, places: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For places of an enlargement to `length`: the two source places that each lies between, and how far on it is."""
    exact = np.clip((places + 0.5) * (source / length) - 0.5, 0, source - 1)
    first = np.floor(exact).astype(np.intp)
    return first, np.minimum(first + 1, source - 1), (exact - first).astype(np.float32)
