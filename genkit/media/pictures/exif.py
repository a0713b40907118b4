"""EXIF blocks and TIFF directories, read and written without loss (standard library only).

Values stay as the bytes that the file holds (so a name in UTF-8 or a fraction like 0/0 comes through as it was); only what
an upscaled picture makes untrue is changed. A maker note keeps its place in the block, because cameras put offsets from the
block's start into it. The thumbnail directory (IFD1) is left out on purpose: it would show the old picture.
Specification: CIPA DC-008 (Exif 3.0), TIFF 6.0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}

IMAGE_WIDTH, IMAGE_LENGTH, ORIENTATION = 0x0100, 0x0101, 0x0112
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
PHOTO, GPS, INTEROP = 0x8769, 0x8825, 0xA005
MAKER_NOTE, USER_COMMENT, PIXEL_X, PIXEL_Y = 0x927C, 0x9286, 0xA002, 0xA003
DNG_VERSION = 50706
_MAX_ENTRIES = 4096
_MAX_BYTES = 64 << 20  # of all values of a directory; the places of the strips and tiles of large pictures are some of them
_MAX_PAGES = 10_000


class BrokenExif(ValueError):
    """The block is no readable EXIF."""


class CameraRaw(ValueError):
    """The TIFF holds a sensor's values; its first page is only a preview."""


@dataclass(frozen=True, slots=True)
class Value:
    """One entry: TIFF type, number of values, their bytes in the block's byte order."""

    kind: int
    count: int
    raw: bytes


Directory = dict[int, Value]


@dataclass
class Exif:
    """One EXIF block: its directories by name, and where its maker note stood (None where it has none)."""

    order: str = "<"
    main: Directory = field(default_factory=dict)
    photo: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)
    interop: Directory = field(default_factory=dict)
    maker_place: int | None = None

    def integer(self, directory: Directory, tag: int) -> int | None:
        """Read a whole number, or None."""
        value = directory.get(tag)
        if value is None or value.kind not in _CODES or not value.count:
            return None
        return struct.unpack_from(self.order + _CODES[value.kind], value.raw)[0]

    def fraction(self, directory: Directory, tag: int) -> float | None:
        """Read the first fraction of a rational entry, or None."""
        value = directory.get(tag)
        if value is None or value.kind != 5 or not value.count:
            return None
        above, below = struct.unpack_from(self.order + "II", value.raw)
        return above / below if below else None

    def set_short(self, directory: Directory, tag: int, number: int) -> None:
        """Write a SHORT."""
        directory[tag] = Value(3, 1, struct.pack(self.order + "H", number))

    def set_long(self, directory: Directory, tag: int, *numbers: int) -> None:
        """Write LONGs."""
        directory[tag] = Value(4, len(numbers), struct.pack(f"{self.order}{len(numbers)}I", *numbers))

    def set_fraction(self, directory: Directory, tag: int, number: float) -> None:
        """Write a positive number as a rational."""
        below = 1 if number == int(number) else 10_000
        directory[tag] = Value(5, 1, struct.pack(self.order + "II", min(round(number * below), 2**32 - 1), below))

    @property
    def orientation(self) -> int:
        """1 to 8; 1 (upright) where the block says nothing sensible."""
        number = self.integer(self.main, ORIENTATION)
        return number if number is not None and 1 <= number <= 8 else 1

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Dots per inch, or None."""
        across, down = self.fraction(self.main, X_RESOLUTION), self.fraction(self.main, Y_RESOLUTION)
        unit = self.integer(self.main, RESOLUTION_UNIT) or 2
        if not across or not down or unit not in (2, 3):
            return None
        factor = 2.54 if unit == 3 else 1.0
        return across * factor, down * factor


def parse(data: Any, start: int = 0) -> Exif:
    """Read an EXIF block, or the first directory of a TIFF file (`data` from `start` on).

    Raises:
        BrokenExif: the header or the first directory is unreadable; a damaged sub-directory is only left out.
    """
    if start == 0 and data[:6] == b"Exif\0\0":
        start = 6
    order = {b"II": "<", b"MM": ">"}.get(bytes(data[start : start + 2]), "")
    try:
        if not order or struct.unpack_from(order + "H", data, start + 2)[0] != 42:
            raise BrokenExif("it has no TIFF header")
        (first,) = struct.unpack_from(order + "I", data, start + 4)
        exif = Exif(order, main=directory_at(data, start, order, first)[0])
    except struct.error as error:
        raise BrokenExif("it is cut short") from error
    for tag, name, home in ((PHOTO, "photo", exif.main), (GPS, "gps", exif.main), (INTEROP, "interop", None)):
        home = exif.photo if home is None else home
        place = exif.integer(home, tag)
        home.pop(tag, None)
        if not place:
            continue
        try:
            entries, places = directory_at(data, start, order, place)
        except (struct.error, BrokenExif):
            continue
        setattr(exif, name, entries)
        if tag == PHOTO and MAKER_NOTE in entries:
            exif.maker_place = places[MAKER_NOTE]
    return exif


def directory_at(data: Any, start: int, order: str, place: int, big: bool = False) -> tuple[Directory, dict[int, int]]:
    """Read the directory at an offset: its entries, and where the bytes of each stand (relative to `start`).

    Entries that point outside the data, or to more than metadata may be, are left out.
    """
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, start + place)
    if entries > _MAX_ENTRIES:
        raise BrokenExif("its directory is damaged")
    at, size, inline = start + place + (8 if big else 2), 20 if big else 12, 8 if big else 4
    found: Directory = {}
    places: dict[int, int] = {}
    left = _MAX_BYTES
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        length = WIDTHS.get(kind, 0) * count
        where = at - start + size - inline
        if length > inline:
            (where,) = struct.unpack_from(order + ("Q" if big else "I"), data, at + size - inline)
        if length and start + where + length <= len(data) and length <= left:
            left -= length
            found[tag] = Value(kind, count, bytes(data[start + where : start + where + length]))
            places[tag] = where
        at += size
    return found, places


def build(exif: Exif) -> bytes:
    """Write a block (without the "Exif" prefix that JPEG puts before it)."""
    maker = exif.photo.get(MAKER_NOTE)
    hold = (exif.maker_place, len(maker.raw)) if maker and exif.maker_place and len(maker.raw) > 4 else None
    if hold and (hold[0] < 8 or hold[0] > 60_000):  # a place that no honest block has, or one that would only be filling
        hold = None
    return _Layout(exif, 8, hold).block()


def build_directory(exif: Exif, place: int, next_place: int = 0) -> tuple[bytes, int]:
    """Write the directories alone, for a file in which they start at `place`; give them and the main one's offset."""
    layout = _Layout(exif, place, None)
    main = layout.write(next_place)
    return bytes(layout.buffer), main


