"""What TIFF calls colours beside grey, RGB, palettes and CMYK: YCbCr (whole or with thinned colour) and CIELab, to RGB.

Sources: TIFF 6.0, sections 21 (YCbCr) and 23 (CIELab), and its technical note on ICCLab. Old JPEG (compression 6) and JPEG come
from the decoder as RGB. Arrays are (H, W, 3) of uint8 or uint16, in and out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genkit.errors import InputError

YCBCR, CIELAB, ICCLAB = 6, 8, 9
JPEGS = (6, 7)  # compressions whose decoder gives RGB
_COEFFICIENTS, _SUBSAMPLING, _REFERENCE = 529, 530, 532
_LUMA = (0.299, 0.587, 0.114)
_ROWS = 256  # of a picture that are converted at once


def is_thinned(page: Any) -> bool:
    """Whether a page holds fewer colours than pixels, which tifffile does not unpack but from JPEG."""
    return int(page.photometric or 0) == YCBCR and int(page.compression) not in JPEGS and _subsampling(page) != (1, 1)


def unpack_thinned(page: Any, label: str) -> np.ndarray:
    """The YCbCr pixels of such a page: each unit is a block of Y, then one Cb and one Cr for all of it.

    Raises:
        InputError: tiles, a predictor, or a depth that no program writes with it.
    """
    import tifffile

    across, down = _subsampling(page)
    if page.is_tiled or page.bitspersample != 8 or page.predictor != 1 or page.samplesperpixel != 3:
        raise InputError(
            f"{label}: TIFF of thinned colours in an unusual layout", "convert it to RGB first", code="unsupported"
        )
    unpack = tifffile.TIFF.DECOMPRESSORS[page.compression]
    columns = -(-page.imagewidth // across)
    strips = []
    for packed, index in page.parent.filehandle.read_segments(page.dataoffsets, page.databytecounts):
        rows = min(page.rowsperstrip, page.imagelength - index * page.rowsperstrip)
        high = -(-rows // down)
        size = high * columns * (across * down + 2)
        data = np.frombuffer(packed if unpack is None else unpack(packed, out=size), np.uint8, size)
        units = data.reshape(high, columns, across * down + 2)
        luma = units[..., :-2].reshape(high, columns, down, across).swapaxes(1, 2).reshape(high * down, columns * across)
        colours = units[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        strips.append(np.dstack([luma, colours])[:rows, : page.imagewidth])
    return np.concatenate(strips)


def ycbcr_to_rgb(pixels: np.ndarray, page: Any) -> np.ndarray:
    """By the page's own coefficients and range, or those of TIFF (full range, BT.601)."""
    red, green, blue = _fractions(page, _COEFFICIENTS, _LUMA)
    full = np.iinfo(pixels.dtype).max
    half = (full + 1) // 2
    reference = _fractions(page, _REFERENCE, (0, full, half, full, half, full))
    black, white = np.array(reference[::2], np.float32), np.array(reference[1::2], np.float32)
    scale = np.array([full, full - half, full - half], np.float32) / np.where(white == black, 1, white - black)
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        y, cb, cr = np.moveaxis((pixels[top : top + _ROWS].astype(np.float32) - black) * scale, -1, 0)
        r = y + cr * (2 - 2 * red)
        b = y + cb * (2 - 2 * blue)
        g = (y - red * r - blue * b) / (green or 1)
        result[top : top + _ROWS] = np.clip(np.stack([r, g, b], -1) + 0.5, 0, full)
    return result


def lab_to_rgb(pixels: np.ndarray, kind: int) -> np.ndarray:
    """CIELab (a and b signed) or ICCLab (a and b from a middle), both relative to D50, to sRGB by littleCMS, perceptually."""
    import imagecodecs
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), _ROWS):
        wide = _as_16_bits(pixels[top : top + _ROWS], kind)
        shown = imagecodecs.cms_transform(
            wide, profile, imagecodecs.cms_profile("srgb"), colorspace="lab", outcolorspace="rgb", intent=0
        )
        result[top : top + _ROWS] = shown if pixels.itemsize == 2 else (shown.astype(np.uint32) * 255 + 32_767) // 65_535
    return result


def _as_16_bits(pixels: np.ndarray, kind: int) -> np.ndarray:
    """Lab as littleCMS has it in 16 bits: L of 100 is 65,535, and a and b of 0 are 257 x 128."""
    wide = pixels.astype(np.int64)
    light, colours = wide[..., :1], wide[..., 1:]
    if pixels.itemsize == 1:
        colours = colours - 128 if kind == ICCLAB else pixels[..., 1:].view(np.int8)
        light, colours = light * 257, (colours + np.int64(128)) * 257
    else:
        colours = colours - 32_768 if kind == ICCLAB else pixels[..., 1:].view(np.int16)
        light = light * 65_535 // 65_280 if kind == ICCLAB else light
        colours = (colours + np.int64(32_768)) * 257 // 256
    return np.clip(np.concatenate([light, colours], axis=2), 0, 65_535).astype(np.uint16)


def _subsampling(page: Any) -> tuple[int, int]:
    tag = page.tags.get(_SUBSAMPLING)
    across, down = tag.value if tag is not None and np.shape(tag.value) == (2,) else (2, 2)
    if across not in (1, 2, 4) or down not in (1, 2, 4):
        raise ValueError(f"its colours are thinned by {across} x {down}")
    return int(across), int(down)


def _fractions(page: Any, tag: int, usual: tuple[float, ...]) -> tuple[float, ...]:
    found = page.tags.get(tag)
    values = np.asarray(found.value if found is not None else (), np.float64).ravel()
    if len(values) != 2 * len(usual) or not np.all(values[1::2]):
        return usual
    return tuple(values[::2] / values[1::2])
