"""Settings beside published weights, as diffusers and transformers write them."""

from __future__ import annotations

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
        raise WeightsError(f"{path}: {'is not there' if not path.exists() else 'damaged'}", "fetch it again") from error
    if not isinstance(value, dict):
        raise WeightsError(f"{path}: damaged", "fetch it again")
    return value
