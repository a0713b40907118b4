"""TGA: plain, palette and run-length coded pictures, read by Pillow (specification: Truevision TGA 2.0).

Its fourth channel is transparency only where the header gives it bits; else programs leave anything there.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from genkit.media.pictures.formats import TGA_GREY, TGA_HEADER, TGA_PALETTE, Probe

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.metadata import Metadata


def header(data: Any) -> Probe:
    _, _, kind, _, _, entry, _, _, width, height, depth, flags = struct.unpack_from(TGA_HEADER, data)
    grey = kind in TGA_GREY
    alpha = (flags & 15 > 0 and depth == (16 if grey else 32)) or (kind in TGA_PALETTE and entry == 32)
    return Probe(width, height, "TGA", 8, 1 if grey else 3, alpha, stated_bits=depth)


def read(data: bytes, facts: Probe) -> tuple[np.ndarray, np.ndarray | None, Metadata, int]:
    """Pixels (H, W, 1 or 3), alpha or None, no metadata, upright."""
    import io

    import numpy as np
    from PIL import TgaImagePlugin

    from genkit.media.pictures.metadata import Metadata
    from genkit.media.pictures.picture import split

    image: Any = TgaImagePlugin.TgaImageFile(io.BytesIO(data))
    image.load()
    grey = facts.channels == 1
    pixels, alpha = split(np.array(image.convert(("LA" if grey else "RGBA") if facts.alpha else "L" if grey else "RGB")))
    return pixels, alpha, Metadata(), 1
