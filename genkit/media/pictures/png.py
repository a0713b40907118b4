"""PNG files written by ourselves: one filter for all rows, packed by libdeflate, metadata chunks first.

Measured here on 4x upscaled photographs (ms of one core and bytes a pixel, RGB): Pillow level 6: 420 and 0.815; Pillow
level 1: 124 and 0.965; libpng level 1 with all its filters: 116 and 0.964; zlib-ng level 2: 35 and 0.914; this (Up filter,
libdeflate level 1): 22 and 0.870. Smooth, enlarged pictures differ least from the row above, which is why one fixed filter
is enough; so the files are within 7 % of level 6 for a twentieth of its time.
Specification: PNG, third edition (W3C).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from genkit.media.pictures.containers import PNG_SIGNATURE, png_chunk

_ONE_SHOT = 192 << 20  # filtered bytes up to which the fastest packer, which takes the whole, may be used
_STRIP = 8 << 20
_PIECE = 1 << 20  # bytes of one IDAT chunk
_LEVEL = 1


def encode(pixels: np.ndarray, alpha: np.ndarray | None, chunks: list[bytes], write: Callable[[bytes], Any]) -> None:
    """Write a PNG of (H, W, 1 or 3) uint8 or uint16 pixels with an (H, W) alpha; `chunks` stand before the pixels."""
    height, width, channels = pixels.shape
    depth = 8 * pixels.dtype.itemsize
    colour = {(1, False): 0, (3, False): 2, (1, True): 4, (3, True): 6}[channels, alpha is not None]
    write(PNG_SIGNATURE + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)))
    for chunk in chunks:
        write(chunk)
    row = (channels + (alpha is not None)) * width * pixels.dtype.itemsize + 1
    if row * height <= _ONE_SHOT:
        import imagecodecs

        rows: Any = next(_strips(pixels, alpha, height))
        packed = memoryview(imagecodecs.deflate_encode(rows, _LEVEL))
        for at in range(0, len(packed), _PIECE):
            write(png_chunk(b"IDAT", bytes(packed[at : at + _PIECE])))
    else:  # bounded memory: zlib takes the picture strip by strip
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, 15, 9)
        for strip in _strips(pixels, alpha, max(1, _STRIP // row)):
            if body := packer.compress(strip.data):
                write(png_chunk(b"IDAT", body))
        write(png_chunk(b"IDAT", packer.flush()))
    write(png_chunk(b"IEND", b""))


def _strips(pixels: np.ndarray, alpha: np.ndarray | None, rows: int) -> Iterator[np.ndarray]:
    """Yield the filtered rows, each with its filter byte (2: the difference from the row above)."""
    height, width, channels = pixels.shape
    size, planes = pixels.dtype.itemsize, channels + (alpha is not None)
    above: np.ndarray | None = None
    for top in range(0, height, rows):
        part = pixels[top : top + rows]
        if alpha is not None:
            part = np.concatenate([part, alpha[top : top + rows, :, None]], axis=2)
        if size == 2:
            part = part.astype(">u2")
        plain = np.ascontiguousarray(part).view(np.uint8).reshape(len(part), width * planes * size)
        strip = np.empty((len(part), plain.shape[1] + 1), np.uint8)
        strip[:, 0] = 2
        strip[0, 1:] = plain[0] if above is None else plain[0] - above
        np.subtract(plain[1:], plain[:-1], out=strip[1:, 1:])
        above = plain[-1].copy()
        yield strip
