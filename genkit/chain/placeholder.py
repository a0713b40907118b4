"""A small picture and a text that stand, while a plan is checked, for those that only a run has (standard library only)."""

from __future__ import annotations

import struct
import tempfile
import zlib
from functools import cached_property
from pathlib import Path

from genkit.media.pictures.containers import PNG_SIGNATURE, png_chunk

SIDE = 64


class Placeholder:
    """Its files are there for as long as this is."""

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="genkit-")

    @cached_property
    def text(self) -> Path:
        path = Path(self._folder.name, "text.txt")
        path.write_text("A text.", encoding="utf-8")
        return path

    @cached_property
    def path(self) -> Path:
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
