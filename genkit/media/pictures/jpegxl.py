"""JPEG XL, as a bare codestream or in boxes, read by libjxl through imagecodecs: 1 to 16 bits.

The header is a row of bits (ISO/IEC 18181-1): size, orientation, depth, extra channels, colours. libjxl turns the picture
upright. Specification of the boxes: ISO/IEC 18181-2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.media.pictures import containers
from genkit.media.pictures.containers import BrokenContainer
from genkit.media.pictures.formats import Probe, Unsupported

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.metadata import Metadata

CODESTREAM = b"\xff\x0a"
SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEADER = 4096  # bytes; names of extra channels are the longest part
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_ALPHA, _BLACK, _GREY = 0, 4, 1


class _Bits:
    """Bits of a byte string, the lowest of each byte first."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for place in range(count):
            if self._at >> 3 >= len(self._data):
                raise BrokenContainer("the file ends inside its header")
            value |= (self._data[self._at >> 3] >> (self._at & 7) & 1) << place
            self._at += 1
        return value

    def one_of(self, *ways: tuple[int, int]) -> int:
        """Two bits choose one of four (base, bits)."""
        base, bits = ways[self.take(2)]
        return base + self.take(bits)

    def flag(self) -> bool:
        return bool(self.take(1))

    def enumerated(self) -> int:
        return self.one_of((0, 0), (1, 0), (2, 4), (18, 6))


@dataclass
class _Header:
    width: int = 0
    height: int = 0
    orientation: int = 1
    animated: bool = False
    bits: int = 8
    floating: bool = False
    grey: bool = False
    alpha: bool = False
    black: bool = False  # a fourth ink
    own_colours: bool = False  # a profile, or primaries or a curve by number that are not sRGB's


def header(data: Any) -> Probe:
    found = _header(_codestream(data))
    width, height = (found.height, found.width) if found.orientation > 4 else (found.width, found.height)
    bits, channels = 16 if found.bits > 8 else 8, 1 if found.grey else 3
    return Probe(width, height, "JPEG XL", bits, channels, found.alpha, 0 if found.animated else 1, stated_bits=found.bits)


def _codestream(data: Any) -> bytes:
    """The beginning of the codestream."""
    if data[:2] == CODESTREAM:
        return bytes(data[2 : 2 + _HEADER])
    for kind, start, end in containers.boxes(data, 0, len(data)):
        if kind in (b"jxlc", b"jxlp"):
            start += 4 if kind == b"jxlp" else 0  # the number of the part
            return bytes(data[start + 2 : min(end, start + 2 + _HEADER)])
    raise BrokenContainer("the picture itself is missing")


def _header(data: bytes) -> _Header:
    bits, found = _Bits(data), _Header()
    found.width, found.height = _size(bits)
    if bits.flag():  # all as usual: 8 bits, sRGB
        return found
    if bits.flag():
        found.orientation = 1 + bits.take(3)
        if bits.flag():
            _size(bits)  # at which it should be shown
        if bits.flag():
            _skip_preview(bits)
        found.animated = bits.flag()
        if found.animated:
            _skip_animation(bits)
    found.floating, found.bits = _depth(bits)
    bits.flag()  # whether 16 bits are enough while decoding
    for _ in range(bits.one_of((0, 0), (1, 0), (2, 4), (1, 12))):
        kind = _extra_channel(bits)
        found.alpha |= kind == _ALPHA
        found.black |= kind == _BLACK
    bits.flag()  # whether it is coded in XYB
    if not bits.flag():  # colours other than sRGB's
        profile, space = bits.flag(), bits.enumerated()
        found.grey = space == _GREY
        found.own_colours = profile or not _is_srgb(bits, found.grey)
    return found


def _size(bits: _Bits) -> tuple[int, int]:
    sides = ((1, 9), (1, 13), (1, 18), (1, 30))
    small = bits.flag()
    height = 8 * (1 + bits.take(5)) if small else bits.one_of(*sides)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return 8 * (1 + bits.take(5)) if small else bits.one_of(*sides), height


def _skip_preview(bits: _Bits) -> None:
    sides = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.flag() else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.one_of(*sides)
    if not bits.take(3):
        bits.one_of(*sides)


def _skip_animation(bits: _Bits) -> None:
    bits.one_of((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.one_of((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.one_of((0, 0), (0, 3), (0, 16), (0, 32))
    bits.flag()


def _depth(bits: _Bits) -> tuple[bool, int]:
    if bits.flag():
        count = bits.one_of((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
        return True, count
    return False, bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))


def _extra_channel(bits: _Bits) -> int:
    """Read what one channel is, past its name."""
    if bits.flag():
        return _ALPHA
    kind = bits.enumerated()
    _depth(bits)
    bits.one_of((0, 0), (3, 0), (4, 0), (1, 3))
    bits.take(8 * bits.one_of((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == _ALPHA:
        bits.flag()
    elif kind == 2:  # a spot colour
        bits.take(64)
    elif kind == 5:  # a colour filter
        bits.one_of((1, 0), (0, 2), (3, 4), (19, 8))
    return kind


def _is_srgb(bits: _Bits, grey: bool) -> bool:
    """White point, primaries and curve are sRGB's; what stands behind custom ones is not needed."""
    white = bits.enumerated()
    if white != 1:
        return False
    if not grey and bits.enumerated() != 1:
        return False
    return not bits.flag() and bits.enumerated() == 13


def read(data: bytes, facts: Probe) -> tuple[np.ndarray, np.ndarray | None, Metadata, int]:
    """Pixels (H, W, 1 or 3), alpha or None, metadata; upright.

    Raises:
        Unsupported: floating point, more than 16 bits, or four inks.
    """
    import imagecodecs
    import numpy as np

    from genkit.media.pictures.metadata import Metadata
    from genkit.media.pictures.picture import split, widened

    found = _header(_codestream(data))
    if found.floating or found.bits > 16 or found.black:
        raise Unsupported(
            "four inks" if found.black else f"{found.bits}-bit {'floating-point ' if found.floating else ''}values"
        )
    metadata = Metadata()
    if found.own_colours:
        metadata.note("colours that JPEG XL states in its own way are taken for sRGB")
    if data[:2] != CODESTREAM:
        with metadata.dropping("EXIF and XMP"):
            _take_boxes(data, metadata)
    pixels, alpha = split(widened(imagecodecs.jpegxl_decode(data, index=0), found.bits))
    return np.ascontiguousarray(pixels), alpha, metadata, 1


def _take_boxes(data: bytes, metadata: Metadata) -> None:
    from genkit.media.pictures import beside, gathering

    left = containers.BLOCK_LIMIT
    for kind, start, end in containers.boxes(data, 0, len(data)):
        packed = kind == b"brob"
        name = bytes(data[start : start + 4]) if packed else kind
        if name in (b"jumb", b"jhgm"):
            metadata.note(gathering.C2PA if name == b"jumb" else beside.GAIN_MAP)
        if name not in (b"Exif", b"xml "):
            continue
        left -= end - start
        if left < 0:
            raise ValueError("they are too large")
        block = _unpacked(data[start + 4 : end], left) if packed else data[start:end]
        if name == b"Exif":
            metadata.add_exif(block[4 + int.from_bytes(block[:4], "big") :])
        else:
            metadata.add_xmp(block)


def _unpacked(block: bytes, limit: int) -> bytes:
    import imagecodecs

    try:
        return bytes(imagecodecs.brotli_decode(block, out=limit))
    except imagecodecs.BrotliError as error:
        raise ValueError("they are packed, and damaged or too large") from error
