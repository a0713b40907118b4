"""Pictures as a Python caller holds them (a path, a Pillow picture, an array), and results in the same kind."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture

NO_FILE = "a picture without a file"


def is_path(image: Any) -> bool:
    return isinstance(image, (str, Path))


def as_bytes(image: Any) -> bytes:
    """A picture in memory as the bytes of a PNG file: palettes, masks, profiles, orientation and 16 bits are then read by the
    rules that files are read by. Arrays are (H, W) or (H, W, 1 to 4), uint8, uint16 or (as masks) bool.

    Raises:
        InputError: it is no picture.
    """
    import numpy as np
    from PIL import Image

    if isinstance(image, np.ndarray):
        return _of_array(image.astype(np.uint8) * 255 if image.dtype == bool else image)
    if not isinstance(image, Image.Image):
        raise InputError(f"{type(image).__name__} is no picture", "give a path, a Pillow picture or an array")
    stream = io.BytesIO()
    kept = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    (image if kept else image.convert("RGB")).save(stream, "PNG", compress_level=0, exif=image.getexif())
    return stream.getvalue()


def _of_array(image: Any) -> bytes:
    import numpy as np

    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture, split

    fits = image.ndim == 2 or (image.ndim == 3 and 1 <= image.shape[2] <= 4)
    if image.dtype not in (np.uint8, np.uint16) or not fits:
        raise InputError(
            f"an array of {image.dtype} {image.shape} is no picture", "give (H, W) or (H, W, 1 to 4), uint8 or uint16"
        )
    stream = io.BytesIO()
    images.write(Picture(*split(image)), stream, format="PNG")
    return stream.getvalue()


def name_of(data: bytes) -> str:
    """What messages and recipes call a picture that has no file."""
    from genkit.media.pictures.headers import read_header

    header = read_header(data, "the picture")
    return f"{NO_FILE} of {header.width}x{header.height}"


def give_back(result: Picture, image: Any) -> Any:
    """A result as an array where the input was one, else as a Pillow picture."""
    import numpy as np

    if isinstance(image, np.ndarray):
        parts = [result.pixels] if result.alpha is None else [result.pixels, result.alpha[:, :, None]]
        joined = np.concatenate(parts, axis=2)
        return joined[:, :, 0] if image.ndim == 2 and joined.shape[2] == 1 else joined
    from PIL import Image

    from genkit.media.pictures import images

    # Through a file in memory, so that profile, EXIF and 16 bits arrive as Pillow knows them.
    stream = io.BytesIO()
    images.write(result, stream, format="PNG")
    opened = Image.open(io.BytesIO(stream.getvalue()))
    opened.load()
    return opened
