"""How a sharp picture becomes the small one that is enlarged: fixed degradations to measure with, a random one to train on.

`clean` is the bicubic reduction with anti-aliasing of the benchmarks (Pillow's, which agrees with MATLAB's imresize but for
rounding). `web_photo` is what pictures from the web have been through, with fixed strengths; `random_web_photo` draws them: the
first order of the model of Wang et al. 2021 ("Real-ESRGAN", arXiv 2107.10833, section 3.1), with milder ranges. All of that
model, for pictures that were passed on more than once, is in `second_order.py`.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.BOX)


def clean(sharp: np.ndarray, scale: int) -> np.ndarray:
    """Reduce uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3)."""
    picture, size = _whole(sharp, scale)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def web_photo(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """The fixed degradation that `genkit-x4-photo` is measured on: blur sigma 1, bicubic, noise sigma 5 of 255, JPEG 40."""
    picture, size = _whole(sharp, scale)
    picture = picture.filter(ImageFilter.GaussianBlur(1.0))
    small = np.asarray(picture.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    return jpeg(_rounded(small + rng.normal(0, 5, small.shape)), 40)


def random_web_photo(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Degrade uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3), at random: blur of sigma 0.2 to 1.6 pixels, a reduction with one
    of several filters, noise of sigma 0 to 9 levels (grey noise one time in four), JPEG of quality 30 to 80 with 4:2:0 or 4:4:4
    colour."""
    picture, size = _whole(sharp, scale)
    if rng.random() < 0.85:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.6))))
    small = np.asarray(picture.resize(size, FILTERS[rng.integers(len(FILTERS))]), dtype=np.float32)
    if rng.random() < 0.9:
        channels = 1 if rng.random() < 0.25 else 3
        small = small + rng.normal(0, rng.uniform(0, 9), (*small.shape[:2], channels)).astype(np.float32)
    pixels = _rounded(small)
    if rng.random() < 0.95:
        pixels = jpeg(pixels, int(rng.integers(30, 81)), subsampling=2 if rng.random() < 0.8 else 0)
    return pixels


def jpeg(pixels: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    """Encode and decode uint8 (H, W, 3); subsampling 2 is 4:2:0, 0 is 4:4:4."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer))


def _whole(sharp: np.ndarray, scale: int) -> tuple[Image.Image, tuple[int, int]]:
    """The picture cut to a multiple of the scale, and its size (width, height) when reduced."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    return Image.fromarray(sharp[: height * scale, : width * scale]), (width, height)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
