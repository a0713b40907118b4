"""Tables of words that lie beside the modules as TOML: read once, when first asked for."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any


def word_set(words: str) -> frozenset[str]:
    return frozenset(words.split())


@lru_cache(maxsize=32)
def table(name: str) -> dict[str, Any]:
    """`table("english/units")` is english/units.toml in this folder."""
    return tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
