"""One function of a network as another engine reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Graph:
    """One converted function: `xml` as the engine reads it, and its constants, `size` bytes, which `read` gives; `numbers`
    are the names of the options that come after the arrays, each with what it is where a call does not say, `fixed` the options
    that it was converted with. `key` tells it from all others, "" where it is not kept."""

    xml: bytes
    read: Callable[[], bytes]
    size: int
    numbers: Mapping[str, float] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    difference: float = 0.0
    key: str = ""

    @property
    def constants(self) -> bytes:
        return self.read()
