"""Models by name, for callers from Python."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from genkit.python.functions import function_of
from genkit.python.listener import Listener
from genkit.python.models import Model
from genkit.run import session

if TYPE_CHECKING:
    from genkit.cards import Card

_handles: weakref.WeakValueDictionary[session.Key, Model] = weakref.WeakValueDictionary()


def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Model:
    """Load a model, fetching it if need be, for many calls. It is kept as the last used ones are, within a bound of memory.

    Raises:
        UsageError: an unknown name or an absent device. WeightsError: it cannot be had.
    """
    from genkit import cards, runtime, verbs, weights

    asked = weights.pinned(cards.find(name))
    place = runtime.choose(device, dtype, asked.dtypes)
    card, _ = weights.obtain(asked, announce=Listener().say, accept_licence=accept_licence) if asked.instead else (asked, {})
    key = session.key_of(card, place)
    network = session.DEFAULT.model(card, place, accept_licence=accept_licence, report=Listener().say)
    network.card = card
    handle = _handles.get(key)
    if handle is None or handle.network is not network:
        handle = _handles[key] = Model(
            card, network, key, name if card is asked else card.name, device, dtype, function_of(verbs.find(card.task))
        )
    return handle


def list_models(verb: str | None = None) -> list[Card]:
    """The cards of all models, or of one verb's."""
    from genkit import cards

    return cards.all_cards(verb)
