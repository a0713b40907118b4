"""Small pictures in a terminal: two pixels to a letter, the upper and the lower half of a block in colours of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from rich.text import Text

WIDTH, HEIGHT = 48, 48  # pixels at most: 24 lines
UPPER_HALF = "\u2580"


def can_show() -> bool:
    """Whether the terminal says that it has all colours and that it may use them."""
    return os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") and "NO_COLOR" not in os.environ


def in_blocks(pixels: np.ndarray) -> Text:
    """Write (H, W, 3) uint8 as lines of half blocks."""
    from rich.text import Text

    small = _reduced(pixels)
    text = Text(no_wrap=True)
    for above, below in zip(small[0::2], small[1::2], strict=True):
        for first, second in zip(above.tolist(), below.tolist(), strict=True):
            text.append(UPPER_HALF, f"rgb({first[0]},{first[1]},{first[2]}) on rgb({second[0]},{second[1]},{second[2]})")
        text.append("\n")
    text.rstrip()
    return text


def _reduced(pixels: np.ndarray) -> Any:
    """Means of equal blocks, an even number of rows."""
    import numpy as np

    height, width = pixels.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height, 1.0)
    columns, rows = max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2)
    across = np.arange(columns) * width // columns
    down = np.arange(rows) * height // rows if height >= rows else np.zeros(rows, int)
    if height >= rows:
        sums = np.add.reduceat(np.add.reduceat(pixels.astype(np.float32), down, 0), across, 1)
        counts = np.diff([*down, height])[:, None] * np.diff([*across, width])[None]
        return (sums / counts[..., None]).astype(np.uint8)
    return pixels[down][:, across]
