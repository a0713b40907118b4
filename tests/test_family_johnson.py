"""Networks of one style in both layouts: keys and shapes, what is normalised by what, what is refused, the published files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors

from genkit import cards, models
from genkit.errors import WeightsError
from genkit.models.style import johnson

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
MOSAIC, WAVE = PUBLISHED / "mosaic_nc16_b1_e2_1e05_1e10.model", PUBLISHED / "fast-style-tf-wave.safetensors"
CPU = torch.device("cpu")
TINY: dict[str, Any] = {"widths": [2, 3, 4], "blocks": 2}


def variables(network: johnson.Johnson) -> dict[str, torch.Tensor]:
    """The numbered variables that TensorFlow would save of a network."""
    state, table = network.state_dict(), {}
    convs = [name.removesuffix(".conv2d.weight") for name in state if name.endswith(".conv2d.weight")]
    norms = [name.removesuffix(".weight") for name in state if ".in" in f".{name}" and name.endswith(".weight")]
    for index, (conv, norm) in enumerate(zip(convs, norms, strict=True)):
        kernel = state[f"{conv}.conv2d.weight"].permute(2, 3, 1, 0).contiguous()
        for place, value in enumerate((kernel, state[f"{norm}.bias"], state[f"{norm}.weight"])):
            number = 3 * index + place
            table[f"Variable_{number}" if number else "Variable"] = value
    return table


def saved(folder: Path, state: dict[str, torch.Tensor]) -> dict[str, Path]:
    torch.save(state, folder / "tiny.model")
    return {"weights": folder / "tiny.model"}


def card(**params: Any) -> Any:
    return SimpleNamespace(name="tiny", family="johnson", params=params)


def test_keys_and_shapes_are_the_published_ones() -> None:
    shapes = {key: tuple(value.shape) for key, value in johnson.build().state_dict().items()}
    assert shapes["conv1.conv2d.weight"] == (32, 3, 9, 9) and shapes["deconv3.conv2d.weight"] == (3, 32, 9, 9)
    assert shapes["res5.conv2.conv2d.bias"] == shapes["res5.in2.weight"] == (128,)
    assert shapes["deconv1.conv2d.weight"] == (64, 128, 3, 3) and len(shapes) == 62
    assert len(variables(johnson.build("tensorflow"))) == 48


@pytest.mark.parametrize("layout", ["torch", "tensorflow"])
def test_sizes_are_read_from_the_tensors_and_any_picture_comes_back(layout: str, tmp_path: Path) -> None:
    network = johnson.build(layout, **TINY)
    state: dict[str, Any] = dict(network.state_dict()) if layout == "torch" else variables(network)
    assert models.recognise(state) == ("johnson", {"layout": layout, **TINY, "own_style": True})
    model = OnTensors(johnson.load(card(layout=layout, **TINY), saved(tmp_path, state), CPU, torch.float32))
    assert all(
        (one == two).all() for one, two in zip(model.network.state_dict().values(), network.state_dict().values(), strict=True)
    )
    assert model.own_style and model.rounds == (9 if layout == "torch" else 10)
    images = torch.rand(1, 3, 24, 32)
    result = model(images)
    assert result.shape == images.shape and model(torch.rand(2, 3, 21, 5)).shape == (2, 3, 21, 5)
    known: list[Any] = []
    for index in range(model.rounds):
        (features,) = model.measure(index, images, (), known)
        variance, mean = torch.var_mean(features, (2, 3), keepdim=True, correction=int(model.unbiased))
        known.append((mean, (variance + model.epsilon).sqrt()))
    assert torch.allclose(model.render(images, (), known), result, atol=1e-4)


def test_padding_of_tensorflow_is_that_of_same() -> None:
    """Of an even side at stride 2, one place is added at the end, and a transposed convolution turns that round."""
    down = johnson.Conv(1, 1, 3, stride=2, zeros=True)
    up = johnson.Conv(1, 1, 3, rise=True, zeros=True)
    for conv in (down, up):
        torch.nn.init.zeros_(conv.conv2d.weight)
        conv.conv2d.weight.data[0, 0, 0, 0] = 1  # takes what lies up and left
    ramp = torch.arange(16.0).view(1, 1, 4, 4)
    assert down(ramp).flatten().tolist() == [0, 2, 8, 10]
    assert up(ramp[..., :2, :2])[0, 0].tolist() == [[0, 0, 1, 0], [0, 0, 0, 0], [4, 0, 5, 0], [0, 0, 0, 0]]


def test_old_running_statistics_are_left_out(tmp_path: Path) -> None:
    state = dict(johnson.build(**TINY).state_dict())
    state |= {f"in1.{name}": torch.zeros(2) for name in ("running_mean", "running_var")}
    state |= {f"res1.in2.{name}": torch.zeros(4) for name in ("running_mean", "running_var")}
    johnson.load(card(), saved(tmp_path, state), CPU, torch.float32)
    with pytest.raises(WeightsError, match=r"tiny\.model does not fit a feed-forward network"):
        johnson.load(card(), saved(tmp_path, state | {"in1.spare": torch.zeros(2)}), CPU, torch.float32)


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    state = variables(johnson.build("tensorflow", **TINY))
    with pytest.raises(WeightsError, match="is not a checkpoint of a feed-forward network"):
        johnson.load(card(), saved(tmp_path, {key: state[key] for key in list(state)[:-1]}), CPU, torch.float32)
    with pytest.raises(WeightsError, match="blocks 2, not 5"):
        johnson.load(card(blocks=5), saved(tmp_path, state), CPU, torch.float32)


def test_variables_may_lie_in_a_file_each(tmp_path: Path) -> None:
    network = johnson.build("tensorflow", **TINY)
    files = {}
    for name, value in variables(network).items():
        files[name.lower()] = tmp_path / name
        files[name.lower()].write_bytes(value.numpy().astype("<f4").tobytes())
    own = card(layout="tensorflow", **TINY)
    model = OnTensors(johnson.load(own, files, CPU, torch.float32))
    images = torch.rand(1, 3, 16, 16)
    expected = OnTensors(johnson.transform(network, CPU, torch.float32))(images)
    assert torch.allclose(model(images), expected, atol=1e-5)
    files["variable_7"].write_bytes(b"1234")
    with pytest.raises(WeightsError, match="Variable_7 is not Variable_7 of tiny: 4 bytes, not 16"):
        johnson.load(own, files, CPU, torch.float32)


def test_an_output_pixel_looks_no_further_than_is_said() -> None:
    for layout in ("torch", "tensorflow"):
        model = OnTensors(johnson.transform(johnson.build(layout, **TINY), CPU, torch.float32))
        known = [(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))] * model.rounds
        images = torch.rand(1, 3, 128, 128)
        before = model.render(images, (), known)
        images[..., 64, 64] += 0.5
        rows, columns = (model.render(images, (), known) != before).any(1)[0].nonzero().T
        assert max(abs(rows - 64).max(), abs(columns - 64).max()) <= model.receptive


@pytest.mark.published
@pytest.mark.skipif(not WAVE.is_file(), reason="the published checkpoints are not here")
@pytest.mark.parametrize("file", [MOSAIC, WAVE], ids=lambda path: path.stem)
def test_the_published_files_paint(file: Path, genkit: Any, picture: Callable[..., Path], tmp_path: Path) -> None:
    from PIL import Image

    assert genkit("models", "import", file, "--as", "one", "--task", "style").code == 0
    source = picture(tmp_path / "a.png", 150, 110)
    results = []
    for tile in ("0", "96"):
        target = tmp_path / f"out-{tile}.png"
        done = genkit("style", source, "-o", target, "--model", "one", "--tile", tile)
        assert done.code == 0, done.err
        results.append(np.asarray(Image.open(target)).astype(float))
    assert results[0].shape == (110, 150, 3) and results[0].std() > 10
    assert np.abs(results[0] - np.asarray(Image.open(source))).mean() > 5
    assert np.abs(results[0] - results[1]).mean() < 0.1


@pytest.mark.published
@pytest.mark.skipif(not WAVE.is_file(), reason="the published checkpoints are not here")
def test_the_card_of_the_wave_is_of_the_published_variables() -> None:
    import hashlib

    from genkit.weights import read_state_dict

    pinned = cards.find("fast-style-wave").files
    for name, value in read_state_dict(WAVE).items():
        data = value.numpy().tobytes()
        one = pinned[name.lower()]
        assert one.hash is not None and one.hash.value == hashlib.sha256(data).hexdigest() and one.size == len(data)


def test_the_wave_wants_its_terms_accepted() -> None:
    card = cards.find("fast-style-wave")
    assert card.commercial is False and "research only" in card.summary, "its publisher's MIT does not cover what made it"
