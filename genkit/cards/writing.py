"""Write a card as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card_text(fields: Mapping[str, Any]) -> str:
    """TOML of a card's fields as `parse_card` takes them: plain values first, then one `[section]` for each table."""
    import tomli_w

    return tomli_w.dumps(fields)
