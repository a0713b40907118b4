"""Lay a filling into a picture: full weight where the mask is, a cosine ramp beyond it, nothing anywhere else."""

from __future__ import annotations

import numpy as np

STRIP = 128  # rows in float at once


def seam_weights(distances: np.ndarray, grow: int, feather: int) -> np.ndarray:
    """Weights of the filling by the distance to the mask: 1 up to `grow`, 0 from `feather` + 1 pixels beyond that on."""
    beyond = np.clip((distances - grow) / (feather + 1), 0, 1)
    weights = 0.5 + 0.5 * np.cos(np.pi * beyond)
    return np.where(beyond >= 1, 0, weights).astype(np.float32)


def lay_in(target: np.ndarray, filling: np.ndarray, weights: np.ndarray) -> None:
    """Blend (h, w, C) into `target`, changed in place, by weights (h, w); where a weight is 0 no bit changes."""
    peak = np.iinfo(target.dtype).max
    for top in range(0, len(target), STRIP):
        rows = slice(top, top + STRIP)
        share = weights[rows]
        row, column = np.nonzero(share)
        if not len(row):
            continue
        part = target[rows]  # a view
        before = part[row, column].astype(np.float32)
        mixed = before + (filling[rows][row, column].astype(np.float32) - before) * share[row, column, None]
        part[row, column] = np.clip(np.rint(mixed), 0, peak).astype(target.dtype)


def make_opaque(alpha: np.ndarray, weights: np.ndarray) -> None:
    """Raise alpha (h, w), changed in place, to opaque as far as the filling shows."""
    peak = int(np.iinfo(alpha.dtype).max)
    raised = np.rint(weights * peak).astype(alpha.dtype)
    np.maximum(alpha, raised, out=alpha)
