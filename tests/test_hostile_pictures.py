"""Files made to cost time or memory: each is read or refused in time that grows with its size and no faster, within the memory
that a header may take. Their like were found to take minutes and gigabytes."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from genkit.errors import GenkitError
from genkit.media import recipe
from genkit.media.parameters.reading import read_parameters
from genkit.media.pictures import containers, images, metadata, xmp
from genkit.media.pictures.headers import probe

SECONDS = 4.0  # of this process for all looks at one file; what was found took ten times that at least
MEGABYTES = 100
SIGNS = " \t\n[{(<\"':,=;a1#*_-&\\/"


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]) + body)


def avif(places: bytes, kinds: list[bytes], associations: int = 1) -> bytes:
    """A file of that many items, whose places (`iloc`) are as given."""
    entries = b"".join(full(b"infe", struct.pack(">HH4s", n, 0, kind) + b"\0", 2) for n, kind in enumerate(kinds, 1))
    size = full(b"ispe", struct.pack(">II", 8, 8))
    properties = box(b"ipco", size) + full(b"ipma", struct.pack(">IHBB", associations, 1, 1, 1))
    tables = full(b"pitm", struct.pack(">H", 1)) + full(b"iinf", struct.pack(">H", len(kinds)) + entries)
    return box(b"ftyp", b"avif\0\0\0\0avifmif1") + full(b"meta", tables + full(b"iloc", places) + box(b"iprp", properties))


def avif_of_empty_extents() -> bytes:
    places = struct.pack(">HH", 0, 250) + b"".join(struct.pack(">HHH", n, 0, 65_535) for n in range(250))
    return avif(places, [b"av01"] * 250)


def avif_of_items_that_share(kind: bytes) -> bytes:
    places = struct.pack(">HH", 0x4400, 300)
    places += b"".join(struct.pack(">HHHII", n, 0, 1, 16_000, 15 << 20) for n in range(1, 301))
    return avif(places, [kind] * 300) + box(b"mdat", bytes(15 << 20))


def tiff_chain(pages: int, entries: int) -> bytes:
    parts, at = [b"II*\0", struct.pack("<I", 8)], 8
    for page in range(pages):
        at += 2 + 12 * entries + 4
        rows = b"".join(struct.pack("<HHII", 254 + n, 4, 1, 0) for n in range(entries))
        parts.append(struct.pack("<H", entries) + rows + struct.pack("<I", at if page < pages - 1 else 0))
    return b"".join(parts)


def tiff_of_values_that_share() -> bytes:
    tags = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1)]
    tags += [(278, 3, 1, 8), (279, 4, 1, 64)] + [(1000 + n, 1, 20 << 20, 100) for n in range(3000)]
    rows = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes((20 << 20) + 50_000)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    chunk = containers.png_chunk
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, 8, 2, 0, 0, 0))
    body = b"".join(chunk(*one) for one in chunks) + chunk(b"IDAT", zlib.compress(bytes(25)))
    return containers.PNG_SIGNATURE + head + body + chunk(b"IEND", b"")


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    plain = stream.getvalue()
    return plain[:2] + b"".join(containers.jpeg_segment(*one) for one in segments) + plain[2:]


def webp(kind: bytes) -> bytes:
    chunks = struct.pack("<4sI", kind, 0) * 1_000_000
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def xmp_png(text: str) -> bytes:
    names = "xmlns:xap='http://ns.adobe.com/xap/1.0/' xmlns:tiff='http://ns.adobe.com/tiff/1.0/' RDF</"
    return png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + (names + text).encode()))


BOMB = zlib.compress(bytes(15 << 20), 9)
FILES: dict[str, Callable[[], bytes]] = {
    "avif: extents of no bytes": avif_of_empty_extents,
    "avif: exif items in one place": lambda: avif_of_items_that_share(b"Exif"),
    "avif: xmp items in one place": lambda: avif_of_items_that_share(b"mime"),
    "avif: associations that end nowhere": lambda: avif(struct.pack(">HH", 0, 0), [b"av01"], 2**32 - 1),
    "tiff: 10,000 directories": lambda: tiff_chain(10_000, 1),
    "tiff: 10,000 directories of 100": lambda: tiff_chain(10_000, 100),
    "tiff: directories of nothing": lambda: tiff_chain(200_000, 0),
    "tiff: values in one place": tiff_of_values_that_share,
    "png: texts that unpack": lambda: png(*[(b"zTXt", b"K\0\0" + BOMB)] * 100),
    "png: profiles that unpack": lambda: png(*[(b"iCCP", b"p\0\0" + BOMB)] * 100),
    "png: a hundred thousand texts": lambda: png(*[(b"tEXt", b"K\0a")] * 150_000),
    "png: a hundred thousand broken texts": lambda: png(*[(b"tEXt", b"\0a")] * 150_000),
    "png: a million empty chunks": lambda: png(*[(b"abCd", b"")] * 1_000_000),
    "jpeg: zeros between segments": lambda: b"\xff\xd8\xff\xe0\0\2" + bytes(20 << 20),
    "jpeg: filling between segments": lambda: b"\xff\xd8" + b"\xff" * (20 << 20),
    "jpeg: markers without bodies": lambda: b"\xff\xd8" + b"\xff\xd0" * (5 << 20),
    "jpeg: empty segments": lambda: jpeg(*[(0xEF, b"")] * 1_000_000),
    "jpeg: photoshop resources": lambda: jpeg(*[(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5000)] * 200),
    "jpeg: tables": lambda: jpeg(*[(0xDB, bytes(64_025))] * 200),
    "webp: a million chunks": lambda: webp(b"abcd"),
    "webp: a million frames": lambda: webp(b"ANMF"),
    "xmp: many names for one namespace": lambda: xmp_png(
        "".join(f"xmlns:a{n}='http://ns.adobe.com/tiff/1.0/' " for n in range(20_000))
    ),
    **{
        f"xmp: {text}": lambda text=text: xmp_png(text * (1_000_000 // len(text)))
        for text in (
            "<xap:Thumbnails>",
            "<xap:Thumbnails></xap:Thumbnails>",
            " xap:Thumbnails='",
            "<xap:Thumbnails ",
            "<tiff:Orientation ",
            " tiff:Orientation=",
            "</rdf:RDF ",
            "xmlns:a = ",
        )
    },
    **{f"xmp: {sign!a}": lambda sign=sign: xmp_png(sign * 1_000_000) for sign in SIGNS},
    **{
        f"settings: {sign!a}": lambda sign=sign: png((b"tEXt", b"parameters\0a\nSteps: 8, " + sign.encode() * 1_000_000))
        for sign in SIGNS
    },
}


def look(path: Path) -> None:
    """Everything that a plan, a run and `show` do with a file, but for its pixels."""
    with suppress(GenkitError):
        probe(path)
    with suppress(GenkitError):
        picture = images.read(path)
        out = metadata.outgoing(picture.metadata, "JPEG", 8, 8, 3, {"verb": "upscale"}, strip=False)
        xmp.trim(out.xmp or "")
    recipe.read_recipe(path)
    with suppress(GenkitError):
        read_parameters(path)


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_takes_little_time(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(FILES[name]())
    start = time.process_time()
    look(path)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("name", [name for name in FILES if "one place" in name or "unpack" in name or "no bytes" in name])
def test_a_hostile_file_takes_little_memory(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(FILES[name]())
    tracemalloc.start()
    look(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * path.stat().st_size + MEGABYTES * 10**6
