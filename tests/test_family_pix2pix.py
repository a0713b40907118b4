"""The U-Net of pix2pix: the published table of keys and shapes, how its normalisation and dropout run, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors

from genkit import models
from genkit.errors import WeightsError
from genkit.models.translate import pix2pix

CPU = torch.device("cpu")


def published(downs: int = 8, ngf: int = 64) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the files: from the authors' network definition, batch normalisation, so no bias before it."""
    widths = [ngf * min(2**level, 8) for level in range(downs)]
    table: dict[str, tuple[int, ...]] = {"model.model.0.weight": (ngf, 3, 4, 4)}
    table |= {"model.model.3.weight": (2 * ngf, 3, 4, 4), "model.model.3.bias": (3,)}

    def norm(name: str, width: int) -> None:
        table.update({f"{name}.{key}": (width,) for key in ("weight", "bias", "running_mean", "running_var")})
        table[f"{name}.num_batches_tracked"] = ()

    prefix = "model.model.1.model"
    for depth in range(1, downs):
        outer, inner, last = widths[depth - 1], widths[depth], depth == downs - 1
        table[f"{prefix}.1.weight"] = (inner, outer, 4, 4)
        if last:
            table[f"{prefix}.3.weight"] = (inner, outer, 4, 4)
            norm(f"{prefix}.4", outer)
        else:
            norm(f"{prefix}.2", inner)
            table[f"{prefix}.5.weight"] = (2 * inner, outer, 4, 4)
            norm(f"{prefix}.6", outer)
        prefix += ".3.model"
    return table


def card(**params: Any) -> Any:
    return SimpleNamespace(name="test", params=params)


def load(state: dict[str, Any], folder: Path, **params: Any) -> Any:
    torch.save(state, folder / "net.pth")
    return OnTensors(pix2pix.load(card(**params), {"weights": folder / "net.pth"}, CPU, torch.float32))


@pytest.mark.parametrize("downs", [7, 8])
def test_keys_and_shapes_are_the_published_ones(downs: int) -> None:
    with torch.device("meta"):
        network = pix2pix.Pix2Pix(downs)
    state = network.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published(downs)
    found = {"downs": downs, "ngf": 64, "norm": "batch", "bias": False, "channels_in": 3, "channels_out": 3}
    assert models.recognise(state) == ("pix2pix", found)


@pytest.mark.parametrize("norm", ["batch", "instance", "affine"])
def test_every_normalisation_is_recognised_and_runs(norm: str, tmp_path: Path) -> None:
    network = pix2pix.build(5, 4, norm)
    found = pix2pix.recognise(network.state_dict())
    assert found is not None and (found["downs"], found["ngf"], found["norm"]) == (5, 4, norm)
    model = load(network.state_dict(), tmp_path)
    assert model.side == 32
    made = model(torch.rand(2, 3, 32, 32))
    assert made.shape == (2, 3, 32, 32) and made.min() >= 0 and made.max() <= 1


def trained(**params: Any) -> pix2pix.Pix2Pix:
    """A network whose running statistics are not those of any one picture."""
    network = pix2pix.build(5, 4, **params).train()
    for _ in range(5):
        network(torch.rand(4, 3, 32, 32) * 2 - 1)
    return network


def test_statistics_of_the_picture_are_what_the_authors_run(tmp_path: Path) -> None:
    state = trained().state_dict()
    images = torch.rand(1, 3, 32, 32)
    authors = pix2pix.Pix2Pix(5, 4, dropout=False).train()
    authors.load_state_dict(state)
    with torch.no_grad():
        wanted = authors(2 * images - 1) / 2 + 0.5
    made = load(dict(state), tmp_path, statistics="picture")(images)
    assert torch.allclose(made, wanted, atol=1e-5)
    assert not torch.allclose(load(dict(state), tmp_path)(images), wanted, atol=1e-3), "running statistics are others"


def test_dropout_is_off_by_default_and_goes_by_the_seed(tmp_path: Path) -> None:
    network = pix2pix.build(6, 4)
    torch.nn.init.normal_(network.state_dict()["model.model.3.weight"], 0, 0.5)  # so that what is dropped shows
    model = load(network.state_dict(), tmp_path, statistics="picture")
    images = torch.rand(1, 3, 64, 64).expand(2, -1, -1, -1)
    plain = model(images)
    assert torch.equal(plain, model(images)) and torch.allclose(plain[0], plain[1], atol=1e-5)
    noisy = model(images, dropout=True, seeds=[1, 2])
    assert torch.equal(noisy, model(images, dropout=True, seeds=[1, 2]))
    assert not torch.allclose(noisy[0], noisy[1], atol=1e-4)
    assert torch.equal(noisy[1:], model(images[1:], dropout=True, seeds=[2])), "a seed is one picture, whatever the batch"


def test_files_from_before_counters_are_read(tmp_path: Path) -> None:
    state = {key: value for key, value in trained().state_dict().items() if not key.endswith("num_batches_tracked")}
    assert load(state, tmp_path)(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_what_is_refused(tmp_path: Path) -> None:
    state = dict(pix2pix.build(5, 4).state_dict())
    with pytest.raises(WeightsError, match=r"net\.pth is not what the card test says: downs 5, not 8"):
        load(state, tmp_path, downs=8)
    with pytest.raises(WeightsError, match=r"net\.pth is not a checkpoint of a pix2pix U-Net"):
        load({"model.1.weight": torch.zeros(4, 3, 7, 7)}, tmp_path)
    with pytest.raises(WeightsError, match=r"does not fit a pix2pix U-Net.*model\.model\.1\.model\.2\.bias"):
        load({key: value for key, value in state.items() if key != "model.model.1.model.2.bias"}, tmp_path)
    with pytest.raises(WeightsError, match="fit 'crop' is not one of pad, squash"):
        load(state, tmp_path, fit="crop")
