"""Where cards, the user's own ones and the cache lie. No folder is made here."""

from __future__ import annotations

import os
from pathlib import Path

from genkit.files import home


def cache_folder() -> Path:
    given = os.environ.get("GENKIT_CACHE")
    return Path(given).expanduser() if given else home() / "cache"


def weights_folder() -> Path:
    """Cards and shipped checkpoints: `genkit/_weights` in a wheel, `weights/` in a checkout."""
    package = Path(__file__).parent.parent
    packed = package / "_weights"
    return packed if packed.is_dir() else package.parent / "weights"


def user_folder() -> Path:
    return home() / "cards"
