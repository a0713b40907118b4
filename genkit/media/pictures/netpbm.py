"""PBM, PGM, PPM and PAM: bits, grey and colours, as text or as bytes, of 1 to 16 bits (specification: netpbm's manual).

Values up to `maxval` are spread over 8 or 16 bits. Floating-point PFM is not read: nothing in it says which value is white.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.media.pictures.containers import BrokenContainer
from genkit.media.pictures.formats import Probe, Unsupported

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.metadata import Metadata

_LONGEST_HEADER = 1 << 16  # bytes; comments may be long
_TOKEN = re.compile(rb"(?:\s|#[^\n]*\n)*(\d+)")
_TEXT, _BITS = b"123", b"14"
_KINDS = {"BLACKANDWHITE": 1, "GRAYSCALE": 1, "RGB": 3, "BLACKANDWHITE_ALPHA": 2, "GRAYSCALE_ALPHA": 2, "RGB_ALPHA": 4}


@dataclass(frozen=True)
class _Header:
    kind: int  # the digit behind the P, as a byte
    width: int
    height: int
    maxval: int
    channels: int  # with alpha
    start: int  # of the pixels


def header(data: Any) -> Probe:
    found = _header(data)
    deep, alpha = found.maxval > 255, found.channels in (2, 4)
    bits = found.maxval.bit_length()
    return Probe(found.width, found.height, "PPM", 16 if deep else 8, 3 if found.channels > 2 else 1, alpha, stated_bits=bits)


def _header(data: Any) -> _Header:
    kind, head = data[1], bytes(data[:_LONGEST_HEADER])
    if kind == ord("7"):
        return _pam_header(head)
    numbers, at = [], 2
    for _ in range(2 if kind in _BITS else 3):
        token = _TOKEN.match(head, at)
        if token is None or len(token[1]) > 10:
            raise BrokenContainer("its header is cut short")
        numbers.append(int(token[1]))
        at = token.end()
    width, height, maxval = (*numbers, 1)[:3]
    if not 1 <= maxval <= 65_535:
        raise BrokenContainer(f"its header states a largest value of {maxval}")
    return _Header(kind, width, height, maxval, 3 if kind in b"36" else 1, at + 1)


def _pam_header(head: bytes) -> _Header:
    text, end, _ = head.partition(b"\nENDHDR\n")
    if not end:
        raise BrokenContainer("its header is cut short")
    words = dict(line.split(None, 1) for line in text.decode("latin-1").split("\n")[1:] if len(line.split(None, 1)) == 2)
    try:
        width, height, channels, maxval = (int(words[name]) for name in ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL"))
    except (KeyError, ValueError):
        raise BrokenContainer("its header is damaged") from None
    if (
        not 1 <= maxval <= 65_535
        or _KINDS.get(words.get("TUPLTYPE", "").strip(), channels) != channels
        or channels not in (1, 2, 3, 4)
    ):
        raise Unsupported(f"PAM of {channels} channels of kind {words.get('TUPLTYPE', '').strip()[:40]!a}")
    return _Header(ord("7"), width, height, maxval, channels, len(text) + len(end))


def read(data: bytes, facts: Probe) -> tuple[np.ndarray, np.ndarray | None, Metadata, int]:
    """Pixels (H, W, 1 or 3), alpha or None, no metadata, upright."""
    import numpy as np

    from genkit.media.pictures.metadata import Metadata
    from genkit.media.pictures.picture import split

    found = _header(data)
    count = found.width * found.height * found.channels
    metadata = Metadata()
    if found.kind in _TEXT:
        values = _from_text(data[found.start - 1 :], found.kind, count)
    elif found.kind in _BITS:
        row = (found.width + 7) // 8
        packed = np.frombuffer(data, np.uint8, row * found.height, found.start).reshape(found.height, row)
        values = np.unpackbits(packed, axis=1, count=found.width)
    else:
        deep = found.maxval > 255
        values = np.frombuffer(data, ">u2" if deep else np.uint8, count, found.start)
        if data[found.start + count * (2 if deep else 1) :][:1] == b"P":
            metadata.note("the file holds more pictures: the first is taken")
    if found.kind in _BITS:
        values = 1 - values  # there 1 is black
    full = 65_535 if found.maxval > 255 else 255
    pixels = np.minimum(values, found.maxval).reshape(found.height, found.width, found.channels)
    if found.maxval != full:
        pixels = (pixels.astype(np.uint32) * full + found.maxval // 2) // found.maxval
    return *split(np.ascontiguousarray(pixels.astype(np.uint16 if full > 255 else np.uint8))), metadata, 1


def _from_text(text: bytes, kind: int, count: int) -> np.ndarray:
    import warnings

    import numpy as np

    if b"#" in text:
        text = re.sub(rb"#[^\n]*", b"", text)
    if kind in _BITS:  # digits that need no blanks between them
        digits = np.frombuffer(text.translate(None, b" \t\r\n\v\f"), np.uint8, count) - ord("0")
        if digits.max(initial=0) > 1:
            raise ValueError("it holds other signs than 0 and 1")
        return digits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's word that there is no number any more
        values = np.fromstring(text, np.int64, sep=" ")[:count]  # told the count, it would fill up with anything
    if len(values) < count or values.min(initial=0) < 0:
        raise ValueError("its numbers end too early")
    return values
