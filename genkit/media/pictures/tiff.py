"""TIFF read through tifffile and written by ourselves (so that EXIF's directories, which tifffile cannot write, go in).

Read: 1 to 16 bits of grey, RGB, palette, CMYK, YCbCr, CIELab (`tiff_colours.py`); strips or tiles; every compression that
imagecodecs has, old JPEG too; BigTIFF.
32-bit integers and floating point are refused: nothing in the file says which value is white.
Written: classic TIFF, one strip of about 8 MB after the other; Deflate with the horizontal predictor, or no compression where
the input had none. libtiff is never used, so its warnings never reach the terminal.
"""

from __future__ import annotations

import io
import logging
import struct
from typing import Any, Protocol

import numpy as np

from genkit.errors import InputError
from genkit.media.pictures import exif, xmp
from genkit.media.pictures.exif import Exif, Value
from genkit.media.pictures.metadata import Outgoing
from genkit.media.pictures.picture import straight, widened
from genkit.media.pictures.tiff_colours import (
    CIELAB,
    ICCLAB,
    JPEGS,
    YCBCR,
    is_thinned,
    lab_to_rgb,
    unpack_thinned,
    ycbcr_to_rgb,
)

_STRIP = 8 << 20
_COLOURS = {0: "grey", 1: "grey", 2: "RGB", 3: "palette", 5: "CMYK", YCBCR: "YCbCr", CIELAB: "CIELab", ICCLAB: "ICCLab"}
_DEFLATE, _NONE = 8, 1
MOST_SAMPLES = 16  # channels of a pixel
LARGE_TILE = 1 << 20  # pixels


class _Stream(Protocol):
    def write(self, data: bytes, /) -> Any: ...


