"""JPEG 2000, in its file format (JP2, JPX) or as a bare codestream, read by OpenJPEG through imagecodecs: 1 to 16 bits.

Specification: ISO/IEC 15444-1, annexes A (codestream) and I (file format). EXIF and XMP stand in `uuid` boxes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genkit.media.pictures import containers
from genkit.media.pictures.containers import BrokenContainer
from genkit.media.pictures.formats import Probe, Unsupported

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.metadata import Metadata

CODESTREAM = b"\xff\x4f\xff\x51"
SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_SRGB, _GREY, _YCC = 16, 17, 18
_CHANNELS = {_SRGB: 3, _GREY: 1, _YCC: 3}
_OPACITY, _PREMULTIPLIED = 1, 2


@dataclass
class _Header:
    width: int = 0
    height: int = 0
    channels: int = 0  # as they come out of the decoder: behind a palette, with alpha
    bits: int = 8
    signed: bool = False
    colours: int | None = None
    icc: bytes | None = None
    alpha: int | None = None  # what the channel behind the colours is
    dpi: tuple[float, float] | None = None
    blocks: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def base(self) -> int:
        """Channels that are colours."""
        return _CHANNELS.get(self.colours or 0, 1 if self.channels < 3 else 3)


def header(data: Any) -> Probe:
    found = _header(data)
    facts = Probe(found.width, found.height, "JPEG 2000", 16 if found.bits > 8 else 8, found.base, found.channels > found.base)
    return Probe(**{**facts.__dict__, "stated_bits": found.bits})


def _header(data: Any) -> _Header:
    found = _Header()
    if data[:4] == CODESTREAM:
        _read_codestream(data, 0, found)
        return found
    for kind, start, end in containers.boxes(data, 0, len(data)):
        if kind == b"jp2h":
            _read_boxes(data, start, end, found)
        elif kind == b"jp2c":
            before = found.channels
            _read_codestream(data, start, found)
            found.channels = max(before, found.channels)  # a palette makes more of them
        elif kind == b"uuid" and end - start < containers.BLOCK_LIMIT and len(found.blocks) < 16:
            found.blocks.append((bytes(data[start : start + 16]), bytes(data[start + 16 : end])))
    if not found.channels:
        raise BrokenContainer("the picture itself is missing")
    return found


def _read_codestream(data: Any, at: int, found: _Header) -> None:
    if data[at : at + 4] != CODESTREAM:
        raise BrokenContainer("its codestream is damaged")
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    (found.channels,) = struct.unpack_from(">H", data, at + 40)
    depths = [data[at + 42 + 3 * number] for number in range(found.channels)]
    found.width, found.height = right - left, bottom - top
    found.bits, found.signed = max(depth & 127 for depth in depths) + 1, any(depth & 128 for depth in depths)


def _read_boxes(data: Any, start: int, end: int, found: _Header) -> None:
    for kind, at, last in containers.boxes(data, start, end):
        if kind == b"colr" and found.colours is None and found.icc is None:  # the first that is understood counts
            method = data[at]
            if method == 1:
                (found.colours,) = struct.unpack_from(">I", data, at + 3)
            elif method in (2, 3):
                found.icc = bytes(data[at + 3 : last])
        elif kind == b"pclr":
            found.channels = data[at + 2]
        elif kind == b"cdef":
            (count,) = struct.unpack_from(">H", data, at)
            kinds = [struct.unpack_from(">HHH", data, at + 2 + 6 * number) for number in range(count)]
            found.alpha = next((kind for _, kind, _ in kinds if kind in (_OPACITY, _PREMULTIPLIED)), None)
        elif kind == b"res ":
            for name, place, _ in containers.boxes(data, at, last):
                if name in (b"resc", b"resd"):
                    down, below, across, beside, times, power = struct.unpack_from(">HHHHbb", data, place)
                    if below and beside and abs(times) < 20 and abs(power) < 20:  # dots per metre
                        dpi = across / beside * 10.0**power * 0.0254, down / below * 10.0**times * 0.0254
                        found.dpi = dpi if min(dpi) >= 1 else None


def read(data: bytes, facts: Probe) -> tuple[np.ndarray, np.ndarray | None, Metadata, int]:
    """Pixels (H, W, 1 or 3), alpha or None, metadata, and the orientation that EXIF states.

    Raises:
        Unsupported: more than 16 bits, signed values, or colours that are not sRGB, sYCC, grey or a profile's.
    """
    import imagecodecs
    import numpy as np

    from genkit.media.pictures.metadata import Metadata
    from genkit.media.pictures.picture import straight, widened

    found = _header(data)
    if found.signed or found.bits > 16:
        raise Unsupported(f"values of {found.bits} bits{' with a sign' if found.signed else ''}")
    if found.colours not in (None, *_CHANNELS) or found.channels not in (found.base, found.base + 1):
        raise Unsupported(f"{found.channels} channels of colours of kind {found.colours}")
    metadata = Metadata()
    pixels = np.atleast_3d(imagecodecs.jpeg2k_decode(data))
    if pixels.shape[2] != found.channels:
        raise ValueError(f"it holds {pixels.shape[2]} channels, and its header states {found.channels}")
    pixels = widened(pixels, found.bits)
    pixels, alpha = pixels[..., : found.base], pixels[..., found.base] if found.channels > found.base else None
    if found.colours == _YCC:
        pixels = _from_ycc(pixels)
    if alpha is not None and found.alpha == _PREMULTIPLIED:
        pixels = straight(pixels, alpha)
    metadata.dpi = found.dpi
    if found.icc:
        metadata.add_icc(found.icc)
    for name, block in found.blocks:
        if name == _EXIF:
            metadata.add_exif(block)
        elif name == _XMP:
            metadata.add_xmp(block)
    pixels, alpha = np.ascontiguousarray(pixels), None if alpha is None else np.ascontiguousarray(alpha)
    return pixels, alpha, metadata, metadata.orientation


def _from_ycc(pixels: np.ndarray) -> np.ndarray:
    """sYCC (IEC 61966-2-1, amendment 1), full range, to RGB."""
    import numpy as np

    full = np.iinfo(pixels.dtype).max
    y, cb, cr = np.moveaxis(pixels.astype(np.float32), -1, 0)
    cb, cr = cb - (full + 1) // 2, cr - (full + 1) // 2
    rgb = np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], -1)
    return np.clip(rgb + 0.5, 0, full).astype(pixels.dtype)
