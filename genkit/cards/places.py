"""Where cards, the user's own things and the cache lie. No folder is made here."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def home() -> Path:
    """The user's own folder: configuration, own cards, and the cache unless GENKIT_CACHE says otherwise. Not created here."""
    if given := os.environ.get("GENKIT_HOME"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "genkit"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "genkit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "genkit"


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
