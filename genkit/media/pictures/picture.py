"""A decoded picture, and the plain array work that reading and writing share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from genkit.media.pictures.metadata import Metadata


@dataclass
class Picture:
    """A decoded picture: pixels (H, W, 1 or 3) uint8 or uint16, upright; alpha (H, W) of the same dtype, straight, or None."""

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    format: str = "PNG"
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def bits(self) -> int:
        return 8 * self.pixels.dtype.itemsize

    def with_pixels(self, pixels: np.ndarray, alpha: np.ndarray | None) -> Picture:
        """Make a result: new pixels, and everything else that belonged to this picture."""
        return replace(self, pixels=pixels, alpha=alpha)


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn rows and columns as an EXIF orientation (1 to 8) asks."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def split(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Part (H, W[, 1 to 4]) into (H, W, 1 or 3) and alpha."""
    if pixels.ndim == 2:
        return pixels[:, :, None], None
    if pixels.shape[2] in (2, 4):
        return np.ascontiguousarray(pixels[:, :, :-1]), np.ascontiguousarray(pixels[:, :, -1])
    return pixels, None


def joined(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Make (H, W, 3 or 4): for encoders that know no grey."""
    planes = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    return planes if alpha is None else np.dstack([planes, alpha])


def narrow(pixels: np.ndarray) -> np.ndarray:
    """Round 16 bits to 8."""
    if pixels.dtype == np.uint8:
        return pixels
    result = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), 256):  # strips, for the product needs 32 bits
        part = pixels[top : top + 256].astype(np.uint32)
        result[top : top + 256] = (part * 255 + 32767) // 65535
    return result


def on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay 8-bit pixels on white."""
    result = np.empty_like(pixels)
    for top in range(0, len(pixels), 256):
        part, cover = pixels[top : top + 256].astype(np.uint32), alpha[top : top + 256, :, None].astype(np.uint32)
        result[top : top + 256] = (part * cover + 255 * (255 - cover) + 127) // 255
    return result


def widened(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Spread values of an odd bit depth over 8 or 16 bits."""
    if pixels.dtype == bool:
        bits = 1
    full = 255 if bits <= 8 else 65535
    if bits in (8, 16):
        return pixels if pixels.flags.writeable else pixels.copy()
    wide = pixels.astype(np.uint32) * full
    top = (1 << bits) - 1
    return ((wide + top // 2) // top).astype(np.uint8 if bits <= 8 else np.uint16)


def straight(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Divide the alpha out of premultiplied colours."""
    full = np.iinfo(pixels.dtype).max
    divided = pixels.astype(np.float32) * (full / np.maximum(alpha, 1).astype(np.float32))[..., None]
    return np.minimum(divided + 0.5, full).astype(pixels.dtype)