class _Layout:
    """Puts directories and their values one behind the other, around a maker note that must not move."""

    def __init__(self, exif: Exif, place: int, hold: tuple[int, int] | None):
        self.exif, self.origin, self.hold = exif, place, hold
        self.buffer = bytearray()

    def block(self) -> bytes:
        main = self.write(0)
        mark = b"II" if self.exif.order == "<" else b"MM"
        return mark + struct.pack(self.exif.order + "HI", 42, main) + bytes(self.buffer)

    def write(self, next_place: int) -> int:
        exif = self.exif
        main, photo = dict(exif.main), dict(exif.photo)
        for tag, home, entries in ((INTEROP, photo, exif.interop), (GPS, main, exif.gps), (PHOTO, main, photo)):
            home.pop(tag, None)
            if entries:
                exif.set_long(home, tag, self.directory(entries, 0))
        return self.directory(main, next_place)

    def place(self, length: int) -> int:
        """Reserve `length` bytes on an even offset and clear of the held range."""
        at = self.origin + len(self.buffer)
        at += at & 1
        if self.hold and at < self.hold[0] + self.hold[1] and at + length > self.hold[0]:
            at = self.hold[0] + self.hold[1]
            at += at & 1
        self.buffer.extend(bytes(at + length - self.origin - len(self.buffer)))
        return at

    def put(self, at: int, raw: bytes) -> None:
        short = at + len(raw) - self.origin - len(self.buffer)
        if short > 0:
            self.buffer.extend(bytes(short))
        self.buffer[at - self.origin : at - self.origin + len(raw)] = raw

    def directory(self, entries: Directory, next_place: int) -> int:
        order = self.exif.order
        at = self.place(2 + 12 * len(entries) + 4)
        rows = [struct.pack(order + "H", len(entries))]
        for tag in sorted(entries):
            value = entries[tag]
            raw = value.raw
            if len(raw) <= 4:
                field_bytes = raw.ljust(4, b"\0")
            else:
                where = self.hold[0] if tag == MAKER_NOTE and self.hold else self.place(len(raw))
                self.put(where, raw)
                field_bytes = struct.pack(order + "I", where)
            rows.append(struct.pack(order + "HHI", tag, value.kind, value.count) + field_bytes)
        rows.append(struct.pack(order + "I", next_place))
        self.put(at, b"".join(rows))
        return at


def tiff_header(data: Any) -> dict[str, Any]:
    """Read a TIFF's size, bits, samples, photometric, sample format, orientation and number of pages, BigTIFF too."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    if not place:
        raise BrokenExif("it has no directory")
    entries, _ = directory_at(data, 0, order, place, big)
    return {**_first_page(Exif(order, main=entries)), "pages": 1 + sum(_further_pages(data, order, place, big))}


def _further_pages(data: Any, order: str, place: int, big: bool) -> Iterator[bool]:
    """For each directory behind the first whether it is a page: smaller copies (1) and masks (4) are none. Only its kind, which
    stands first, is read; a damaged chain ends."""
    seen = {place}
    with suppress(struct.error):
        while len(seen) < _MAX_PAGES:
            (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, place)
            after = place + (8 + 20 * count if big else 2 + 12 * count)
            (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, after)
            if not place or place in seen:
                return
            seen.add(place)
            first = place + (8 if big else 2)
            tag, kind = struct.unpack_from(order + "HH", data, first)
            (subfile,) = struct.unpack_from(order + "I", data, first + (12 if big else 8)) if (tag, kind) == (254, 4) else (0,)
            yield not subfile & 5


def _first_page(block: Exif) -> dict[str, Any]:
    main = block.main
    if DNG_VERSION in main or (330 in main and (block.integer(main, 254) or 0) & 1):
        raise CameraRaw
    palette = main.get(320)
    return {
        "width": block.integer(main, 256) or 0,
        "height": block.integer(main, 257) or 0,
        "bits": block.integer(main, 258) or 1,
        "samples": block.integer(main, 277) or 1,
        "photometric": block.integer(main, 262),
        "sample_format": block.integer(main, 339) or 1,
        "orientation": block.orientation,
        "narrow": palette is not None and narrow_palette(palette.raw, block.order == ">"),
    }


def narrow_palette(table: bytes, big_endian: bool = False) -> bool:
    """Say whether a 16-bit palette holds 8-bit colours, widened by zeros or by repeating them."""
    low, high = table[big_endian::2], table[not big_endian :: 2]
    return not any(low) or low == high
