"""On which line of a TOML text each key stands, for errors (standard library only).

No reader that is kept tells it: `tomllib` gives values alone, and tomlkit, which keeps the text's layout, knows no line of a
value either. The text has been read as TOML before, so that here only its beginnings of statements have to be found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")
_TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}]')

Place = tuple[str | int, ...]


def lines_of(text: str) -> dict[Place, int]:
    """The line of each key, counted from 1; elements of arrays of tables by their number: ("step", 0, "scale")."""
    found: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, statement in _statements(text):
        if statement.startswith("[["):
            keys = _keys(statement[2:])
            parent = _under(keys[:-1], counts)
            array: Place = (*parent, *keys[-1:])
            counts[array] = counts.get(array, -1) + 1
            found.setdefault(array, number)
            table = (*array, counts[array])
            found[table] = number
        elif statement.startswith("["):
            table = _under(_keys(statement[1:]), counts)
            found.setdefault(table, number)
        else:
            keys = _keys(statement)
            for length in range(1, len(keys) + 1):
                found.setdefault((*table, *keys[:length]), number)
    return found


def line_of(place: Place, lines: dict[Place, int]) -> int:
    """The line of a key, or of the nearest table around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1)


def _under(keys: list[str], counts: dict[Place, int]) -> Place:
    """A table's place; a name of an array of tables means its last element."""
    place: Place = ()
    for key in keys:
        place = (*place, key)
        if place in counts:
            place = (*place, counts[place])
    return place


def _keys(text: str) -> list[str]:
    keys, at = [], 0
    while match := _PIECE.match(text, at):
        keys.append(next(one for one in match.groups()[:3] if one is not None))
        at = match.end()
        if not match[4]:
            break
    return keys


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """(line, first line) of each header and each key, without the further lines of a value that has several."""
    depth, until = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        beginning = not depth and not until and line.strip() and not line.lstrip().startswith("#")
        header = beginning and line.lstrip().startswith("[")
        if beginning:
            yield number, line.strip()
        if header:
            continue
        at = 0
        while at < len(line):
            if until:
                end = line.find(until, at)
                while until == '"""' and end > 0 and line[end - 1] == "\\" and line[end - 2 : end - 1] != "\\":
                    end = line.find(until, end + 1)
                if end < 0:
                    break
                at, until = end + 3, ""
                continue
            match = _TOKEN.search(line, at)
            if match is None or match[0].startswith("#"):
                break
            token, at = match[0], match.end()
            if token in ('"""', "'''"):
                until = token
            elif token in "[{":
                depth += 1
            elif token in "]}":
                depth -= 1
