"""From a film's frames to pictures and back: matrix, range and depth by the film's tags, alpha and rotation.

A frame that says nothing of its matrix is taken for BT.601 up to standard definition and for BT.709 above, as players take it;
what is written follows the same rule by its own size, so that a player shows it as meant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genkit.media.film.facts import UNSPECIFIED, Colour
from genkit.media.film.library import library

STANDARD = 1280, 576  # width and height from which nobody means BT.601 (as mpv and others take it)
# AVColorSpace -> SWS_CS, which the scaler counts otherwise
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
BT601, BT709 = 5, 1
LIMITED, FULL = 1, 2
OPAQUE = 1023 << 6


def matrix_of(colour: Colour, width: int, height: int) -> int:
    """The matrix as the scaler numbers it."""
    if colour.matrix in _MATRICES:
        return _MATRICES[colour.matrix]
    return BT709 if width >= STANDARD[0] or height > STANDARD[1] else BT601


def _flags() -> int:
    from av.video.reformatter import Interpolation as Way

    # chroma is interpolated in full, and rounded as it should be: the way there and back then moves few values by one
    return int(Way.BICUBIC | Way.ACCURATE_RND | Way.FULL_CHR_H_INT | Way.FULL_CHR_H_INP | Way.BITEXACT)


class Converter:
    """Takes frames of one film apart, and puts pictures together for another; one for each thread."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        library()
        self._reformatter = VideoReformatter()
        self._way = _flags()

    def to_pixels(
        self, frame: Any, colour: Colour, *, deep: bool, alpha: bool, turn: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Pixels (H, W, 3) uint8 or, where `deep`, uint16, turned clockwise by `turn` degrees, and alpha (H, W) or None."""
        format = ("rgba64le" if deep else "rgba") if alpha else ("rgb48le" if deep else "rgb24")
        if frame.format.name != format:
            frame = self._reformatter.reformat(
                frame,
                format=format,
                src_colorspace=matrix_of(colour, frame.width, frame.height),
                dst_colorspace=BT709,
                src_color_range=colour.range or LIMITED,
                dst_color_range=FULL,
                interpolation=self._way,
                threads=1,
            )
        pixels = frame.to_ndarray()
        pixels = np.ascontiguousarray(np.rot90(pixels, -(turn // 90) % 4)) if turn else pixels
        if not alpha:
            return pixels, None
        cover = np.ascontiguousarray(pixels[..., 3])
        if deep:  # ten bits do not reach the top of sixteen
            cover[cover >= OPAQUE] = 65535
        return np.ascontiguousarray(pixels[..., :3]), cover

    def to_frame(self, pixels: np.ndarray, alpha: np.ndarray | None, pix_fmt: str, colour: Colour, *, turn: int) -> Any:
        """A frame of `pix_fmt` out of pixels (H, W, 1 or 3) and alpha, turned back by `turn` degrees."""
        from genkit.media.pictures.picture import joined

        av = library()
        pixels = joined(pixels, alpha)
        pixels = np.rot90(pixels, turn // 90) if turn else pixels
        deep = pixels.dtype == np.uint16
        format = ("rgba64le" if deep else "rgba") if alpha is not None else ("rgb48le" if deep else "rgb24")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=format)
        if pix_fmt != format:
            frame = self._reformatter.reformat(
                frame,
                format=pix_fmt,
                src_colorspace=BT709,
                dst_colorspace=matrix_of(colour, frame.width, frame.height),
                src_color_range=FULL,
                dst_color_range=FULL if "rgb" in pix_fmt or "gbr" in pix_fmt else colour.range or LIMITED,
                interpolation=self._way,
                threads=1,
            )
        frame.color_primaries, frame.color_trc = colour.primaries, colour.transfer
        frame.colorspace = colour.matrix if colour.matrix not in (0,) else UNSPECIFIED
        frame.color_range = colour.range
        return frame
