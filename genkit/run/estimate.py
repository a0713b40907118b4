"""How long a plan will take: the pace that a model had here when it last ran, kept in the cache."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.run.batch import Counts

LEAST_SECONDS = 1.0  # a shorter run says more about starting than about the model


def estimate(work: float, model: str, device: str) -> float | None:
    """Seconds for so much work (megapixels of input, letters, steps), starting not counted; None before the model's first run
    here."""
    pace = _paces().get(f"{model} {device}")
    return round(work / pace, 1) if isinstance(pace, (int, float)) and pace > 0 else None


def remember(counts: Counts, model: str, device: str) -> None:
    """Keep the pace of a run for the next plan; a short one's only where there is no other."""
    from genkit.cards import cache_folder
    from genkit.errors import GenkitError
    from genkit.media.atomic import temporary_beside

    seconds = counts.seconds - counts.loading
    paces, key = _paces(), f"{model} {device}"
    if seconds <= 0 or not counts.work or (seconds < LEAST_SECONDS and key in paces):
        return
    paces[key] = float(f"{counts.work / seconds:.5g}")
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
