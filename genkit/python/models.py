"""Models for callers from Python: loaded by name, used many times."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.python.listener import Listener
from genkit.run import session

if TYPE_CHECKING:
    from genkit.cards import Card


class Model:
    """A loaded model: `model(picture, scale=2)` is its verb with this model, and `model(tensor)` its network.

    As a context it stays loaded until the end, and its memory is given back then.
    """

    def __init__(self, card: Card, network: Any, key: session.Key, reference: str, device: str, dtype: str):
        self.card, self.network, self.key = card, network, key
        self.reference, self.device_name, self.dtype_name = reference, device, dtype
        self._open = ExitStack()

    def __call__(self, media: Any, output: str | Path | None = None, **options: Any) -> Any:
        import torch

        if isinstance(media, torch.Tensor):
            return self.network(media, **options)
        from genkit import verbs
        from genkit.python.functions import function_of

        return function_of(verbs.find(self.card.task))(media, output, model=self, **options)

    def __enter__(self) -> Model:
        self._open.enter_context(session.DEFAULT.hold(self.key))
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()
        session.DEFAULT.drop(self.key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)


_handles: weakref.WeakValueDictionary[session.Key, Model] = weakref.WeakValueDictionary()


def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Model:
    """Load a model, fetching it if need be, for many calls. It is kept as the last used ones are, within a bound of memory.

    Raises:
        UsageError: an unknown name or an absent device. WeightsError: it cannot be had.
    """
    from genkit import cards, runtime, weights

    card = weights.pinned(cards.find(name))
    place = runtime.choose(device, dtype, card.dtypes)
    key = session.key_of(card, place)
    network = session.DEFAULT.model(card, place, accept_licence=accept_licence, report=Listener().say)
    network.card = card
    handle = _handles.get(key)
    if handle is None or handle.network is not network:
        handle = _handles[key] = Model(card, network, key, name, device, dtype)
    return handle


def list_models(verb: str | None = None) -> list[Card]:
    """The cards of all models, or of one verb's."""
    from genkit import cards

    return cards.all_cards(verb)
