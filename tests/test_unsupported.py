"""Valid files that no decoder here reads are told as such, and not as damaged; odd ones that can be read are read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genkit.errors import InputError
from genkit.media.pictures import images
from genkit.media.pictures.headers import probe

WIDE, HIGH = 8, 4
PALETTE = b"".join(bytes([number * 16, 255 - number * 16, number * 8, 0]) for number in range(16))
MASKS = {"565": (0xF800, 0x7E0, 0x1F), "444": (0xF00, 0xF0, 0xF), "101010": (0x3FF00000, 0xFFC00, 0x3FF)}


def bmp(header: bytes, palette: bytes, pixels: bytes) -> bytes:
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + palette + pixels


def info(bits: int, coding: int = 0, size: int = 40, more: bytes = b"", high: int = HIGH, used: int = 0) -> bytes:
    return struct.pack("<IiiHHIIiiII", size, WIDE, high, 1, bits, coding, 0, 2835, 2835, used, 0) + more


def masks(name: str) -> bytes:
    return struct.pack("<III", *MASKS[name])


THREE = b"\1\2\3" * WIDE * HIGH
READ: dict[str, tuple[bytes, list[int]]] = {
    "8 bits": (bmp(info(8, used=16), PALETTE, bytes(range(8)) * HIGH), [0, 255, 0]),
    "4 bits": (bmp(info(4, used=16), PALETTE, b"\x01\x23\x45\x67" * HIGH), [0, 255, 0]),
    "1 bit": (bmp(info(1, used=2), PALETTE[:8], b"\xaa\0\0\0" * HIGH), [8, 239, 16]),
    "runs of 8 bits": (bmp(info(8, 1, used=16), PALETTE, b"\x08\x03\0\0" * HIGH + b"\0\1"), [24, 207, 48]),
    "runs of 4 bits": (bmp(info(4, 2, used=16), PALETTE, b"\x08\x12\0\0" * HIGH + b"\0\1"), [8, 239, 16]),
    "16 bits": (bmp(info(16), b"", b"\x1f\x7c" * WIDE * HIGH), [255, 0, 255]),
    "16 bits, 565": (bmp(info(16, 3), masks("565"), b"\x1f\xf8" * WIDE * HIGH), [255, 0, 255]),
    "24 bits": (bmp(info(24), b"", THREE), [3, 2, 1]),
    "24 bits, top down": (bmp(info(24, high=-HIGH), b"", THREE), [3, 2, 1]),
    "OS/2, first": (bmp(struct.pack("<IHHHH", 12, WIDE, HIGH, 1, 24), b"", THREE), [3, 2, 1]),
    "OS/2, second": (bmp(info(24, 0, 64, bytes(24)), b"", THREE), [3, 2, 1]),
}
UNREAD: dict[str, bytes] = {
    "2 bits": bmp(info(2, used=4), PALETTE[:16], b"\x1b\x1b\0\0" * HIGH),
    "16 bits, 444": bmp(info(16, 3), masks("444"), b"\x1f\x08" * WIDE * HIGH),
    "32 bits of ten each": bmp(info(32, 3), masks("101010"), b"\1\2\3\0" * WIDE * HIGH),
    "alpha by masks": bmp(info(32, 6), struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000), bytes(4 * WIDE * HIGH)),
    "OS/2, short": bmp(struct.pack("<IIIHH", 16, WIDE, HIGH, 1, 24), b"", THREE),
    "OS/2, runs of 24 bits": bmp(info(24, 4, 64, bytes(24)), b"", b"\x08\1\2\3\0\0" * HIGH + b"\0\1"),
    "OS/2, facsimile": bmp(info(1, 3, 64, bytes(24)), PALETTE[:8], bytes(20)),
    "a JPEG for printers": bmp(info(0, 4), b"", b"\xff\xd8"),
    "a PNG for printers": bmp(info(0, 5), b"", b"\x89PNG"),
    "64 bits": bmp(info(64), b"", bytes(8 * WIDE * HIGH)),
    "four inks": bmp(info(32, 11), b"", bytes(4 * WIDE * HIGH)),
}


@pytest.mark.parametrize("name", READ)
def test_odd_bitmaps_are_read(name: str) -> None:
    data, first = READ[name]
    assert images.read(data).pixels[0, 0].tolist() == first


@pytest.mark.parametrize("name", UNREAD)
def test_bitmaps_that_are_not_read_are_not_called_damaged(name: str) -> None:
    with pytest.raises(InputError) as caught:
        images.read(UNREAD[name], name="x.bmp")
    assert caught.value.message.startswith("x.bmp: BMP of a kind that is not read here: Unsupported BMP")
    assert caught.value.code == "unsupported"
    assert "PNG" in str(caught.value.hint)


def test_a_damaged_bitmap_is_called_so() -> None:
    with pytest.raises(InputError, match="damaged BMP"):
        images.read(READ["24 bits"][0][:-30])


@pytest.mark.parametrize(
    ("marker", "reason"),
    [(0xC5, "hierarchical"), (0xC7, "hierarchical"), (0xCD, "hierarchical"), (0xF7, "JPEG-LS")],
)
def test_jpegs_of_rare_codings_are_not_called_damaged(marker: int, reason: str) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stream, "JPEG")
    with pytest.raises(InputError, match=f"JPEG of a kind that is not read here: {reason}"):
        images.read(stream.getvalue().replace(b"\xff\xc0", bytes([0xFF, marker])))


def gif(screen: tuple[int, int], place: tuple[int, int], size: tuple[int, int], before: bytes = b"") -> bytes:
    """One white frame on that screen."""
    stream = io.BytesIO()
    Image.new("L", size, 255).save(stream, "GIF")
    plain = stream.getvalue()
    start = 13 + (3 << (plain[10] & 7) + 1)
    assert plain[start] == 0x2C, "the frame follows the table of colours"
    head = plain[:6] + struct.pack("<HH", *screen) + plain[10:start]
    return head + before + b"\x2c" + struct.pack("<HH", *place) + plain[start + 5 :]


@pytest.mark.parametrize(
    ("screen", "place", "size", "whole"),
    [
        ((8, 4), (0, 0), (8, 4), (8, 4)),
        ((8, 4), (0, 0), (12, 4), (12, 4)),
        ((8, 4), (0, 0), (8, 9), (8, 9)),
        ((8, 4), (4, 2), (8, 4), (12, 6)),
        ((8, 4), (2, 1), (3, 2), (8, 4)),
        ((0, 0), (0, 0), (5, 7), (5, 7)),
        ((1, 1), (0, 0), (300, 2), (300, 2)),
    ],
)
@pytest.mark.parametrize("before", [b"", b"\x21\xfe\x03abc\0", b"\x21\xf9\4\0\0\0\0\0"], ids=["", "comment", "control"])
def test_a_gif_is_as_large_as_its_screen_and_its_frame(
    screen: tuple[int, int],
    place: tuple[int, int],
    size: tuple[int, int],
    whole: tuple[int, int],
    before: bytes,
    tmp_path: Path,
) -> None:
    (tmp_path / "x").write_bytes(gif(screen, place, size, before))
    facts, picture = probe(tmp_path / "x"), images.read(tmp_path / "x")
    assert (facts.width, facts.height) == (picture.width, picture.height) == whole
    shown = picture.pixels[place[1] : place[1] + size[1], place[0] : place[0] + size[0]]
    assert np.all(shown == 255)
