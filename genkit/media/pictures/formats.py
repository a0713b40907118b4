"""The picture formats: their names, suffixes and limits, what a header says, and which format an output takes (standard library
only)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from genkit.errors import UsageError

MAX_PIXELS = 100_000_000  # of a picture that is read, unless the user says otherwise
# suffix -> format name (Pillow's names)
FORMATS: dict[str, str] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".apng": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".hif": "HEIF",
    ".gif": "GIF",
    ".pbm": "PPM",
    ".pgm": "PPM",
    ".ppm": "PPM",
    ".pnm": "PPM",
    ".pam": "PPM",
    ".tga": "TGA",
    ".ico": "ICO",
    ".jp2": "JPEG 2000",
    ".jpx": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".j2c": "JPEG 2000",
    ".jpc": "JPEG 2000",
    ".jxl": "JPEG XL",
}
SUFFIXES: dict[str, str] = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "BMP": ".bmp",
    "HEIF": ".heic",
}
WRITABLE = tuple(SUFFIXES)  # the others are only read; GIF because 256 colours cannot hold a result
# longest side in pixels that the format (or the only encoder there is) can hold
LIMITS: dict[str, int] = {
    "JPEG": 65_500,
    "WEBP": 16_383,
    "AVIF": 65_535,
    "HEIF": 16_384,
    "BMP": 65_535,
    "PNG": 2**31 - 1,
    "TIFF": 2**31 - 1,
}
ALPHA = frozenset({"PNG", "WEBP", "TIFF", "AVIF", "HEIF"})
LOSSY = ("JPEG", "WEBP", "AVIF", "HEIF")  # what --quality is for
DEEP = frozenset({"PNG", "TIFF"})  # 16 bits a channel
TIFF_BYTES = 4_000_000_000  # classic TIFF counts its bytes in 32 bits
BMP_BYTES = 2_000_000_000
AV1_PIXELS = 16_384 * 16_384  # what common decoders accept (libavif's default limit)

_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIF": (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"),
}
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML text"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance HDR picture"),
    (b"\x00\x00\x02\x00", "a Windows cursor"),
    (b"PF\n", "a floating-point PFM picture"),
    (b"Pf\n", "a floating-point PFM picture"),
    (b"II\xbc\x01", "a JPEG XR picture"),
    (b"qoif", "a QOI picture"),
    (b"FUJIFILM", "a camera raw file"),
)


READS = "JPEG, PNG, WebP, TIFF, AVIF, BMP, HEIF, GIF, PPM, TGA, ICO, JPEG 2000 and JPEG XL"
_NETPBM = re.compile(rb"P[1-6](?:\s+|(?=#))(?:\d|#)|P7\n")
TGA_HEADER = "<BBBHHBHHHHBB"
TGA_PALETTE, TGA_COLOUR, TGA_GREY = (1, 9), (2, 10), (3, 11)  # kinds of picture, plain and run-length coded
_BEGINNINGS = (
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
)


@dataclass(frozen=True)
class Probe:
    """Header facts; width and height are those of the upright picture."""

    width: int
    height: int
    format: str
    bits: int = 8  # 8 or 16: what `read` gives
    channels: int = 3  # 1 or 3: what `read` gives
    alpha: bool = False
    frames: int = 1  # 0: several, which are not counted
    turned: bool = False  # the stored rows are the upright picture's columns
    stated_bits: int = 8  # what the file holds: 1 to 64
    quality: int | None = None  # JPEG: 1 to 100 of the usual tables that come nearest


class Unsupported(ValueError):
    """The file is valid, and of a kind that is not read here."""


def sniff(head: Any) -> str | None:
    """Name the format by the first bytes (64 are enough), or None. TGA, which has no mark, comes last."""
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[4:8] == b"ftyp":
        brands = bytes(head[8:12]), bytes(head[16:32])
        for name, known in _BRANDS.items():
            if brands[0] in known and brands[0] not in (b"mif1", b"msf1"):
                return name
        if brands[0] in (b"mif1", b"msf1"):
            return "AVIF" if b"avif" in brands[1] else "HEIF"
    start = bytes(head[:64])
    if _NETPBM.match(start):
        return "PPM"
    for beginning, name in _BEGINNINGS:
        if start.startswith(beginning):
            return name
    return "TGA" if is_targa(start) else None


def is_targa(head: bytes) -> bool:
    """Whether the first bytes could be a TGA's, which has no mark: its fields must fit each other."""
    if len(head) < 18:
        return False
    _, has_map, kind, first, count, entry, _, _, width, height, depth, flags = struct.unpack_from(TGA_HEADER, head)
    depths = {TGA_PALETTE: (8,), TGA_COLOUR: (16, 24, 32), TGA_GREY: (8, 16)}
    fits = any(kind in kinds and depth in known for kinds, known in depths.items())
    mapped = kind not in TGA_PALETTE and not (first or count or entry)
    if has_map == 1:
        mapped = entry in (16, 24, 32) and count > 0
    return fits and has_map in (0, 1) and mapped and width > 0 and height > 0 and flags < 64 and flags & 15 <= 8


