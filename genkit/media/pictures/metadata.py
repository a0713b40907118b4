"""What belongs to a picture besides its pixels: gathered from one format, mended, handed to another.

Kept: EXIF, ICC profile, XMP, DPI, PNG texts and colour chunks, JPEG comment, IPTC (Photoshop block), and how hard the
input was compressed. A block that cannot be read is dropped with a notice and never costs the picture.
Content credentials (C2PA) are dropped with a notice: they are a signature over the old pixels.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from genkit.media import recipe
from genkit.media.pictures import containers, exif, jpeg_quality, xmp
from genkit.media.pictures.exif import Exif

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_NAME = b"http://ns.adobe.com/xmp/extension/\0"
ICC_NAME = b"ICC_PROFILE\0"
PHOTOSHOP_NAME = b"Photoshop 3.0\0"
PNG_XMP = "XML:com.adobe.xmp"
MOST_RESOURCES = 10_000  # in a Photoshop block; the program writes some tens
TEXT_COST = 256  # what a text is counted for beside its length, so that a million empty ones are too many
_ICC_SPACES = {1: b"GRAY", 3: b"RGB "}
_SRGB_PRIMARIES = (1, 2)  # BT.709, and not stated (ITU-T H.273)
_HDR_TRANSFERS = (16, 18)  # PQ, HLG
_PNG_COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
# tags of a file's own structure; in EXIF, or carried over from a TIFF, they would describe the old file
STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292, 293}
    | {297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 336, 338, 339, 340, 341, 342, 347}
    | set(range(512, 533))
    | {700, 34377, 34675, 37724, 50838, 50839, 65000}
)
GEO = frozenset({33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113})  # tied to the old pixel grid


@dataclass
class Metadata:
    """The blocks of one picture; `notices` says what could not be kept."""

    exif: Exif | None = None
    icc: bytes | None = None
    xmp: str | None = None
    dpi: tuple[float, float] | None = None
    text: list[tuple[str, str]] = field(default_factory=list)
    comment: bytes | None = None  # JPEG's COM
    photoshop: bytes | None = None  # image resources, IPTC in them
    colour: list[tuple[bytes, bytes]] = field(default_factory=list)  # PNG chunks that say what the numbers mean
    quality: int | None = None  # JPEG: 1 to 100 of the usual tables that come nearest
    subsampling: str | None = None  # JPEG: 444, 422, 420, 440, 411
    lossless: bool = False  # WebP
    compression: int | None = None  # TIFF's number
    notices: list[str] = field(default_factory=list)

    @property
    def orientation(self) -> int:
        """1 to 8, from EXIF, else from XMP."""
        if self.exif is not None and exif.ORIENTATION in self.exif.main:
            return self.exif.orientation
        number = xmp.get_property(self.xmp, xmp.TIFF, "Orientation") if self.xmp else None
        return int(number) if number is not None and re.fullmatch("[1-8]", number.strip()) else 1

    @contextmanager
    def dropping(self, what: str) -> Iterator[None]:
        """Turn a failure to read a block into a notice."""
        try:
            yield
        except (ValueError, IndexError, KeyError, OverflowError, struct.error) as error:
            reason = str(error) if isinstance(error, ValueError) and str(error) else "it is damaged"
            self.note(f"{what} dropped: {reason}")

    def note(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)

    def add_exif(self, block: bytes) -> None:
        with self.dropping("EXIF"):
            self.exif = self.exif or exif.parse(block)

    def add_xmp(self, packet: bytes) -> None:
        with self.dropping("XMP"):
            self.xmp = xmp.decode(packet)

    def add_icc(self, profile: bytes) -> None:
        with self.dropping("colour profile"):
            if len(profile) < 132 or profile[36:40] != b"acsp" or struct.unpack_from(">I", profile)[0] > len(profile):
                raise ValueError("it is damaged")
            self.icc = profile

    def fit_icc(self, channels: int, space: bytes | None = None) -> None:
        """Drop a profile that is for another kind of pixels (`space`: what the file's own pixels are, if not the result's)."""
        wanted = space or _ICC_SPACES[channels]
        if self.icc is not None and self.icc[16:20] != wanted:
            found = self.icc[16:20].decode("latin-1").strip() or "unknown"
            self.note(f"colour profile dropped: it is for {found} pixels, and these are {wanted.decode().strip()}")
            self.icc = None


# --- gathering ---------------------------------------------------------------------------------------------------------


def from_png(data: bytes) -> Metadata:
    """Gather from PNG; checksums of the chunks that are not pixels must agree."""
    metadata = Metadata()
    left = containers.BLOCK_LIMIT  # bytes that all texts together may still have
    single = {b"eXIf", b"iCCP", b"pHYs", b"caBX", *_PNG_COLOUR}  # of which a file has one
    for kind, start, length in containers.png_chunks(data):
        if kind in single:
            single.remove(kind)
        elif kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        elif left <= 0:
            metadata.note("texts dropped: there are too many")
            continue
        with metadata.dropping(f"{kind.decode()} chunk"):
            if length > containers.BLOCK_LIMIT or not containers.png_chunk_sound(data, start, length):
                raise ValueError("it is damaged or too large")
            body = data[start : start + length]
            if kind in (b"tEXt", b"zTXt", b"iTXt"):
                left -= TEXT_COST + length
                keyword, text = containers.png_text(kind, body, left)
                left -= len(text)
                _take_text(metadata, keyword, text)
            else:
                _take_chunk(metadata, kind, body)
    return metadata


def _take_chunk(metadata: Metadata, kind: bytes, body: bytes) -> None:
    if kind == b"eXIf":
        metadata.add_exif(body)
    elif kind == b"iCCP":
        metadata.add_icc(containers.inflate(body[body.index(b"\0") + 2 :]))
    elif kind == b"pHYs":
        across, down, unit = struct.unpack(">IIB", body)
        if unit == 1 and across and down:
            metadata.dpi = across * 0.0254, down * 0.0254
    elif kind == b"caBX":
        metadata.note("content credentials (C2PA) dropped: they are signed for the old pixels")
    elif kind in _PNG_COLOUR:
        metadata.colour.append((kind, body))


def _take_text(metadata: Metadata, keyword: str, text: str) -> None:
    if keyword == PNG_XMP:
        metadata.add_xmp(text.encode())
    elif keyword in ("Raw profile type exif", "Raw profile type APP1"):  # how ImageMagick writes EXIF
        metadata.add_exif(bytes.fromhex("".join(text.split()[2:])))
    elif keyword == "Raw profile type xmp":
        metadata.add_xmp(bytes.fromhex("".join(text.split()[2:])))
    elif keyword != recipe.PNG_KEYWORD:
        metadata.text.append((keyword, text))


def from_jpeg(data: bytes) -> Metadata:
    """Gather from JPEG."""
    metadata = Metadata()
    tables: dict[int, list[int]] = {}
    profile: dict[int, bytes] = {}
    resources: list[bytes] = []
    for marker, start, length in containers.jpeg_segments(data):
        body = data[start : start + length]
        if marker == 0xE0 and body[:5] == b"JFIF\0" and length >= 12:
            unit, across, down = struct.unpack_from(">BHH", body, 7)
            if unit in (1, 2) and across and down:
                metadata.dpi = (across * 1.0, down * 1.0) if unit == 1 else (across * 2.54, down * 2.54)
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            metadata.add_exif(body)
        elif marker == 0xE1 and body.startswith(XMP_NAME):
            metadata.add_xmp(body[len(XMP_NAME) :])
        elif marker == 0xE1 and body.startswith(EXTENDED_XMP_NAME):
            metadata.note("extended XMP dropped: only the main packet is kept")
        elif marker == 0xE2 and body.startswith(ICC_NAME) and length > 14:
            profile[body[12]] = body[14:]
        elif marker == 0xEB and b"jumb" in body[:32]:
            metadata.note("content credentials (C2PA) dropped: they are signed for the old pixels")
        elif marker == 0xED and body.startswith(PHOTOSHOP_NAME):
            resources.append(body[len(PHOTOSHOP_NAME) :])
        elif marker == 0xFE and not metadata.comment:
            metadata.comment = body
        elif marker == 0xDB:
            with metadata.dropping("quantisation table"):
                jpeg_quality.read_tables(body, tables)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            metadata.subsampling = jpeg_quality.subsampling(body)
    if profile:
        metadata.add_icc(b"".join(profile[number] for number in sorted(profile)))
    if resources:
        with metadata.dropping("Photoshop block"):
            if sum(map(len, resources)) > containers.BLOCK_LIMIT:
                raise ValueError("it is too large")
            metadata.photoshop = _clean_resources(b"".join(resources))
    metadata.quality = jpeg_quality.nearest(tables)
    _dpi_from_exif(metadata)
    return metadata


def from_webp(data: bytes) -> Metadata:
    """Gather from WebP."""
    metadata = Metadata()
    for kind, start, length in containers.riff_chunks(data):
        body = data[start : start + length] if length <= containers.BLOCK_LIMIT else b""
        if kind == b"EXIF":
            metadata.add_exif(body)
        elif kind == b"XMP ":
            metadata.add_xmp(body)
        elif kind == b"ICCP":
            metadata.add_icc(body)
        elif kind == b"VP8L" or (kind == b"ANMF" and body[16:20] == b"VP8L"):
            metadata.lossless = True
    _dpi_from_exif(metadata)
    return metadata


def from_items(data: bytes, icc: bytes | None) -> Metadata:
    """Gather from AVIF or HEIF; the decoder hands over the profile."""
    metadata = Metadata()
    with metadata.dropping("EXIF and XMP"):
        items = containers.read_items(data)
        if icc is None and (items.primaries not in _SRGB_PRIMARIES or items.transfer in _HDR_TRANSFERS):
            stated = f"primaries {items.primaries}, transfer {items.transfer}"
            metadata.note(f"colours that are stated by number and not by a profile ({stated}) are taken for sRGB")
        for kind, block in containers.metadata_items(data, items):
            if kind == b"Exif":
                skip = 4 + int.from_bytes(block[:4], "big")
                metadata.add_exif(block[skip:])
            elif b"adobe:ns:meta" in block or b"rdf:RDF" in block:
                metadata.add_xmp(block)
    if icc:
        metadata.add_icc(icc)
    _dpi_from_exif(metadata)
    return metadata


def from_tiff(data: Any) -> Metadata:
    """Gather from a classic TIFF's first directory (a BigTIFF's EXIF is not read, and a notice says so)."""
    metadata = Metadata()
    if data[2:4] in (b"+\0", b"\0+"):
        metadata.note("metadata of BigTIFF files is not carried over")
        return metadata
    with metadata.dropping("metadata"):
        block = exif.parse(data)
        main = block.main
        if 700 in main:
            metadata.add_xmp(main[700].raw)
        if 34675 in main:
            metadata.add_icc(main[34675].raw)
        if 34377 in main:
            with metadata.dropping("Photoshop block"):
                metadata.photoshop = _clean_resources(main[34377].raw)
        metadata.compression = block.integer(main, 259)
        metadata.dpi = block.dpi
        if GEO & main.keys():
            metadata.note("geographic tags dropped: they are tied to the old pixel grid")
        description = main.get(270)
        if description is not None and re.match(rb"\s*(\{\"shape\"|ImageJ=|<\?xml|<OME)", description.raw):
            del main[270]  # written by software about the array, not by a person about the picture
        block.main = {tag: value for tag, value in main.items() if tag not in STRUCTURE | GEO}
        block.maker_place = None
        metadata.exif = block
    return metadata


def _dpi_from_exif(metadata: Metadata) -> None:
    if metadata.dpi is None and metadata.exif is not None:
        metadata.dpi = metadata.exif.dpi


def _clean_resources(block: bytes) -> bytes:
    """Drop the thumbnails from Photoshop's image resources."""
    kept: list[bytes] = []
    at = 0
    while at + 12 <= len(block):
        if block[at : at + 4] != b"8BIM":
            raise ValueError("it is damaged")
        (number,) = struct.unpack_from(">H", block, at + 4)
        name = at + 6 + ((block[at + 6] + 2) & ~1)
        (size,) = struct.unpack_from(">I", block, name)
        end = name + 4 + size + (size & 1)
        if name + 4 + size > len(block):
            raise ValueError("it is cut short")
        if len(kept) > MOST_RESOURCES:
            raise ValueError("it is damaged")
        if number not in (0x0409, 0x040C):
            kept.append(block[at:end])
        at = end
    return b"".join(kept)


