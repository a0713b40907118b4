"""Decide what has to happen before a model can be used. Nothing here touches the disk or the network."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from genkit.cards import Card, CardFile

SNAPSHOT = "*"  # stands for the part of a hub repository that comes by pattern


@dataclass(frozen=True)
class Choice:
    """`missing` are the files to fetch, `size` their bytes (None: not known), `reason` why a refusal."""

    kind: Literal["shipped", "cached", "pull", "refuse"]
    missing: tuple[CardFile, ...] = ()
    size: int | None = 0
    reason: Literal["", "offline", "licence", "damaged"] = ""


def needs_acceptance(card: Card) -> bool:
    return card.gated or card.commercial is False


def is_allowed(card: Card) -> bool:
    """Whether a model is fetched that does not lie here, and without asking: its licence needs no acceptance."""
    return not card.shipped and not needs_acceptance(card)


def choose(card: Card, present: Collection[str], offline: bool, accepted: bool = False) -> Choice:
    """Choose from what is `present`: the roles of files, the paths of hub files, and `SNAPSHOT` for a hub's patterns."""
    wanted = card.every_file
    missing = [one for one in wanted if key_of(card, one) not in present]
    if card.hub and card.hub.patterns and SNAPSHOT not in present:
        missing.append(CardFile(SNAPSHOT))
    if not missing:
        return Choice("shipped" if card.shipped else "cached")
    sizes = [one.size for one in missing]
    size = None if None in sizes else sum(size or 0 for size in sizes)
    size = card.size if size is None and not present else size
    fetch = tuple(missing)
    beside = (*card.files.values(), *(card.folder.files.values() if card.folder else ()))
    if any(one in beside and not one.has_address for one in missing):
        return Choice("refuse", fetch, size, "damaged")
    if offline:
        return Choice("refuse", fetch, size, "offline")
    if needs_acceptance(card) and not accepted:
        return Choice("refuse", fetch, size, "licence")
    return Choice("pull", fetch, size)


def key_of(card: Card, one: CardFile) -> str:
    """What a file is called in `present`: its path in the repository for a hub's, its role for any other."""
    if card.hub and one.path is not None and card.hub.files.get(one.path) is one:
        return one.path
    return one.role
