"""Pictures in: files to arrays, with everything that belongs to the file. The other end, `write`, is offered here too.

What a file is, its content decides, never its suffix. Rules:
- pixels come upright (EXIF or container orientation applied once), RGB or grey, straight alpha, 8 or 16 bits;
- palettes become RGB, CMYK becomes 8-bit sRGB through its profile (which is dropped then);
- an animation or a file of several pages is refused; one frame is a picture;
- AVIF and HEIF of 10 and 12 bits are read as 8 bits with a notice; float and 32-bit TIFF are refused;
- a truncated or damaged file is an error, never half a picture;
- the size stated in the header is held against `max_pixels` before anything is decoded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from genkit.errors import GenkitError, InputError
from genkit.files import read_input
from genkit.media.pictures import containers, gathering, headers, icon, jpeg2000, jpegxl, netpbm, targa
from genkit.media.pictures.formats import FORMATS, LIMITS, MAX_PIXELS, WRITABLE, Probe, Unsupported, output_suffix, plan_format
from genkit.media.pictures.headers import DAMAGED_HINT, probe, unsupported
from genkit.media.pictures.metadata import Metadata
from genkit.media.pictures.picture import Picture, narrow, split, turn, widened
from genkit.media.pictures.writing import write

__all__ = [
    "FORMATS",
    "LIMITS",
    "MAX_PIXELS",
    "WRITABLE",
    "Metadata",
    "Picture",
    "Probe",
    "load",
    "output_suffix",
    "plan_format",
    "probe",
    "read",
    "write",
]

# how Pillow, tifffile and imagecodecs say that they know what it is and do not read it
_UNSUPPORTED = re.compile(
    r"unsupported|(?:not|isn't) supported|not implemented|cannot handle|not a known|unknown .*(?:mode|type)", re.I
)
_FRAMES_HINT = "split it into single pictures first (ffmpeg -i FILE frame%04d.png, or ImageMagick) and give their folder"
_USUAL_CODINGS = (0xC0, 0xC1, 0xC2)
_CODINGS = {
    0xC0: "plain",
    0xC1: "plain",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic",
    0xCA: "arithmetic",
    0xCB: "arithmetic",
}
_PNG_PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


def read(source: Path | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None) -> Picture:
    """Read a picture from a file, or from the bytes of one; `name` is what messages call it (default: the path).

    Raises:
        InputError: for everything that can be wrong with the file; no other exception leaves this function.
    """
    label = name or (str(source) if isinstance(source, Path) else "standard input")
    try:
        data = load(source, label)
        facts = headers.read_header(data, label)
        _check(facts, label, max_pixels)
        picture = _READERS[facts.format](data, facts, label)
    except GenkitError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{label}: not enough memory to open it", "close other programs, or make the picture smaller"
        ) from error
    except Exception as error:  # decoders meet hostile bytes in ways that no list of types covers
        format = facts.format if "facts" in locals() else "file"
        if isinstance(error, (Unsupported, NotImplementedError)) or _UNSUPPORTED.search(str(error)):
            raise unsupported(label, format, _reason(error)) from error
        raise InputError(f"{label}: damaged {format}: {_reason(error)}", DAMAGED_HINT) from error
    return picture


def _reason(error: Exception) -> str:
    """Say what a decoder met; messages that name only its own functions, or nothing readable, say less than ours."""
    words = "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(error).split()))
    if not words or " returned " in words or isinstance(error, (UnicodeError, KeyError, IndexError, TypeError, AttributeError)):
        return "its pixels cannot be decoded"
    return words[:160]


def load(source: Path | bytes, label: str) -> bytes:
    """Read a file's bytes, but not those of a file that is no picture.

    Raises:
        InputError: it cannot be opened, is empty, or of no format that genkit reads.
    """
    if isinstance(source, bytes):
        data = source
    else:
        if source.is_dir():
            raise InputError(f"{label}: is a folder, not a picture", "give the folder itself as an input, or a file in it")
        try:
            if source.is_file():
                with source.open("rb") as stream:
                    head = stream.read(64)
                if head:
                    headers.read_header_kind(head, label)  # a film of many gigabytes is not loaded to be refused
            data = read_input(source)
        except OSError as error:
            raise headers.unreadable(label, error) from error
        except ValueError as error:
            raise InputError(f"{label}: is {error}", "no picture is so large") from error
    if not data:
        raise InputError(f"{label}: the file is empty", "take another copy of the file")
    return data


def _check(facts: Probe, label: str, max_pixels: int) -> None:
    if facts.width * facts.height > max_pixels:
        raise InputError(
            f"{label}: {facts.width} x {facts.height} is {facts.width * facts.height / 1e6:,.0f} megapixels, "
            f"above the limit of {max_pixels / 1e6:,.0f}",
            f"if you trust the file, raise the limit: --max-pixels {facts.width * facts.height}",
        )
    if facts.frames != 1:
        _refuse_frames(facts.format, facts.frames, label)


def _refuse_frames(format: str, frames: int, label: str) -> None:
    kind = "pages" if format == "TIFF" else "frames"
    what = "a file" if format == "TIFF" else "an animation"
    count = f" of {frames} {kind}" if frames else ""
    raise InputError(f"{label}: {what}{count}, and genkit takes single pictures", _FRAMES_HINT)


def _picture(
    pixels: np.ndarray, alpha: np.ndarray | None, facts: Probe, found: Metadata, orientation: int, space: bytes | None = None
) -> Picture:
    """Turn upright, and hold the decoded size and the profile's kind against what they should be."""
    stored = (facts.width, facts.height) if facts.turned else (facts.height, facts.width)
    if pixels.shape[:2] != stored:
        raise ValueError(f"it holds {pixels.shape[1]} x {pixels.shape[0]} pixels, and its header states otherwise")
    found.fit_icc(pixels.shape[2], space)
    if space is not None:
        found.icc = None
    return Picture(turn(pixels, orientation), turn(alpha, orientation) if alpha is not None else None, facts.format, found)


