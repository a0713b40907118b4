"""Metadata out of a file: what belongs to the picture besides its pixels, one function a format.

A block that cannot be read is dropped with a notice and never costs the picture. Content credentials (C2PA) are dropped with a
notice: they are a signature over the old pixels. So is what a file holds beside its main picture (`beside.py`).
"""

from __future__ import annotations

import re
import struct
from typing import Any

from genkit.media import recipe
from genkit.media.pictures import beside, containers, exif, jpeg_quality
from genkit.media.pictures.metadata import (
    EXTENDED_XMP_NAME,
    GEO,
    ICC_NAME,
    PHOTOSHOP_NAME,
    PNG_COLOUR,
    PNG_XMP,
    STRUCTURE,
    XMP_NAME,
    Metadata,
)

MOST_RESOURCES = 10_000  # in a Photoshop block; the program writes some tens
TEXT_COST = 256  # what a text is counted for beside its length, so that a million empty ones are too many
C2PA = "content credentials (C2PA) dropped: they are signed for the old pixels"
_SRGB_PRIMARIES = (1, 2)  # BT.709, and not stated (ITU-T H.273)
_HDR_TRANSFERS = (16, 18)  # PQ, HLG


def from_png(data: bytes) -> Metadata:
    """Gather from PNG; checksums of the chunks that are not pixels must agree."""
    metadata = Metadata()
    left = containers.BLOCK_LIMIT  # bytes that all texts together may still have
    single = {b"eXIf", b"iCCP", b"pHYs", b"caBX", b"gmAP", *PNG_COLOUR}  # of which a file has one
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
        metadata.note(C2PA)
    elif kind == b"gmAP":
        metadata.note(beside.GAIN_MAP)
    elif kind in PNG_COLOUR:
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
    directory: tuple[int, bytes] | None = None
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
        elif marker == 0xE2 and body.startswith(beside.MPF_NAME):
            directory = start + len(beside.MPF_NAME), body[len(beside.MPF_NAME) :]
        elif marker == 0xE2 and body.startswith(beside.ISO_GAIN_MAP):
            metadata.note(beside.GAIN_MAP)
        elif marker == 0xE2 and body.startswith(ICC_NAME) and length > 14:
            profile[body[12]] = body[14:]
        elif marker == 0xEB and b"jumb" in body[:32]:
            metadata.note(C2PA)
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
    for notice in beside.of_jpeg(data, directory, metadata.xmp):
        metadata.note(notice)
    take_dpi(metadata)
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
    take_dpi(metadata)
    return metadata


def from_items(data: bytes, icc: bytes | None) -> Metadata:
    """Gather from AVIF or HEIF; the decoder hands over the profile."""
    metadata = Metadata()
    with metadata.dropping("EXIF and XMP"):
        items = containers.read_items(data)
        if icc is None and (items.primaries not in _SRGB_PRIMARIES or items.transfer in _HDR_TRANSFERS):
            stated = f"primaries {items.primaries}, transfer {items.transfer}"
            metadata.note(f"colours that are stated by number and not by a profile ({stated}) are taken for sRGB")
        for notice in beside.of_items(items):
            metadata.note(notice)
        for kind, block in containers.metadata_items(data, items):
            if kind == b"Exif":
                skip = 4 + int.from_bytes(block[:4], "big")
                metadata.add_exif(block[skip:])
            elif b"adobe:ns:meta" in block or b"rdf:RDF" in block:
                metadata.add_xmp(block)
    if icc:
        metadata.add_icc(icc)
    take_dpi(metadata)
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


def take_dpi(metadata: Metadata) -> None:
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