# --- handing over --------------------------------------------------------------------------------------------------------


@dataclass
class Outgoing:
    """The blocks that go into one output."""

    exif: Exif | None = None
    icc: bytes | None = None
    xmp: str | None = None
    dpi: tuple[float, float] | None = None
    text: list[tuple[str, str]] = field(default_factory=list)
    comment: bytes | None = None
    photoshop: bytes | None = None
    colour: list[tuple[bytes, bytes]] = field(default_factory=list)


def outgoing(
    metadata: Metadata, format: str, width: int, height: int, channels: int, made_by: dict[str, Any] | None, strip: bool
) -> Outgoing:
    """Mend the blocks for an upright output of width x height and put its recipe among them.

    With `strip` only what the numbers mean stays (colour profile and PNG colour chunks), else colours would shift.
    """
    # a profile outranks all colour chunks but cICP
    out = Outgoing(icc=metadata.icc, colour=[chunk for chunk in metadata.colour if not metadata.icc or chunk[0] == b"cICP"])
    if out.icc is not None and out.icc[16:20] != _ICC_SPACES[channels]:
        out.icc = None
    if strip:
        return out
    out.dpi, out.text, out.comment, out.photoshop = metadata.dpi, list(metadata.text), metadata.comment, metadata.photoshop
    _note_losses(metadata, format)
    out.exif = _mended(metadata.exif, width, height) if metadata.exif else None
    out.xmp = xmp.mend(metadata.xmp, width, height) if metadata.xmp else None
    if out.dpi and format in ("WEBP", "AVIF", "HEIF"):  # they have no other place for it
        out.exif = out.exif or Exif()
        if out.exif.dpi is None:
            out.exif.set_fraction(out.exif.main, exif.X_RESOLUTION, out.dpi[0])
            out.exif.set_fraction(out.exif.main, exif.Y_RESOLUTION, out.dpi[1])
            out.exif.set_short(out.exif.main, exif.RESOLUTION_UNIT, 2)
    if made_by is None or format == "BMP":
        return out
    line = recipe.dump(made_by)
    if format == "PNG":
        out.text.insert(0, (recipe.PNG_KEYWORD, line))
        return out
    out.exif = out.exif or Exif()
    if recipe.comment_is_free(out.exif.photo.get(exif.USER_COMMENT)):
        raw = recipe.COMMENT_CODE + line.encode("ascii")
        out.exif.photo[exif.USER_COMMENT] = exif.Value(7, len(raw), raw)
    else:
        out.xmp = xmp.with_recipe(out.xmp, line)
    return out


