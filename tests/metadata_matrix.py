"""The table of what genkit keeps, format by format, measured: `python tests/metadata_matrix.py` prints it for the README.

Every cell takes a picture through `read` and `write` (same format, twice the size, with a recipe) and looks at the result with
Pillow and friends. "kept" is a measurement; "-" stands where the format has no place for it, with the reason below.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import picture_samples as samples
from PIL import Image

from genkit.media import recipe
from genkit.media.pictures import images

FEATURES = ("orientation", "EXIF", "ICC profile", "XMP", "DPI", "alpha", "16 bits", "grey", "recipe")
NOT_APPLICABLE = {
    ("JPEG", "alpha"),
    ("JPEG", "16 bits"),
    ("WEBP", "16 bits"),
    ("WEBP", "grey"),
    ("AVIF", "16 bits"),
    ("HEIF", "16 bits"),
    *(("BMP", name) for name in ("orientation", "EXIF", "ICC profile", "XMP", "alpha", "16 bits", "recipe")),
}
RECIPE = {
    "genkit": "0.1.0",
    "verb": "upscale",
    "model": "genkit-x2",
    "revision": "sha256:00",
    "options": {"scale": 2},
    "seed": 0,
    "input": {"name": "Fête.jpg", "sha256": "11"},
}


def source(format: str, feature: str) -> bytes:
    """Make the input of one cell."""
    pixels = samples.scene(1 if feature == "grey" else 3, 16 if feature == "16 bits" else 8, feature == "alpha")
    options: dict = {}
    if feature in ("orientation", "EXIF"):
        return samples.with_exif(format, pixels, samples.exif_block(6))
    if feature == "ICC profile":
        options["icc_profile"] = samples.display_p3()
    elif feature == "XMP" and format == "PNG":
        data = samples.encode(format, pixels)
        return samples.png_insert(data, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + samples.XMP.encode()))
    elif feature == "XMP" and format == "TIFF":
        options["tiffinfo"] = {700: samples.XMP.encode()}
    elif feature == "XMP":
        options["xmp"] = samples.XMP.encode()
    elif feature == "DPI" and format in ("WEBP", "AVIF", "HEIF"):
        options["exif"] = samples.exif_block(1)
    elif feature == "DPI":
        options["dpi"] = (300, 300)
    return samples.encode(format, pixels, **options)


def passed_through(data: bytes, folder: Path) -> tuple[Path, images.Picture]:
    """Read, double the pixels, write with a recipe; give the file and what was read."""
    picture = images.read(data, name="sample")
    pixels = picture.pixels.repeat(2, 0).repeat(2, 1)
    alpha = picture.alpha.repeat(2, 0).repeat(2, 1) if picture.alpha is not None else None
    target = folder / ("out" + images.output_suffix(picture.format))
    images.write(picture.with_pixels(pixels, alpha), target, recipe=RECIPE)
    return target, picture


def kept(format: str, feature: str, folder: Path) -> bool:
    """Measure one cell."""
    target, picture = passed_through(source(format, feature), folder)
    data = target.read_bytes()
    if feature == "recipe":
        return recipe.read_recipe(target) == RECIPE
    if feature == "16 bits":
        again = images.read(target)
        return again.bits == 16 and np.array_equal(again.pixels[::2, ::2], samples.scene(3, 16))
    image = Image.open(io.BytesIO(data))
    if feature == "orientation":
        upright = np.rot90(samples.scene(), -1)
        near = np.abs(np.asarray(image.convert("RGB"), float)[::2, ::2] - upright).mean() < 6
        return near and image.getexif().get(0x0112, 1) == 1 and image.size == (2 * samples.HEIGHT, 2 * samples.WIDTH)
    if feature == "EXIF":
        tags = image.getexif()
        photo = tags.get_ifd(0x8769)
        sizes = photo[0xA002], photo[0xA003]
        # Pillow, which made the samples, writes the block anew for these two, and in ASCII
        author = tags[0x013B].startswith("S") if format in ("TIFF", "AVIF") else "Søren Ærø".encode() in data
        return author and b"OLD-THUMBNAIL" not in data and sizes == (2 * samples.HEIGHT, 2 * samples.WIDTH)
    if feature == "ICC profile":
        return image.info.get("icc_profile") == samples.display_p3()
    if feature == "XMP":
        packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp", "").encode() or image.tag_v2[700]
        width = image.width  # an AVIF's container, not its XMP, says how it is turned
        wanted = ("Søren", 'tiff:Orientation="1"', f'tiff:ImageWidth="{width}"', f"<exif:PixelXDimension>{width}<")
        return all(part.encode() in packet for part in wanted) and b"Thumbnails" not in packet
    if feature == "DPI":
        dpi = image.info.get("dpi") or (float(image.getexif()[0x011A]),) * 2
        return round(dpi[0]) == round(dpi[1]) == 300
    if feature == "alpha":
        image.load()
        return image.mode == "RGBA" and np.abs(np.asarray(image, float)[::2, ::2] - samples.scene(3, 8, True)).mean() < 6
    assert feature == "grey"
    return image.mode == "L" and picture.pixels.shape[2] == 1


def table() -> str:
    """Measure all cells and write them as Markdown."""
    lines = ["| | " + " | ".join(FEATURES) + " |", "|---" * (len(FEATURES) + 1) + "|"]
    with tempfile.TemporaryDirectory() as folder:
        for format in images.WRITABLE:
            cells = [
                "-" if (format, feature) in NOT_APPLICABLE else "kept" if kept(format, feature, Path(folder)) else "LOST"
                for feature in FEATURES
            ]
            lines.append(f"| {format} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "`-`: the format has no place for it. Alpha or 16 bits that a format cannot hold make the output a PNG unless",
        "`--format` asks otherwise; a picture of a format without a place for a colour profile (BMP) is converted to sRGB.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