# --- one reader a format -------------------------------------------------------------------------------------------------


def _read_png(data: bytes, facts: Probe, label: str) -> Picture:
    import imagecodecs

    # the decoder gets the pixels' chunks alone: no text or profile can harm it, and libpng has nothing to warn about
    kept = [containers.PNG_SIGNATURE]
    for kind, start, length in containers.png_chunks(data):
        if kind in _PNG_PIXEL_CHUNKS:
            if not containers.png_chunk_sound(data, start, length):
                raise containers.BrokenContainer(f"the checksum of its {kind.decode()} chunk is wrong")
            kept.append(data[start - 8 : start + length + 4])
    pixels, alpha = split(imagecodecs.png_decode(b"".join(kept)))
    found = gathering.from_png(data)
    return _picture(pixels, alpha, facts, found, found.orientation)


def _read_jpeg(data: bytes, facts: Probe, label: str) -> Picture:
    from PIL import JpegImagePlugin

    kept, tail, coding = [b"\xff\xd8"], b"", 0xC0
    for marker, start, length in containers.jpeg_segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            coding = marker
        if marker == 0xDA:
            tail = data[start - 4 :]
        elif marker not in range(0xE1, 0xF0) or marker == 0xEE:  # APP14 says how colours are coded
            kept.append(b"\xff" + data[start - 3 : start + length])
    found = gathering.from_jpeg(data)
    if facts.stated_bits != 8 or coding not in _USUAL_CODINGS:
        return _picture(_unusual_jpeg(b"".join(kept) + tail, facts, coding), None, facts, found, found.orientation)
    image: Any = JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join(kept) + tail))
    image.load()
    if image.mode == "CMYK":
        return _picture(_from_cmyk(image, found), None, facts, found, found.orientation, b"CMYK")
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"its colours are of an unknown kind ({image.mode})")
    return _picture(split(np.array(image))[0], None, facts, found, found.orientation)


def _unusual_jpeg(data: bytes, facts: Probe, coding: int) -> np.ndarray:
    """Pixels of more or less than 8 bits, lossless or arithmetically coded ones: Pillow reads none of them."""
    import imagecodecs

    if coding not in _CODINGS:
        raise Unsupported("hierarchical or differential coding")
    try:
        pixels = np.atleast_3d(imagecodecs.jpeg8_decode(data))
    except imagecodecs.Jpeg8Error as error:
        kind = f"{_CODINGS[coding]} coding of {facts.stated_bits} bits"
        raise (
            Unsupported(f"{kind} ({error})") if _UNSUPPORTED.search(str(error)) else ValueError(f"{kind}: {error}")
        ) from error
    if pixels.shape[2] != facts.channels:
        raise Unsupported(f"{_CODINGS[coding]} coding of {pixels.shape[2]} channels")
    return widened(pixels, facts.stated_bits)


def _from_cmyk(image: Any, found: Metadata) -> np.ndarray:
    """Convert a Pillow CMYK image (0 = no ink) to sRGB through its profile, or plainly where it has none."""
    if found.icc is not None and found.icc[16:20] == b"CMYK":
        from PIL import ImageCms

        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(found.icc))
            flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
            intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
            srgb = ImageCms.createProfile("sRGB")
            return np.array(ImageCms.profileToProfile(image, profile, srgb, intent, "RGB", flags=flags))
        except (ImageCms.PyCMSError, OSError, ValueError):
            found.note("colour profile dropped: it is damaged; CMYK converted plainly")
    else:
        found.note("CMYK without a profile: converted plainly, colours may differ from print")
    found.icc = None
    return np.array(image.convert("RGB"))


def _read_webp(data: bytes, facts: Probe, label: str) -> Picture:
    import imagecodecs

    found = gathering.from_webp(data)
    pixels, alpha = split(imagecodecs.webp_decode(data))
    return _picture(pixels, alpha, facts, found, found.orientation)


