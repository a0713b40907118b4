"""Two thousand damaged files: each is read, or refused with one InputError; nothing else, and nothing on the terminal."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import metadata_matrix as matrix
import numpy as np
import picture_samples as samples
import pytest

from genkit.errors import InputError
from genkit.media import recipe
from genkit.media.pictures import containers, images

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "HEIF", "GIF"]
EACH = 250
_HUGE = (0xFF, 0x7F, 0x80, 0x00, 0x01)


def _seeds(format: str) -> list[bytes]:
    """A few sound files of a format, rich in metadata."""
    scene = samples.scene()
    files = [samples.encode(format, scene), samples.encode(format, samples.scene(1))]
    if format in ("JPEG", "WEBP", "AVIF", "HEIF", "PNG"):
        rich = {"exif": samples.exif_block(6, comment=samples.COMMENT, maker=bytes(50)), "icc_profile": samples.display_p3()}
        files.append(samples.encode(format, scene, **rich))
        if format != "PNG":
            files.append(samples.encode(format, scene, xmp=samples.XMP.encode(), **rich))
    if format in ("PNG", "WEBP", "AVIF", "TIFF"):
        files.append(samples.encode(format, samples.scene(alpha=True)))
    if format in ("PNG", "TIFF"):
        files.append(samples.encode(format, samples.scene(bits=16)))
    if format == "TIFF":
        files += [samples.encode("TIFF", scene, compression=kind) for kind in ("tiff_lzw", "jpeg", "packbits", "tiff_deflate")]
    if format == "JPEG":
        files.append(samples.encode("JPEG", scene, progressive=True))
    return files


def _mutate(data: bytes, rng: random.Random) -> bytes:
    """Hurt a file in one of eight ways."""
    kind = rng.randrange(8)
    place = rng.randrange(len(data))
    if kind == 0:
        return data[:place]
    hurt = bytearray(data)
    if kind == 1:  # one bit
        hurt[place] ^= 1 << rng.randrange(8)
    elif kind == 2:  # many bytes
        for _ in range(rng.randrange(2, 40)):
            hurt[rng.randrange(len(hurt))] = rng.randrange(256)
    elif kind == 3:  # a number in the header becomes huge, or zero
        at = rng.randrange(min(len(hurt) - 4, 400))
        hurt[at : at + 4] = bytes([rng.choice(_HUGE)]) * 4
    elif kind == 4:  # a stretch is zeroed
        hurt[place : place + 64] = bytes(len(hurt[place : place + 64]))
    elif kind == 5:  # a stretch is cut out
        del hurt[place : place + rng.randrange(1, 200)]
    elif kind == 6:  # a stretch is doubled
        hurt[place:place] = hurt[place : place + rng.randrange(1, 200)]
    else:  # the end is filled with noise
        hurt[place:] = rng.randbytes(len(hurt) - place)
    return bytes(hurt)


@pytest.mark.parametrize("format", FORMATS)
def test_mutated_files(
    format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    rng = random.Random(f"genkit {format}")
    seeds = _seeds(format)
    for data in seeds:
        images.read(data)
    wrong = tmp_path / "photo.jpg"  # mostly the wrong suffix, too
    refused = 0
    for number in range(EACH):
        hurt = _mutate(seeds[number % len(seeds)], rng)
        wrong.write_bytes(hurt)
        try:
            picture = images.read(wrong, max_pixels=1_000_000)
        except InputError as error:
            refused += 1
            assert str(error).startswith(str(wrong)) and "\n" not in str(error) and error.hint
        else:
            assert picture.pixels.ndim == 3 and picture.pixels.dtype in (np.uint8, np.uint16)
            assert picture.pixels.shape[0] * picture.pixels.shape[1] <= 1_000_000
        try:
            facts = images.probe(wrong)
        except InputError as error:
            assert str(error).startswith(str(wrong))
        else:
            assert facts.width > 0 and facts.height > 0
        recipe.read_recipe(wrong)
    assert refused > EACH // 8
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def _png(width: int, height: int, body: bytes = b"", colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", body), (b"IEND", b"")]
    return containers.PNG_SIGNATURE + b"".join(containers.png_chunk(kind, data) for kind, data in chunks)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.jpg", b"", "empty"),
        ("one.png", b"\x89", "unknown kind"),
        ("notes.jpg", b"Dear diary, today I took no pictures.\n", "a text"),
        ("film.jpg", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2mp41", "a video"),
        ("paper.png", b"%PDF-1.7\n", "PDF"),
        ("huge.png", _png(2**31 - 1, 2**31 - 1), "above the limit"),
        ("wide.png", _png(200_000, 60_000, zlib.compress(bytes(1 << 20))), "above the limit"),
        ("none.png", _png(0, 10), "0 x 10"),
        ("bomb.png", _png(8_000, 8_000, zlib.compress(bytes(64 << 20), 9)[: 1 << 15]), "damaged PNG"),
        ("short.png", _png(1_000, 1_000, zlib.compress(bytes(1_000))), "damaged PNG"),
        ("huge.gif", b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b";", "above the limit"),
        (
            "huge.bmp",
            b"BM" + bytes(8) + struct.pack("<IIiiHHI", 54, 40, 2**31 - 1, 2**31 - 1, 1, 24, 0) + bytes(40),
            "above the limit",
        ),
        (
            "huge.webp",
            b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff" * 6,
            "above the limit",
        ),
        ("huge.tif", b"II*\0\x08\0\0\0" + struct.pack("<HHHIIHHII", 2, 256, 4, 1, 2**31, 257, 4, 1, 2**31), "above the limit"),
        ("loop.tif", b"II*\0\x08\0\0\0" + struct.pack("<HI", 0, 8), "0 x 0"),
    ],
)
def test_hostile_files_are_refused_in_one_line(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        images.read(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_pictures_are_errors_and_not_half_grey(format: str, share: float) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (64, 96, 3)).astype(np.uint8)
    data = samples.encode(format, noise)
    with pytest.raises(InputError):
        images.read(data[: int(len(data) * share)], name="cut")


def test_recipe_of_an_output_does_not_make_it_special(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    images.write(images.Picture(samples.scene()), path, recipe=matrix.RECIPE)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="ends"):
        images.read(path)


def test_out_of_memory_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setitem(images._READERS, "PNG", refuse)
    with pytest.raises(InputError, match="not enough memory"):
        images.read(samples.encode("PNG", samples.scene()))
