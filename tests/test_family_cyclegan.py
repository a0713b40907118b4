"""The CycleGAN generator: the published table of keys and shapes, old files, other layouts, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors
from torch import nn

from genkit import models
from genkit.errors import WeightsError
from genkit.models.translate import cyclegan

CPU = torch.device("cpu")
PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))


def published(blocks: int = 9, ngf: int = 64) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the files, from the authors' network definition without dropout."""
    table: dict[str, tuple[int, ...]] = {}

    def conv(name: str, *shape: int, outputs: int) -> None:
        table[f"{name}.weight"], table[f"{name}.bias"] = shape, (outputs,)

    conv("model.1", ngf, 3, 7, 7, outputs=ngf)
    conv("model.4", 2 * ngf, ngf, 3, 3, outputs=2 * ngf)
    conv("model.7", 4 * ngf, 2 * ngf, 3, 3, outputs=4 * ngf)
    for block in range(blocks):
        for place in (1, 5):
            conv(f"model.{10 + block}.conv_block.{place}", 4 * ngf, 4 * ngf, 3, 3, outputs=4 * ngf)
    conv(f"model.{10 + blocks}", 4 * ngf, 2 * ngf, 3, 3, outputs=2 * ngf)
    conv(f"model.{13 + blocks}", 2 * ngf, ngf, 3, 3, outputs=ngf)
    conv(f"model.{17 + blocks}", 3, ngf, 7, 7, outputs=3)
    return table


def card(**params: Any) -> Any:
    return SimpleNamespace(name="test", params=params)


def shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def load(state: dict[str, Any], folder: Path, **params: Any) -> Any:
    torch.save(state, folder / "net.pth")
    return OnTensors(cyclegan.load(card(**params), {"weights": folder / "net.pth"}, CPU, torch.float32))


@pytest.mark.parametrize("blocks", [6, 9])
def test_keys_and_shapes_are_the_published_ones(blocks: int) -> None:
    with torch.device("meta"):
        network = cyclegan.CycleGan(blocks=blocks)
    assert shapes(network) == published(blocks)
    assert models.recognise(network.state_dict()) == (
        "cyclegan",
        {
            "ngf": 64,
            "blocks": blocks,
            "norm": "instance",
            "padding": "reflect",
            "channels_in": 3,
            "channels_out": 3,
            "dropout": False,
        },
    )


@pytest.mark.parametrize(
    "params",
    [
        {"ngf": 4, "blocks": 0},
        {"ngf": 4, "blocks": 0, "padding": "zero"},
        {"ngf": 6, "blocks": 2, "norm": "batch", "dropout": True},
        {"ngf": 4, "blocks": 1, "padding": "zero", "dropout": True, "channels_in": 1, "channels_out": 1},
    ],
)
def test_every_layout_is_recognised_and_runs(params: dict[str, Any], tmp_path: Path) -> None:
    network = cyclegan.build(**params)
    found = cyclegan.recognise(network.state_dict())
    assert found is not None and {key: found[key] for key in params} == params
    model = load(network.state_dict(), tmp_path, **found)
    images = torch.rand(2, 3, 21, 34)
    made = model(images)
    assert made.shape == images.shape and made.dtype == torch.float32
    assert made.min() >= 0 and made.max() <= 1


def test_old_files_with_running_statistics_give_the_same(tmp_path: Path) -> None:
    state = dict(cyclegan.build(4, 1).state_dict())
    images = torch.rand(1, 3, 24, 24)
    wanted = load(state, tmp_path)(images)
    for name, width in (("model.2", 4), ("model.5", 8), ("model.10.conv_block.2", 16), ("model.15", 4)):
        state |= {f"{name}.running_mean": torch.randn(width), f"{name}.running_var": torch.rand(width)}
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)
    assert torch.equal(load(state, tmp_path)(images), wanted)


def test_without_normalisation_nothing_depends_on_the_whole(tmp_path: Path) -> None:
    model = load(cyclegan.build(4, 1, "none").state_dict(), tmp_path, norm="none")
    assert not model.whole
    assert load(cyclegan.build(4, 1).state_dict(), tmp_path).whole


def test_an_output_pixel_looks_no_further_than_is_said() -> None:
    network = cyclegan.build(4, 2, "none").eval()
    images = torch.rand(1, 3, 128, 128, requires_grad=True)
    for row in range(64, 68):
        (gradient,) = torch.autograd.grad(network(images)[0, :, row, 64].sum(), images)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()
        assert max(row - rows.min(), rows.max() - row) <= network.receptive_radius


def test_what_is_refused(tmp_path: Path) -> None:
    state = cyclegan.build(4, 2).state_dict()
    with pytest.raises(WeightsError, match=r"net\.pth is not what the card test says: blocks 2, not 9"):
        load(state, tmp_path, blocks=9)
    with pytest.raises(WeightsError, match=r"net\.pth is not a checkpoint of a CycleGAN generator"):
        load({"body.0.weight": torch.zeros(4, 3, 3, 3)}, tmp_path)
    short = {key: value for key, value in state.items() if key != "model.11.conv_block.5.bias"}
    with pytest.raises(WeightsError, match=r"net\.pth does not fit a CycleGAN generator.*model\.11\.conv_block\.5\.bias"):
        load(short, tmp_path)
    with pytest.raises(WeightsError, match="does not fit"):
        load({**state, "model.99.weight": torch.zeros(1)}, tmp_path)
    with pytest.raises(WeightsError, match="norm 'layer' is not one of"):
        load(state, tmp_path, norm="layer")


@pytest.mark.published
def test_the_published_sketching_network(tmp_path: Path) -> None:
    """Zeros at the edges, no residual block, keys `main.N`: as its authors' layers, and lines on white paper."""
    path = PUBLISHED / "cyclegan-photo2sketch.pth"
    if not path.is_file():
        pytest.skip("no published weights here")
    state = torch.load(path, weights_only=True)
    recognised = models.recognise(state)
    assert recognised is not None and recognised[0] == "cyclegan"
    model = OnTensors(cyclegan.load(card(**recognised[1]), {"weights": path}, CPU, torch.float32))

    def norm(width: int) -> list[nn.Module]:
        return [nn.InstanceNorm2d(width), nn.ReLU()]

    layers = [nn.Conv2d(3, 64, 7, 1, 3), *norm(64), nn.Conv2d(64, 128, 3, 2, 1), *norm(128), nn.Conv2d(128, 256, 3, 2, 1)]
    layers += [*norm(256), nn.ConvTranspose2d(256, 128, 3, 2, 1, 1), *norm(128), nn.ConvTranspose2d(128, 64, 3, 2, 1, 1)]
    authors = nn.Sequential(*layers, *norm(64), nn.Conv2d(64, 3, 7, 1, 3), nn.Tanh())
    authors.load_state_dict({key.removeprefix("main."): value for key, value in state.items()})
    rows, columns = np.mgrid[:96, :96]
    disk = torch.from_numpy(((rows - 48) ** 2 + (columns - 44) ** 2 < 30**2).astype(np.float32))
    images = (0.25 + 0.5 * disk).expand(1, 3, -1, -1)
    with torch.no_grad():
        assert torch.allclose(model.network(2 * images - 1), authors(2 * images - 1), atol=1e-4)
        drawn = model(images)[0].mean(0)
    assert float((drawn > 0.9).float().mean()) > 0.8, "mostly paper"
    near = np.abs(np.hypot(rows - 48, columns - 44) - 30) < 4
    assert float(drawn[torch.from_numpy(near)].mean()) < float(drawn[torch.from_numpy(~near)].mean()) - 0.2, "a line around it"
