"""Weights kept in eight bits: what is written, read back, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from genkit.errors import UsageError, WeightsError
from genkit.train.config import TrainConfig, parse_config
from genkit.train.finish import write_model
from genkit.weights import read_state_dict
from genkit.weights.eight_bits import SCALE, packed


def tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(64, 32, 3, generator=generator) * torch.logspace(-3, 2, 64)[:, None, None]
    return {"conv.weight": rows, "conv.bias": torch.randn(64, generator=generator), "small.weight": torch.ones(4, 4)}


def test_each_row_comes_back_within_half_a_step(tmp_path: Path) -> None:
    config = TrainConfig(name="tiny", task="tts", family="vocos", bits=8)
    write_model(tmp_path, config, tensors(), {}, command=["genkit"], metrics={})
    stored = load_file(tmp_path / "tiny.safetensors")
    assert stored["conv.weight"].dtype == torch.int8 and stored["small.weight"].dtype == torch.float16
    state, rows = read_state_dict(tmp_path / "tiny.safetensors"), tensors()["conv.weight"]
    assert set(state) == set(tensors()) and state["conv.weight"].dtype == torch.float32
    steps = rows.flatten(1).abs().amax(1) / 127
    assert ((state["conv.weight"] - rows).flatten(1).abs().amax(1) <= 0.6 * steps).all()
    assert (tmp_path / "tiny.safetensors").stat().st_size < 0.6 * 2 * rows.numel() + 2000


def test_a_row_of_nothing_and_numbers_beyond_half_precision(tmp_path: Path) -> None:
    state = {"weight": torch.zeros(32, 64), "huge": torch.full((2,), 1e6)}
    config = TrainConfig(name="tiny", task="tts", family="vocos", bits=8)
    write_model(tmp_path, config, state, {}, command=["genkit"], metrics={})
    again = read_state_dict(tmp_path / "tiny.safetensors")
    assert torch.equal(again["weight"], state["weight"]) and torch.equal(again["huge"], state["huge"])


@pytest.mark.parametrize("harm", ["alone", "rows", "float"])
def test_a_scale_that_fits_nothing_is_damage(tmp_path: Path, harm: str) -> None:
    state = packed(tensors())
    if harm == "alone":
        del state["conv.weight"]
    elif harm == "rows":
        state["conv.weight" + SCALE] = torch.ones(63)
    else:
        state["conv.weight"] = state["conv.weight"].float()
    path = tmp_path / "a.safetensors"
    save_file(state, path)
    with pytest.raises(WeightsError, match="conv") as caught:
        read_state_dict(path)
    assert caught.value.code == "damaged"


def test_other_numbers_of_bits_are_refused() -> None:
    told = {"name": "tiny", "task": "tts", "family": "vocos"}
    assert parse_config({**told, "bits": 8}, "a.toml").bits == 8
    with pytest.raises(UsageError, match="bits = 4"):
        parse_config({**told, "bits": 4}, "a.toml")
