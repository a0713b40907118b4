"""AnimeGANv2: the published table of keys and shapes, a reference for its layers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors
from torch.nn import functional as F

from genkit import models
from genkit.errors import WeightsError
from genkit.models.translate import animegan2

CPU = torch.device("cpu")


def published(width: int = 32) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the files, from their publisher's network definition."""
    a, b, c, d = width, 2 * width, 4 * width, 8 * width
    table: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        table[f"{name}.weight"] = table[f"{name}.bias"] = (channels,)

    def layer(name: str, before: int, after: int, side: int = 3) -> None:
        table[f"{name}.1.weight"] = (after, before, side, side)
        norm(f"{name}.2", after)

    for name, before, after, side in (
        *(("block_a.0", 3, a, 7), ("block_a.1", a, b, 3), ("block_a.2", b, b, 3)),
        *(("block_b.0", b, c, 3), ("block_b.1", c, c, 3), ("block_c.0", c, c, 3), ("block_c.5", d, c, 3)),
        *(("block_d.0", c, c, 3), ("block_d.1", c, c, 3)),
        *(("block_e.0", c, b, 3), ("block_e.1", b, b, 3), ("block_e.2", b, a, 7)),
    ):
        layer(name, before, after, side)
    for place, before in enumerate((c, d, d, d), 1):
        name, wide = f"block_c.{place}.layers", 2 * before
        layer(f"{name}.0", before, wide, 1)
        layer(f"{name}.1", 1, wide)  # one input for each group
        table[f"{name}.1.1.bias"] = (wide,)
        table[f"{name}.2.weight"] = (d, wide, 1, 1)
        norm(f"{name}.3", d)
    return table | {"out_layer.0.weight": (3, a, 1, 1)}


def load(state: dict[str, Any], folder: Path, **params: Any) -> Any:
    torch.save(state, folder / "net.pt")
    card: Any = SimpleNamespace(name="test", params=params)
    return OnTensors(animegan2.load(card, {"weights": folder / "net.pt"}, CPU, torch.float32))


def test_keys_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        state = animegan2.AnimeGan2().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published()
    assert models.recognise(state) == ("animegan2", {"width": 32})


def reference(state: dict[str, Any], images: Any) -> Any:
    """The network again, from the functions of torch and the publisher's order of layers."""

    def norm(name: str, values: Any) -> Any:
        return F.group_norm(values, 1, state[f"{name}.weight"], state[f"{name}.bias"])

    def layer(name: str, values: Any, stride: int = 1, groups: int = 1) -> Any:
        weight, bias = state[f"{name}.1.weight"], state.get(f"{name}.1.bias")
        edge = weight.shape[-1] // 2
        if weight.shape[-1] > 1:
            values = F.pad(values, (0, 1, 0, 1) if stride == 2 else (edge,) * 4, "reflect")
        return F.leaky_relu(norm(f"{name}.2", F.conv2d(values, weight, bias, stride, groups=groups)), 0.2)

    first = layer("block_a.2", layer("block_a.1", layer("block_a.0", images), 2))
    values = layer("block_c.0", layer("block_b.1", layer("block_b.0", first, 2)))
    for place in range(1, 5):
        name = f"block_c.{place}.layers"
        made = layer(f"{name}.0", values)
        made = layer(f"{name}.1", made, groups=made.shape[1])
        made = norm(f"{name}.3", F.conv2d(made, state[f"{name}.2.weight"]))
        values = made if place == 1 else values + made
    values = layer("block_c.5", values)
    for stage, like in (("block_d", first), ("block_e", images)):
        values = F.interpolate(values, like.shape[-2:], mode="bilinear", align_corners=True)
        for place in range(2 if stage == "block_d" else 3):
            values = layer(f"{stage}.{place}", values)
    return F.conv2d(values, state["out_layer.0.weight"]).tanh()


def test_layers_run_as_published(tmp_path: Path) -> None:
    state = {key: torch.randn_like(value) * 0.3 for key, value in animegan2.build(4).state_dict().items()}
    model = load(state, tmp_path)
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.allclose(model(images), reference(state, 2 * images - 1) / 2 + 0.5, atol=1e-4)
    assert model(torch.rand(2, 3, 33, 50)).shape == (2, 3, 33, 50), "any size; sides are brought to multiples of 32"


def test_what_is_refused(tmp_path: Path) -> None:
    state = animegan2.build(4).state_dict()
    with pytest.raises(WeightsError, match=r"net\.pt is not what the card test says: width 4, not 32"):
        load(state, tmp_path, width=32)
    with pytest.raises(WeightsError, match=r"net\.pt is not a checkpoint of AnimeGANv2"):
        load({"block_a.0.1.weight": torch.zeros(4, 3, 7, 7)}, tmp_path)
    with pytest.raises(WeightsError, match=r"does not fit AnimeGANv2.*block_e\.0\.2\.bias"):
        load({key: value for key, value in state.items() if key != "block_e.0.2.bias"}, tmp_path)
