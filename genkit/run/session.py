"""Loaded models, kept for the next call within a bound of memory: by card, device, number format and engine.

The least recently used goes when another needs its room; one that a caller holds open (`Session.hold`) does not.

A process that stays resident has a session of its own and gives it to `call.carry_out`: what it is asked is data
(`Call.to_data`, `call.from_values`), and what it answers are the reporter's events. So a command can hand its call over.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.models.shapes import FeaturesModel, Model
    from genkit.runtime import Runtime

SHARE = 0.5  # of the memory that is free when the first model is loaded
UNKNOWN_BYTES = 1 << 30  # what a model weighs that does not say


class Key(NamedTuple):
    """What tells loaded models apart; `card` is the card's file, `revision` its weights'."""

    card: str
    revision: str
    device: str
    dtype: str
    engine: str


@dataclass
class _Entry:
    model: Model
    bytes: int
    holders: int = 0


class Session:
    """`limit` bounds the bytes of the models that are kept; None is half of the memory that is free on the device."""

    def __init__(self, limit: int | None = None):
        self._limit = limit
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._lock = threading.RLock()

    def model(
        self,
        card: Card,
        place: Runtime,
        *,
        accept_licence: bool = False,
        report: Callable[[str], None] = lambda message: None,
        progress: Callable[[str, int, int | None], None] | None = None,
        pixels: int | None = None,
    ) -> Any:
        """The model that a card describes on a device, loaded and if need be fetched (its publisher's other release, where
        that alone is to be had), unless it is here already.

        `pixels` is how much it is loaded for, None for any amount: little work is not worth making a network ready for
        another engine.

        Raises:
            WeightsError: it cannot be had.
        """
        key = key_of(card, place)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                from genkit.models import load_model
                from genkit.weights import obtain

                had, files = obtain(card, announce=report, progress=progress, accept_licence=accept_licence)
                self._make_room(card.size or UNKNOWN_BYTES, place)
                model = load_model(
                    had,
                    files,
                    place.device,
                    place.dtype,
                    fallback=place.fallback,
                    engine=place.engine,
                    report=report,
                    pixels=pixels,
                )
                entry = self._entries[key] = _Entry(model, weight_of(model, card))
                self._make_room(0, place, but=key)
            self._entries.move_to_end(key)
            return entry.model

    @contextmanager
    def hold(self, key: Key) -> Iterator[None]:
        """Keep a loaded model here for as long as this is open."""
        with self._lock:
            self._entries[key].holders += 1
        try:
            yield
        finally:
            with self._lock:
                if (entry := self._entries.get(key)) is not None:
                    entry.holders -= 1

    def drop(self, key: Key) -> None:
        """Give a model's memory back."""
        with self._lock:
            self._entries.pop(key, None)

    def forget(self, model: Model) -> None:
        """Let go of a loaded model that its user changes for good (adapters, another decoder): nobody else is given it."""
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.model is model]:
                del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes(self) -> int:
        return sum(entry.bytes for entry in self._entries.values())

    def _make_room(self, wanted: int, place: Runtime, but: Key | None = None) -> None:
        if not self._entries.keys() - {but}:  # nothing could go
            return
        limit = self._limit
        if limit is None:
            from genkit import runtime

            limit = self._limit = self.bytes + int(SHARE * runtime.free_memory(place.device))
        for key in list(self._entries):
            if self.bytes + wanted <= limit:
                return
            if key != but and not self._entries[key].holders:
                del self._entries[key]


def key_of(card: Card, place: Runtime) -> Key:
    return Key(str(card.toml), card.revision, str(place.device), str(place.dtype), place.engine)


def weight_of(model: Model, card: Card) -> int:
    """The bytes of a loaded model's tensors where it is one network, else those of its files."""
    graphs = getattr(getattr(model, "runner", None), "bytes", None)
    if isinstance(graphs, int):
        return graphs
    network = getattr(model, "network", None)
    if network is not None and hasattr(network, "parameters"):
        return sum(each.numel() * each.element_size() for each in network.parameters())
    return card.size or UNKNOWN_BYTES


def features_of(model: Model) -> FeaturesModel | None:
    """What a loaded model compares pictures by: itself, the encoder in it, or None where it has no features."""
    from genkit.models.style.perceptual import encoder_of

    return encoder_of(model)


DEFAULT = Session()  # of this process: the commands, Python and what serves use it
