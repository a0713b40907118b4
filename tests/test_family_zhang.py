"""The networks of Zhang et al.: the published tables of keys and shapes, what goes in and comes out, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models.colorize import zhang

CPU = torch.device("cpu")
CONVOLUTIONS = {
    # (stage, index): (in, out), 3 x 3 with bias; what enters the first one differs
    **{("model1", i): s for i, s in zip((0, 2), ((0, 64), (64, 64)), strict=True)},
    **{("model2", i): s for i, s in zip((0, 2), ((64, 128), (128, 128)), strict=True)},
    **{("model3", i): s for i, s in zip((0, 2, 4), ((128, 256), (256, 256), (256, 256)), strict=True)},
    **{("model4", i): s for i, s in zip((0, 2, 4), ((256, 512), (512, 512), (512, 512)), strict=True)},
    **{(f"model{n}", i): (512, 512) for n in (5, 6, 7) for i in (0, 2, 4)},
}
NORMS = {"model1.4": 64, "model2.4": 128, "model3.6": 256, "model4.6": 512, "model5.6": 512, "model6.6": 512, "model7.6": 512}
NORM_KEYS = ("weight", "bias", "running_mean", "running_var")


def published(variant: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the files, from the publishers' network definitions."""
    enters = 4 if variant == "siggraph17" else 1
    table: dict[str, tuple[int, ...]] = {}

    def conv(name: str, before: int, after: int, side: int = 3, bias: bool = True, turned: bool = False) -> None:
        table[f"{name}.weight"] = (before, after, side, side) if turned else (after, before, side, side)
        if bias:
            table[f"{name}.bias"] = (after,)

    for (stage, index), (before, after) in CONVOLUTIONS.items():
        conv(f"{stage}.{index}", before or enters, after)
    norms = dict(NORMS)
    if variant == "eccv16":
        conv("model8.0", 512, 256, 4, turned=True)
        conv("model8.2", 256, 256)
        conv("model8.4", 256, 256)
        conv("model8.6", 256, 313, 1)
        conv("model_out", 313, 2, 1, bias=False)
    else:
        for name, before, after in (("model8up.0", 512, 256), ("model9up.0", 256, 128), ("model10up.0", 128, 128)):
            conv(name, before, after, 4, turned=True)
        for name, before, after in (("model3short8.0", 256, 256), ("model2short9.0", 128, 128), ("model1short10.0", 64, 128)):
            conv(name, before, after)
        for name, width in (("model8.1", 256), ("model8.3", 256), ("model9.1", 128), ("model10.1", 128)):
            conv(name, width, width)
        conv("model_class.0", 256, 529, 1)
        conv("model_out.0", 128, 2, 1)
        norms |= {"model8.5": 256, "model9.3": 128}
    for name, width in norms.items():
        table |= {f"{name}.{key}": (width,) for key in NORM_KEYS} | {f"{name}.num_batches_tracked": ()}
    return table


def saved(folder: Path, state: dict[str, Any]) -> dict[str, Path]:
    path = folder / "tiny.pth"
    torch.save(state, path)
    return {"weights": path}


def card(**params: Any) -> Any:
    return SimpleNamespace(name="tiny", family="zhang", params=params, limits={}, options=())


@pytest.mark.parametrize("variant", ["eccv16", "siggraph17"])
def test_at_full_size_keys_and_shapes_are_the_published_ones(variant: str) -> None:
    with torch.device("meta"):
        network = zhang.build(variant)
    state = network.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published(variant)
    found = models.recognise(state)
    assert found is not None and found[0] == "zhang"
    assert found[1]["variant"] == variant and found[1]["width"] == 64
    from genkit import cards

    said = cards.find(variant, "colorize").params
    assert all(said[key] == value for key, value in found[1].items() if key in said)
    assert bool(said.get("hints")) == found[1]["hints"]


