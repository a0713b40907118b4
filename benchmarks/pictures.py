"""Folders of mixed pictures to measure with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples" / "upscale"


def make_pictures(folder: Path, count: int) -> float:
    """Crops of the samples in four formats and many sizes; return the input megapixels."""
    rng = np.random.default_rng(0)
    sources = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.iterdir())]
    pixels = 0
    for number in range(count):
        source = sources[number % len(sources)].resize((384, 384), Image.Resampling.BICUBIC)
        width, height = (int(side) for side in rng.integers(96, 320, 2))
        left, top = int(rng.integers(0, 385 - width)), int(rng.integers(0, 385 - height))
        suffix = ("jpg", "png", "webp", "png")[number % 4]
        source.crop((left, top, left + width, top + height)).save(folder / f"{number:04d}.{suffix}")
        pixels += width * height
    return pixels / 1e6
