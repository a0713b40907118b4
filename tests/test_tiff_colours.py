"""TIFF in YCbCr, thinned or whole, in CIELab, and in old JPEG: every pixel within what its coding loses."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from genkit.errors import InputError
from genkit.media.pictures import images

ROWS, COLUMNS = np.mgrid[:24, :40]
RGB = np.stack([COLUMNS * 6, ROWS * 10, 255 - COLUMNS * 3 - ROWS * 2], -1).astype(np.uint8)
PICTURE = Image.fromarray(RGB)
YCBCR = np.array(PICTURE.convert("YCbCr"))
PROFILES = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
LAB = np.array(ImageCms.profileToProfile(PICTURE, *PROFILES, outputMode="LAB"))  # a and b signed
WIDTHS = {1: "B", 3: "H", 4: "I"}


def tiff(photometric: int, samples: int, strips: list[bytes], compression: int = 1, bits: int = 8, **more: Any) -> bytes:
    """A little-endian TIFF of 40 x 24 pixels; `more` are further tags as t530=(type, values)."""
    rows = -(-24 // len(strips))
    tags: dict[int, tuple[int, list[Any]]] = {
        256: (3, [40]),
        257: (3, [24]),
        258: (3, [bits] * samples),
        259: (3, [compression]),
    }
    tags |= {262: (3, [photometric]), 277: (3, [samples]), 278: (3, [rows]), 279: (4, [len(strip) for strip in strips])}
    tags |= {int(name[1:]): value for name, value in more.items()} | {273: (4, [0] * len(strips))}
    body, places = bytearray(), []
    start = 8 + 2 + 12 * len(tags) + 4
    for strip in strips:
        places.append(start + len(body))
        body += strip + b"\0" * (len(strip) & 1)
    tags[273] = (4, places)
    if 513 in tags:
        tags[513] = (4, places[:1])
    table = b""
    for tag, (kind, values) in sorted(tags.items()):
        raw = (
            struct.pack(f"<{2 * len(values)}I", *sum(values, ()))
            if kind == 5
            else struct.pack(f"<{len(values)}{WIDTHS[kind]}", *values)
        )
        field = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", start + len(body))
        body += raw + b"\0" * (len(raw) & 1) if len(raw) > 4 else b""
        table += struct.pack("<HHI", tag, kind, len(values)) + field
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + table + bytes(4) + bytes(body)


def thinned(across: int, down: int, top: int = 0, bottom: int = 24) -> bytes:
    units = bytearray()
    for y in range(top, bottom, down):
        for x in range(0, 40, across):
            block = np.pad(YCBCR[y : min(y + down, bottom), x : x + across], ((0, down), (0, across), (0, 0)), "edge")[
                :down, :across
            ]
            units += block[..., 0].tobytes() + bytes(block[..., 1:].reshape(-1, 2).mean(0).round().astype(np.uint8))
    return bytes(units)


PACK = {1: bytes, 5: imagecodecs.lzw_encode, 8: zlib.compress, 32773: imagecodecs.packbits_encode}


def largest_difference(data: bytes) -> int:
    picture = images.read(data)
    wanted = RGB.astype(int) * (257 if picture.bits == 16 else 1)
    assert picture.pixels.shape == RGB.shape
    return int(np.abs(picture.pixels.astype(int) - wanted).max())


@pytest.mark.parametrize("compression", PACK)
@pytest.mark.parametrize("thinning", [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2), (4, 4)])
@pytest.mark.parametrize("strips", [1, 3])
def test_ycbcr(compression: int, thinning: tuple[int, int], strips: int) -> None:
    rows = 24 // strips
    packed = [PACK[compression](thinned(*thinning, top, top + rows)) for top in range(0, 24, rows)]
    assert largest_difference(tiff(6, 3, packed, compression, t530=(3, list(thinning)))) <= 4 + 3 * sum(thinning)


def test_ycbcr_that_says_nothing_is_thinned_by_two() -> None:
    assert largest_difference(tiff(6, 3, [thinned(2, 2)])) <= 12


def test_ycbcr_of_a_studio_keeps_its_range() -> None:
    studio = YCBCR.astype(float)
    studio[..., 0] = 16 + studio[..., 0] * 219 / 255
    studio[..., 1:] = 128 + (studio[..., 1:] - 128) * 224 / 255
    reference = [(16, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)]
    data = tiff(6, 3, [studio.round().astype(np.uint8).tobytes()], t530=(3, [1, 1]), t532=(5, reference))
    assert largest_difference(data) <= 6


def test_ycbcr_by_other_coefficients() -> None:
    red, green, blue = 0.2126, 0.7152, 0.0722
    luma = RGB @ np.array([red, green, blue])
    planes = np.dstack([luma, 128 + (RGB[..., 2] - luma) / (2 - 2 * blue), 128 + (RGB[..., 0] - luma) / (2 - 2 * red)])
    fractions = [(2126, 10_000), (7152, 10_000), (722, 10_000)]
    data = tiff(6, 3, [planes.round().clip(0, 255).astype(np.uint8).tobytes()], t530=(3, [1, 1]), t529=(5, fractions))
    assert largest_difference(data) <= 3


def test_ycbcr_with_alpha_keeps_it() -> None:
    alpha = (COLUMNS * 5).astype(np.uint8)
    picture = images.read(tiff(6, 4, [np.dstack([YCBCR, alpha]).tobytes()], t530=(3, [1, 1]), t338=(3, [2])))
    assert np.array_equal(picture.alpha, alpha)
    assert np.abs(picture.pixels.astype(int) - RGB).max() <= 3


DEEP_LAB = np.dstack([LAB[..., :1].astype("<u2") * 257, (LAB[..., 1:].view(np.int8).astype("<i2") * 256).view("<u2")])
DEEP_ICCLAB = np.dstack(
    [LAB[..., :1].astype("<u2") * 256, (LAB[..., 1:].view(np.int8).astype("<i4") * 256 + 32_768).astype("<u2")]
)


@pytest.mark.parametrize(
    ("photometric", "planes", "bits"),
    [(8, LAB, 8), (9, LAB ^ np.array([0, 128, 128], np.uint8), 8), (8, DEEP_LAB, 16), (9, DEEP_ICCLAB, 16)],
    ids=["CIELab", "ICCLab", "CIELab of 16 bits", "ICCLab of 16 bits"],
)
@pytest.mark.parametrize("compression", PACK)
def test_lab(photometric: int, planes: np.ndarray, bits: int, compression: int) -> None:
    data = tiff(photometric, 3, [PACK[compression](planes.tobytes())], compression, bits)
    picture = images.read(data)
    difference = np.abs(picture.pixels.astype(float) / (257 if bits == 16 else 1) - RGB)
    assert picture.bits == bits
    assert difference.mean() < 1.2
    assert difference.max() <= 16, "8 bits of Lab are coarse in the dark"


@pytest.mark.parametrize("sampling", [0, 2])
def test_old_jpeg(sampling: int) -> None:
    stream = io.BytesIO()
    PICTURE.save(stream, "JPEG", quality=95, subsampling=sampling)
    jpeg = stream.getvalue()
    across = 2 if sampling else 1
    tags = {"t530": (3, [across, across]), "t512": (3, [1]), "t513": (4, [0]), "t514": (4, [len(jpeg)])}
    assert largest_difference(tiff(6, 3, [jpeg], 6, **tags)) <= 12


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(10, 3, [LAB.tobytes()]), "colours of kind 10"),
        (tiff(8, 1, [LAB[..., 0].tobytes()]), "colours of kind 8"),
        (tiff(32803, 1, [bytes(40 * 24)]), "colours of kind 32803"),
        (tiff(6, 3, [bytes(6000)], t530=(3, [3, 1])), "thinned by 3 x 1"),
        (tiff(6, 3, [thinned(2, 2)], 1, t317=(3, [2])), "in an unusual layout"),
        (tiff(1, 1, [bytes(200)], 34661, 1), "TIFF of a kind that is not read here"),
        (tiff(1, 1, [bytes(200)], 32809, 4), "TIFF of a kind that is not read here"),
        (tiff(2, 3, [bytes(200)], 59999), "TIFF of a kind that is not read here"),
        (tiff(2, 3, [bytes(100)], t277=(3, [60_000])), "TIFF of 60,000 channels"),
        (
            tiff(1, 1, [bytes(9)], 8, t322=(4, [65_536]), t323=(4, [65_536]), t324=(4, [8]), t325=(4, [9])),
            "tiles of 65536 x 65536",
        ),
        (tiff(6, 3, [zlib.compress(bytes(50 << 20))], 8), "damaged TIFF"),
        (tiff(6, 3, [thinned(2, 2)], t278=(3, [0])), "damaged TIFF"),
        (tiff(6, 3, [thinned(2, 2)[:-100]]), "damaged TIFF"),
        (tiff(6, 3, [imagecodecs.lzw_encode(thinned(2, 2))[:-100]], 5), "damaged TIFF"),
    ],
)
def test_what_is_not_read_is_told_as_such(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        images.read(data, name="x")
    assert reason in caught.value.message
