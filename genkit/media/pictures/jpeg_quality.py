"""How hard a JPEG was compressed, from its quantisation tables and sampling factors (standard library only)."""

from __future__ import annotations

import struct
from functools import cache

# luminance table of the JPEG standard (ITU-T T.81, table K.1) in zigzag order; libjpeg's "quality" scales it
_STANDARD = (
    *(16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61, 60),
    *(57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121, 112),
    *(100, 120, 92, 101, 103, 99),
)


def read_tables(body: bytes, tables: dict[int, list[int]]) -> None:
    """Add the tables of one DQT segment, by number, in zigzag order."""
    at = 0
    while at < len(body):
        wide, number = body[at] >> 4, body[at] & 15
        tables[number] = list(struct.unpack_from(">64H" if wide else ">64B", body, at + 1))
        at += 129 if wide else 65


def nearest(tables: dict[int, list[int]]) -> int | None:
    """Find the libjpeg quality whose luminance table is nearest (cameras and Photoshop use tables of their own)."""
    table = tables.get(0)
    if not table:
        return None

    total = sum(table)
    near = sorted(_scaled(), key=lambda entry: (abs(entry[0] - total), -entry[1]))[:6]
    best = min(
        near, key=lambda entry: (sum(abs(mine - theirs) for mine, theirs in zip(table, entry[2], strict=True)), -entry[1])
    )
    return best[1]


@cache
def _scaled() -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """List (sum, quality, table) of every quality."""
    entries = []
    for quality in range(1, 101):
        factor = 5000 // quality if quality < 50 else 200 - 2 * quality
        scaled = tuple(min(255, max(1, (number * factor + 50) // 100)) for number in _STANDARD)
        entries.append((sum(scaled), quality, scaled))
    return tuple(entries)


def subsampling(frame: bytes) -> str | None:
    """Name the chroma subsampling from a start-of-frame segment; None for grey and unusual ones."""
    if len(frame) < 15 or frame[5] < 3:
        return None
    factors = [(frame[7 + 3 * index] >> 4, frame[7 + 3 * index] & 15) for index in range(3)]
    if factors[1] != (1, 1) or factors[2] != (1, 1):
        return "444" if factors[0] == factors[1] == factors[2] else None
    return {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440", (4, 1): "411"}.get(factors[0])
