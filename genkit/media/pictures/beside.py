"""What a file holds beside its main picture, and what is said of it: gain maps, depth, further pictures, films.

None of it fits a picture that was made anew, so it is dropped, and said. JPEG: the multi-picture directory (CIPA DC-007), the
container directory in XMP (Google), ISO 21496-1; AVIF and HEIF: auxiliary and derived items (ISO/IEC 23008-12).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from genkit.media.pictures import containers, exif, xmp

MPF_NAME = b"MPF\0"
ISO_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
GAIN_MAP = "HDR gain map dropped: it belongs to the old pixels"
DEPTH = "depth map dropped: it belongs to the old pixels"
MATTES = "mattes of people, skin or sky dropped: they belong to the old pixels"
FILM = "the film of the motion photo is dropped"
_ENTRIES = 0xB002  # of the multi-picture directory: 16 bytes a picture
_THUMBNAILS = (0x010001, 0x010002)  # which most cameras put beside a picture
_SEEN = 1 << 16  # bytes of a further picture that are looked at
_MARKS = (b"hdrgainmap", b"hdr-gain-map", b"ts:21496")
_DEPTHS = ("http://ns.google.com/photos/1.0/depthmap/", "http://ns.google.com/photos/dd/1.0/device/")
_SEMANTICS = {"GainMap": GAIN_MAP, "MotionPhoto": FILM, "Depth": DEPTH}


def of_jpeg(data: Any, directory: tuple[int, bytes] | None, packet: str | None) -> Iterator[str]:
    """Notices for a JPEG: `directory` is the multi-picture segment with its place, `packet` its XMP."""
    gain_maps, others = _pictures(data, *directory) if directory else (0, 0)
    stated = set(_stated(packet)) if packet else set()
    if gain_maps and not stated & {GAIN_MAP}:
        yield GAIN_MAP
    yield from sorted(stated)
    others -= GAIN_MAP in stated and not gain_maps
    others -= DEPTH in stated
    if others > 0:
        yield f"the file holds {others + 1} pictures: the first is taken"


def _pictures(data: Any, place: int, block: bytes) -> tuple[int, int]:
    """How many of the further pictures are gain maps, and how many are neither those nor thumbnails."""
    try:
        entries = exif.parse(block).main[_ENTRIES].raw
        order = "<" if block[:2] == b"II" else ">"
    except (exif.BrokenExif, KeyError, struct.error):
        return 0, 0
    gain_maps = others = 0
    for kind, _, offset, _ in list(struct.iter_unpack(order + "IIII", entries[: len(entries) // 16 * 16]))[1:]:
        beginning = bytes(data[place + offset : place + offset + _SEEN])
        if kind & 0xFFFFFF in _THUMBNAILS or beginning[:2] != b"\xff\xd8":
            continue
        found = any(mark in beginning for mark in _MARKS)
        gain_maps, others = gain_maps + found, others + (not found)
    return gain_maps, others


def _stated(packet: str) -> Iterator[str]:
    if xmp.get_property(packet, xmp.GAIN_MAP, "Version") is not None:
        yield GAIN_MAP
    for semantic in re.findall(r"""Semantic\s?=\s?["'](\w{1,20})["']""", packet):
        if semantic in _SEMANTICS:
            yield _SEMANTICS[semantic]
    if any(xmp.get_property(packet, xmp.CAMERA, name) not in (None, "0") for name in ("MotionPhoto", "MicroVideo")):
        yield FILM
    if any(xmp.prefixes(packet, namespace) for namespace in _DEPTHS):
        yield DEPTH


def of_items(items: containers.Items) -> Iterator[str]:
    """Notices for an AVIF or HEIF file."""
    if b"tmap" in items.kinds.values() or any("gainmap" in kind for kind in items.auxiliaries):
        yield GAIN_MAP
    if any("depth" in kind or kind.endswith(("auxid:2", "disparity")) for kind in items.auxiliaries):
        yield DEPTH
    if any("matte" in kind for kind in items.auxiliaries):
        yield MATTES
