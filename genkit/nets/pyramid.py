"""Fill holes smoothly from what is around them: averages of the known pixels, over ever larger neighbourhoods.

The pull-push scheme of Gortler et al. 1996 ("The Lumigraph", section 3.4): halve the picture with weights until no hole is
left, then come back up, taking at each level what is known there and the level below for the rest.
"""

from __future__ import annotations

from typing import Any, TypeVar

from array_api_compat import array_namespace

A = TypeVar("A")  # an array, numpy's or torch's


def fill_smoothly(images: A, masks: A) -> A:
    """Images (N, C, H, W) with the places of masks (N, 1, H, W), 1 = unknown, filled; the known ones unchanged.

    A picture without a known pixel comes back as zeros.
    """
    xp = array_namespace(images, masks)
    known: Any = 1 - masks  # type: ignore[operator]
    levels: list[tuple[Any, Any]] = [(images * known, known)]
    while max(levels[-1][1].shape[-2:]) > 1 and not bool((levels[-1][1] > 0).all()):
        values, weights = (_half(xp, part) for part in levels[-1])
        share = xp.clip(4 * weights, None, 1)  # one known pixel of four is enough to speak for them
        levels.append((values * (share / xp.clip(weights, 1e-6, None)), share))
    values, weights = levels.pop()
    result = values / xp.clip(weights, 1e-6, None)
    while levels:
        values, weights = levels.pop()
        coarse = _twice(xp, _twice(xp, result, 2), 3)[..., : values.shape[-2], : values.shape[-1]]
        result = values + (1 - weights) * coarse
    partly = bool(((known > 0) & (known < 1)).any())
    return result if partly else xp.where(masks > 0, result, images)  # type: ignore[operator]


def _half(xp: Any, planes: Any) -> Any:
    """Means of 2 x 2; an odd side goes on in zeros."""
    for axis in (2, 3):
        if planes.shape[axis] % 2:
            last = planes[:, :, -1:] if axis == 2 else planes[..., -1:]
            planes = xp.concat([planes, 0 * last], axis=axis)
    rows = planes[:, :, ::2] + planes[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]) / 4


def _twice(xp: Any, planes: Any, axis: int) -> Any:
    """Twice as long along an axis, bilinear, pixel centres at half integers."""
    length = planes.shape[axis]

    def part(start: int, stop: int) -> Any:
        return planes[:, :, start:stop] if axis == 2 else planes[..., start:stop]

    before = xp.concat([part(0, 1), part(0, length - 1)], axis=axis)
    after = xp.concat([part(1, length), part(length - 1, length)], axis=axis)
    both = xp.stack([0.75 * planes + 0.25 * before, 0.75 * planes + 0.25 * after], axis=axis + 1)
    shape = list(planes.shape)
    shape[axis] *= 2
    return xp.reshape(both, tuple(shape))
