"""Films: a row of pictures to MP4 or GIF, as bytes, with the recipe that made them.

MP4 is H.264 (through PyAV), 8 bits, in the colours of BT.709, with its index at the beginning so that it plays while it loads;
GIF has a palette of 256 colours for each picture. The recipe stands in an XMP packet: in MP4 in the `uuid` box that
Adobe gave to XMP, at the end of the file (XMP specification, part 3), in GIF in a comment.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from genkit.errors import OutputError
from genkit.media.film.tags import gif_comment
from genkit.media.pictures import xmp
from genkit.media.pictures.containers import XMP_BOX

if TYPE_CHECKING:
    import numpy as np

FILMS = {".mp4": "MP4", ".gif": "GIF"}
QUALITY = 80
GIF_UNIT = 100  # a GIF counts in hundredths of a second


@dataclass(frozen=True)
class Film:
    """An encoded film without its recipe."""

    data: bytes
    format: str
    width: int
    height: int

    def with_recipe(self, recipe: dict[str, Any] | None) -> bytes:
        """The bytes of the file."""
        from genkit.media.recipe import dump

        if recipe is None:
            return self.data
        if self.format == "GIF":
            return self.data[:-1] + gif_comment(dump(recipe).encode()) + b";"
        body = XMP_BOX + xmp.with_recipe(None, dump(recipe)).encode()
        return self.data + struct.pack(">I4s", 8 + len(body), b"uuid") + body


def film_format(name: str | None) -> str | None:
    """MP4 or GIF by the suffix of a name or by a word (`mp4`), or None."""
    if name is None:
        return None
    return FILMS.get(PurePath(name).suffix.lower()) or FILMS.get(f".{name.lower()}")


def encode(frames: Iterable[np.ndarray], format: str, fps: float, *, quality: int | None = None, loop: bool = True) -> Film:
    """Frames (H, W, 3) uint8, all of one size, as a film; they are taken one by one.

    `quality` (1 to 100) is for MP4. A `loop` is a GIF that plays again and again.

    Raises:
        OutputError: no encoder, no frames, or a rate that the format cannot hold.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise OutputError("a film without pictures cannot be written")
    size = first.shape[1], first.shape[0]
    data = _gif(first, frames, fps, loop) if format == "GIF" else _mp4(first, frames, fps, quality or QUALITY)
    return Film(data, format, *size)


def gif_rate(fps: float) -> float:
    """The rate that a GIF plays at: a picture stands for whole hundredths of a second, two at least for most players."""
    return GIF_UNIT / max(2, round(GIF_UNIT / fps))


def _gif(first: np.ndarray, rest: Iterator[np.ndarray], fps: float, loop: bool) -> bytes:
    from PIL import GifImagePlugin, Image  # noqa: F401  (importing the plug-in registers its writer)

    stream = io.BytesIO()
    duration = round(1000 / gif_rate(fps))
    again = {"loop": 0} if loop else {}

    def paletted(frame: np.ndarray) -> Image.Image:
        return Image.fromarray(frame).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)

    Image.Image.save(
        paletted(first),
        stream,
        "GIF",
        save_all=True,
        append_images=(paletted(frame) for frame in rest),
        duration=duration,
        disposal=1,
        **again,
    )
    return stream.getvalue()


def _mp4(first: np.ndarray, rest: Iterator[np.ndarray], fps: float, quality: int) -> bytes:
    import numpy as np

    from genkit.media.film import joining
    from genkit.media.film.codecs import Encoding
    from genkit.media.film.colour import Converter
    from genkit.media.film.facts import Colour
    from genkit.media.film.segments import FRAMES, PieceEncoder, Unfinished

    height, width = first.shape[:2]
    spare = (0, height % 2), (0, width % 2), (0, 0)  # H.264 with its usual colours takes even sides only
    rate, colour = Fraction(fps).limit_denominator(1001), Colour(1, 1, 1)
    options = {"crf": str(round(50 - 0.4 * quality)), "preset": "medium", "threads": "1"}
    size = width + width % 2, height + height % 2
    encoding = Encoding("MP4", "h264", "libx264", "yuv420p", *size, 1 / rate, rate, colour, options=options)
    converter = Converter()
    with TemporaryDirectory(prefix="genkit-") as folder:  # to put the index first, the file is read again by its name
        path = Path(folder, "film.mp4")
        pieces, piece = Unfinished(path), None
        pieces.begin({}, go_on=False)
        try:
            for number, frame in enumerate(_chained(first, rest)):
                piece = piece or PieceEncoder(encoding)
                piece.add(converter.to_frame(np.pad(frame, spare, "edge"), None, "yuv420p", colour, turn=0), number, 1)
                if number % FRAMES == FRAMES - 1:
                    pieces.add(piece.close(), piece.header, {})
                    piece = None
            if piece is not None:
                pieces.add(piece.close(), piece.header, {})
            joining.join(pieces, encoding, None, path, beside=(), window=None, recipe=None, strip=True)
        except (OutputError, ValueError) as error:  # PyAV says so of an encoder that it has not
            raise OutputError(f"MP4 cannot be written: {error}", "write a GIF: -o walk.gif") from error
        return path.read_bytes()


def _chained(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest
