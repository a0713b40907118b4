"""Masks made from a seed: brush strokes as people draw them, scratches, and wide holes where a thing stood."""

from __future__ import annotations

import numpy as np

HOLES = ("strokes", "thin", "box", "blob")


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


def draw_hole(rng: np.random.Generator, side: int, kind: str, share: float) -> np.ndarray:
    """A bool (side, side) mask of one of `HOLES`, True = repaint: `strokes` of any width (`draw_mask`), `thin` ones of 2 to 8
    pixels, or one `box` or `blob` that is `share` of the square, off its edges."""
    from PIL import Image, ImageDraw

    if kind == "strokes":
        return draw_mask(rng, side)
    canvas = Image.new("1", (side, side))
    pen = ImageDraw.Draw(canvas)
    if kind == "thin":
        for _ in range(max(1, side // 64)):
            x, y = rng.uniform(0, side, 2)
            width, angle = int(rng.integers(2, 9)), rng.uniform(0, 2 * np.pi)
            for _ in range(4):
                angle += rng.normal(0, 0.6)
                length = rng.uniform(30, 90)
                next_x, next_y = x + length * np.cos(angle), y + length * np.sin(angle)
                pen.line((x, y, next_x, next_y), fill=1, width=width)
                x, y = next_x, next_y
        return np.array(canvas)
    ratio = rng.uniform(0.7, 1.4)
    area = share * side * side * (1 if kind == "box" else 4 / np.pi)
    width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
    edge = side / 16
    left, top = (rng.uniform(edge, max(edge, side - length - edge)) for length in (width, height))
    corners = (left, top, left + width, top + height)
    if kind == "box":
        pen.rectangle(corners, fill=1)
    else:  # an ellipse with a wavy rim
        turn = np.linspace(0, 2 * np.pi, 128, endpoint=False)
        wave = 1 + sum(rng.uniform(-0.12, 0.12) * np.cos(step * turn + rng.uniform(0, 2 * np.pi)) for step in (2, 3, 5))
        across, down = left + width / 2 * (1 + wave * np.cos(turn)), top + height / 2 * (1 + wave * np.sin(turn))
        pen.polygon(list(zip(across.tolist(), down.tolist(), strict=True)), fill=1)
    return np.array(canvas)
