"""A model, or the same network from elsewhere: a card may name its publisher's other release (`instead`), which has addresses
of its own. It is taken where none of the card's own answers, and never in silence; wrong content, a licence that is not
accepted and a full disk are another matter."""

from __future__ import annotations

from pathlib import Path

from genkit.cards import Card, find
from genkit.errors import UsageError, WeightsError
from genkit.weights.pinning import is_offline
from genkit.weights.resolving import Announce, Progress, local_files, resolve


def obtain(
    card: Card, *, announce: Announce, progress: Progress | None = None, accept_licence: bool = False
) -> tuple[Card, dict[str, Path]]:
    """As `resolve`, and which card the files are of: where none of its addresses answers, that of the other release.

    Raises:
        WeightsError: as `resolve`; names what could not be reached of both.
    """
    try:
        return card, resolve(card, announce=announce, progress=progress, accept_licence=accept_licence)
    except WeightsError as error:
        from genkit.weights.fetching import UNREACHED

        other = _other(card) if error.code in UNREACHED else None
        if other is None:
            raise
        first = error
    about = first.message if card.name in first.message else f"{card.name}: {first.message}"
    announce(f"{about}; taking its publisher's other release, {other.name}")
    try:
        return other, resolve(other, announce=announce, progress=progress, accept_licence=accept_licence)
    except WeightsError as error:
        raise WeightsError(f"{about}; {error.message}", error.hint, code=error.code) from first


def other_release(card: Card) -> Card | None:
    """The other release where it alone is here: nothing is fetched to find out."""
    other = _other(card)
    there = other is not None and local_files(card) is None and local_files(other) is not None
    return other if there else None


def at_hand(card: Card) -> Card:
    """The card itself, or the other release where the network is off and only that is here."""
    return (is_offline() and other_release(card)) or card


def _other(card: Card) -> Card | None:
    """The card of the other release; a user's own card may name one that is not here any more."""
    try:
        return find(card.instead, card.task) if card.instead else None
    except UsageError:
        return None
