"""Pictures in rows and columns, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def grid(cells: Sequence[np.ndarray], columns: int, fill: int = 0) -> np.ndarray:
    """uint8 (H, W, 3) each, of one size, row by row; what is left of the last row has the grey level `fill`."""
    cells = [*cells, *[np.full_like(cells[0], fill)] * (-len(cells) % columns)]
    rows = [np.concatenate(cells[first : first + columns], 1) for first in range(0, len(cells), columns)]
    return np.concatenate(rows, 0)
