"""How a sharp picture becomes the small one that a super-resolution network is trained to undo.

`clean`: bicubic reduction with anti-aliasing (Pillow's, which agrees with MATLAB's imresize but for rounding).
`photo`: what web photographs have been through: blur, a reduction with one of several filters, sensor noise and JPEG; the
first order of the model of Wang et al. 2021 ("Real-ESRGAN", arXiv 2107.10833, section 3.1), with milder ranges.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.BICUBIC, Image.Resampling.BILINEAR, Image.Resampling.BOX)


def clean(sharp: np.ndarray, scale: int) -> np.ndarray:
    """Reduce uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3)."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    picture = Image.fromarray(sharp[: height * scale, : width * scale])
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def photo(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Degrade uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3), at random: blur of sigma 0 to 1.8 pixels, noise of sigma 0 to 12
    levels (grey noise one time in four), JPEG of quality 30 to 95 with 4:2:0 or 4:4:4 colour."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    picture = Image.fromarray(sharp[: height * scale, : width * scale])
    if rng.random() < 0.85:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.8))))
    small = np.asarray(picture.resize((width, height), FILTERS[rng.integers(len(FILTERS))]), dtype=np.float32)
    if rng.random() < 0.9:
        channels = 1 if rng.random() < 0.25 else 3
        small = small + rng.normal(0, rng.uniform(0, 12), (height, width, channels)).astype(np.float32)
    small = np.clip(np.rint(small), 0, 255).astype(np.uint8)
    if rng.random() < 0.9:
        small = jpeg(small, int(rng.integers(30, 96)), subsampling=2 if rng.random() < 0.8 else 0)
    return small


def jpeg(pixels: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    """Encode and decode uint8 (H, W, 3); subsampling 2 is 4:2:0, 0 is 4:4:4."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(buffer))


def web_photo(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """The fixed degradation that `genkit-x4-photo` is measured on: blur sigma 1, bicubic, noise sigma 5 of 255, JPEG 40."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    picture = Image.fromarray(sharp[: height * scale, : width * scale]).filter(ImageFilter.GaussianBlur(1.0))
    small = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    noisy = small + rng.normal(0, 5, small.shape)
    return jpeg(np.clip(np.rint(noisy), 0, 255).astype(np.uint8), 40)
