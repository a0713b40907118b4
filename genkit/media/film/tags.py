"""Where films keep their recipe: written into a file that is otherwise whole, and read without any library (standard library
only).

MP4 and MOV: XMP in the `uuid` box of Adobe's at the end of the file. Matroska and WebM: the tag GENKIT. AVI: the comment of its
INFO list. GIF: a comment. APNG: a text chunk. WebP: an XMP chunk. MPEG-TS and animated AVIF have no place for it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from genkit.media.pictures import containers, xmp
from genkit.media.pictures.containers import BLOCKS_LIMIT, BrokenContainer

EBML, SEGMENT, TAGS, TAG, SIMPLE, NAME, STRING = 0x1A45DFA3, 0x18538067, 0x1254C367, 0x7373, 0x67C8, 0x45A3, 0x4487
CLUSTER = 0x1F43B675
KEY = "GENKIT"
WITHIN = ("MKV", "WEBM", "AVI")  # whose writers take it with the header
WITHOUT = ("TS", "AVIF")


def put(path: Path, kind: str, text: str) -> None:
    """Add a recipe to a whole file of a kind that is neither `WITHIN` nor `WITHOUT`.

    Raises:
        OSError: the place refuses it.
    """
    if kind in ("MP4", "MOV"):
        body = containers.XMP_BOX + xmp.with_recipe(None, text).encode()
        with path.open("ab") as stream:
            stream.write(struct.pack(">I4s", 8 + len(body), b"uuid") + body)
        return
    data = path.read_bytes()
    if kind == "GIF":
        data = data[:-1] + gif_comment(text.encode()) + b";"
    elif kind == "PNG":
        _, start, length = next(containers.png_chunks(data))
        end = start + length + 4
        data = data[:end] + containers.png_text_chunk("genkit", text) + data[end:]
    elif kind == "WEBP":
        packet = xmp.with_recipe(None, text).encode()
        chunk = b"XMP " + struct.pack("<I", len(packet)) + packet + b"\0" * (len(packet) % 2)
        grown = bytearray(data + chunk)
        grown[20] |= 0x04  # of VP8X: there is XMP
        struct.pack_into("<I", grown, 4, len(grown) - 8)
        data = bytes(grown)
    path.write_bytes(data)


def gif_comment(text: bytes) -> bytes:
    """A comment extension."""
    pieces = [text[at : at + 255] for at in range(0, len(text), 255)]
    return b"\x21\xfe" + b"".join(bytes([len(one)]) + one for one in pieces) + b"\0"


def last_webp_duration(path: Path, duration: int) -> None:
    """Set how long the last frame of an animated WebP is shown, which its encoder guesses."""
    data = bytearray(path.read_bytes())
    frames = [start for kind, start, _ in containers.riff_chunks(data) if kind == b"ANMF"]
    if frames:
        data[frames[-1] + 12 : frames[-1] + 15] = min(duration, (1 << 24) - 1).to_bytes(3, "little")
        path.write_bytes(data)


def last_png_duration(path: Path, milliseconds: int) -> None:
    """Set how long the last frame of an APNG is shown, which its writer takes for as long as the one before."""
    data = bytearray(path.read_bytes())
    frames = [start for kind, start, _ in containers.png_chunks(data) if kind == b"fcTL"]
    if frames:
        struct.pack_into(">HH", data, frames[-1] + 20, min(milliseconds, 65535), 1000)
        body = bytes(data[frames[-1] : frames[-1] + 26])
        struct.pack_into(">I", data, frames[-1] + 26, zlib.crc32(body, zlib.crc32(b"fcTL")))
        path.write_bytes(data)


# --- reading --------------------------------------------------------------------------------------------------------------


def elements(data: Any, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (id, start, end) of each EBML element's body; one of unknown length reaches to `end`.

    Raises:
        BrokenContainer: a length cannot be.
    """
    for _ in range(BLOCKS_LIMIT):
        if at >= end:
            return
        width = 9 - data[at].bit_length()
        if width > 4:
            raise BrokenContainer("no element where one should be")
        identity = int.from_bytes(data[at : at + width], "big")
        at += width
        if at >= end:
            raise BrokenContainer("the file ends inside an element")
        width = 9 - data[at].bit_length()
        if width > 8:
            raise BrokenContainer("an element of no length")
        length = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
        at += width
        stop = end if length == (1 << 7 * width) - 1 else at + length
        if stop > end:
            raise BrokenContainer("the file ends inside an element")
        yield identity, at, stop
        at = stop


def in_matroska(data: Any) -> str | None:
    """The text of the tag GENKIT."""
    for segment, start, end in elements(data, 0, len(data)):
        if segment != SEGMENT:
            continue
        for identity, first, last in elements(data, start, end):
            if identity == TAGS and (text := _in_tags(data, first, last)) is not None:
                return text
    return None


def _in_tags(data: Any, start: int, end: int) -> str | None:
    for tag, first, last in elements(data, start, end):
        for simple, begin, stop in elements(data, first, last) if tag == TAG else ():
            if simple != SIMPLE:
                continue
            parts = {identity: bytes(data[at:to]) for identity, at, to in elements(data, begin, stop)}
            if parts.get(NAME) == KEY.encode():
                return parts.get(STRING, b"").rstrip(b"\0").decode("utf-8", "replace")
    return None


def in_avi(data: Any) -> str | None:
    """The comment of the INFO list."""
    for kind, start, end in _riff(data, 12, len(data)):
        if kind == b"LIST" and data[start : start + 4] == b"INFO":
            for name, first, last in _riff(data, start + 4, end):
                if name == b"ICMT":
                    return bytes(data[first:last]).rstrip(b"\0").decode("utf-8", "replace")
    return None


def _riff(data: Any, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(BLOCKS_LIMIT):
        if at + 8 > end:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > end:
            raise BrokenContainer("the file ends inside a chunk")
        yield kind, at + 8, at + 8 + length
        at += 8 + length + length % 2


def kind_of(head: bytes) -> str | None:
    """MP4 (or MOV), MKV (or WebM), AVI or TS by a file's first bytes, or None."""
    if head[4:8] == b"ftyp":
        return "MP4"
    if head[:4] == EBML.to_bytes(4, "big"):
        return "MKV"
    return "AVI" if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def is_whole(data: Any, kind: str) -> bool:
    """Whether a film of such a kind is there to its end, by its own structure."""
    if kind == "MP4":
        return {b"moov", b"mdat"} <= {kind for kind, _, _ in containers.boxes(data, 0, len(data))}
    if kind == "MKV":
        return any(identity == SEGMENT for identity, _, _ in elements(data, 0, len(data)))
    return all(True for _ in _riff(data, 0, len(data)))
