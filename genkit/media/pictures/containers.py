"""The blocks inside PNG, JPEG, WebP, AVIF and HEIF files, walked without decoding a pixel (standard library only).

Every function takes `data`, a bytes-like object (bytes or a read-only mmap), never trusts a length in it, and raises
`BrokenContainer` where the walk cannot go on. TIFF, which is the shape of EXIF too, is in `exif.py`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # which `uuid` box of an MP4 holds XMP
BLOCK_LIMIT = 16 << 20  # bytes that the metadata of a file may unpack to; the same order as what browsers accept
STRAY_LIMIT = 1 << 16  # bytes between two segments of a JPEG
BLOCKS_LIMIT = 200_000  # chunks or segments of one file
PARTS_LIMIT = 10_000  # pieces that the items of an AVIF or HEIF may lie in; large panoramas have some hundreds


class BrokenContainer(ValueError):
    """The walk met a length or a marker that cannot be."""


def shown(kind: bytes) -> str:
    """Name a block in a message; a damaged name is not repeated."""
    return kind.decode("latin-1").strip() if kind.strip().isalnum() else "unnamed"


# --- PNG ---------------------------------------------------------------------------------------------------------------


def png_chunks(data: Any) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, length) of every chunk's body, IEND included."""
    at, end = 8, len(data)
    for _ in range(BLOCKS_LIMIT):
        if at + 12 > end:
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > end:
            raise BrokenContainer(f"the file ends inside its {shown(kind)} chunk")
        yield kind, at + 8, length
        if kind == b"IEND":
            return
        at += 12 + length
    raise BrokenContainer("the file ends before its last chunk")


def png_chunk_sound(data: Any, start: int, length: int) -> bool:
    """Say whether the checksum of a chunk's body agrees."""
    (stored,) = struct.unpack_from(">I", data, start + length)
    return zlib.crc32(data[start - 4 : start + length]) == stored


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Frame one chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def inflate(packed: bytes, limit: int = BLOCK_LIMIT) -> bytes:
    """Unpack a small zlib block; one that grows beyond `limit` bytes is refused."""
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, limit)
    except zlib.error as error:
        raise BrokenContainer(f"packed block: {error}") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise BrokenContainer("packed block is too large or cut short")
    return plain


def png_text(kind: bytes, body: bytes, limit: int = BLOCK_LIMIT) -> tuple[str, str]:
    """Read the (keyword, text) of a tEXt, zTXt or iTXt body; one that unpacks to more than `limit` bytes is refused."""
    keyword, _, rest = body.partition(b"\0")
    if not 0 < len(keyword) < 80:
        raise BrokenContainer("text chunk without a keyword")
    if kind == b"tEXt":
        text = rest.decode("latin-1")
    elif kind == b"zTXt":
        text = inflate(rest[1:], limit).decode("latin-1")
    else:
        packed, rest = rest[:1] == b"\1", rest[2:]
        rest = rest.split(b"\0", 2)[-1]  # language tag and translated keyword are not needed
        text = (inflate(rest, limit) if packed else rest).decode("utf-8")
    return keyword.decode("latin-1"), text


def png_text_chunk(keyword: str, text: str) -> bytes:
    """Frame a text: tEXt where Latin-1 holds it, else iTXt."""
    key = keyword.encode("latin-1", "replace")[:79]
    try:
        return png_chunk(b"tEXt", key + b"\0" + text.encode("latin-1"))
    except UnicodeEncodeError:
        return png_chunk(b"iTXt", key + b"\0\0\0\0\0" + text.encode("utf-8"))


# --- JPEG --------------------------------------------------------------------------------------------------------------


