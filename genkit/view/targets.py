"""Where a page or a sheet may be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from genkit.errors import UsageError
from genkit.media.pictures.formats import FORMATS, WRITABLE


def check_target(target: Path, flag: str, others: Sequence[str], *, overwrite: bool) -> str:
    """The kind of a target by its suffix: "picture", or one of `others`.

    Raises:
        UsageError: none of these, a file that is there, or a folder that is not.
    """
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in others and FORMATS.get(f".{suffix}") not in WRITABLE:
        raise UsageError(
            f"{flag} {target}: not a kind that can be written", f"{', '.join(others)}, or a picture: png, jpg, webp"
        )
    if os.path.lexists(target) and not overwrite:
        raise UsageError(f"already there: {target}", "--overwrite replaces it", code="output-exists")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent}: there is no such folder", "make it first", code="target")
    return suffix if suffix in others else "picture"
