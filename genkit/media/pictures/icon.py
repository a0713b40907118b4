"""Windows icons: one picture in several sizes, each a PNG or a bitmap without its file header. Pillow reads the largest."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from genkit.media.pictures.containers import BrokenContainer
from genkit.media.pictures.formats import Probe

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.metadata import Metadata

_MOST = 256  # pictures of one icon


def header(data: Any) -> Probe:
    width, height = _largest(data)[1]
    return Probe(width, height, "ICO", alpha=True)


def _largest(data: Any) -> tuple[int, tuple[int, int], int]:
    """Where the entry of the largest picture stands (of equals the one with most bits), its size, and how many there are."""
    (count,) = struct.unpack_from("<H", data, 4)
    if not 1 <= count <= _MOST:
        raise BrokenContainer(f"its header states {count} pictures")
    found = []
    for entry in range(6, 6 + 16 * count, 16):
        bits, length, place = struct.unpack_from("<HII", data, entry + 6)
        width, height = _size(data, length, place)
        found.append((width * height, bits, entry, (width, height)))
    _, _, entry, size = max(found)
    return entry, size, count


def _size(data: Any, length: int, place: int) -> tuple[int, int]:
    if place + max(length, 24) > len(data):
        raise BrokenContainer("the file ends inside a picture")
    if data[place : place + 8] == b"\x89PNG\r\n\x1a\n":
        return struct.unpack_from(">II", data, place + 16)
    width, height = struct.unpack_from("<ii", data, place + 4)
    return width, height // 2  # the mask stands above it


def read(data: bytes, facts: Probe) -> tuple[np.ndarray, np.ndarray | None, Metadata, int]:
    """Pixels (H, W, 3), alpha or None, no metadata, upright."""
    import io

    import numpy as np
    from PIL import IcoImagePlugin

    from genkit.media.pictures.metadata import Metadata
    from genkit.media.pictures.picture import split

    entry, _, count = _largest(data)
    metadata = Metadata()
    if count > 1:
        metadata.note(f"the icon holds {count} sizes: the largest is taken")
    length, place = struct.unpack_from("<II", data, entry + 8)
    alone = b"\0\0\1\0\1\0" + data[entry : entry + 12] + struct.pack("<I", 22) + data[place : place + length]
    image = IcoImagePlugin.IcoFile(io.BytesIO(alone)).frame(0)
    pixels, alpha = split(np.array(image.convert("RGBA")))
    return pixels, alpha if alpha is not None and alpha.any() else None, metadata, 1  # some leave all of it empty
