"""Units and currencies by their signs (units.toml)."""

from __future__ import annotations

from genkit.text.tables import table

_TABLES = table("english/units")
_PREFIXES: dict[str, str] = _TABLES["prefixes"]

# sign: (one, more)
UNITS: dict[str, tuple[str, str]] = {
    sign: (name, name + "s") if isinstance(name, str) else (name[0], name[1]) for sign, name in _TABLES["units"].items()
}
for _sign, (_name, _of) in _TABLES["prefixed"].items():
    for _prefix in _of:
        _whole = _PREFIXES[_prefix] + _name
        UNITS.setdefault(_prefix + _sign, (_whole, _whole if _name == "hertz" else _whole + "s"))

# sign: (one, more, hundredth, hundredths)
CURRENCIES: dict[str, tuple[str, str, str, str]] = {sign: tuple(names) for sign, names in _TABLES["currencies"].items()}
CODES: dict[str, str] = _TABLES["codes"]
MAGNITUDES: dict[str, str] = _TABLES["magnitudes"]
