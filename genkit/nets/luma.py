"""Grey of colours: luma of ITU-R BT.601, the weights that Pillow and most networks' training use."""

from __future__ import annotations

from typing import TypeVar

A = TypeVar("A")  # an array, numpy's or torch's

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue


def luma(images: A) -> A:
    """(N, 3, H, W) to (N, 1, H, W) in the same range."""
    return sum(images[:, place : place + 1] * share for place, share in enumerate(LUMA))  # type: ignore[index,return-value]