def _read_tiff(data: bytes, facts: Probe, label: str) -> Picture:
    from genkit.media.pictures import tiff

    found = gathering.from_tiff(data)
    pixels, alpha, is_cmyk = tiff.read_pixels(data, label, found.note)
    orientation = found.orientation
    if not is_cmyk:
        return _picture(pixels, alpha, facts, found, orientation)
    from PIL import Image

    if pixels.dtype == np.uint16:
        pixels = narrow(pixels)
        alpha = narrow(alpha) if alpha is not None else None
        found.note("16-bit CMYK: converted to 8-bit sRGB")
    image = Image.frombuffer("CMYK", pixels.shape[1::-1], np.ascontiguousarray(pixels), "raw", "CMYK", 0, 1)
    return _picture(_from_cmyk(image, found), alpha, facts, found, orientation, b"CMYK")


def _read_avif(data: bytes, facts: Probe, label: str) -> Picture:
    from PIL import AvifImagePlugin

    quiet = bytearray(data)  # EXIF is read by us; Pillow would warn about a damaged one
    for at in containers.read_items(data).exif_marks:
        quiet[at : at + 4] = b"skip"
    image = AvifImagePlugin.AvifImageFile(io.BytesIO(bytes(quiet)))
    if image.n_frames > 1:
        _refuse_frames("AVIF", image.n_frames, label)
    facts = _as_decoded(facts, image.size)
    found = gathering.from_items(data, image.info.get("icc_profile"))
    turned = Metadata()  # how the container, which outranks EXIF here, turns the picture: Pillow says it as EXIF
    if image.info.get("exif"):
        turned.add_exif(image.info["exif"])
    image.load()
    _note_depth(facts, found)
    pixels, alpha = split(np.array(image))
    return _picture(pixels, alpha, facts, found, turned.orientation)


def _as_decoded(facts: Probe, size: tuple[int, int]) -> Probe:
    """Take the decoder's size, which knows more kinds of crops and grids than our header reader; but never a larger one."""
    if size[0] * size[1] > facts.width * facts.height:
        raise ValueError(f"it holds {size[0]} x {size[1]} pixels, and its header states otherwise")
    return replace(facts, width=size[0], height=size[1], turned=False)


def _note_depth(facts: Probe, found: Metadata) -> None:
    if facts.stated_bits > 8:
        found.note(f"{facts.stated_bits}-bit {facts.format}: read as 8 bits")


def _read_heif(data: bytes, facts: Probe, label: str) -> Picture:
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(f"{label}: HEIF needs a plug-in", "pip install pillow-heif") from error
    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    image: Any = file[file.primary_index if len(file) > 1 else 0]
    facts = _as_decoded(facts, image.size)
    found = gathering.from_items(data, image.info.get("icc_profile"))
    if len(file) > 1:
        found.note(f"the file holds {len(file)} pictures: the main one is taken")
    _note_depth(facts, found)
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise ValueError(f"its colours are of an unknown kind ({image.mode})")
    pixels, alpha = split(np.array(image))
    # the decoder has turned the picture already; what EXIF says about it is only information in this format
    return _picture(pixels, alpha, facts, found, 1)


def _read_bmp(data: bytes, facts: Probe, label: str) -> Picture:
    from PIL import BmpImagePlugin

    return _read_plain(BmpImagePlugin.BmpImageFile, data, facts, label)


def _read_gif(data: bytes, facts: Probe, label: str) -> Picture:
    from PIL import GifImagePlugin

    return _read_plain(GifImagePlugin.GifImageFile, data, facts, label)


def _read_plain(opener: Callable[..., Any], data: bytes, facts: Probe, label: str) -> Picture:
    image = opener(io.BytesIO(data))
    if getattr(image, "n_frames", 1) > 1:
        _refuse_frames(facts.format, image.n_frames, label)
    found = Metadata()
    dpi = image.info.get("dpi")
    if dpi and dpi[0] > 0 and dpi[1] > 0:
        found.dpi = (float(dpi[0]), float(dpi[1]))
    image.load()
    if image.mode in ("1", "L"):
        image = image.convert("L")
    elif image.mode != "RGB":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    pixels, alpha = split(np.array(image))
    return _picture(pixels, alpha, facts, found, 1)


def _read_only(module: Any) -> Callable[[bytes, Probe, str], Picture]:
    """A reader of a format that is only read; each has a module that gives pixels, alpha, metadata and orientation."""

    def reader(data: bytes, facts: Probe, label: str) -> Picture:
        pixels, alpha, found, orientation = module.read(data, facts)
        gathering.take_dpi(found)
        return _picture(pixels, alpha, facts, found, orientation)

    return reader


_READERS: dict[str, Callable[[bytes, Probe, str], Picture]] = {
    "PNG": _read_png,
    "JPEG": _read_jpeg,
    "WEBP": _read_webp,
    "TIFF": _read_tiff,
    "AVIF": _read_avif,
    "HEIF": _read_heif,
    "BMP": _read_bmp,
    "GIF": _read_gif,
    "PPM": _read_only(netpbm),
    "TGA": _read_only(targa),
    "ICO": _read_only(icon),
    "JPEG 2000": _read_only(jpeg2000),
    "JPEG XL": _read_only(jpegxl),
}
