"""Draw style samples and outlines of clothes by numbers alone, so that they are ours: strokes along a flow, stained glass."""

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


def drawings() -> dict[str, Image.Image]:
    """Outlines of a shirt, a dress and trousers, dark on white."""
    shirt = [(92, 40), (60, 58), (22, 112), (52, 134), (74, 108), (72, 224), (184, 224), (182, 108), (204, 134), (234, 112)]
    shirt += [(196, 58), (164, 40), (148, 56), (128, 62), (108, 56), (92, 40)]
    dress = [(104, 26), (100, 66), (86, 84), (96, 118), (58, 232), (96, 240), (160, 240), (198, 232), (160, 118), (170, 84)]
    dress += [(156, 66), (152, 26), (142, 50), (128, 58), (114, 50), (104, 26)]
    trousers = [(84, 20), (172, 20), (178, 70), (190, 238), (146, 240), (130, 104), (112, 240), (66, 238), (78, 70), (84, 20)]
    folds = {
        "shirt": (shirt, [[(74, 108), (78, 90)], [(182, 108), (178, 90)], [(100, 150), (112, 190)], [(150, 140), (146, 186)]]),
        "dress": (
            dress,
            [[(96, 118), (128, 124), (160, 118)], [(110, 130), (92, 228)], [(128, 132), (130, 232)], [(146, 130), (166, 228)]],
        ),
        "trousers": (trousers, [[(82, 34), (174, 34)], [(128, 34), (130, 104)], [(90, 34), (98, 58)], [(166, 34), (158, 58)]]),
    }
    found = {}
    for name, (outline, lines) in folds.items():
        picture = Image.new("RGB", (512, 512), "white")
        pen = ImageDraw.Draw(picture)
        for line, width in ((outline, 16), *((fold, 7) for fold in lines)):
            pen.line([(2 * x, 2 * y) for x, y in line], fill=(12, 12, 12), width=width, joint="curve")
        found[name] = picture.resize((256, 256), Image.Resampling.LANCZOS)
    return found
