"""A small picture that stands, while a plan is checked, for one that only a run makes (standard library only)."""

from __future__ import annotations

import struct
import tempfile
import zlib
from functools import cached_property
from pathlib import Path

from genkit.media.pictures.containers import PNG_SIGNATURE, png_chunk

SIDE = 64


class Placeholder:
    """Its file is there for as long as this is."""

    @cached_property
    def path(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="genkit-")
        path = Path(self._folder.name, "picture-of-a-step.png")
        # colours and transparency both, since verbs look for them in what they are given
        rows = b"".join(
            b"\0" + bytes(value for x in range(SIDE) for value in (4 * x, 4 * y, 255 - 4 * x, 255 if x + y < SIDE else 0))
            for y in range(SIDE)
        )
        header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
        chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
        path.write_bytes(PNG_SIGNATURE + b"".join(png_chunk(kind, body) for kind, body in chunks))
        return path