def _note_losses(metadata: Metadata, format: str) -> None:
    """Say which kinds of blocks the output's format has no place for."""
    kinds = {
        "PNG texts": (metadata.text, ("PNG",)),
        "IPTC (Photoshop block)": (metadata.photoshop, ("JPEG", "TIFF")),
        "EXIF": (metadata.exif, ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")),
        "XMP": (metadata.xmp, ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")),
    }
    lost = [name for name, (block, homes) in kinds.items() if block and format not in homes]
    if lost:
        metadata.note(f"{', '.join(lost)} dropped: {format} has no place for them")


def _mended(block: Exif, width: int, height: int) -> Exif:
    """Copy a block, made true of the output."""
    mended = Exif(block.order, dict(block.main), dict(block.photo), dict(block.gps), dict(block.interop), block.maker_place)
    mended.main = {tag: value for tag, value in mended.main.items() if tag not in STRUCTURE or tag in (256, 257)}
    if exif.ORIENTATION in mended.main:
        mended.set_short(mended.main, exif.ORIENTATION, 1)
    places: list[tuple[exif.Directory, int, int]] = [
        (mended.main, exif.IMAGE_WIDTH, width),
        (mended.main, exif.IMAGE_LENGTH, height),
        (mended.photo, exif.PIXEL_X, width),
        (mended.photo, exif.PIXEL_Y, height),
        (mended.interop, 0x1001, width),
        (mended.interop, 0x1002, height),
    ]
    for directory, tag, number in places:
        if tag in directory:
            mended.set_long(directory, tag, number)
    if mended.photo.get(exif.USER_COMMENT) and recipe.is_recipe(recipe.comment_text(mended.photo[exif.USER_COMMENT]) or ""):
        del mended.photo[exif.USER_COMMENT]  # an older recipe is not this output's
    return mended


def fitted_exif(block: Exif | None, limit: int, note: Callable[[str], None]) -> bytes | None:
    """Write an EXIF block of at most `limit` bytes; the maker note goes first where it is too long."""
    if block is None:
        return None
    data = exif.build(block)
    if len(data) > limit:
        data = exif.build(Exif(block.order, block.main, block.photo, block.gps, block.interop))
    if len(data) > limit and exif.MAKER_NOTE in block.photo:
        note("maker note dropped: the format holds 64 KiB of EXIF")
        photo = {tag: value for tag, value in block.photo.items() if tag != exif.MAKER_NOTE}
        data = exif.build(Exif(block.order, block.main, photo, block.gps, block.interop))
    if len(data) > limit:
        note("EXIF dropped: the format holds 64 KiB of it")
        return None
    return data
