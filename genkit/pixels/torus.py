"""Work on a picture whose edges meet, such as a tile of a texture: turned so that what is repainted lies off the edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Repaint = Callable[[np.ndarray, np.ndarray | None, np.ndarray], tuple[np.ndarray, np.ndarray | None]]


def round_edges(
    repaint: Repaint, pixels: np.ndarray, alpha: np.ndarray | None, mask: np.ndarray, strip: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Repaint (H, W, C), with alpha (H, W) or None, where `mask` (H, W) is True, on the torus.

    The edges are laid where the mask leaves most room. Where it leaves none, a `strip` along them is repainted once more, with
    the edges elsewhere.
    """
    cut = _widest_gap(np.any(mask, 1)), _widest_gap(np.any(mask, 0))
    pixels, alpha = _turned(repaint, pixels, alpha, mask, cut)
    again = np.zeros_like(mask)
    for axis, place in enumerate(cut):
        along = np.moveaxis(again, axis, 0)
        if np.moveaxis(mask, axis, 0)[[place - 1, place]].any():
            along[np.arange(place - strip, place + strip) % len(along)] = True
    again &= mask
    if again.any():
        pixels, alpha = _turned(repaint, pixels, alpha, again, (cut[0] + len(mask) // 2, cut[1] + mask.shape[1] // 2))
    return pixels, alpha


def _turned(
    repaint: Repaint, pixels: np.ndarray, alpha: np.ndarray | None, mask: np.ndarray, cut: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray | None]:
    def turn(array: np.ndarray, by: int) -> np.ndarray:
        return np.roll(array, (by * cut[0], by * cut[1]), (0, 1))

    pixels, alpha = repaint(turn(pixels, -1), None if alpha is None else turn(alpha, -1), turn(mask, -1))
    return turn(pixels, 1), None if alpha is None else turn(alpha, 1)


def _widest_gap(taken: np.ndarray) -> int:
    """The middle of the longest run, round the end, of what is not taken; 0 where there is none, or nothing is."""
    if taken.all() or not taken.any():
        return 0
    first = int(np.argmax(taken))
    turned = np.roll(taken, -first)  # begins with one that is taken
    edges = np.flatnonzero(np.diff(np.r_[turned, True].astype(np.int8)))  # the last of each run
    starts, stops = edges[::2] + 1, edges[1::2] + 1
    longest = int(np.argmax(stops - starts))
    return int(first + (starts[longest] + stops[longest]) // 2) % len(taken)
