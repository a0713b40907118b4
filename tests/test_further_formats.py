"""Formats that are only read, and JPEGs that few programs write: their pixels are what was stored, and the plan knows them."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from genkit.errors import InputError
from genkit.media.pictures import images
from genkit.media.pictures.formats import plan_format, sniff
from genkit.media.pictures.headers import probe

ROWS, COLUMNS = np.mgrid[:24, :40]
RGB = np.stack([COLUMNS * 6, ROWS * 10, 255 - COLUMNS * 3 - ROWS * 2], -1).astype(np.uint8)
RGBA = np.dstack([RGB, (COLUMNS * 5).astype(np.uint8)])
GREY, GREY_ALPHA = RGB[..., 0], RGBA[..., 2:]
DEEP = RGB.astype(np.uint16) * 257 - np.minimum(RGB, 3)
BITS = (COLUMNS % 3 == 0).astype(np.uint8) * 255
ICON = RGBA[:, :24]


def pillow(pixels: np.ndarray | Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(stream, format, **options)
    return stream.getvalue()


def without_alpha_bits(tga: bytes) -> bytes:
    return tga[:17] + bytes([tga[17] & 0xF0]) + tga[18:]


def jp2(pixels: np.ndarray, format: str = "jp2", **options: Any) -> bytes:
    return imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat=format, **options)


def jxl(pixels: np.ndarray, **options: Any) -> bytes:
    return imagecodecs.jpegxl_encode(pixels, lossless=True, **options)


def words(pixels: np.ndarray) -> bytes:
    return " ".join(map(str, pixels.ravel())).encode()


PALETTE = Image.fromarray(RGB).quantize(16)
KINDS: dict[str, tuple[bytes, np.ndarray]] = {
    "ppm": (pillow(RGB, "PPM"), RGB),
    "pgm": (pillow(GREY, "PPM"), GREY),
    "pbm": (pillow(Image.fromarray(BITS).convert("1"), "PPM"), BITS),
    "ppm of 16 bits": (b"P6\n# made by hand\n40 24\n65535\n" + DEEP.astype(">u2").tobytes(), DEEP),
    "pgm of 16 bits": (b"P5 40 24 65535\n" + DEEP[..., 0].astype(">u2").tobytes(), DEEP[..., 0]),
    "pgm of 2 bits": (b"P5 4 1 3\n\0\1\2\3", np.array([[0, 85, 170, 255]], np.uint8)),
    "pgm of 12 bits": (b"P5 2 1 4095\n\x0f\xff\x08\x00", np.array([[65535, 32776]], np.uint16)),
    "ppm as text": (b"P3 # a\n40 24\n# b\n255\n" + words(RGB), RGB),
    "ppm as text of 16 bits": (b"P3 40 24 65535 " + words(DEEP), DEEP),
    "pgm as text with comments": (b"P2\n2 1\n255\n1 # x\n 255", np.array([[1, 255]], np.uint8)),
    "pbm as text": (b"P1\n4 2\n0101\n1 0 1 0", np.array([[255, 0, 255, 0], [0, 255, 0, 255]], np.uint8)),
    "pam": (b"P7\nWIDTH 40\nHEIGHT 24\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + RGBA.tobytes(), RGBA),
    "tga": (pillow(RGB, "TGA"), RGB),
    "tga by run lengths": (pillow(RGB, "TGA", compression="tga_rle"), RGB),
    "tga upside down": (pillow(RGB, "TGA", orientation=-1), RGB),
    "tga with alpha": (pillow(RGBA, "TGA"), RGBA),
    "tga whose alpha is none": (without_alpha_bits(pillow(RGBA, "TGA")), RGB),
    "tga of grey": (pillow(GREY, "TGA"), GREY),
    "tga of grey and alpha": (pillow(GREY_ALPHA, "TGA"), GREY_ALPHA),
    "tga with a palette": (pillow(PALETTE, "TGA"), np.array(PALETTE.convert("RGB"))),
    "ico": (pillow(ICON, "ICO", sizes=[(24, 24)]), ICON),
    "ico of bitmaps": (pillow(ICON, "ICO", sizes=[(24, 24), (16, 16)], bitmap_format="bmp"), ICON),
    **{
        f"{format} {name}": (make(pixels), pixels)
        for format, make in (("jxl", jxl), ("jp2", jp2), ("j2k", lambda pixels: jp2(pixels, "j2k")))
        for name, pixels in (
            ("grey", GREY),
            ("grey and alpha", GREY_ALPHA),
            ("colours", RGB),
            ("colours and alpha", RGBA),
            ("deep grey", DEEP[..., 0]),
            ("deep colours", DEEP),
        )
    },
    "jxl in boxes": (jxl(RGB, usecontainer=True), RGB),
    "lossless jpeg": (imagecodecs.jpeg8_encode(RGB, lossless=True), RGB),
    "lossless jpeg of 16 bits": (imagecodecs.jpeg8_encode(DEEP, lossless=True, bitspersample=16), DEEP),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_what_was_stored_and_the_plan_knows_them(kind: str, tmp_path: Path) -> None:
    data, wanted = KINDS[kind]
    (tmp_path / "x").write_bytes(data)
    facts, picture = probe(tmp_path / "x"), images.read(data)
    found = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
    assert np.array_equal(found.squeeze(), wanted.squeeze())
    assert found.dtype == wanted.dtype
    stated = facts.width, facts.height, facts.bits, facts.channels, facts.alpha, facts.format
    has = picture.width, picture.height, picture.bits, picture.pixels.shape[2], picture.alpha is not None, picture.format
    assert stated == has
    assert facts.frames == 1


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (jp2(DEEP >> 4, bitspersample=12), 12),
        (jxl(DEEP >> 6, bitspersample=10), 10),
        (imagecodecs.jpeg8_encode(DEEP >> 4, 98, bitspersample=12), 12),
        (imagecodecs.ljpeg_encode(DEEP[..., 0] >> 4, bitspersample=12), 12),
        (b"P6 40 24 1023 " + (DEEP >> 6).astype(">u2").tobytes(), 10),
    ],
    ids=["jp2", "jxl", "jpeg", "lossless jpeg", "ppm"],
)
def test_depths_between_are_spread_over_16_bits(data: bytes, bits: int, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(data)
    assert (probe(tmp_path / "x").stated_bits, probe(tmp_path / "x").bits) == (bits, 16)
    pixels = images.read(data).pixels
    wanted = DEEP[..., : pixels.shape[2]].astype(int)
    assert np.abs(pixels.astype(int) - wanted).max() <= 2 * 65_535 / (1 << bits) + (2600 if data[:2] == b"\xff\xd8" else 0)


@pytest.mark.parametrize("suffix", ["ppm", "tga", "ico", "jp2", "jxl"])
def test_their_outputs_are_png_and_why_is_said(suffix: str, tmp_path: Path) -> None:
    data = KINDS[{"jp2": "jp2 colours", "jxl": "jxl colours"}.get(suffix, suffix)][0]
    picture = images.read(data)
    format, notice = plan_format(picture.format, False, 8, 40, 24)
    assert (format, notice) == ("PNG", f"{picture.format} is only read; writing PNG")
    images.write(picture, tmp_path / "x.png")
    assert np.array_equal(images.read(tmp_path / "x.png").pixels, picture.pixels)


def test_the_largest_picture_of_an_icon_is_taken_and_the_others_told() -> None:
    small = Image.fromarray(np.zeros((16, 16, 4), np.uint8))
    data = pillow(ICON, "ICO", sizes=[(16, 16), (24, 24)], append_images=[small])
    picture = images.read(data)
    assert (picture.width, picture.height) == (24, 24)
    assert picture.metadata.notices == ["the icon holds 2 sizes: the largest is taken"]


def test_further_pictures_of_a_ppm_are_told() -> None:
    assert images.read(pillow(RGB, "PPM") * 2).metadata.notices == ["the file holds more pictures: the first is taken"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_xl_is_upright(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    jpeg = pillow(RGB, "JPEG", quality=98, subsampling=0, exif=exif)
    (tmp_path / "x").write_bytes(imagecodecs.jpegxl_encode_jpeg(jpeg))
    picture, wanted = images.read(tmp_path / "x"), images.read(jpeg)
    assert np.abs(picture.pixels.astype(int) - wanted.pixels).max() <= 4
    assert (probe(tmp_path / "x").width, probe(tmp_path / "x").height) == (picture.width, picture.height)


@pytest.mark.parametrize("name", ["jp2", "jxl in boxes"])
def test_exif_and_xmp_in_boxes_are_kept(name: str) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x011A], exif[0x011B] = "a scene", 300.0, 300.0
    block = exif.tobytes()[6:]
    packet = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='r'></rdf:RDF></x:xmpmeta>"

    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), kind) + body

    if name == "jp2":
        data = jp2(RGB) + box(b"uuid", b"JpgTiffExif->JP2" + block)
        data += box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet)
    else:
        data = jxl(RGB, usecontainer=True) + box(b"Exif", bytes(4) + block)
        data += box(b"brob", b"xml " + imagecodecs.brotli_encode(packet)) + box(b"jumb", b"signed")
    found = images.read(data).metadata
    assert found.exif is not None and found.exif.main[0x010E].raw.startswith(b"a scene")
    assert found.xmp == packet.decode()
    assert found.dpi == (300.0, 300.0)
    assert [notice.split(" dropped")[0] for notice in found.notices] == (
        ["content credentials (C2PA)"] if "jxl" in name else []
    )


def test_a_brotli_bomb_is_dropped() -> None:
    bomb = b"xml " + imagecodecs.brotli_encode(bytes(64 << 20))
    data = jxl(RGB, usecontainer=True) + struct.pack(">I4s", 8 + len(bomb), b"brob") + bomb
    found = images.read(data).metadata
    assert found.xmp is None
    assert "dropped" in found.notices[0]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (jxl(np.stack([RGB, RGB])), "an animation, and genkit takes single pictures"),
        (jxl((RGB / 255).astype(np.float32)), "JPEG XL of a kind that is not read here: 32-bit floating-point values"),
        (imagecodecs.jpegls_encode(RGB), "JPEG of a kind that is not read here: JPEG-LS"),
        (pillow(RGB, "PPM")[:-1], "damaged PPM"),
        (b"P3 4 4 255 1 2 3", "damaged PPM: its numbers end too early"),
        (b"P3 1 1 255 1 two 3", "damaged PPM"),
        (b"P6 1 1 70000 " + bytes(6), "damaged PPM: its header states a largest value of 70000"),
        (b"P6 4", "damaged PPM: its header is cut short"),
        (b"P7\nWIDTH 1\nENDHDR\n", "damaged PPM: its header is damaged"),
        (b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 7\nMAXVAL 255\nENDHDR\n1234567", "PPM of a kind that is not read here: PAM of 7"),
        (pillow(RGB, "TGA")[:200], "damaged TGA"),
        (pillow(ICON, "ICO")[:60], "damaged ICO"),
        (jp2(RGB)[:200], "damaged JPEG 2000"),
        (jxl(RGBA)[:-40], "damaged JPEG XL"),
        (jxl(RGB, usecontainer=True)[:32], "damaged JPEG XL: the picture itself is missing"),
        (b"PF\n2 2\n-1.0\n" + bytes(48), "it seems to be a floating-point PFM picture"),
        (pillow(RGB, "QOI"), "it seems to be a QOI picture"),
        (b"P5 is a station\n", "it seems to be a text"),
        (b"\0\0\2\0\1\0" + bytes(60), "it seems to be a Windows cursor"),
    ],
)
def test_what_is_not_read_is_told_as_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        images.read(data, name="x")
    assert reason in caught.value.message


@pytest.mark.parametrize(
    "head",
    [
        bytes(64),
        b"\0\0\0\x18ftypmp42" + bytes(50),
        b"\0\1\0\0\0\x0c" + bytes(58),  # a TrueType font
        b"\0\0\0\x14ftypqt  " + bytes(50),
        b"GENKIT plain words that go on for longer than a header does, on and on",
        bytes(range(64)),
        b"\x7fELF\2\1\1" + bytes(57),
        b"\0\0\1\xba" + bytes(60),  # an MPEG film
        b"\0\1\xff\xff\0\0\0\0" + bytes(56),
        b"\x80\2}q\0." + bytes(58),
    ],
)
def test_other_files_are_not_taken_for_targa(head: bytes) -> None:
    assert sniff(head) is None
