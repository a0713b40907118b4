"""The compact family through its own loader: strict, quick to start, and the layout that other tools read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors
from safetensors.torch import save_file

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models.upscale import compact

CPU = torch.device("cpu")


def card(**params: Any) -> Any:
    return SimpleNamespace(name="tiny", family="compact", params=params, limits={}, options=())


def saved(folder: Path, state: dict[str, torch.Tensor]) -> dict[str, Path]:
    path = folder / "tiny.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return {"weights": path}


@pytest.mark.parametrize(("features", "layers", "scale"), [(8, 2, 4), (16, 3, 2), (6, 0, 1), (12, 5, 3)])
def test_what_was_built_is_recognised_and_loaded(features: int, layers: int, scale: int, tmp_path: Path) -> None:
    network = compact.build(features, layers, scale)
    params = {"num_feat": features, "num_conv": layers, "scale": scale}
    assert models.recognise(network.state_dict()) == ("compact", params)
    model = OnTensors(models.load_model(card(**params), saved(tmp_path, network.state_dict()), CPU, torch.float32))
    images = torch.rand(2, 3, 9, 14)
    with torch.inference_mode():
        torch.testing.assert_close(model(images), network(images))
    assert (model.scale, model.receptive, model.channels) == (scale, layers + 2, 3)
    assert model(images).dtype is torch.float32


def test_the_receptive_field_is_what_a_pixel_looks_at() -> None:
    network = compact.build(8, 3, 2)
    images = torch.rand(1, 3, 31, 31, requires_grad=True)
    network(images)[0, :, 30, 30].sum().backward()
    assert images.grad is not None
    seen = images.grad.abs().sum((0, 1)).nonzero()
    assert int((seen - 15).abs().max()) == network.receptive_radius == 5


def test_half_precision_checkpoints_run_in_the_asked_format(tmp_path: Path) -> None:
    network = compact.build(8, 2, 2)
    files = saved(tmp_path, {key: value.half() for key, value in network.state_dict().items()})
    images = torch.rand(1, 3, 10, 10)
    full = OnTensors(models.load_model(card(), files, CPU, torch.float32))
    assert {value.dtype for value in full.network.state_dict().values()} == {torch.float32}
    torch.testing.assert_close(full(images), network(images), atol=5e-3, rtol=0)
    assert OnTensors(models.load_model(card(), files, CPU, torch.bfloat16)).network.body[0].weight.dtype is torch.bfloat16


def test_another_tool_reads_our_layout() -> None:
    from spandrel import ImageModelDescriptor, ModelLoader

    network = compact.build(8, 2, 4).eval()
    theirs = ModelLoader().load_from_state_dict(dict(network.state_dict()))
    assert isinstance(theirs, ImageModelDescriptor)
    assert (theirs.architecture.id, theirs.scale) == ("Compact", 4)
    images = torch.rand(1, 3, 8, 8)
    with torch.inference_mode():
        torch.testing.assert_close(theirs(images.clone()), network(images).clamp(0, 1))


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "other"])
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(change: str, tmp_path: Path) -> None:
    state = dict(compact.build(8, 2, 2).state_dict())
    if change == "missing":
        del state["body.2.bias"]
    elif change == "unexpected":
        state["body.2.extra"] = torch.zeros(1)
    elif change == "shape":
        state["body.2.weight"] = torch.zeros(8, 9, 3, 3)
    else:
        state = {"something": torch.zeros(3)}
    with pytest.raises(WeightsError, match=r"tiny\.safetensors"):
        models.load_model(card(), saved(tmp_path, state), CPU, torch.float32)


def test_a_card_that_says_otherwise_is_an_error(tmp_path: Path) -> None:
    files = saved(tmp_path, compact.build(8, 2, 2).state_dict())
    with pytest.raises(WeightsError, match="scale 2, not 4"):
        models.load_model(card(scale=4), files, CPU, torch.float32)


def test_a_truncated_file_is_refused_by_name(tmp_path: Path) -> None:
    files = saved(tmp_path, compact.build(8, 2, 2).state_dict())
    whole = files["weights"].read_bytes()
    for length in (0, 5, 100, len(whole) - 7):
        files["weights"].write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"tiny\.safetensors"):
            models.load_model(card(), files, CPU, torch.float32)


def test_an_unknown_family_lists_the_known() -> None:
    with pytest.raises(UsageError, match="no model family 'gpt'") as caught:
        models.load_model(SimpleNamespace(family="gpt"), {}, CPU, torch.float32)  # type: ignore[arg-type]
    assert "compact" in str(caught.value.hint)


def test_a_shipped_network_runs_without_the_heavy_libraries(tmp_path: Path) -> None:
    files = saved(tmp_path, compact.build(8, 2, 2).state_dict())
    script = f"""
import sys, types, pathlib, torch, numpy
before = set(sys.modules)
from genkit import models, runtime
from genkit.verbs.upscale.task import UpscaleOptions, upscale
place = runtime.choose("cpu", "auto", ("float32",))
card = types.SimpleNamespace(name="tiny", family="compact", params={{}}, limits={{}}, options=())
model = models.load_model(card, {{"weights": pathlib.Path({str(files["weights"])!r})}}, place.device, place.dtype)
pixels = numpy.zeros((40, 40, 3), numpy.uint8)
assert upscale(model, pixels, pixels[..., 0], UpscaleOptions(scale=1.5))[0].shape == (60, 60, 3)
heavy = {{"spandrel", "torchvision", "scipy", "safetensors.numpy", "huggingface_hub", "PIL", "torch._dynamo"}}
print(sorted(heavy & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
