"""Lists as command lines and recipes spell them: seeds (`0-15`, `3,7,9`), and the columns and rows of a grid (`4x3`)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import index
from typing import Any

from genkit.errors import UsageError

MOST_SEEDS = 100_000
LARGEST_SEED = 2**63 - 1
LARGEST_GRID = 100  # pictures on a side


def parse_seeds(text: str, option: str = "--seeds") -> list[int]:
    """Read `0-15`, `3,7,9` or `0-3,9`, in that order, each seed once.

    Raises:
        UsageError: no such list, or one that is too long.
    """
    seeds: dict[int, None] = {}
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,19})\s*(?:-\s*(\d{1,19})\s*)?", piece)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last > LARGEST_SEED:
            raise UsageError(f"{option} {text}: expected seeds, such as 0-15 or 3,7,9")
        if last - first + len(seeds) >= MOST_SEEDS:
            raise UsageError(f"{option} {text}: more than {MOST_SEEDS:,} seeds", "draw them in several runs")
        seeds |= dict.fromkeys(range(first, last + 1))
    return list(seeds)


def as_list(value: object, option: str) -> str:
    """Spell a whole number, a range or a sequence of whole numbers as `parse_seeds` reads them.

    Raises:
        UsageError: it is none of these.
    """
    numbers: list[Any] = list(value) if isinstance(value, Iterable) else [value]
    if not numbers or any(isinstance(one, bool) or not hasattr(one, "__index__") for one in numbers):
        raise UsageError(f"{option} {value}: expected whole numbers, such as 7, range(16), [3, 7, 9] or '0-15'")
    return ",".join(str(index(one)) for one in numbers)


def parse_grid(text: str) -> tuple[int, int]:
    """Read `4x3`: columns and rows.

    Raises:
        UsageError: no such thing.
    """
    match = re.fullmatch(r"\s*(\d{1,3})\s*[xX]\s*(\d{1,3})\s*", text)
    columns, rows = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (1 <= columns <= LARGEST_GRID and 1 <= rows <= LARGEST_GRID):
        raise UsageError(f"--grid {text}: expected columns x rows, such as 4x4, each at most {LARGEST_GRID}")
    return columns, rows
