"""What belongs to a picture is kept: the matrix of formats and kinds, and the corners of each kind."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import metadata_matrix as matrix
import numpy as np
import picture_samples as samples
import pytest
from PIL import Image

from genkit.media import recipe
from genkit.media.pictures import containers, exif, images, xmp


@pytest.mark.parametrize("feature", matrix.FEATURES)
@pytest.mark.parametrize("format", images.WRITABLE)
def test_matrix(format: str, feature: str, tmp_path: Path) -> None:
    if (format, feature) in matrix.NOT_APPLICABLE:
        assert _states_the_limit(format, feature)
    else:
        assert matrix.kept(format, feature, tmp_path)


def _states_the_limit(format: str, feature: str) -> bool:
    """What the format cannot hold and the picture needs must lead to PNG in the plan."""
    if feature == "alpha":
        return images.plan_format(format, True, 8, 10, 10)[0] == "PNG"
    if feature == "16 bits":
        return images.plan_format(format, False, 16, 10, 10)[0] == "PNG"
    return True


def _reread(picture: images.Picture, **options) -> tuple[bytes, images.Picture]:
    stream = io.BytesIO()
    images.write(picture, stream, **options)
    return stream.getvalue(), images.read(stream.getvalue())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_exif_values_keep_their_bytes(format: str, order: str) -> None:
    block = samples.exif_block(8, order=order, maker=b"Maker\0" + bytes(range(200)))
    before = exif.parse(block)
    data = samples.with_exif(format, samples.scene(), block)
    written, again = _reread(images.read(data), format=format, recipe=matrix.RECIPE)
    after = again.metadata.exif
    assert after is not None and after.order == order
    assert after.main[0x013B] == before.main[0x013B]  # UTF-8, which the ASCII of the standard would have lost
    assert after.photo[exif.MAKER_NOTE] == before.photo[exif.MAKER_NOTE]
    assert after.maker_place == before.maker_place  # cameras count offsets from the block's start
    assert after.orientation == 1
    assert (after.integer(after.photo, exif.PIXEL_X), after.integer(after.photo, exif.PIXEL_Y)) == (32, 48)
    assert after.integer(after.main, exif.IMAGE_WIDTH) == 32
    assert b"OLD-THUMBNAIL" not in written


def test_exif_goes_from_jpeg_to_tiff_and_back() -> None:
    data = samples.with_exif("JPEG", samples.scene(), samples.exif_block(3, order=">"), dpi=(300, 300))
    tiff, middle = _reread(images.read(data), format="TIFF")
    with Image.open(io.BytesIO(tiff)) as image:  # an independent reader
        assert image.tag_v2[0x0112] == 1 and image.info["dpi"] == (300, 300)
        assert image.getexif().get_ifd(0x8769)[0xA002] == samples.WIDTH
    _, last = _reread(middle, format="JPEG")
    assert last.metadata.exif is not None
    assert last.metadata.exif.main[0x013B].raw == "Søren Ærø".encode() + b"\0"
    assert 0x0111 not in last.metadata.exif.main  # the TIFF's strips are not part of the picture's metadata


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_users_comment_is_not_lost_to_the_recipe(format: str, tmp_path: Path) -> None:
    picture = images.Picture(samples.scene(), None, format)
    picture.metadata.add_exif(samples.exif_block(1, comment=samples.COMMENT))
    path = tmp_path / f"x{images.output_suffix(format)}"
    images.write(picture, path, recipe=matrix.RECIPE)
    again = images.read(path)
    assert again.metadata.exif is not None and again.metadata.exif.photo[exif.USER_COMMENT].raw == samples.COMMENT
    assert recipe.read_recipe(path) == matrix.RECIPE
    newer = {**matrix.RECIPE, "model": "genkit-x4"}
    images.write(again, path, recipe=newer)  # an output taken as an input: one recipe, the new one
    assert recipe.read_recipe(path) == newer
    assert path.read_bytes().count(b"genkit-x2") == 0


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_older_recipe_is_replaced(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{images.output_suffix(format)}"
    images.write(images.Picture(samples.scene(), None, format), path, recipe=matrix.RECIPE)
    again = images.read(path)
    images.write(again, path)  # no recipe wanted: the old one is not this picture's
    assert recipe.read_recipe(path) is None
    newer = {**matrix.RECIPE, "seed": 7}
    images.write(again, path, recipe=newer)
    assert recipe.read_recipe(path) == newer


@pytest.mark.parametrize("format", images.WRITABLE)
def test_strip_leaves_colour_alone(format: str, tmp_path: Path) -> None:
    picture = images.read(samples.with_exif("JPEG", samples.scene(), samples.exif_block(6), icc_profile=samples.display_p3()))
    picture.metadata.xmp = samples.XMP
    picture.metadata.text = [("Author", "someone")]
    path = tmp_path / f"x{images.output_suffix(format)}"
    images.write(picture, path, format=format, recipe=matrix.RECIPE, strip=True)
    again = images.read(path)
    left = again.metadata
    kept_tags = left.exif.main.keys() - {0x0112} - set(range(256, 300)) if left.exif else set()
    assert not kept_tags and left.xmp is None and not left.text and recipe.read_recipe(path) is None
    assert left.icc == (None if format == "BMP" else samples.display_p3())
    assert again.pixels.shape == (samples.WIDTH, samples.HEIGHT, 3)  # still upright


def test_png_text_and_colour_chunks_are_kept() -> None:
    gamma = (b"gAMA", struct.pack(">I", 45455))
    data = samples.png_insert(
        samples.encode("PNG", samples.scene()),
        gamma,
        (b"tEXt", b"parameters\0a castle, steps: 20"),
        (b"zTXt", b"Title\0\0" + zlib.compress("Fête".encode("latin-1"))),
        (b"iTXt", b"Author\0\0\0da\0\0" + "Søren 雪".encode()),
    )
    written, again = _reread(images.read(data), recipe=matrix.RECIPE)
    assert again.metadata.text == [("parameters", "a castle, steps: 20"), ("Title", "Fête"), ("Author", "Søren 雪")]
    assert again.metadata.colour == [gamma]
    with Image.open(io.BytesIO(written)) as image:
        image.load()
        assert image.text["Author"] == "Søren 雪" and image.text["genkit"].startswith('{"genkit"')


def test_imagemagick_profiles_in_png_are_read() -> None:
    block = samples.exif_block(6)
    text = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n%8d\n" % (len(block) + 6) + (b"Exif\0\0" + block).hex().encode()
    )
    picture = images.read(samples.png_insert(samples.encode("PNG", samples.scene()), (b"zTXt", text)))
    assert picture.pixels.shape[:2] == (samples.WIDTH, samples.HEIGHT)
    assert picture.metadata.exif is not None and not picture.metadata.text


def test_broken_blocks_cost_a_notice_and_not_the_picture() -> None:
    scene = samples.scene()
    broken = (
        samples.encode("JPEG", scene, exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        samples.encode("JPEG", scene, exif=b"Exif\0\0garbage"),
        samples.encode("JPEG", scene, icc_profile=b"no profile at all"),
        samples.encode("JPEG", scene, icc_profile=samples.display_p3()[:200]),
        samples.encode("WEBP", scene, exif=b"II*\0\1"),
        samples.encode("WEBP", scene, xmp=b"\xff\xfe\x00"),
        samples.encode("TIFF", scene, icc_profile=b"short"),
        samples.png_insert(samples.encode("PNG", scene), (b"iCCP", b"x\0\0" + b"not packed")),
        samples.png_insert(samples.encode("PNG", scene), (b"eXIf", b"MM")),
        samples.png_insert(samples.encode("PNG", scene), (b"pHYs", b"\0")),
    )
    for data in broken:
        picture = images.read(data, name="photo")
        assert np.abs(picture.pixels.astype(float) - scene).mean() < 6
        assert len(picture.metadata.notices) == 1, picture.metadata.notices
        assert "dropped" in picture.metadata.notices[0]


def test_bombs_in_text_and_profile_are_dropped_quickly() -> None:
    bomb = zlib.compress(bytes(64 << 20), 6)
    data = samples.png_insert(
        samples.encode("PNG", samples.scene()),
        (b"zTXt", b"Comment\0\0" + bomb),
        (b"iTXt", b"Note\0\1\0\0\0" + bomb),
        (b"iCCP", b"profile\0\0" + bomb),
    )
    picture = images.read(data)
    assert np.array_equal(picture.pixels, samples.scene())
    assert len(picture.metadata.notices) == 3 and not picture.metadata.text and picture.metadata.icc is None


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_profiles_of_the_wrong_kind_are_dropped(format: str) -> None:
    for channels, profile, fits in (
        (3, samples.grey_profile(), False),
        (1, samples.grey_profile(), True),
        (1, samples.display_p3(), False),
        (3, samples.cmyk_profile(), False),
    ):
        picture = images.read(samples.encode(format, samples.scene(channels), icc_profile=profile))
        assert (picture.metadata.icc is not None) == fits
        assert bool(picture.metadata.notices) == (not fits)
    colorized = images.Picture(samples.scene(3), None, format)
    colorized.metadata.icc = samples.grey_profile()  # grey when it was read, RGB now
    assert _reread(colorized)[1].metadata.icc is None


@pytest.mark.parametrize("quality", [20, 50, 75, 85, 90, 95, 98, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_keeps_its_quality_class(quality: int, subsampling: str) -> None:
    data = samples.encode("JPEG", samples.scene(), quality=quality, subsampling=subsampling)
    written, _ = _reread(images.read(data))
    with Image.open(io.BytesIO(data)) as old, Image.open(io.BytesIO(written)) as new:
        assert old.quantization == new.quantization
        assert old.layer == new.layer
    chosen, _ = _reread(images.read(data), quality=60)
    with Image.open(io.BytesIO(chosen)) as image:
        assert image.quantization == Image.open(io.BytesIO(samples.encode("JPEG", samples.scene(), quality=60))).quantization


def test_jpeg_of_foreign_tables_gets_the_nearest_class() -> None:
    tables = [[3] * 64, [5] * 64]
    data = samples.encode("JPEG", samples.scene(), qtables=tables)
    assert 90 <= (images.read(data).metadata.quality or 0) <= 98


def test_lossless_webp_stays_lossless() -> None:
    scene = samples.scene(alpha=True)
    written, again = _reread(images.read(samples.encode("WEBP", scene, lossless=True, exact=True)))
    assert again.metadata.lossless and np.array_equal(again.pixels, scene[:, :, :3]) and b"VP8L" in written
    assert not _reread(images.read(samples.encode("WEBP", scene)))[1].metadata.lossless


def test_too_long_blocks_give_way_in_jpeg() -> None:
    picture = images.Picture(samples.scene(), None, "PNG")
    picture.metadata.add_exif(samples.exif_block(1, maker=bytes(70_000)))
    picture.metadata.xmp = samples.XMP.replace("</dc:creator>", "</dc:creator><!--" + "x" * 70_000 + "-->")
    _, again = _reread(picture, format="JPEG", recipe=matrix.RECIPE)
    assert again.metadata.exif is not None and exif.MAKER_NOTE not in again.metadata.exif.photo
    assert again.metadata.exif.photo[exif.USER_COMMENT].raw.startswith(b"ASCII")
    assert again.metadata.xmp is None
    assert any("maker note" in notice for notice in picture.metadata.notices)
    assert any("XMP dropped" in notice for notice in picture.metadata.notices)


def test_large_profile_is_split_over_jpeg_segments() -> None:
    profile = samples.display_p3()
    long = struct.pack(">I", 200_000) + profile[4:] + bytes(200_000 - len(profile))
    picture = images.Picture(samples.scene(), None, "JPEG")
    picture.metadata.icc = long
    written, again = _reread(picture)
    assert again.metadata.icc == long
    with Image.open(io.BytesIO(written)) as image:
        assert image.info["icc_profile"] == long


def test_photoshop_block_keeps_iptc_and_loses_its_thumbnail() -> None:
    def resource(number: int, body: bytes) -> bytes:
        return b"8BIM" + struct.pack(">HHI", number, 0, len(body)) + body + b"\0" * (len(body) & 1)

    block = b"Photoshop 3.0\0" + resource(0x0404, b"\x1c\x02\x05\0\5Title") + resource(0x040C, b"OLD-THUMBNAIL")
    data = samples.encode("JPEG", samples.scene())
    data = data[:20] + containers.jpeg_segment(0xED, block) + data[20:]
    for format in ("JPEG", "TIFF"):
        written, again = _reread(images.read(data), format=format)
        assert b"Title" in written and b"OLD-THUMBNAIL" not in written
        assert again.metadata.photoshop is not None


def test_xmp_under_other_prefixes_and_forms() -> None:
    text = (
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        "<rdf:Description xmlns:t='http://ns.adobe.com/tiff/1.0/' xmlns:tiff='http://example.org/other'>"
        "<t:Orientation>8</t:Orientation><tiff:Orientation>8</tiff:Orientation></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    mended = xmp.mend(text, 10, 20)
    assert "<t:Orientation>1<" in mended and "<tiff:Orientation>8<" in mended
    hostile = '{"genkit": "<&>\'"}\n'
    assert xmp.recipe_text(xmp.with_recipe(mended, hostile)) == hostile
    assert xmp.recipe_text(xmp.with_recipe(xmp.with_recipe(None, "old"), hostile)) == hostile
    assert xmp.with_recipe(xmp.with_recipe(None, "old"), hostile).count("genkit:recipe") == 1


def test_orientation_from_xmp_alone_is_applied() -> None:
    picture = images.read(samples.encode("JPEG", samples.scene(), xmp=samples.XMP.encode()))
    assert picture.pixels.shape[:2] == (samples.WIDTH, samples.HEIGHT)


def test_dpi_crosses_formats() -> None:
    for format in images.WRITABLE:
        picture = images.Picture(samples.scene(), None, "PNG")
        picture.metadata.dpi = (240.0, 240.0)
        _, again = _reread(picture, format=format)
        assert again.metadata.dpi is not None and round(again.metadata.dpi[0]) == 240, format


def test_what_a_format_has_no_place_for_is_said() -> None:
    picture = images.Picture(samples.scene(), None, "PNG")
    picture.metadata.text = [("parameters", "a castle")]
    _reread(picture)
    assert not picture.metadata.notices
    _reread(picture, format="WEBP")
    assert "PNG texts dropped" in picture.metadata.notices[0]
    picture.metadata.add_exif(samples.exif_block(1))
    _reread(picture, format="BMP")
    assert "EXIF dropped" in picture.metadata.notices[-1]


def test_content_credentials_are_dropped_with_a_notice() -> None:
    data = samples.png_insert(samples.encode("PNG", samples.scene()), (b"caBX", b"jumb"))
    assert "C2PA" in images.read(data).metadata.notices[0]
