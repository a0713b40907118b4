"""Let what was painted meet what is around it without a step: a screened Poisson equation, compiled by numba.

Cloning in the gradient domain (Pérez et al. 2003, "Poisson Image Editing", section 2) keeps the gradients of what is laid in
and the values of what is around it: to the filling is added the smoothest surface that has, on the rim, the error made there.
Ours is screened (Bhat et al. 2008, "Fourier Analysis of the 2D Screened Poisson Equation"): it falls to nothing over `reach`
pixels, so that an edge which does not meet its other half leaves no stain in the whole hole. Solved by red-black
over-relaxation (Young 1954).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from genkit.pixels.patchmatch import COMPILED, in_parts

SMALL = 16384  # pixels of a sweep that threads would make no faster


def spread_inwards(error: np.ndarray, rim: np.ndarray, hole: np.ndarray, reach: float, threads: int = 1) -> np.ndarray:
    """A surface (H, W, C) float32 that is `error` on `rim` and falls off inside `hole`, elsewhere 0.

    `rim` and `hole` (H, W) bool do not overlap; what is neither, and what is beyond the edges, bounds nothing.
    """
    width = hole.shape[1] + 2
    state = np.pad(hole * np.uint8(2) + rim * np.uint8(1), 1).reshape(-1)
    surface = np.pad(np.where(rim[..., None], error, 0), ((1, 1), (1, 1), (0, 0))).astype(np.float32)
    flat = surface.reshape(-1, error.shape[2])
    places = np.flatnonzero(state == 2)
    colour = (places // width + places % width) % 2
    over = 2 / (1 + np.pi / (2 * reach))
    for _ in range(round(4 * reach)):
        for side in (places[colour == 0], places[colour == 1]):

            def work(start: int, stop: int, side: np.ndarray = side) -> None:
                _relax(flat, state, side, width, np.float32(1 / reach**2), np.float32(over), start, stop)

            in_parts(work, len(side), threads, SMALL)
    surface = surface[1:-1, 1:-1]
    surface[~hole & ~rim] = 0
    return surface


@njit(**COMPILED)
def _relax(
    surface: np.ndarray, state: np.ndarray, places: np.ndarray, width: int, screen: float, over: float, start: int, stop: int
) -> None:
    """One half of a sweep: every second pixel towards the mean of its neighbours."""
    for index in range(start, stop):
        place = places[index]
        for channel in range(surface.shape[1]):
            total, count = np.float32(0), np.float32(screen)
            for side in range(4):
                other = place + (1 if side % 2 else -1) * (width if side < 2 else 1)
                if state[other]:
                    total += surface[other, channel]
                    count += np.float32(1)
            surface[place, channel] += over * (total / count - surface[place, channel])
