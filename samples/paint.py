"""Draw the style samples by numbers alone, so that they are ours: strokes along a flow with whirls, and stained glass."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 480, 360
COLD = ((18, 36, 88), (30, 66, 140), (62, 110, 178), (120, 160, 205), (20, 24, 60), (52, 120, 130))
WARM = ((240, 200, 70), (250, 232, 150), (220, 150, 40), (255, 245, 215))
GLASS = ((196, 40, 36), (236, 180, 44), (28, 92, 150), (24, 130, 96), (240, 232, 210), (120, 40, 110), (226, 110, 40))


def swirls() -> Image.Image:
    """Brush strokes along a flow: blues, and gold around the whirls."""
    rng = np.random.default_rng(3)
    wide, high = 2 * WIDTH, 2 * HEIGHT  # drawn at twice the size, for smooth edges
    picture = Image.new("RGB", (wide, high), (24, 42, 92))
    pen = ImageDraw.Draw(picture)
    whirls = [(rng.uniform(0, wide), rng.uniform(0, high), rng.uniform(60, 150), rng.choice([-1, 1])) for _ in range(9)]

    def step(x: float, y: float) -> tuple[float, float]:
        along, across = 1.0, 0.25 * np.sin(x / 140)
        for centre_x, centre_y, radius, turn in whirls:
            dx, dy = x - centre_x, y - centre_y
            pull = 2.5 * np.exp(-(dx * dx + dy * dy) / radius**2) / max(np.hypot(dx, dy), 1)
            along, across = along - turn * dy * pull, across + turn * dx * pull
        length = np.hypot(along, across) / 9
        return x + along / length, y + across / length

    for _ in range(5200):
        x, y = rng.uniform(-20, wide), rng.uniform(-20, high)
        near = min(np.hypot(x - centre_x, y - centre_y) / radius for centre_x, centre_y, radius, _ in whirls)
        palette = WARM if near < 0.42 or (near < 0.8 and rng.random() < 0.25) else COLD
        colour = np.clip(palette[int(rng.integers(len(palette)))] + rng.normal(0, 14, 3), 0, 255).astype(int)
        stroke = [(x, y)]
        for _ in range(int(rng.integers(4, 9))):
            stroke.append(step(*stroke[-1]))
        red, green, blue = (int(value) for value in colour)
        pen.line(stroke, fill=(red, green, blue), width=int(rng.integers(7, 13)), joint="curve")
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def panes() -> Image.Image:
    """Stained glass: cells around random points in seven colours, with leads between them."""
    rng = np.random.default_rng(5)
    wide, high = 2 * WIDTH, 2 * HEIGHT
    rows, columns = np.mgrid[0:high, 0:wide]
    nearest = np.full((high, wide), np.inf)
    second, owner = nearest.copy(), np.zeros((high, wide), int)
    for index, (x, y) in enumerate(rng.uniform(0, 1, (150, 2)) * (wide, high)):
        across, down = np.abs(columns - x), np.abs(rows - y)
        distance = 0.9 * across + 0.7 * down + 0.5 * np.hypot(across, down)
        closer = distance < nearest
        second = np.where(closer, nearest, np.minimum(second, distance))
        owner[closer], nearest = index, np.where(closer, distance, nearest)
    glass = np.array(GLASS)[rng.integers(len(GLASS), size=150)][owner]
    pixels = glass * (0.85 + 0.3 * np.exp(-nearest / 40))[..., None] + rng.normal(0, 6, (high, wide, 1))
    pixels[second - nearest < 9] = (22, 20, 22)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
