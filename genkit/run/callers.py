"""Pictures as a Python caller holds them (a path, a Pillow picture, an array), and results in the same kind."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from genkit.errors import InputError, UsageError
from genkit.media.pictures import images
from genkit.media.pictures.formats import WRITABLE, format_of
from genkit.media.pictures.picture import Picture, split
from genkit.run import pairing

NO_FILE = "a picture without a file"


def take(image: Any) -> Picture:
    """Read whatever a caller may hold.

    Raises:
        InputError: it is no picture, or cannot be read.
    """
    if isinstance(image, (str, Path)):
        return images.read(Path(image))
    if not isinstance(image, np.ndarray):
        return _from_pillow(image)
    if (
        image.dtype not in (np.uint8, np.uint16)
        or image.ndim not in (2, 3)
        or (image.ndim == 3 and not 1 <= image.shape[2] <= 4)
    ):
        raise InputError(
            f"an array of {image.dtype} {image.shape} is no picture", "give (H, W) or (H, W, 1 to 4), uint8 or uint16"
        )
    return Picture(*split(image))


def _from_pillow(image: Any) -> Picture:
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise InputError(f"{type(image).__name__} is no picture", "give a path, a Pillow picture or an array")
    # Through a PNG in memory: palettes, masks, profiles and orientation are then read by the rules that files are read by.
    stream = io.BytesIO()
    (image if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16") else image.convert("RGB")).save(
        stream, "PNG", compress_level=0, exif=image.getexif()
    )
    return images.read(stream.getvalue(), max_pixels=image.width * image.height, name="the picture")


def facts_of(image: Any, picture: Picture) -> dict[str, Any]:
    """What a recipe says of a further picture that a caller gave: of a file its name and sha256, of anything else that it was
    none, and the sha256 of its pixels."""
    if isinstance(image, (str, Path)):
        return pairing.facts_of(Path(image))
    content = hashlib.sha256(picture.pixels.tobytes())
    content.update(b"" if picture.alpha is None else picture.alpha.tobytes())
    return {"name": f"{NO_FILE} of {picture.width}x{picture.height}", "sha256": content.hexdigest()}


def give_back(result: Picture, image: Any) -> Any:
    """A result as an array where the input was one, else as a Pillow picture."""
    if isinstance(image, np.ndarray):
        parts = [result.pixels] if result.alpha is None else [result.pixels, result.alpha[:, :, None]]
        joined = np.concatenate(parts, axis=2)
        return joined[:, :, 0] if image.ndim == 2 and joined.shape[2] == 1 else joined
    from PIL import Image

    # Through a file in memory, as above, so that profile, EXIF and 16 bits arrive as Pillow knows them.
    stream = io.BytesIO()
    images.write(result, stream, format="PNG")
    opened = Image.open(io.BytesIO(stream.getvalue()))
    opened.load()
    return opened


def write_to(result: Picture, target: Path, recipe: dict[str, Any]) -> Path:
    """Write a result over what is there, with its recipe.

    Raises:
        UsageError: not a format that can be written. OutputError: it cannot be written there.
    """
    format = format_of(target.suffix)
    if format not in WRITABLE:
        raise UsageError(f"{target}: {target.suffix or 'no suffix'} is not a format that can be written")
    target.parent.mkdir(parents=True, exist_ok=True)
    images.write(result, target, format=format, recipe=recipe)
    return target
