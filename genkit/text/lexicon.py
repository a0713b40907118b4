"""A user's own pronunciations: one word a line, then its phonemes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Lexicon = Mapping[str, tuple[str, ...]]  # word in lower case to ARPAbet with stress


def read_lexicon(path: Path) -> dict[str, tuple[str, ...]]:
    """Read `word<tab or spaces>ARPAbet` lines; `#` and `;;;` start comments.

    Raises: InputError that names the file and the line.
    """
    raise NotImplementedError
