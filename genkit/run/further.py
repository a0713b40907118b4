"""Pictures that an option names beside the inputs: hints, a reference for colours."""

from __future__ import annotations

from pathlib import Path

from genkit.errors import InputError, UsageError
from genkit.media.pictures.picture import Picture


def read_further(option: str, path: Path, max_pixels: int | None = None) -> Picture:
    """Read one in sRGB; `option` is what the user knows it by, `max_pixels` is as for inputs.

    Raises:
        UsageError: it cannot be read. It is an option's, so nothing can be made without it.
    """
    from genkit.media.pictures import images
    from genkit.media.pictures.colour import to_srgb

    try:
        return to_srgb(images.read(path, max_pixels=max_pixels or images.MAX_PIXELS))
    except InputError as error:
        raise UsageError(f"{option} {error.message}", error.hint, code=error.code) from error
