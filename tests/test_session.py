"""Models that stay loaded: used again, within a bound of memory, the least recently used first to go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from genkit.run.session import Session, key_of, weight_of
from genkit.runtime import Device, Runtime

CPU = Runtime(Device("cpu"), "float32", fallback=False)


def card(name: str, size: int = 100) -> Any:
    return SimpleNamespace(name=name, toml=Path(f"{name}.toml"), revision="1", size=size, dtypes=("float32",))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of models that were loaded; each weighs what its card says."""
    import genkit.models
    import genkit.weights

    names: list[str] = []

    def load(card: Any, files: Any, device: Any, dtype: Any, **options: Any) -> Any:
        names.append(card.name)
        return SimpleNamespace(card=card)

    monkeypatch.setattr(genkit.models, "load_model", load)
    monkeypatch.setattr(genkit.weights, "obtain", lambda card, **how: (card, {}))
    return names


def test_a_model_is_loaded_once(loaded: list[str]):
    session = Session(limit=1000)
    first = session.model(card("a"), CPU)
    assert session.model(card("a"), CPU) is first and loaded == ["a"]
    half = Runtime(Device("cpu"), "bfloat16", fallback=False)
    assert (
        session.model(card("a"), half) is not first and session.model(card("a"), replace(CPU, engine="openvino")) is not first
    )
    assert len(session) == 3 and session.bytes == 300


def test_the_least_recently_used_goes_when_there_is_no_room(loaded: list[str]):
    session = Session(limit=250)
    for name in "abac":
        session.model(card(name), CPU)
    assert loaded == ["a", "b", "c"]
    session.model(card("a"), CPU)
    assert loaded == ["a", "b", "c"], "a was used again, so b went"
    session.model(card("b"), CPU)
    assert loaded[-1] == "b" and len(session) == 2


def test_one_that_is_larger_than_all_is_kept_alone(loaded: list[str]):
    session = Session(limit=250)
    session.model(card("a"), CPU)
    session.model(card("large", 10_000), CPU)
    assert len(session) == 1 and session.bytes == 10_000


def test_what_is_held_stays(loaded: list[str]):
    session = Session(limit=150)
    session.model(card("a"), CPU)
    with session.hold(key_of(card("a"), CPU)):
        session.model(card("b"), CPU)
        session.model(card("a"), CPU)
        assert loaded == ["a", "b"]
    session.model(card("c"), CPU)
    session.model(card("a"), CPU)
    assert loaded == ["a", "b", "c", "a"]
    session.drop(key_of(card("a"), CPU))
    assert key_of(card("a"), CPU) not in session._entries


def test_a_network_weighs_what_its_tensors_weigh():
    model = SimpleNamespace(network=torch.nn.Linear(10, 3))
    assert weight_of(model, card("a")) == 33 * 4 and weight_of(SimpleNamespace(), card("a", 7)) == 7
