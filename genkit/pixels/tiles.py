"""`--tile`: the side of the parts that a picture goes through a network in."""

from __future__ import annotations

from genkit.errors import UsageError


def parse_tile(text: str | int | None) -> int | None:
    """Read a side in pixels, 0 for the whole picture at once; None for auto.

    Raises:
        UsageError: neither auto nor a number.
    """
    if text in (None, "auto"):
        return None
    if not str(text).isdecimal():
        raise UsageError(f"--tile {text}: expected auto, 0 for the whole picture, or a side in pixels")
    return int(text or 0)
