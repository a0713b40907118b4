"""Licences that restrict use, and the user's word that they are accepted, kept in `GENKIT_HOME/licences.json`."""

from __future__ import annotations

import json
from pathlib import Path

from genkit.cards import Card
from genkit.files import home, read_json, replace_text


def is_accepted(card: Card) -> bool:
    """Whether the user accepted this model's licence as the card states it now."""
    return _read().get(card.name) == card.licence


def accept(card: Card) -> None:
    replace_text(_file(), json.dumps(_read() | {card.name: card.licence}, indent=1))


def _file() -> Path:
    return home() / "licences.json"


def _read() -> dict[str, str]:
    try:
        accepted = read_json(_file())
    except (OSError, ValueError):
        return {}
    return accepted if isinstance(accepted, dict) else {}