def describe_other(head: bytes) -> str:
    """Say in a few words what a file that is no known picture seems to be."""
    for start, words in _OTHERS:
        if head.startswith(start):
            return words
    if head[4:8] == b"ftyp":
        return "a video"
    text = head.decode("utf-8", "ignore")  # the last letter may be cut
    if len(text.encode()) > len(head) - 4 and len(text) > 3 and all(sign >= " " or sign in "\t\n\r" for sign in text):
        return "a text"
    return "of an unknown kind"


def format_of(suffix: str) -> str | None:
    """Name the format of a suffix (".jpg") or of a word a user may give ("jpg", "jpeg", "PNG"), or None."""
    return FORMATS.get("." + suffix.lower().lstrip("."))


def output_suffix(format: str) -> str:
    """Give the suffix, with its dot, that files of a format get."""
    return SUFFIXES[format]


def plan_format(
    input_format: str, has_alpha: bool, bits: int, width: int, height: int, wanted: str | None = None
) -> tuple[str, str | None]:
    """Choose the format of an output of width x height pixels, and say why where it is not the obvious one.

    `wanted` is what the user asked for (a format name or a suffix), None keeps the input's format. A format that cannot
    hold the picture's size, or (unless it was asked for) its alpha or 16 bits, gives way to PNG, and the notice says so.

    Raises:
        UsageError: `wanted` is no format that can be written.
    """
    format = input_format
    if wanted is not None:
        named = wanted if wanted in WRITABLE else format_of(wanted)
        if named not in WRITABLE:
            known = ", ".join(suffix.lstrip(".") for suffix in SUFFIXES.values())
            raise UsageError(f"pictures cannot be written as {wanted!r}", f"the formats are {known}")
        format = named
    reason = _unfit_size(format, has_alpha, bits, width, height)
    if reason is None and format not in WRITABLE:
        reason = "holds 256 colours only" if format == "GIF" else "is only read"
    if reason is None and wanted is None:
        if has_alpha and format not in ALPHA:
            reason = "holds no transparency"
        elif bits > 8 and format not in DEEP:
            reason = "holds 8 bits a channel here"
    if reason is not None:
        return "PNG", f"{format} {reason}; writing PNG"
    if has_alpha and format not in ALPHA:
        return format, f"{format} holds no transparency: the picture is laid on white"
    if bits > 8 and format not in DEEP:
        return format, f"{format} holds 8 bits a channel here: 16 bits are reduced"
    return format, None


def _unfit_size(format: str, has_alpha: bool, bits: int, width: int, height: int) -> str | None:
    side = LIMITS.get(format)
    if side is not None and max(width, height) > side:
        return f"holds at most {side:,} pixels a side, and this is {width} x {height}"
    if format in ("AVIF", "HEIF") and width * height > AV1_PIXELS:
        return f"holds at most {AV1_PIXELS // 10**6} megapixels, and this is {width} x {height}"
    volume = width * height * (4 if has_alpha else 3) * (2 if bits > 8 else 1)
    if (format == "TIFF" and volume > TIFF_BYTES) or (format == "BMP" and volume > BMP_BYTES):
        return f"cannot hold {width} x {height} pixels in one file"
    return None
