"""Mel-cepstral distortion: how far the shape of one spectrum is from another's, with the time of one stretched to fit."""

from __future__ import annotations

import numpy as np

COEFFICIENTS = 13  # the first to the thirteenth; the zeroth, which is the level, is left out


def cepstra(logarithms: np.ndarray) -> np.ndarray:
    """Natural logarithms of mel magnitudes (bands, F) to (F, COEFFICIENTS) by an orthonormal cosine transform."""
    bands = len(logarithms)
    places = (np.arange(bands) + 0.5) * np.pi / bands
    waves = np.cos(np.arange(1, COEFFICIENTS + 1)[:, None] * places) * np.sqrt(2 / bands)
    return (waves @ logarithms).T


def distortion(first: np.ndarray, second: np.ndarray) -> float:
    """Decibels between two rows of cepstra, (F, K) and (G, K): 10 / ln 10 x the root of 2 x the sum of squares, averaged along
    the path of dynamic time warping that costs least (steps of one frame in either or both)."""
    distances = np.sqrt(np.maximum(0, (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T))
    rows, columns = distances.shape
    cost = np.full((rows + 1, columns + 1), np.inf)
    cost[0, 0] = 0.0
    for row in range(1, rows + 1):
        above, mine, here = cost[row - 1], cost[row], distances[row - 1]
        for column in range(1, columns + 1):
            mine[column] = here[column - 1] + min(above[column], mine[column - 1], above[column - 1])
    steps, row, column = 0, rows, columns
    while row > 0 and column > 0:
        steps += 1
        best = min(cost[row - 1, column - 1], cost[row - 1, column], cost[row, column - 1])
        if best == cost[row - 1, column - 1]:
            row, column = row - 1, column - 1
        elif best == cost[row - 1, column]:
            row -= 1
        else:
            column -= 1
    return float(10 / np.log(10) * np.sqrt(2) * cost[-1, -1] / max(1, steps))
