"""Settings beside published weights, as diffusers and transformers write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from genkit.errors import WeightsError
from genkit.files import read_json


def read_settings(path: Path) -> dict[str, Any]:
    """Read a JSON file of settings.

    Raises:
        WeightsError: not there, or no JSON object.
    """
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        reason = f"damaged: {error}" if path.exists() else "is not there"
        raise WeightsError(f"{path}: {reason}", "fetch it again") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{path}: damaged", "fetch it again")
    return value


def settles(settings: Mapping[str, Any], sizes: Collection[str], fixed: Mapping[str, Any]) -> bool:
    """Whether settings of a part are those of a network of ours: any `sizes`, all `fixed` ones, and nothing else on."""
    others = (value for key, value in settings.items() if key not in sizes and key not in fixed and not key.startswith("_"))
    return all(settings.get(key, ...) == value for key, value in fixed.items()) and not any(others)