def read_pixels(data: bytes, label: str, notice: Any) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Decode the first page to ((H, W, C), alpha or None, is CMYK), C = 1, 3 or 4 (CMYK, 0 = no ink).

    Raises:
        InputError: pixels that have no plain meaning as a picture (float, 32 bits, CIELab and the like).
    """
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page: Any = file.pages[0]
        colour = int(page.photometric) if page.photometric is not None else 1
        bits, form = page.bitspersample, int(page.sampleformat)
        if form != 1 or bits > 16:
            kind = "floating-point" if form == 3 else "signed" if form == 2 else f"{bits}-bit"
            raise InputError(
                f"{label}: TIFF of {kind} values: which value is white is not known",
                "convert it to 8 or 16 bits first, with the range that it should show",
            )
        if colour not in _COLOURS or (colour in (CIELAB, ICCLAB) and (bits not in (8, 16) or page.samplesperpixel < 3)):
            raise InputError(
                f"{label}: TIFF colours of kind {colour} are not read", "convert it to RGB or grey first", code="unsupported"
            )
        if page.samplesperpixel > MOST_SAMPLES:
            raise InputError(
                f"{label}: TIFF of {page.samplesperpixel:,} channels", "save three of them as a picture", code="unsupported"
            )
        if page.is_tiled and page.tilewidth * page.tilelength > 4 * max(LARGE_TILE, page.imagewidth * page.imagelength):
            raise ValueError(f"its header states tiles of {page.tilewidth} x {page.tilelength} pixels")
        if page.imagedepth != 1:
            raise InputError(f"{label}: TIFF volume of {page.imagedepth} slices", "save the slices as single pictures")
        if colour == YCBCR and bits not in (8, 16):
            raise InputError(f"{label}: TIFF of {bits}-bit YCbCr", "convert it to RGB first", code="unsupported")
        pixels: np.ndarray = unpack_thinned(page, label) if is_thinned(page) else page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            pixels = np.moveaxis(pixels, 0, -1)
        pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
        extra = [int(kind) for kind in page.extrasamples or ()]
        if colour == 3:
            table = np.asarray(page.colormap)
            pixels = np.moveaxis(table.astype(np.uint16)[:, np.minimum(pixels[..., 0], table.shape[1] - 1)], 0, -1)
            if exif.narrow_palette(table.astype("<u2").tobytes()):
                pixels = (pixels >> 8).astype(np.uint8)
            return pixels, None, False
        if colour == YCBCR and int(page.compression) not in JPEGS:
            pixels[..., :3] = ycbcr_to_rgb(pixels[..., :3], page)
        elif colour in (CIELAB, ICCLAB):
            pixels[..., :3] = lab_to_rgb(pixels[..., :3], colour)
    pixels = widened(pixels, bits)
    if colour == 0:
        pixels[..., 0] = np.iinfo(pixels.dtype).max - pixels[..., 0]
    base = {0: 1, 1: 1, 5: 4}.get(colour, 3)
    alpha = None
    if pixels.shape[2] > base:
        alpha = pixels[..., base]
        if len(extra) > 1 or pixels.shape[2] > base + 1:
            notice("more than one extra channel: only the first is kept, as transparency")
        pixels = pixels[..., :base]
        if extra[:1] == [1]:
            pixels = straight(pixels, alpha)
        alpha = np.ascontiguousarray(alpha)
    return np.ascontiguousarray(pixels), alpha, colour == 5


def write_pixels(stream: _Stream, pixels: np.ndarray, alpha: np.ndarray | None, out: Outgoing, compression: int | None) -> None:
    """Write (H, W, 1 or 3) uint8 or uint16 pixels; directories come after the pixels, and the header is written last of all.

    The header must name the directory's place, so the strips are kept packed until all are known.
    """
    import imagecodecs

    height, width, channels = pixels.shape
    samples = channels + (alpha is not None)
    row = width * samples * pixels.dtype.itemsize
    rows = max(1, min(height, _STRIP // row))
    packed = compression != _NONE
    parts: list[bytes | None] = []
    sizes: list[int] = []
    tops = range(0, height, rows)
    for top in tops:
        part = _strip(pixels, alpha, top, rows)
        if packed:
            filtered: Any = imagecodecs.delta_encode(part, axis=1)
            body = bytes(imagecodecs.deflate_encode(filtered, 1))
            parts.append(body)
            sizes.append(len(body))
        else:
            parts.append(None)  # its size is known; it is cut again when it is written
            sizes.append(part.nbytes)
    places, at = [], 8
    for size in sizes:
        places.append(at)
        at += size + (size & 1)
    block = _directories(out, pixels, alpha, rows, places, sizes, packed)
    directories, main = exif.build_directory(block, at)
    if at + len(directories) >= 2**32:
        raise ValueError("the picture is too large for a TIFF")
    stream.write(struct.pack("<2sHI", b"II", 42, main))
    for top, part_or_none, size in zip(tops, parts, sizes, strict=True):
        stream.write(part_or_none if part_or_none is not None else _strip(pixels, alpha, top, rows).tobytes())
        if size & 1:
            stream.write(b"\0")
    stream.write(directories)


def _strip(pixels: np.ndarray, alpha: np.ndarray | None, top: int, rows: int) -> np.ndarray:
    part = pixels[top : top + rows]
    if alpha is not None:
        part = np.concatenate([part, alpha[top : top + rows, :, None]], axis=2)
    return np.ascontiguousarray(part.astype(part.dtype.newbyteorder("<"), copy=False))


def _directories(
    out: Outgoing, pixels: np.ndarray, alpha: np.ndarray | None, rows: int, places: list[int], sizes: list[int], packed: bool
) -> Exif:
    height, width, channels = pixels.shape
    samples = channels + (alpha is not None)
    block = _little_endian(out.exif) if out.exif else Exif()
    main = block.main
    for tag, numbers in ((256, [width]), (257, [height]), (278, [rows]), (273, places), (279, sizes)):
        block.set_long(main, tag, *numbers)
    bits = struct.pack("<H", 8 * pixels.dtype.itemsize)
    main[258] = Value(3, samples, bits * samples)
    shorts = {259: _DEFLATE if packed else _NONE, 262: 2 if channels == 3 else 1, 277: samples, 284: 1}
    if packed:
        shorts[317] = 2
    if alpha is not None:
        shorts[338] = 2  # straight alpha
    for tag, number in shorts.items():
        block.set_short(main, tag, number)
    if out.dpi:
        block.set_fraction(main, exif.X_RESOLUTION, out.dpi[0])
        block.set_fraction(main, exif.Y_RESOLUTION, out.dpi[1])
        block.set_short(main, exif.RESOLUTION_UNIT, 2)
    for tag, kind, body in ((700, 1, xmp.encode(out.xmp)), (34675, 7, out.icc), (34377, 1, out.photoshop)):
        if body:
            main[tag] = Value(kind, len(body), body)
    return block


def _little_endian(block: Exif) -> Exif:
    """Turn the values round where the block is big-endian, for the file is little-endian."""
    if block.order == "<":
        return Exif("<", dict(block.main), dict(block.photo), dict(block.gps), dict(block.interop))
    turned = Exif("<")
    for name in ("main", "photo", "gps", "interop"):
        setattr(turned, name, {tag: _turned(value) for tag, value in getattr(block, name).items()})
    return turned


def _turned(value: Value) -> Value:
    size = {3: 2, 8: 2, 4: 4, 9: 4, 11: 4, 13: 4, 5: 4, 10: 4, 12: 8, 16: 8, 17: 8, 18: 8}.get(value.kind)
    if size is None:
        return value
    return Value(value.kind, value.count, np.frombuffer(value.raw, f">u{size}").astype(f"<u{size}").tobytes())
