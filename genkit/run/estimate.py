"""How long a plan will take: the pace that a model had here when it last ran, kept in the cache."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.run.batch import Counts

LEAST_SECONDS = 1.0  # a shorter run says more about starting than about the model


def estimate(megapixels: float, model: str, device: str) -> float | None:
    """Seconds for so many megapixels of input, starting not counted; None before the model's first run here."""
    pace = _paces().get(f"{model} {device}")
    return round(megapixels / pace, 1) if isinstance(pace, (int, float)) and pace > 0 else None


def remember(counts: Counts, model: str, device: str) -> None:
    """Keep the pace of a run that says something, for the next plan."""
    from genkit.cards import cache_folder
    from genkit.errors import GenkitError
    from genkit.media.atomic import temporary_beside

    seconds = counts.seconds - counts.loading
    if seconds < LEAST_SECONDS or not counts.megapixels:
        return
    paces = _paces() | {f"{model} {device}": round(counts.megapixels / seconds, 5)}
    with suppress(OSError, GenkitError):  # a cache that cannot be written only costs the estimate
        cache_folder().mkdir(parents=True, exist_ok=True)
        with temporary_beside(cache_folder() / "paces.json") as path:
            path.write_text(json.dumps(paces, indent=1), encoding="utf-8")


def _paces() -> dict[str, Any]:
    from genkit.cards import cache_folder
    from genkit.files import read_json

    try:
        paces = read_json(cache_folder() / "paces.json")
    except (OSError, ValueError):
        return {}
    return paces if isinstance(paces, dict) else {}
