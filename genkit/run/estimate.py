"""How long a plan will take: the pace that a model had here when it last ran. What was measured here is kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.run.batch import Counts

LEAST_SECONDS = 1.0  # a shorter run says more about starting than about the model


def estimate(work: float, model: str, device: str) -> float | None:
    """Seconds for so much work (megapixels of input, letters, steps), starting not counted; None before the model's first run
    here."""
    pace = recall(f"{model} {device}")
    return round(work / pace, 1) if pace is not None else None


def remember(counts: Counts, model: str, device: str) -> None:
    """Keep the pace of a run for the next plan; a short one's only where there is no other."""
    seconds = counts.seconds - counts.loading
    key = f"{model} {device}"
    if seconds <= 0 or not counts.work or (seconds < LEAST_SECONDS and recall(key) is not None):
        return
    keep({key: counts.work / seconds})


def recall(key: str) -> float | None:
    """A number that was kept here."""
    number = _paces().get(key)
    return number if isinstance(number, (int, float)) and number > 0 else None


def keep(numbers: Mapping[str, float]) -> None:
    """Keep numbers for later runs on this machine; a cache that cannot be written only costs them."""
    from genkit.cards import cache_folder
    from genkit.errors import GenkitError
    from genkit.media.atomic import temporary_beside

    paces = {**_paces(), **{key: float(f"{number:.5g}") for key, number in numbers.items()}}
    with suppress(OSError, GenkitError):
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
