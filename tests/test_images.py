"""Pictures of every kind are read as they are meant and written whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import picture_samples as samples
import pytest
import tifffile
from PIL import Image, ImageOps

from genkit import files
from genkit.errors import InputError, OutputError, UsageError
from genkit.media import atomic
from genkit.media.pictures import containers, images, png, writing

LOSSLESS = ["PNG", "TIFF"]


def _saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _tiff(array: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


def _bytes(picture: images.Picture, **options) -> bytes:
    stream = io.BytesIO()
    assert images.write(picture, stream, **options) == len(stream.getvalue())
    return stream.getvalue()


# --- round trips ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_formats_give_back_every_bit(format: str, bits: int, channels: int, alpha: bool) -> None:
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 2**bits, (37, 53, channels + alpha)).astype(np.uint8 if bits == 8 else np.uint16)
    picture = images.Picture(values[:, :, :channels], values[:, :, channels] if alpha else None, format)
    data = _bytes(picture)
    again = images.read(data)
    assert np.array_equal(again.pixels, picture.pixels) and again.pixels.dtype == values.dtype
    assert (again.alpha is not None) == alpha
    if alpha:
        assert np.array_equal(again.alpha, picture.alpha)
    independent = tifffile.imread(io.BytesIO(data)) if format == "TIFF" else __import__("imagecodecs").png_decode(data)
    assert np.array_equal(independent.reshape(values.shape), values)


@pytest.mark.parametrize("format", images.WRITABLE)
def test_probe_agrees_with_read(format: str, tmp_path: Path) -> None:
    for channels, alpha in ((1, False), (3, False), (3, True)):
        if alpha and format in ("JPEG", "BMP"):
            continue
        path = tmp_path / f"x{images.output_suffix(format)}"
        path.write_bytes(samples.encode(format, samples.scene(channels, 8, alpha, 35, 21)))
        facts, picture = images.probe(path), images.read(path)
        assert (facts.width, facts.height) == (picture.width, picture.height) == (35, 21)
        assert (facts.format, facts.bits, facts.alpha) == (picture.format, picture.bits, picture.alpha is not None)
        if format in ("JPEG", "PNG", "TIFF"):
            assert facts.channels == picture.pixels.shape[2]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(format: str, orientation: int, tmp_path: Path) -> None:
    data = samples.with_exif(format, samples.scene(), samples.exif_block(orientation))
    path = tmp_path / "x"
    path.write_bytes(data)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"), float)
    picture, facts = images.read(path), images.probe(path)
    assert picture.pixels.shape == expected.shape and (facts.width, facts.height) == (picture.width, picture.height)
    assert np.abs(picture.pixels - expected).mean() < 1
    again = images.read(_bytes(picture, format="PNG"))
    assert np.array_equal(again.pixels, picture.pixels)


def test_suffix_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(samples.encode("PNG", samples.scene()))
    assert images.read(path).format == images.probe(path).format == "PNG"


# --- kinds of pixels -----------------------------------------------------------------------------------------------------


def test_palettes_and_bit_depths_of_png() -> None:
    colours = Image.fromarray(samples.scene()).quantize(16)
    expected = np.asarray(colours.convert("RGB"))
    assert np.array_equal(images.read(_saved(colours, "PNG")).pixels, expected)
    clear = images.read(_saved(colours, "PNG", transparency=bytes([0, 128])))
    assert clear.alpha is not None and set(np.unique(clear.alpha)) == {0, 128, 255}
    bilevel = images.read(_saved(Image.fromarray(samples.scene(1)[:, :, 0]).convert("1"), "PNG"))
    assert bilevel.pixels.shape[2] == 1 and set(np.unique(bilevel.pixels)) == {0, 255}
    sixteen = np.arange(48 * 32, dtype=np.uint16).reshape(32, 48) * 40
    read = images.read(_saved(Image.fromarray(sixteen), "PNG"))
    assert read.bits == 16 and np.array_equal(read.pixels[:, :, 0], sixteen)
    keyed = images.read(_saved(Image.fromarray(samples.scene(1)[:, :, 0]), "PNG", transparency=0))
    assert keyed.alpha is not None and keyed.pixels.shape[2] == 1


def test_interlaced_png() -> None:
    scene = samples.scene(width=21, height=13)
    body = b""
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        body += b"".join(b"\0" + row.tobytes() for row in scene[y::down, x::across])
    header = struct.pack(">IIBBBBB", 21, 13, 8, 2, 0, 0, 1)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    data = containers.PNG_SIGNATURE + b"".join(containers.png_chunk(kind, part) for kind, part in chunks)
    assert np.array_equal(images.read(data).pixels, scene)


def test_gif_and_palette_bmp_of_one_frame() -> None:
    colours = Image.fromarray(samples.scene()).quantize(64)
    for format in ("GIF", "BMP"):
        picture = images.read(_saved(colours, format))
        assert np.array_equal(picture.pixels, np.asarray(colours.convert("RGB")))
    assert _bytes(images.read(_saved(colours, "GIF")))[:4] == b"\x89PNG"
    clear = images.read(_saved(colours, "GIF", transparency=3))
    assert clear.alpha is not None and set(np.unique(clear.alpha)) == {0, 255}


def test_cmyk_jpeg_goes_through_its_profile() -> None:
    cmyk = Image.fromarray(samples.scene()).convert("CMYK")
    plain = images.read(_saved(cmyk, "JPEG", quality=100, subsampling=0))
    assert np.abs(plain.pixels.astype(float) - samples.scene()).mean() < 3  # ink is not taken for light (Adobe's inversion)
    assert "CMYK" in plain.metadata.notices[0]
    profiled = images.read(_saved(cmyk, "JPEG", quality=100, icc_profile=samples.cmyk_profile()))
    assert profiled.metadata.icc is None and not profiled.metadata.notices
    assert np.ptp(profiled.pixels.astype(int), axis=2).max() < 12  # the test's profile knows only how dark
    assert np.abs(profiled.pixels.astype(float) - plain.pixels).mean() > 10
    assert images.read(_bytes(profiled)).metadata.icc is None


def test_cmyk_tiff_with_eight_and_sixteen_bits() -> None:
    cmyk = np.asarray(Image.fromarray(samples.scene()).convert("CMYK"))
    for array in (cmyk, cmyk.astype(np.uint16) * 257):
        picture = images.read(_tiff(array, photometric="separated"))
        assert picture.bits == 8 and np.abs(picture.pixels.astype(int) - samples.scene()).max() <= 2


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "planes"])
def test_tiff_layouts(compression: str | None, layout: str) -> None:
    scene = samples.scene(bits=16, width=70, height=50)
    options: dict = {"photometric": "rgb", "compression": compression}
    if layout == "tiles":
        options["tile"] = (16, 16)
    elif layout == "planes":
        options["planarconfig"] = "separate"
        scene = np.moveaxis(scene, -1, 0)
    elif compression not in ("packbits", None):
        options["predictor"] = True
    picture = images.read(_tiff(scene, **options))
    assert np.array_equal(picture.pixels, samples.scene(bits=16, width=70, height=50))
    again = _bytes(picture)
    with tifffile.TiffFile(io.BytesIO(again)) as file:
        assert file.pages[0].compression == (1 if compression is None else 8)


def test_tiff_kinds(tmp_path: Path) -> None:
    grey = samples.scene(1)[:, :, 0]
    assert np.array_equal(images.read(_tiff(255 - grey, photometric="miniswhite")).pixels[:, :, 0], grey)
    assert np.array_equal(images.read(_tiff(grey > 99, photometric="minisblack")).pixels[:, :, 0], (grey > 99) * 255)
    ramp = np.arange(16, dtype=np.uint8).reshape(1, 16).repeat(4, 0)
    assert np.array_equal(images.read(_tiff(ramp, bitspersample=4)).pixels[0, :, 0], np.arange(16) * 17)
    twelve = (np.arange(4096, dtype=np.uint16).reshape(64, 64), {"bitspersample": 12})
    wide = images.read(_tiff(twelve[0], **twelve[1])).pixels
    assert wide.dtype == np.uint16 and wide.min() == 0 and wide.max() == 65535 and (np.diff(wide.ravel().astype(int)) > 0).all()
    big = images.read(_tiff(samples.scene(), photometric="rgb", bigtiff=True))
    assert np.array_equal(big.pixels, samples.scene()) and "BigTIFF" in big.metadata.notices[0]
    colours = Image.fromarray(samples.scene()).quantize(32)
    assert np.array_equal(images.read(_saved(colours, "TIFF")).pixels, np.asarray(colours.convert("RGB")))
    jpeg = images.read(_saved(Image.fromarray(samples.scene()), "TIFF", compression="jpeg", quality=95))
    assert np.abs(jpeg.pixels.astype(float) - samples.scene()).mean() < 4
    motorola = images.read(_tiff(samples.scene(bits=16), photometric="rgb", byteorder=">"))
    assert np.array_equal(motorola.pixels, samples.scene(bits=16)) and motorola.pixels.dtype == np.dtype("=u2")


def test_premultiplied_tiff_becomes_straight() -> None:
    scene = samples.scene(bits=16, alpha=True)
    share = scene[:, :, 3:] / 65535
    stored = np.concatenate([np.round(scene[:, :, :3] * share).astype(np.uint16), scene[:, :, 3:]], 2)
    picture = images.read(_tiff(stored, photometric="rgb", extrasamples=["assocalpha"]))
    assert picture.alpha is not None and np.array_equal(picture.alpha, scene[:, :, 3])
    assert np.abs(picture.pixels.astype(int) - scene[:, :, :3]).max() <= 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint32, np.int16])
def test_values_without_a_known_white_are_refused(dtype: type) -> None:
    with pytest.raises(InputError, match="which value is white"):
        images.read(_tiff(np.zeros((9, 9), dtype)), name="depth.tif")


def test_camera_raw_is_refused_and_not_its_preview_taken(tmp_path: Path) -> None:
    path = tmp_path / "x.dng"
    version = (50706, 1, 4, b"\1\4\0\0", True)
    path.write_bytes(_tiff(samples.scene(), photometric="rgb", extratags=[version]))
    for look in (images.read, images.probe):
        with pytest.raises(InputError, match="camera raw"):
            look(path)


def test_colours_stated_by_number_are_said_to_be_taken_for_srgb() -> None:
    import imagecodecs

    plain = images.read(_bytes(images.Picture(samples.scene(), None, "AVIF")))
    assert not plain.metadata.notices
    wide = imagecodecs.avif_encode(samples.scene(), primaries=12, transfer=13, matrix=1)
    assert "primaries 12" in images.read(bytes(wide)).metadata.notices[0]


def test_heif_without_its_plugin_names_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    data = samples.encode("HEIF", samples.scene())
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match="plug-in") as caught:
        images.read(data, name="x.heic")
    assert caught.value.hint == "pip install pillow-heif"
    with pytest.raises(OutputError, match="plug-in"):
        _bytes(images.Picture(samples.scene(), None, "HEIF"))


# --- animations and pages ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_animations_are_refused_with_their_frames(format: str) -> None:
    frames = [Image.fromarray(np.roll(samples.scene(), 5 * step, 1)) for step in range(3)]
    data = _saved(frames[0], format, save_all=True, append_images=frames[1:])
    with pytest.raises(InputError, match=r"of 3 (frames|pages)") as caught:
        images.read(data, name="clip")
    assert "ffmpeg" in (caught.value.hint or "")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_one_frame_is_a_picture(format: str) -> None:
    frame = Image.fromarray(samples.scene())
    data = _saved(frame, format, save_all=True)
    assert images.read(data).pixels.shape == samples.scene().shape


def test_tiff_with_a_preview_is_one_page() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(samples.scene(), photometric="rgb", metadata=None)
        file.write(samples.scene()[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
    assert images.read(buffer.getvalue()).width == samples.WIDTH


# --- limits --------------------------------------------------------------------------------------------------------------


def test_max_pixels_is_held_and_named(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(samples.encode("PNG", samples.scene()))
    assert images.read(path, max_pixels=samples.WIDTH * samples.HEIGHT).width == samples.WIDTH
    with pytest.raises(InputError, match="megapixels") as caught:
        images.read(path, max_pixels=samples.WIDTH * samples.HEIGHT - 1)
    assert f"--max-pixels {samples.WIDTH * samples.HEIGHT}" in (caught.value.hint or "")


def test_a_size_beyond_pillows_own_guard_is_the_users_to_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "BMP", "HEIF"):
        data = _bytes(images.Picture(samples.scene(), None, format))
        assert images.read(data, max_pixels=2_000).width == samples.WIDTH


@pytest.mark.parametrize(
    ("facts", "format", "notice"),
    [
        (("JPEG", False, 8, 4000, 3000, None), "JPEG", None),
        (("JPEG", False, 8, 65_501, 10, None), "PNG", "65,500"),
        (("JPEG", False, 8, 65_501, 10, "jpg"), "PNG", "65,500"),
        (("WEBP", False, 8, 16_384, 10, None), "PNG", "16,383"),
        (("AVIF", False, 8, 20_000, 20_000, None), "PNG", "megapixels"),
        (("TIFF", False, 16, 40_000, 40_000, None), "PNG", "one file"),
        (("BMP", True, 8, 10, 10, None), "PNG", "transparency"),
        (("GIF", False, 8, 10, 10, None), "PNG", "256 colours"),
        (("PNG", True, 16, 10, 10, "JPEG"), "JPEG", "white"),
        (("PNG", False, 16, 10, 10, "webp"), "WEBP", "reduced"),
        (("JPEG", False, 8, 10, 10, "tiff"), "TIFF", None),
    ],
)
def test_plan_format(facts: tuple, format: str, notice: str | None) -> None:
    chosen, said = images.plan_format(*facts)
    assert chosen == format
    assert (said is None) if notice is None else (notice in (said or ""))


def test_unknown_formats_are_a_usage_error() -> None:
    for wanted in ("gif", "exe", ""):
        with pytest.raises(UsageError, match="cannot be written"):
            images.plan_format("PNG", False, 8, 1, 1, wanted)


def test_what_a_format_cannot_hold_is_reduced_when_asked_for() -> None:
    picture = images.Picture(samples.scene(bits=16), np.zeros((samples.HEIGHT, samples.WIDTH), np.uint16), "PNG")
    flat = images.read(_bytes(picture, format="JPEG"))
    assert flat.bits == 8 and flat.alpha is None and flat.pixels.min() > 250  # all transparent: white
    wide = images.Picture(np.zeros((1, 65_501, 3), np.uint8), None, "JPEG")
    with pytest.raises(OutputError, match="65,500"):
        _bytes(wide)


def test_bmp_has_its_colours_taken_to_srgb() -> None:
    picture = images.Picture(samples.scene(), None, "PNG")
    picture.metadata.icc = samples.display_p3()
    changed = images.read(_bytes(picture, format="BMP")).pixels
    assert not np.array_equal(changed, samples.scene()) and np.abs(changed.astype(int) - samples.scene()).mean() < 30


# --- whole or not at all -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ValueError("no"), MemoryError(), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_nothing_is_left_of_a_failed_write(failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(stream: io.BytesIO, *_: object) -> None:
        stream.write(b"half")
        raise failure

    path = tmp_path / "x.png"
    path.write_bytes(b"the old one")
    monkeypatch.setitem(writing._ENCODERS, "PNG", fail)
    expected = KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else OutputError
    with pytest.raises(expected) as caught:
        images.write(images.Picture(samples.scene()), path)
    assert [left.name for left in tmp_path.iterdir()] == ["x.png"] and path.read_bytes() == b"the old one"
    if expected is OutputError:
        assert str(caught.value).startswith(str(path)) and caught.value.hint


def test_places_that_refuse(tmp_path: Path) -> None:
    picture = images.Picture(samples.scene())
    with pytest.raises(OutputError, match="folder does not exist"):
        images.write(picture, tmp_path / "none" / "x.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="it is a folder"):
        images.write(picture, tmp_path / "folder.png")
    with pytest.raises(OutputError, match="too long"):
        images.write(picture, tmp_path / ("x" * 300 + ".png"))
    assert [left.name for left in tmp_path.iterdir()] == ["folder.png"]
    if Path("/dev/full").exists():
        with pytest.raises(OutputError, match="no space"):
            images.write(picture, Path("/dev/full"))
        assert Path("/dev/full").is_char_device()  # written to, not replaced


def test_overwriting_keeps_the_files_permissions(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"")
    path.chmod(0o604)
    images.write(images.Picture(samples.scene()), path)
    assert path.stat().st_mode & 0o777 == 0o604


def test_leftovers_of_the_dead_are_swept(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = tmp_path / f".genkit-{child.pid}-0123456789ab.part"
    alive = tmp_path / f".genkit-{os.getpid()}-0123456789ab.part"
    other = tmp_path / ".genkit-notes.part"
    ours = tmp_path / f".genkit-{child.pid}-0123456789ab-{files._host()}.part"
    elsewhere = tmp_path / f".genkit-{child.pid}-0123456789ab-00000000.part"
    for path in (dead, alive, other, ours, elsewhere):
        path.write_bytes(b"x")
    assert sorted(files.clean_leftovers(tmp_path)) == sorted([dead, ours])
    assert sorted(tmp_path.iterdir()) == sorted([alive, other, elsewhere])
    with atomic.temporary_beside(tmp_path / "x") as temporary:
        temporary.write_bytes(b"")
        assert files.clean_leftovers(tmp_path) == []
    os.utime(elsewhere, (0, 0))
    assert files.clean_leftovers(tmp_path) == [elsewhere]
    assert files.clean_leftovers(tmp_path / "none") == []


# --- cost ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "TIFF", "JPEG"])
def test_large_outputs_take_little_memory(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "_ONE_SHOT", 1 << 20)  # so that this picture counts as large
    scene = samples.scene(width=3000, height=2000)
    picture = images.Picture(scene, None, format)
    _bytes(images.Picture(samples.scene(), None, format))  # imports do not count
    tracemalloc.start()
    with Path(os.devnull).open("wb") as nowhere:
        images.write(picture, nowhere)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.4 * scene.nbytes + (12 << 20)


def test_streamed_png_is_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = samples.scene(bits=16, alpha=True, width=200, height=150)
    picture = images.Picture(scene[:, :, :3], scene[:, :, 3], "PNG")
    monkeypatch.setattr(png, "_ONE_SHOT", 0)
    monkeypatch.setattr(png, "_STRIP", 5_000)
    again = images.read(_bytes(picture))
    assert np.array_equal(again.pixels, picture.pixels) and np.array_equal(again.alpha, picture.alpha)


def test_importing_and_probing_load_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(samples.encode("PNG", samples.scene()))
    code = (
        "import sys, pathlib; from genkit.media.pictures import images; images.probe(pathlib.Path(sys.argv[1]))\n"
        "print([name for name in ('PIL', 'imagecodecs', 'tifffile', 'pillow_heif', 'torch') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
