"""Fixed degradations: how a sharp picture becomes the small one whose enlargement is measured.

`clean` is the bicubic reduction with anti-aliasing of the benchmarks (Pillow's, which agrees with MATLAB's imresize but for
rounding). `web_photo` is what pictures from the web have been through, with fixed strengths.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter


def clean(sharp: np.ndarray, scale: int) -> np.ndarray:
    """Reduce uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3)."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    picture = Image.fromarray(sharp[: height * scale, : width * scale])
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


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
