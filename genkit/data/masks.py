"""Free-form masks: brush strokes as people draw them, made from a seed."""

from __future__ import annotations

import numpy as np


def draw_mask(rng: np.random.Generator, side: int, *, least: float = 0.1, most: float = 0.4) -> np.ndarray:
    """A bool (side, side) mask, True = repaint, of which about `least` to `most` is True.

    Strokes are chains of straight pieces with round joints (after Yu et al. 2019, arXiv 1806.03589, algorithm 1), in pixels, so
    that a hole is as wide in a large square as in a small one; now and then there is a filled ellipse or a box among them.
    """
    from PIL import Image, ImageDraw

    canvas = Image.new("1", (side, side))
    pen = ImageDraw.Draw(canvas)
    wanted = rng.uniform(least, most) * side * side
    while (drawn := int(np.count_nonzero(np.asarray(canvas)))) < wanted:
        room = wanted - drawn
        if rng.random() < 0.12:
            reach = np.sqrt(room) * rng.uniform(0.4, 0.9)
            width, height = reach * rng.uniform(0.6, 1.6, 2)
            left, top = rng.uniform(-width / 2, side - width / 2), rng.uniform(-height / 2, side - height / 2)
            shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
            shape((left, top, left + width, top + height), fill=1)
            continue
        x, y = rng.uniform(0, side, 2)
        width, angle = rng.uniform(8, 26), rng.uniform(0, 2 * np.pi)
        for _ in range(int(rng.integers(1, 7))):
            angle += rng.normal(0, 0.7)
            length = rng.uniform(15, 60)
            next_x, next_y = x + length * np.cos(angle), y + length * np.sin(angle)
            pen.line((x, y, next_x, next_y), fill=1, width=round(width))
            for end_x, end_y in ((x, y), (next_x, next_y)):
                pen.ellipse((end_x - width / 2, end_y - width / 2, end_x + width / 2, end_y + width / 2), fill=1)
            x, y = next_x, next_y
            if not (0 <= x < side and 0 <= y < side):
                break
    return np.array(canvas)
