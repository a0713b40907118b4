"""Float planes at another size, by the filters that networks are trained with."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def bilinear(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, C, H, W) to (N, C, height, width), float32, pixel centres at half integers; the triangle is widened when reducing, so
    that nothing aliases."""
    return _mixed(planes, _triangles(planes.shape[2], height), _triangles(planes.shape[3], width))


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
    """Weights (target, source) of an axis."""
    ratio = source / target
    reach = max(ratio, 1.0)
    centres = (np.arange(target) + 0.5) * ratio
    distances = np.abs(np.arange(source) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(1 - distances, 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
