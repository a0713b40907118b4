"""Pictures out: arrays to files, whole or not at all, with everything that belongs to them and the recipe.

Compression, chosen for a command whose time is mostly the model's (measured on one core, see png.py for PNG): JPEG keeps the
input's quality class; WebP stays lossless where it was. Lossy WebP at method 2 takes a third of the default method's time
(58 and 169 ms a megapixel) for files of the same size; lossless at method 1 half of it (266 and 526) for 2 % more; AVIF at
speed 9 a seventh of the default speed's (135 and 900) for 30 % more; HEIF with x265's fastest preset an eighth (316 and
2,470) for files that are even smaller.
`strip` removes EXIF, XMP, texts, DPI and the recipe; the colour profile stays, for without it the colours would shift.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from genkit.errors import GenkitError, OutputError
from genkit.media.atomic import Counted, write_atomic
from genkit.media.pictures import containers, exif, formats, metadata, xmp
from genkit.media.pictures.metadata import Outgoing
from genkit.media.pictures.picture import Picture, joined, narrow, on_white

JPEG_QUALITY = 92  # where neither the user nor a JPEG input says: hardly visible loss
WEBP_QUALITY = 90
AVIF_QUALITY = 80
HEIF_QUALITY = 80
_SEGMENT = 65_533
_ICC_PIECE = _SEGMENT - 14


def write(
    picture: Picture,
    target: Path | BinaryIO,
    *,
    format: str | None = None,
    quality: int | None = None,
    recipe: dict[str, Any] | None = None,
    strip: bool = False,
    before_naming: Callable[[Path], None] = lambda temporary: None,
) -> int:
    """Write a picture to a file or a binary stream and return the bytes written.

    `format` is a name of `formats.WRITABLE` (default: the picture's own, PNG for a GIF); what it cannot hold is reduced: alpha
    is laid on white, 16 bits are rounded to 8. `quality` is 1 to 100; 100 makes WebP lossless. What of the metadata
    could not be written is added to `picture.metadata.notices`. `before_naming` sees the whole file before it gets its name.

    Raises:
        OutputError: the place refuses the file, or the format the picture; nothing is left behind then.
    """
    name = str(target) if isinstance(target, Path) else "standard output"
    format = format or (picture.format if picture.format in formats.WRITABLE else "PNG")
    pixels, alpha = picture.pixels, picture.alpha
    _, notice = formats.plan_format(format, alpha is not None, 8 * pixels.dtype.itemsize, picture.width, picture.height, format)
    if notice is not None and notice.endswith("writing PNG"):  # the plan would have chosen PNG
        raise OutputError(f"{name}: {notice.split(';')[0]}", "use --format png")
    if format not in formats.DEEP and pixels.dtype == np.uint16:
        pixels, alpha = narrow(pixels), narrow(alpha) if alpha is not None else None
    if alpha is not None and format not in formats.ALPHA:
        pixels, alpha = on_white(pixels, alpha), None
    out = metadata.outgoing(picture.metadata, format, picture.width, picture.height, pixels.shape[2], recipe, strip)
    encoder = _ENCODERS[format]

    def produce(stream: Counted) -> None:
        try:
            encoder(stream, np.ascontiguousarray(pixels), alpha, out, picture, quality)
        except (OSError, GenkitError):
            raise
        except MemoryError as error:
            raise OutputError(
                f"{name}: not enough memory to write it", "close other programs, or choose --format png"
            ) from error
        except Exception as error:  # encoders are other people's code, and what they raise is theirs
            raise OutputError(f"{name}: {format} cannot be written: {error}", "choose another format: --format png") from error

    return write_atomic(target, produce, before_naming=before_naming)


# --- one encoder a format ------------------------------------------------------------------------------------------------


def _write_png(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    from genkit.media.pictures import png

    png_chunk = containers.png_chunk
    chunks = [png_chunk(kind, body) for kind, body in out.colour]
    if out.icc:
        import zlib

        chunks.append(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(out.icc)))
    if out.dpi:
        across, down = (min(round(number / 0.0254), 2**31 - 1) for number in out.dpi)
        chunks.append(png_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if out.exif:
        chunks.append(png_chunk(b"eXIf", exif.build(out.exif)))
    if out.xmp:
        chunks.append(png_chunk(b"iTXt", metadata.PNG_XMP.encode() + b"\0\0\0\0\0" + out.xmp.encode()))
    chunks += [containers.png_text_chunk(keyword, text) for keyword, text in out.text]
    png.encode(pixels, alpha, chunks, stream.write)


def _write_jpeg(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    import imagecodecs

    source = picture.metadata if picture.format == "JPEG" else None
    chosen = quality or (source.quality if source else None) or JPEG_QUALITY
    subsampling = (source.subsampling if source and quality is None else None) or ("444" if chosen > 90 else "420")
    if pixels.shape[2] == 1:
        body = imagecodecs.jpeg8_encode(pixels[:, :, 0], chosen)
    else:
        body = imagecodecs.jpeg8_encode(pixels, chosen, subsampling=subsampling)
    stream.write(b"\xff\xd8")
    for segment in _jpeg_segments(out, picture.metadata.note):
        stream.write(segment)
    stream.write(memoryview(body)[20:])  # behind the encoder's own SOI (2 bytes) and JFIF segment (18)


def _jpeg_segments(out: Outgoing, note: Callable[[str], None]) -> list[bytes]:
    across, down = (min(max(round(number), 1), 65_535) for number in out.dpi or (1, 1))
    segment = containers.jpeg_segment
    segments = [segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHHBB", 1 if out.dpi else 0, across, down, 0, 0))]
    block = metadata.fitted_exif(out.exif, _SEGMENT - 6, note)
    if block:
        segments.append(segment(0xE1, b"Exif\0\0" + block))
    packet = xmp.encode(out.xmp)
    if packet and len(packet) > _SEGMENT - len(metadata.XMP_NAME):
        packet = xmp.encode(xmp.trim(out.xmp or ""))
    if packet and len(packet) > _SEGMENT - len(metadata.XMP_NAME):
        note("XMP dropped: JPEG holds 64 KiB of it")
    elif packet:
        segments.append(segment(0xE1, metadata.XMP_NAME + packet))
    if out.photoshop and len(out.photoshop) <= _SEGMENT - len(metadata.PHOTOSHOP_NAME):
        segments.append(segment(0xED, metadata.PHOTOSHOP_NAME + out.photoshop))
    elif out.photoshop:
        note("Photoshop block dropped: JPEG holds 64 KiB of it")
    if out.icc:
        pieces = [out.icc[at : at + _ICC_PIECE] for at in range(0, len(out.icc), _ICC_PIECE)]
        if len(pieces) > 255:
            note("colour profile dropped: JPEG holds 16 MB of it")
        else:
            segments += [
                segment(0xE2, metadata.ICC_NAME + bytes([number, len(pieces)]) + piece)
                for number, piece in enumerate(pieces, 1)
            ]
    if out.comment and len(out.comment) <= _SEGMENT:
        segments.append(segment(0xFE, out.comment))
    return segments


def _blocks(out: Outgoing) -> dict[str, bytes]:
    """Name the blocks as Pillow's encoders take them."""
    block = exif.build(out.exif) if out.exif else None
    blocks = {"exif": block, "xmp": xmp.encode(out.xmp), "icc_profile": out.icc}
    return {name: body for name, body in blocks.items() if body}


def _write_webp(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    from PIL import Image, WebPImagePlugin  # noqa: F401  (importing the plug-in registers its writer)

    image = Image.fromarray(joined(pixels, alpha))
    if quality == 100 or (quality is None and picture.format == "WEBP" and picture.metadata.lossless):
        image.save(stream, "WEBP", lossless=True, quality=20, method=1, exact=True, **_blocks(out))
    else:
        image.save(stream, "WEBP", quality=quality or WEBP_QUALITY, method=2, exact=alpha is not None, **_blocks(out))


def _write_avif(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    from PIL import AvifImagePlugin, Image  # noqa: F401  (importing the plug-in registers its writer)

    if out.exif:  # no tag is upright too, and with one Pillow would write the block anew, in its own way
        out.exif.main.pop(exif.ORIENTATION, None)
    grey = pixels.shape[2] == 1 and alpha is None
    image = Image.fromarray(pixels[:, :, 0] if grey else joined(pixels, alpha))
    chosen = quality or AVIF_QUALITY
    sampling = "4:0:0" if grey else "4:4:4" if chosen > 90 else "4:2:0"
    image.save(stream, "AVIF", quality=chosen, speed=9, subsampling=sampling, **_blocks(out))


def _write_heif(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise OutputError("HEIF needs a plug-in", "pip install pillow-heif, or choose --format jpg") from error
    from PIL import Image

    grey = pixels.shape[2] == 1 and alpha is None
    file = pillow_heif.from_pillow(Image.fromarray(pixels[:, :, 0] if grey else joined(pixels, alpha)))
    buffer = io.BytesIO()
    chosen = quality or HEIF_QUALITY
    chroma = 444 if chosen > 90 else 420
    file.save(buffer, quality=chosen, chroma=chroma, enc_params={"preset": "ultrafast"}, **_blocks(out))
    stream.write(buffer.getbuffer())


def _write_tiff(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    from genkit.media.pictures import tiff

    tiff.write_pixels(stream, pixels, alpha, out, picture.metadata.compression)


def _write_bmp(stream: Any, pixels: Any, alpha: Any, out: Outgoing, picture: Picture, quality: int | None) -> None:
    from PIL import BmpImagePlugin, Image  # noqa: F401  (importing the plug-in registers its writer)

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if out.icc and pixels.shape[2] == 3:  # BMP holds no profile, so the colours are taken to what it stands for
        from PIL import ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(out.icc))
            image = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
        except (ImageCms.PyCMSError, OSError):
            picture.metadata.note("colour profile dropped: it is damaged")
    image.save(stream, "BMP", **({"dpi": out.dpi} if out.dpi else {}))


_ENCODERS: dict[str, Callable[[Any, Any, Any, Outgoing, Picture, int | None], None]] = {
    "PNG": _write_png,
    "JPEG": _write_jpeg,
    "WEBP": _write_webp,
    "AVIF": _write_avif,
    "HEIF": _write_heif,
    "TIFF": _write_tiff,
    "BMP": _write_bmp,
}
