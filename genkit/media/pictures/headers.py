"""What a picture file says about itself before a pixel is decoded (standard library only).

`probe` serves the plan: it reads headers only, so a folder of thousands is planned in seconds.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from genkit.errors import InputError
from genkit.files import is_pipe, read_input
from genkit.media.pictures import containers, exif, formats, icon, jpeg2000, jpeg_quality, jpegxl, netpbm, targa
from genkit.media.pictures.formats import Probe, Unsupported

DAMAGED_HINT = "open it in a picture viewer: if that fails too, take another copy of the file"


def probe(path: Path) -> Probe:
    """Read a file's header.

    Raises:
        InputError: it cannot be opened, is no picture that genkit reads, or its header is damaged.
    """
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder, not a picture", "give the folder itself as an input, or a file in it")
        if is_pipe(path):
            whole = read_input(path)
            if not whole:
                raise InputError(f"{path}: the pipe is empty", "check the program that writes into it")
            return read_header(whole, str(path))
        with path.open("rb") as stream:
            head = stream.read(32)
            if not head:
                raise InputError(f"{path}: the file is empty", "take another copy of the file")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return read_header(data, str(path))
    except OSError as error:
        raise unreadable(str(path), error) from error
    except ValueError as error:  # the file was emptied between the two looks at it
        raise InputError(f"{path}: the file is empty", "take another copy of the file") from error


def unreadable(label: str, error: OSError) -> InputError:
    """Say why a file cannot be opened."""
    return InputError(f"{label}: cannot be read: {error.strerror or error}", "check the path and the file's permissions")


def read_header(data: Any, label: str) -> Probe:
    """Read the header from a file's bytes (or a map of them).

    Raises:
        InputError: as `probe`.
    """
    format = read_header_kind(bytes(data[:64]), label)
    try:
        if format == "TIFF" and data[8:10] == b"CR":  # Canon's CR2
            raise exif.CameraRaw
        facts = _READERS[format](data)
    except exif.CameraRaw as error:
        raise InputError(
            f"{label}: a camera raw file, which is no picture yet",
            "develop it to TIFF or JPEG first (darktable and RawTherapee are free)",
        ) from error
    except Unsupported as error:
        raise unsupported(label, format, str(error)) from error
    except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
        reason = str(error) if type(error) in (containers.BrokenContainer, exif.BrokenExif) else "the header is damaged"
        raise InputError(f"{label}: damaged {format}: {reason}", DAMAGED_HINT) from error
    if facts.width < 1 or facts.height < 1:
        raise InputError(f"{label}: damaged {format}: its header states {facts.width} x {facts.height} pixels", DAMAGED_HINT)
    return facts


def unsupported(label: str, format: str, reason: str) -> InputError:
    """Say that a file is valid, as far as is known, and of a kind that is not read here."""
    return InputError(
        f"{label}: {format} of a kind that is not read here: {reason}",
        "save it as an ordinary PNG or TIFF in the program that made it",
        code="unsupported",
    )


def read_header_kind(head: bytes, label: str) -> str:
    """Name the format by a file's first bytes.

    Raises:
        InputError: it is none that genkit reads.
    """
    format = formats.sniff(head)
    if format is None:
        raise InputError(
            f"{label}: not a picture that genkit reads: it seems to be {formats.describe_other(head)}",
            f"genkit reads {formats.READS}; convert the file to one of them",
        )
    return format


def _upright(facts: Probe, orientation: int) -> Probe:
    if orientation < 5:
        return facts
    return replace(facts, width=facts.height, height=facts.width, turned=True)


def _orientation(block: bytes) -> int:
    try:
        return exif.parse(block).orientation
    except (ValueError, struct.error):
        return 1


def _png(data: Any) -> Probe:
    kind, start, length = next(containers.png_chunks(data))
    if kind != b"IHDR" or length != 13 or not containers.png_chunk_sound(data, start, length):
        raise containers.BrokenContainer("the header is damaged")
    width, height, depth, colour = struct.unpack_from(">IIBB", data, start)
    if max(width, height) > 2**31 - 1:
        raise containers.BrokenContainer(f"its header states {width} x {height} pixels")
    frames, alpha, orientation = 1, colour in (4, 6), 1
    for kind, start, length in containers.png_chunks(data):
        if kind == b"acTL" and length >= 8:
            frames = max(1, struct.unpack_from(">I", data, start)[0])
        elif kind == b"tRNS":
            alpha = True
        elif kind == b"eXIf":
            orientation = _orientation(bytes(data[start : start + length]))
        elif kind == b"IDAT":
            break
    channels = 3 if colour in (2, 3, 6) else 1
    return _upright(Probe(width, height, "PNG", 16 if depth == 16 else 8, channels, alpha, frames, False, depth), orientation)


def _jpeg(data: Any) -> Probe:
    facts, orientation = None, 1
    tables: dict[int, list[int]] = {}
    for marker, start, length in containers.jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            depth, height, width, planes = struct.unpack_from(">BHHB", data, start)
            facts = Probe(width, height, "JPEG", 16 if depth > 8 else 8, 1 if planes == 1 else 3, stated_bits=depth)
        elif marker == 0xF7:
            raise Unsupported("JPEG-LS")
        elif marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _orientation(bytes(data[start : start + length]))
        elif marker == 0xDB:
            with suppress(struct.error):  # what decodes it will say so
                jpeg_quality.read_tables(bytes(data[start : start + length]), tables)
    if facts is None:
        raise containers.BrokenContainer("the picture's size is missing")
    return replace(_upright(facts, orientation), quality=jpeg_quality.nearest(tables))


def _webp(data: Any) -> Probe:
    size, alpha, frames, orientation = None, False, 0, 1
    for kind, start, length in containers.riff_chunks(data):
        if kind == b"VP8X":
            alpha = bool(data[start] & 0x10)
            low = [int.from_bytes(data[start + at : start + at + 3], "little") + 1 for at in (4, 7)]
            size = low[0], low[1]
        elif kind == b"VP8 " and length >= 10:
            width, height = struct.unpack_from("<HH", data, start + 6)
            size = size or (width & 0x3FFF, height & 0x3FFF)
        elif kind == b"VP8L" and length >= 5:
            (bits,) = struct.unpack_from("<I", data, start + 1)
            size = size or ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
            alpha = alpha or bool(bits >> 28 & 1)
        elif kind == b"ANMF":
            frames += 1
        elif kind == b"EXIF":
            orientation = _orientation(bytes(data[start : start + length]))
    if size is None:
        raise containers.BrokenContainer("the picture's size is missing")
    return _upright(Probe(*size, "WEBP", 8, 3, alpha, max(1, frames)), orientation)


def _tiff(data: Any) -> Probe:
    facts = exif.tiff_header(data)
    samples, photometric = facts["samples"], facts["photometric"]
    base = {0: 1, 1: 1, 3: 1, 5: 4}.get(photometric, 3)
    bits = facts["bits"]
    # CMYK becomes 8-bit sRGB; palettes hold 16 bits, and mostly mean 8
    small = photometric == 5 or (facts["narrow"] if photometric == 3 else bits <= 8)
    depth = 8 if small else 16
    channels = 1 if photometric in (0, 1) else 3
    found = Probe(facts["width"], facts["height"], "TIFF", depth, channels, samples > base, facts["pages"], False, bits)
    return _upright(found, facts["orientation"])


def _bmp(data: Any) -> Probe:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return Probe(width, height, "BMP", stated_bits=bits)
    width, height, _, bits = struct.unpack_from("<iiHH", data, 18)
    return Probe(width, abs(height), "BMP", alpha=bits == 32 and size >= 56 and any(data[66:70]), stated_bits=bits)


def _gif(data: Any) -> Probe:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    for _ in range(containers.BLOCKS_LIMIT):
        if data[at] != 0x21:
            break
        at += 2
        while data[at]:
            at += 1 + data[at]
        at += 1
    if data[at] == 0x2C:  # a frame that is larger than the screen enlarges it, as in browsers
        left, top, across, down = struct.unpack_from("<HHHH", data, at + 1)
        width, height = max(width, left + across), max(height, top + down)
    return Probe(width, height, "GIF")


def _items(format: str) -> Callable[[Any], Probe]:
    def reader(data: Any) -> Probe:
        items = containers.read_items(data)
        facts = Probe(*items.size, format, 8, 3, items.alpha, stated_bits=items.bits)
        return _upright(facts, 6 if items.turned else 1)

    return reader


_READERS: dict[str, Callable[[Any], Probe]] = {
    "PNG": _png,
    "JPEG": _jpeg,
    "WEBP": _webp,
    "TIFF": _tiff,
    "BMP": _bmp,
    "GIF": _gif,
    "AVIF": _items("AVIF"),
    "HEIF": _items("HEIF"),
    "PPM": netpbm.header,
    "TGA": targa.header,
    "ICO": icon.header,
    "JPEG 2000": jpeg2000.header,
    "JPEG XL": jpegxl.header,
}
