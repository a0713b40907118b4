"""Float planes at another size, by the filters that networks are trained with."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np


def bilinear(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, C, H, W) to (N, C, height, width), float32, pixel centres at half integers; the triangle is widened when reducing, so
    that nothing aliases."""
    return _mixed(planes, _triangles(planes.shape[2], height), _triangles(planes.shape[3], width))


def bicubic(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """As `bilinear`, by the cubic of Keys 1981 (a = -0.5), which may go a little beyond what it is given."""
    return _mixed(planes, _cubics(planes.shape[2], height), _cubics(planes.shape[3], width))


def area(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, C, H, W) to means (N, C, height, width) of all source pixels that a target pixel touches, no larger than before."""
    return _mixed(planes, _boxes(planes.shape[2], height), _boxes(planes.shape[3], width))


def _mixed(planes: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    count, channels, _, source = planes.shape
    if len(down) != planes.shape[2]:
        planes = down @ np.ascontiguousarray(planes)  # (height, H) by (N, C, H, W)
    if len(across) != source:
        planes = (planes.reshape(-1, source) @ across.T).reshape(count, channels, len(down), len(across))
    return np.asarray(planes, np.float32)


@lru_cache(maxsize=32)
def _boxes(source: int, target: int) -> np.ndarray:
    """Weights (target, source) of an axis."""
    weights = np.zeros((target, source), np.float32)
    for place in range(target):
        start, stop = place * source // target, -(-(place + 1) * source // target)
        weights[place, start:stop] = 1 / (stop - start)
    return weights


@lru_cache(maxsize=32)
def _triangles(source: int, target: int) -> np.ndarray:
    return _filtered(source, target, lambda distances: np.maximum(1 - distances, 0))


@lru_cache(maxsize=32)
def _cubics(source: int, target: int) -> np.ndarray:
    def cubic(x: np.ndarray) -> np.ndarray:
        near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
        return np.where(x < 1, near, np.where(x < 2, far, 0))

    return _filtered(source, target, cubic)


def _filtered(source: int, target: int, kernel: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Weights (target, source) of an axis; `kernel` is of distances in pixels of the coarser side."""
    ratio = source / target
    centres = (np.arange(target) + 0.5) * ratio
    weights = kernel(np.abs(np.arange(source) + 0.5 - centres[:, None]) / max(ratio, 1.0))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
