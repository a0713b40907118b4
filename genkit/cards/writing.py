"""Write a card as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def card_text(fields: Mapping[str, Any]) -> str:
    """TOML of a card's fields as `parse_card` takes them: plain values first, then one `[section]` for each table."""
    return "\n".join(_section("", fields)).lstrip("\n") + "\n"


def _section(path: str, table: Mapping[str, Any]) -> list[str]:
    plain = [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    lines = ["", f"[{path}]", *plain] if path and (plain or not table) else plain
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _section(f"{path}.{_key(key)}" if path else _key(key), value)
    return lines


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(one) for one in value)}]"
    import json

    # JSON's escapes are TOML's, but for the delete character
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
