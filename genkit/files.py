"""Small text files that genkit keeps for itself, written whole or not at all, and sizes in words (standard library only).

Outputs are `media/atomic.py`'s: they are large, and what refuses them is told to the user with a way out.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace_text(target: Path, text: str) -> None:
    """Make `target` hold `text`: all of it or what it held before, whatever happens and whoever else writes. Makes its folder.

    Raises:
        OSError: the place refuses the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with partial.open("x", encoding="utf-8") as file:
            file.write(text)
        os.replace(partial, target)
    except BaseException:  # an interrupt, too, must leave no partial file
        partial.unlink(missing_ok=True)
        raise


def size_text(size: int | None) -> str:
    """Bytes as people say them: 67 MB, 1.2 GB."""
    if size is None:
        return "unknown size"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= unit:
            value = size / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{size} bytes"
