"""Pictures to read: every format with every kind of metadata, made by Pillow and by hand (never by genkit's own writers)."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

WIDTH, HEIGHT = 48, 32
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" tiff:Orientation="6"'
    ' tiff:ImageWidth="48"><exif:PixelXDimension>48</exif:PixelXDimension><exif:PixelYDimension>32</exif:PixelYDimension>'
    "<dc:creator><rdf:Seq><rdf:li>Søren</rdf:li></rdf:Seq></dc:creator><xmp:Thumbnails><rdf:Alt><rdf:li>old</rdf:li></rdf:Alt>"
    '</xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
COMMENT = b"ASCII\0\0\0the user's own words"


def scene(channels: int = 3, bits: int = 8, alpha: bool = False, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Draw a smooth picture, different in every corner, (height, width, channels + alpha)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    across, down = x / width, y / height
    planes = [across, down, (across + (1 - down)) / 2][:channels]
    if alpha:
        planes.append(0.25 + 0.75 * (1 - across) * down)
    full = 255 if bits == 8 else 65535
    values = np.round(np.stack(planes, -1) * full)
    return values.astype(np.uint8 if bits == 8 else np.uint16)


def exif_block(orientation: int = 6, *, comment: bytes | None = None, order: str = "<", maker: bytes = b"") -> bytes:
    """Build an EXIF block by hand: UTF-8 author, sizes, resolution, a thumbnail directory, optionally a maker note."""
    author = "Søren Ærø".encode() + b"\0"
    buffer = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    main_entries = 7
    main_at, after_main = 8, 8 + 2 + 12 * main_entries + 4
    photo: list[tuple[int, int, int, bytes]] = [
        (0xA002, 3, 1, struct.pack(order + "H", WIDTH)),
        (0xA003, 3, 1, struct.pack(order + "H", HEIGHT)),
    ]
    if maker:
        photo.append((0x927C, 7, len(maker), maker))
    if comment:
        photo.append((0x9286, 7, len(comment), comment))
    photo.sort()
    heap = bytearray()

    def store(raw: bytes) -> int:
        at = after_main + len(heap)
        heap.extend(raw + b"\0" * (len(raw) & 1))
        return at

    author_at = store(author)
    ratio_at = store(struct.pack(order + "II", 300, 1))
    values = [
        (tag, kind, count, raw if len(raw) <= 4 else struct.pack(order + "I", store(raw))) for tag, kind, count, raw in photo
    ]
    photo_table = struct.pack(order + "H", len(values))
    for tag, kind, count, raw in values:
        photo_table += struct.pack(order + "HHI", tag, kind, count) + raw.ljust(4, b"\0")
    photo_at = store(photo_table + bytes(4))
    thumb = b"\xff\xd8OLD-THUMBNAIL\xff\xd9"
    thumb_at = store(thumb)
    ifd1 = struct.pack(order + "H", 2) + struct.pack(order + "HHII", 0x0201, 4, 1, thumb_at)
    ifd1_at = store(ifd1 + struct.pack(order + "HHII", 0x0202, 4, 1, len(thumb)) + bytes(4))
    rows = [
        struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0),
        struct.pack(order + "HHII", 0x011A, 5, 1, ratio_at),
        struct.pack(order + "HHII", 0x011B, 5, 1, ratio_at),
        struct.pack(order + "HHIHH", 0x0128, 3, 1, 2, 0),
        struct.pack(order + "HHII", 0x013B, 2, len(author), author_at),
        struct.pack(order + "HHII", 0x8769, 4, 1, photo_at),
        struct.pack(order + "HHIHH", 0x0100, 3, 1, WIDTH, 0),
    ]
    rows.sort(key=lambda row: struct.unpack(order + "H", row[:2])[0])
    buffer += struct.pack(order + "H", main_entries) + b"".join(rows) + struct.pack(order + "I", ifd1_at)
    assert len(buffer) == after_main and main_at == 8
    return bytes(buffer + heap)


def _profile(space: bytes, pcs: bytes, kind: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    table, bodies = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags:
        table += name + struct.pack(">II", start + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    head = bytearray(128)
    head[4:24] = b"lcms\x02\x40\0\0" + kind + space + pcs
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)
    struct.pack_into(">I", head, 0, start + len(bodies))
    return bytes(head) + table + bodies


def _xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(value * 65536) for value in values))


def _described(name: bytes) -> tuple[bytes, bytes]:
    return b"desc", b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(78)


def display_p3() -> bytes:
    """Build a Display-P3 profile (its primaries adapted to D50, gamma 2.2)."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = [
        _described(b"Display P3"),
        (b"wtpt", _xyz(0.9642, 1.0, 0.8249)),
        (b"rXYZ", _xyz(0.51512, 0.2412, -0.00105)),
        (b"gXYZ", _xyz(0.29198, 0.69225, 0.04189)),
        (b"bXYZ", _xyz(0.1571, 0.06657, 0.78407)),
        *((name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")),
    ]
    return _profile(b"RGB ", b"XYZ ", b"mntr", tags)


def grey_profile() -> bytes:
    """Build a grey profile of gamma 1.8."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"
    return _profile(b"GRAY", b"XYZ ", b"mntr", [_described(b"Grey"), (b"wtpt", _xyz(0.9642, 1.0, 0.8249)), (b"kTRC", curve)])


def cmyk_profile() -> bytes:
    """Build a CMYK profile in which every ink only darkens, so that its result differs from the plain conversion."""
    grid = b""
    for index in range(16):
        inks = bin(index).count("1")
        grid += bytes([round(255 * (1 - inks / 4)), 128, 128])
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4 + grid + ramp * 3
    return _profile(b"CMYK", b"Lab ", b"prtr", [_described(b"Inks"), (b"wtpt", _xyz(0.9642, 1.0, 0.8249)), (b"A2B0", lut)])


def encode(format: str, pixels: np.ndarray, **options: Any) -> bytes:
    """Write pixels with Pillow (8 bits) or imagecodecs and tifffile (16 bits)."""
    buffer = io.BytesIO()
    if pixels.dtype == np.uint16:
        if format == "PNG":
            import imagecodecs

            return bytes(imagecodecs.png_encode(pixels))
        import tifffile

        plain = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
        extra = {"extrasamples": ["unassalpha"]} if pixels.shape[2] in (2, 4) else {}
        photometric = "minisblack" if pixels.shape[2] < 3 else "rgb"
        tifffile.imwrite(buffer, plain, photometric=photometric, planarconfig="contig", metadata=None, **extra)
        return buffer.getvalue()
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_insert(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Put chunks behind a PNG's header."""
    from genkit.media.pictures.containers import png_chunk

    return data[:33] + b"".join(png_chunk(kind, body) for kind, body in chunks) + data[33:]


def with_exif(format: str, pixels: np.ndarray, block: bytes, **options: Any) -> bytes:
    """Write a picture with an EXIF block, byte for byte where the format takes one."""
    if format == "TIFF":
        import PIL.ExifTags

        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        tags = Image.Exif()
        tags.load(block)
        tags[PIL.ExifTags.Base.Artist] = "Soren"
        buffer = io.BytesIO()
        image.save(buffer, "TIFF", exif=tags, **options)
        return buffer.getvalue()
    return encode(format, pixels, exif=block if format != "JPEG" else b"Exif\0\0" + block, **options)
