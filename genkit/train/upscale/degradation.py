"""Random degradations for training: what photographs on the web have been through.

The first order of the model of Wang et al. 2021 ("Real-ESRGAN", arXiv 2107.10833, section 3.1), with milder ranges: blur, a
reduction with one of several filters, sensor noise, JPEG.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from genkit.data.degradation import jpeg

FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.BOX)


def photo(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Degrade uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3), at random: blur of sigma 0.2 to 1.6 pixels, noise of sigma 0
    to 9 levels (grey noise one time in four), JPEG of quality 30 to 80 with 4:2:0 or 4:4:4 colour."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    picture = Image.fromarray(sharp[: height * scale, : width * scale])
    if rng.random() < 0.85:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.6))))
    small = np.asarray(picture.resize((width, height), FILTERS[rng.integers(len(FILTERS))]), dtype=np.float32)
    if rng.random() < 0.9:
        channels = 1 if rng.random() < 0.25 else 3
        small = small + rng.normal(0, rng.uniform(0, 9), (height, width, channels)).astype(np.float32)
    small = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if rng.random() < 0.95:
        small = jpeg(small, int(rng.integers(30, 81)), subsampling=2 if rng.random() < 0.8 else 0)
    return small