@pytest.mark.parametrize("variant", ["eccv16", "siggraph17"])
@pytest.mark.parametrize("old", [False, True])
def test_a_saved_network_comes_back(variant: str, old: bool, tmp_path: Path) -> None:
    network = zhang.build(variant, 4, 7).eval()
    state = dict(network.state_dict())
    if old:  # PyTorch before 0.4.1 counted no batches
        state = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    found = models.recognise(state)
    assert found is not None
    model = OnTensors(models.load_model(card(**found[1]), saved(tmp_path, state), CPU, torch.float32))
    assert (model.hints, model.square, model.multiple, model.size) == (variant == "siggraph17", True, 8, 256)
    assert model.working_size(300, 1000) == (256, 256)
    lightness = torch.rand(1, 1, 64, 64) * 100
    with torch.inference_mode():
        ab = model.chroma(lightness)
        again = OnTensors(zhang.transform(network, CPU, torch.float32)).chroma(lightness)
        half = OnTensors(zhang.transform(network, CPU, torch.bfloat16)).chroma(lightness)
    assert ab.shape == ((1, 2, 16, 16) if variant == "eccv16" else (1, 2, 64, 64))
    torch.testing.assert_close(ab, again)
    assert ab.dtype is torch.float32 and half.dtype is torch.float32
    assert (half - ab).abs().mean() < 6


def test_numbers_go_in_and_out_in_the_units_of_the_papers() -> None:
    seen: list[torch.Tensor] = []

    class Spy(zhang.Siggraph17):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            seen.append(inputs)
            return torch.full_like(inputs[:, :2], 0.5)

    model = OnTensors(zhang.transform(Spy(4, 7), CPU, torch.float32))
    lightness, hints, known = torch.full((1, 1, 8, 8), 75.0), torch.full((1, 2, 8, 8), -55.0), torch.zeros(1, 1, 8, 8)
    known[..., :4] = 1
    assert (model.chroma(lightness, hints, known) == 55).all()
    assert seen[0][0, :, 0, 0].tolist() == [0.25, -0.5, -0.5, 1] and seen[0][0, :, 0, 7].tolist() == [0.25, 0, 0, 0]


def test_hints_change_the_colours_and_only_where_they_are_taken() -> None:
    model = OnTensors(zhang.transform(zhang.build("siggraph17", 4, 7), CPU, torch.float32))
    lightness = torch.rand(1, 1, 64, 64) * 100
    hints, known = torch.zeros(1, 2, 64, 64), torch.zeros(1, 1, 64, 64)
    hints[:, 0, 20:30, 20:30], known[..., 20:30, 20:30] = 80, 1
    with torch.inference_mode():
        assert not torch.equal(model.chroma(lightness), model.chroma(lightness, hints, known))
        assert torch.equal(model.chroma(lightness), model.chroma(lightness, hints, known * 0))
    with pytest.raises(UsageError, match="takes no hints"):
        zhang.transform(zhang.build("eccv16", 4, 7), CPU, torch.float32).chroma(lightness, hints, known)


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "other"])
@pytest.mark.parametrize("variant", ["eccv16", "siggraph17"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(variant: str, change: str, tmp_path: Path) -> None:
    state = dict(zhang.build(variant, 4, 7).state_dict())
    if change == "missing":
        del state["model5.2.bias"]
    elif change == "unexpected":
        state["model9.9.weight"] = torch.zeros(1)
    elif change == "shape":
        state["model6.0.weight"] = torch.zeros(32, 31, 3, 3)
    else:
        state = {"body.0.weight": torch.zeros(3)}
    with pytest.raises(WeightsError, match=r"tiny\.pth"):
        models.load_model(card(), saved(tmp_path, state), CPU, torch.float32)


def test_a_card_that_says_otherwise_is_an_error(tmp_path: Path) -> None:
    files = saved(tmp_path, zhang.build("eccv16", 4, 7).state_dict())
    with pytest.raises(WeightsError, match="variant eccv16, not siggraph17"):
        models.load_model(card(variant="siggraph17"), files, CPU, torch.float32)
