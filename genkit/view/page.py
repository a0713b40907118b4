"""Pages of one HTML file: pictures inside, no address asked for anything, readable without scripts."""

from __future__ import annotations

import base64
import html
import io
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture

SHOWN_BY_BROWSERS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")
MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif", "AVIF": "image/avif"}
# nothing is fetched, whatever a file's name or recipe holds
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def page(title: str, style: str, body: str, script: str) -> str:
    """A whole page; `style` and `script` are names of files in this folder."""
    here = files("genkit.view")
    css, js = ((here / name).read_text(encoding="utf-8").strip() for name in (style, script))
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n{policy}\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{text(title)}</title>\n<style>\n{css}\n</style>\n'
        f"{body}\n<script>\n{js}\n</script>\n</html>\n"
    )


def text(value: object) -> str:
    """A text from a file, as a page may hold it."""
    return html.escape("".join(sign if sign.isprintable() else "?" for sign in str(value)))


def embedded(path: Path, picture: Picture, longest: int) -> str:
    """The address of a picture inside its page: the file itself where browsers show it and it is not larger than `longest`
    pixels a side, else a smaller copy in JPEG, or in PNG where it has transparency."""
    if picture.format in SHOWN_BY_BROWSERS and max(picture.width, picture.height) <= longest and not _is_turned(picture):
        return _address(path.read_bytes(), MIME[picture.format])
    from genkit.media.pictures import images

    stream, format = io.BytesIO(), "JPEG" if picture.alpha is None else "PNG"
    images.write(reduced(picture, longest), stream, format=format, quality=90 if format == "JPEG" else None, strip=True)
    return _address(stream.getvalue(), MIME[format])


def _is_turned(picture: Picture) -> bool:
    return picture.metadata.orientation != 1


def _address(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def reduced(picture: Picture, longest: int) -> Picture:
    """A picture of 8 bits, RGB, at most `longest` pixels a side."""
    import numpy as np
    from PIL import Image

    from genkit.media.pictures.colour import to_srgb
    from genkit.media.pictures.picture import joined, narrow, split

    picture = to_srgb(picture)
    pixels = joined(narrow(picture.pixels), narrow(picture.alpha) if picture.alpha is not None else None)
    if max(picture.width, picture.height) > longest:
        image = Image.fromarray(pixels)
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
    return picture.with_pixels(*split(pixels))
