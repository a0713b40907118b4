"""A tiny checkpoint of a family and its card, and what every family refuses alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from genkit import models
from genkit.errors import WeightsError

CPU = torch.device("cpu")


def card_of(**params: Any) -> Any:
    return SimpleNamespace(name="test", params=params)


def spread(network: nn.Module, deviation: float = 0.2) -> Any:
    """Random weights that change something: many networks begin as nothing but their input."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=deviation)
    return network


def saved(folder: Path, state: Mapping[str, Tensor]) -> dict[str, Path]:
    path = folder / "net.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return {"weights": path}


def check_files(
    family: ModuleType, name: str, network: nn.Module, sizes: dict[str, Any], folder: Path, other: Mapping[str, Any], word: str
) -> None:
    """The family is known by its tensors, takes all of them and no others, and no file that is not what its card says.

    `word` is what messages call the network, `other` are sizes that it has not.
    """
    state = network.state_dict()
    assert models.recognise(state) == (name, sizes)
    assert family.recognise({"head.bias": torch.zeros(1)}) is None
    halves = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    loaded = family.load(card_of(**sizes), saved(folder, halves), CPU, torch.float32)
    assert {parameter.dtype for parameter in loaded.network.parameters()} == {torch.float32}
    assert not any(one.is_meta for one in (*loaded.network.parameters(), *loaded.network.buffers()))
    last = list(state)[-1]
    with pytest.raises(WeightsError, match=rf"net\.safetensors does not fit {word}.*{last}"):
        family.load(card_of(**sizes), saved(folder, {key: state[key] for key in list(state)[:-1]}), CPU, torch.float32)
    with pytest.raises(WeightsError, match=rf"does not fit {word}.*spare"):
        family.load(card_of(**sizes), saved(folder, {**state, "spare": torch.zeros(1)}), CPU, torch.float32)
    with pytest.raises(WeightsError, match=r"net\.safetensors is not what the card test says: "):
        family.load(card_of(**sizes | other), saved(folder, state), CPU, torch.float32)
    with pytest.raises(WeightsError, match=f"is not a checkpoint of {word}"):
        family.load(card_of(**sizes), saved(folder, {"head.bias": torch.zeros(1)}), CPU, torch.float32)
