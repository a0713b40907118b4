"""Small text files that genkit keeps for itself, written whole or not at all; sizes in words; names (standard library).

Outputs are `media/atomic.py`'s: they are large, and what refuses them is told to the user with a way out.
"""

from __future__ import annotations

import os
import re
import secrets
import unicodedata
from collections.abc import Callable
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


def slug(text: str, *, keep: str = "", most: int | None = None, size: Callable[[str], int] = len) -> str:
    """A text as part of a file's name: its words (letters and digits of any script) in lower case, joined by hyphens.

    Signs in `keep` count as letters. Where `most` is given, as many whole words as fit by `size` (counts characters, unless
    another is given), and of a first word that alone is too long its beginning. Empty where the text has no word.
    """
    words = re.findall(rf"(?:[^\W_]|[{re.escape(keep)}])+" if keep else r"[^\W_]+", unicodedata.normalize("NFC", text).lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if most is not None and size(longer) > most:
            while not name and size(word) > most:
                word = word[:-1]
            return name or word
        name = longer
    return name.strip("-")