def jpeg_segments(data: Any) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, length) of every header segment's body up to and with the first SOS (0xDA)."""
    at, end = 2, len(data)
    for _ in range(BLOCKS_LIMIT):
        stop = min(end, at + STRAY_LIMIT)
        at = data.find(b"\xff", at, stop)  # stray bytes between segments are common and harmless
        while 0 <= at < stop and data[at] == 0xFF:
            at += 1
        if at < 0 or at == stop or at + 3 > end:
            raise BrokenContainer("the file ends inside its header")
        marker = data[at]
        if marker == 0xD9:
            raise BrokenContainer("the picture ends before its pixels")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8 or marker == 0:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 1)
        if length < 2 or at + 1 + length > end:
            raise BrokenContainer("the file ends inside its header")
        yield marker, at + 3, length - 2
        if marker == 0xDA:
            return
        at += 1 + length
    raise BrokenContainer("its header does not end")


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """Frame one segment; its body is at most 65,533 bytes."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


# --- RIFF (WebP) -------------------------------------------------------------------------------------------------------


def riff_chunks(data: Any) -> Iterator[tuple[bytes, int, int]]:
    """Yield (fourcc, start, length) of every chunk of a WebP file."""
    end = min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    at = 12
    for _ in range(BLOCKS_LIMIT):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            raise BrokenContainer(f"the file ends inside its {shown(kind)} chunk")
        yield kind, at + 8, length
        at += 8 + length + (length & 1)
    raise BrokenContainer("it has more chunks than a picture has")


# --- ISO base media (AVIF, HEIF) -----------------------------------------------------------------------------------------


def boxes(data: Any, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of the boxes' bodies in data[at:end]."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1:
            if at + 16 > end:
                raise BrokenContainer("box without its size")
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if size == 0 else at + size
        if stop > end or stop < body:
            raise BrokenContainer(f"the file ends inside its {shown(kind)} box")
        yield kind, body, stop
        at = stop


@dataclass
class Items:
    """What the `meta` box of an AVIF or HEIF file says: items by id, and the properties of the primary picture."""

    kinds: dict[int, bytes]
    places: dict[int, list[tuple[int, int]]]  # id -> (start, length) of its extents
    exif_marks: list[int] = field(default_factory=list)  # where the kind of an EXIF item is written
    size: tuple[int, int] = (0, 0)  # width, height before it is turned
    turned: bool = False  # by a quarter
    bits: int = 8
    alpha: bool = False
    auxiliaries: list[str] = field(default_factory=list)  # what further items are for the main one, but for alpha
    primaries: int = 2
    transfer: int = 2


def read_items(data: Any) -> Items:
    """Read the item tables of an AVIF or HEIF file."""
    try:
        return _read_items(data)
    except (struct.error, IndexError) as error:
        raise BrokenContainer("the item table is damaged") from error


def _read_items(data: Any) -> Items:
    items = Items({}, {})
    inner: dict[bytes, tuple[int, int]] = {}
    for kind, start, stop in boxes(data, 0, len(data)):
        if kind == b"meta":
            inner = {name: (first, last) for name, first, last in boxes(data, start + 4, stop)}
            break
    idat = inner.get(b"idat", (0, 0))[0]
    if b"iinf" in inner:
        start, stop = inner[b"iinf"]
        first = start + (6 if data[start] == 0 else 8)
        for kind, at, _ in boxes(data, first, stop):
            if kind == b"infe" and data[at] in (2, 3):
                wide = data[at] == 3
                number = struct.unpack_from(">I" if wide else ">H", data, at + 4)[0]
                name = at + (10 if wide else 8)
                items.kinds[number] = bytes(data[name : name + 4])
                if items.kinds[number] == b"Exif":
                    items.exif_marks.append(name)
    if b"iloc" in inner:
        _read_places(data, inner[b"iloc"][0], inner[b"iloc"][1], idat, items)
    if b"iprp" in inner:
        primary = 0
        if b"pitm" in inner:
            at = inner[b"pitm"][0]
            (primary,) = struct.unpack_from(">I" if data[at] else ">H", data, at + 4)
        _read_properties(data, *inner[b"iprp"], primary, items)
    return items


def _read_properties(data: Any, start: int, stop: int, primary: int, items: Items) -> None:
    found: list[tuple[bytes, int, int]] = []
    mine: set[int] = set()
    for kind, first, last in boxes(data, start, stop):
        if kind == b"ipco":
            found = list(boxes(data, first, last))
        elif kind == b"ipma":
            mine |= _associated(data, first, primary)
    crop = None
    for index, (kind, at, last) in enumerate(found, 1):
        if kind == b"auxC":
            name = bytes(data[at + 4 : min(last, at + 204)]).partition(b"\0")[0].decode("latin-1")
            if "alpha" in name or name.endswith("auxid:1"):
                items.alpha = True
            elif len(items.auxiliaries) < 100:
                items.auxiliaries.append(name)
        elif index in mine and kind == b"ispe":
            items.size = struct.unpack_from(">II", data, at + 4)
        elif index in mine and kind == b"clap":
            parts = struct.unpack_from(">IIII", data, at)
            crop = (parts[0] // max(1, parts[1]), parts[2] // max(1, parts[3]))
        elif index in mine and kind == b"colr" and data[at : at + 4] == b"nclx":
            items.primaries, items.transfer = struct.unpack_from(">HH", data, at + 4)
        elif index in mine and kind == b"irot":
            items.turned = bool(data[at] & 1)
        elif index in mine and kind == b"pixi" and data[at + 4]:
            items.bits = data[at + 5]
    if crop:
        items.size = (min(crop[0], items.size[0]), min(crop[1], items.size[1]))


def _associated(data: Any, at: int, item: int) -> set[int]:
    """Read which properties (counted from 1) an `ipma` box gives to an item."""
    version, wide = data[at], data[at + 3] & 1
    (entries,) = struct.unpack_from(">I", data, at + 4)
    at += 8
    found: set[int] = set()
    for _ in range(entries):
        (number,) = struct.unpack_from(">I" if version else ">H", data, at)
        at += 4 if version else 2
        count = data[at]
        at += 1
        for _ in range(count):
            if number == item:
                found.add(struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F)
            at += 2 if wide else 1
    return found


def _read_places(data: Any, at: int, stop: int, idat: int, items: Items) -> None:
    version = data[at]
    sizes = struct.unpack_from(">BB", data, at + 4)
    offset_size, length_size, base_size, index_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15
    at += 6

    def number(width: int) -> int:
        nonlocal at
        if at + width > stop:
            raise BrokenContainer("the item table is damaged")
        at += width
        return int.from_bytes(data[at - width : at], "big")

    parts = 0
    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version in (1, 2) else 0
        number(2)
        base = number(base_size) + (idat if method == 1 else 0)
        extents = []
        count = number(2)
        parts += count
        if parts > PARTS_LIMIT:
            raise BrokenContainer(f"its item table lists more than {PARTS_LIMIT:,} pieces")
        for _ in range(count):
            if version in (1, 2):
                number(index_size)
            offset = number(offset_size)
            extents.append((base + offset, number(length_size)))
        items.places[item] = extents


def metadata_items(data: Any, items: Items) -> Iterator[tuple[bytes, bytes]]:
    """Yield (kind, content) of the EXIF and XMP items, as much as metadata may be.

    Raises:
        BrokenContainer: one lies outside the file, or they are larger together.
    """
    left = BLOCK_LIMIT
    for number, kind in items.kinds.items():
        if kind not in (b"Exif", b"mime"):
            continue
        places = items.places.get(number, [])
        left -= sum(length for _, length in places)
        if left < 0 or any(start + length > len(data) for start, length in places):
            raise BrokenContainer("an item lies outside the file" if left >= 0 else "its metadata is too large")
        yield kind, b"".join(bytes(data[start : start + length]) for start, length in places)
