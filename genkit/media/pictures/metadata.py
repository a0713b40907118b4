"""What belongs to a picture besides its pixels: gathered from one format (`gathering.py`), mended, handed to another.

Kept: EXIF, ICC profile, XMP, DPI, PNG texts and colour chunks, JPEG comment, IPTC (Photoshop block), and how hard the
input was compressed.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from genkit.media import recipe
from genkit.media.pictures import exif, xmp
from genkit.media.pictures.containers import shown
from genkit.media.pictures.exif import Exif

XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP_NAME = b"http://ns.adobe.com/xmp/extension/\0"
ICC_NAME = b"ICC_PROFILE\0"
PHOTOSHOP_NAME = b"Photoshop 3.0\0"
PNG_XMP = "XML:com.adobe.xmp"
_ICC_SPACES = {1: b"GRAY", 3: b"RGB "}
PNG_COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM")
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
            kind = shown(self.icc[16:20])
            self.note(f"colour profile dropped: it is for {kind} pixels, and these are {wanted.decode().strip()}")
            self.icc = None


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
