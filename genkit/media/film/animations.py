"""Animations: GIF, APNG, animated WebP and AVIF, frame by frame through Pillow, whole pictures with their times."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from genkit.errors import InputError
from genkit.media.film.library import HINT, library

UNIT = Fraction(1, 1000)  # what Pillow counts
MOST_FRAMES = 100_000


def _open(path: Path) -> Any:
    from PIL import AvifImagePlugin, GifImagePlugin, Image, PngImagePlugin, WebPImagePlugin  # noqa: F401 - registers readers

    try:
        return Image.open(path, formats=("GIF", "PNG", "WEBP", "AVIF"))
    except Exception as error:  # decoders meet hostile bytes in ways that no list of types covers
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception, number: int | None = None) -> InputError:
    place = "" if number is None else f" at frame {number}"
    return InputError(f"{path}: damaged animation{place}: {' '.join(str(error).split())[:120] or 'it cannot be decoded'}", HINT)


def facts_of(path: Path) -> tuple[int, float, Fraction, int | None, bool]:
    """(frames, seconds, unit of time, how often it plays, whether it has transparency). Seconds are those of a first guess, all
    frames as long as the first.

    Raises:
        InputError: it cannot be read.
    """
    with _open(path) as image:
        try:
            count = int(getattr(image, "n_frames", 1))
            image.seek(0)
            image.load()
            length = float(image.info.get("duration") or 100)
            alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            loop = image.info.get("loop")
        except Exception as error:  # as for opening
            raise _damaged(path, error) from error
    if count > MOST_FRAMES:
        raise InputError(f"{path}: {count} frames are more than an animation may have ({MOST_FRAMES})")
    return count, count * length / 1000, UNIT, loop if loop is None else int(loop), alpha


def frames(path: Path, alpha: bool) -> Iterator[tuple[np.ndarray, int, int]]:
    """Pixels (H, W, 3 or 4) uint8 of each frame, when it is shown and for how long, in `UNIT`s.

    Raises:
        InputError: a frame cannot be decoded.
    """
    at, number = 0, 0
    with _open(path) as image:
        while True:
            try:
                image.seek(number)
                pixels = np.array(image.convert("RGBA" if alpha else "RGB"))
                length = max(1, round(float(image.info.get("duration") or 100)))
            except EOFError:
                return
            except Exception as error:  # as for opening
                raise _damaged(path, error, number + 1) from error
            yield pixels, at, length
            at, number = at + length, number + 1
            if number >= MOST_FRAMES:
                return


def to_palette(pixels: np.ndarray) -> Any:
    """Pixels (H, W, 3 or 4) uint8 as a frame of 256 colours, one of them for what is more than half transparent."""
    from PIL import Image

    opaque = pixels[..., 3] >= 128 if pixels.shape[2] == 4 else None
    drawn = Image.fromarray(np.ascontiguousarray(pixels[..., :3])).quantize(255, Image.Quantize.MEDIANCUT)
    drawn = Image.fromarray(np.ascontiguousarray(pixels[..., :3])).quantize(palette=drawn, dither=Image.Dither.FLOYDSTEINBERG)
    palette = np.zeros((256, 4), np.uint8)
    colours = np.array(drawn.getpalette() or [0, 0, 0], np.uint8).reshape(-1, 3)[:255]
    palette[: len(colours), :3], palette[:255, 3] = colours, 255
    indices = np.array(drawn)
    if opaque is not None:
        indices[~opaque] = 255
    # PyAV takes a palette as alpha, red, green, blue
    return library().VideoFrame.from_ndarray((indices, np.ascontiguousarray(palette[:, [3, 0, 1, 2]])), format="pal8")
