"""Settings that are hidden in the lowest bits of a picture's transparency, where sites do not drop them (NovelAI, and an
extension of the web UI).

Bits go down the columns, from the left: a signature, the length in bits (32, big-endian), and the text, deflated by gzip where
the signature says so.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIGNATURES = {b"stealth_pngcomp": True, b"stealth_pnginfo": False}
_SIGN = 15  # bytes of a signature
LARGEST = 4 << 20  # bytes of the text


def read_hidden(alpha: np.ndarray) -> str | None:
    """The text in an alpha channel (H, W) of 8 bits; None where there is none, or no whole one."""
    head = _bytes(alpha, 0, _SIGN + 4)
    packed = SIGNATURES.get(head[:_SIGN])
    if packed is None or len(head) < _SIGN + 4:
        return None
    length = int.from_bytes(head[_SIGN:], "big") // 8
    if not 0 < length <= min(LARGEST, alpha.size // 8):
        return None
    body = _bytes(alpha, _SIGN + 4, length)
    try:
        if packed:
            body = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, LARGEST)
        return body.decode("utf-8")
    except (zlib.error, UnicodeDecodeError):
        return None


def _bytes(alpha: np.ndarray, start: int, count: int) -> bytes:
    import numpy as np

    height = alpha.shape[0]
    columns = alpha[:, start * 8 // height : -(-(start + count) * 8 // height)]
    offset = start * 8 % height
    return np.packbits((columns.T.reshape(-1) & 1).astype(np.uint8)[offset : offset + count * 8]).tobytes()
