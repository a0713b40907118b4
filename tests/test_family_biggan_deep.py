"""BigGAN-deep: the published layout, spectral norms, statistics by truncation, classes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models.gan import biggan_deep
from genkit.models.gan.sampling import Sample

CPU = torch.device("cpu")
LAYERS = [[0, 16, 16], [1, 16, 8], [0, 8, 2], [1, 2, 1]]
SIZES: dict[str, Any] = {"z_dim": 6, "classes": 5, "width": 4, "layers": LAYERS, "attention": 2, "stats": 5}
PLAIN = ("bn.weight", "embeddings.weight")


def published_state(network: biggan_deep.BigGan) -> dict[str, Any]:
    """Keys as the publisher's files have them: weights under spectral normalisation, with both vectors."""
    state: dict[str, Any] = {}
    for key, one in network.state_dict().items():
        if not key.endswith(".weight") or key.endswith(PLAIN):
            state[key] = one
            continue
        left, _, right = torch.linalg.svd(one.flatten(1), full_matrices=False)
        first, second = left[:, 0], right[0]
        state |= {f"{key}_orig": 3 * one, f"{key}_u": first, f"{key}_v": second}
    return state


def random(**changes: Any) -> biggan_deep.BigGan:
    """Statistics and scales are not those of a new network; the largest gain of every normalised weight is 1."""
    network = biggan_deep.build(**(SIZES | changes))
    for name, one in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("bias", "gamma", "running_means")):
            torch.nn.init.normal_(one, 0, 0.3)
        elif name.endswith("running_vars"):
            torch.nn.init.uniform_(one, 0.5, 2)
    return network


def load(state: Any, folder: Path, config: Any = None, **params: Any) -> Sample:
    torch.save(state, folder / "net.bin")
    files = {"weights": folder / "net.bin"}
    if config is not None:
        files["config"] = folder / "config.json"
        files["config"].write_text(json.dumps(config))
    card: Any = SimpleNamespace(name="test", params=params)
    return biggan_deep.load(card, files, CPU, torch.float32)


@pytest.mark.parametrize("widths", [(16, 16, 8, 4, 2, 1), (16, 16, 8, 8, 4, 2, 1), (16, 16, 8, 8, 4, 2, 1, 1)])
def test_keys_and_shapes_are_the_published_ones(widths: tuple[int, ...]) -> None:
    layers = []
    for before, after in pairwise(widths):
        layers += [[0, before, before], [1, before, after]]
    with torch.device("meta"):
        network = biggan_deep.BigGan(128, 1000, 128, layers, 8, 51, 1e-4)
    state = network.state_dict()
    assert network.side == 4 << (len(widths) - 1) and state["generator.gen_z.weight"].shape == (32768, 256)
    assert (
        state["generator.layers.8.snconv1x1_g.weight"].shape[0] * 2
        == state["generator.layers.8.snconv1x1_o_conv.weight"].shape[0]
    )
    assert state["generator.layers.0.conv_1.weight"].shape == (512, 512, 3, 3)
    assert state["generator.bn.running_means"].shape == (51, 128)
    own = {f"{key}_orig" if key.endswith(".weight") and not key.endswith(PLAIN) else key: one for key, one in state.items()}
    family, params = models.recognise(own) or ("", {})
    assert family == "biggan_deep" and params["layers"] == layers and params["attention"] == 8 and params["classes"] == 1000


def test_spectral_norms_are_divided_out(tmp_path: Path) -> None:
    network = random()
    state = published_state(network)
    wanted = biggan_deep.sample(network, CPU, torch.float32)([1, 2])
    made = load(state, tmp_path)([1, 2])
    assert made.shape == (2, 3, 16, 16) and np.allclose(made, wanted, atol=1e-3)
    without = {key: one for key, one in state.items() if not key.endswith("_v")}
    assert np.array_equal(load(without, tmp_path)([1, 2]), made), "the second vector is not needed"
    assert np.allclose(load(network.state_dict(), tmp_path)([1, 2]), wanted), "our own export"


def test_statistics_are_those_of_the_truncation() -> None:
    norm = biggan_deep.FinalNorm(2, 5, 0.0)
    with torch.no_grad():
        norm.running_means.copy_(torch.arange(5.0)[:, None].expand(5, 2))
    zero = torch.zeros(1, 2, 1, 1)
    for truncation, mean in ((0.0, 0.0), (0.25, 1.0), (0.5, 2.0), (0.3, 1.2), (1.0, 4.0)):
        assert torch.allclose(norm(zero, truncation), torch.tensor(-mean), atol=1e-5)


def test_truncation_and_classes(tmp_path: Path) -> None:
    model = load(random().state_dict(), tmp_path, labels=["tench", "goldfish", "crane", "hen", "crane"])
    z = model.latents(range(400))
    assert np.abs(z).max() <= 2 and 0.8 < z.std() < 0.95, "a normal distribution cut off at 2"
    w = model.mapping(z[:3], [0, 1, 2], 0.5)
    assert w.shape == (3, 1, 12) and np.allclose(w[:, 0, :6], z[:3] / 2)
    assert np.allclose(model([6], truncation=0.4), model([6])) and not np.allclose(model([6], truncation=1.0), model([6]))
    assert not np.allclose(model([6], label="tench"), model([6], label="hen"))
    assert np.allclose(model([1, 6], label=[0, 3])[1], model([6], label="hen")[0], atol=1e-5)
    with pytest.raises(UsageError, match="'crane' is 2 and 4"):
        model([1], label="crane")
    with pytest.raises(UsageError, match=r"truncation is 0.02 to 1"):
        model([1], truncation=0.0)


def test_the_publishers_configuration_is_obeyed(tmp_path: Path) -> None:
    state = published_state(random())
    config = {"layers": [[True, 16, 16], [False, 16, 8], [False, 8, 2], [True, 2, 1]], "eps": 1e-4}
    assert load(state, tmp_path, config).side == 16
    assert load(state, tmp_path, {"layers": [[False, *one[1:]] for one in LAYERS], "eps": 1e-4}).side == 4
    with pytest.raises(WeightsError, match="its widths differ"):
        load(state, tmp_path, {"layers": [[True, 16, 16]], "eps": 1e-4})
    with pytest.raises(WeightsError, match="is not a configuration of BigGAN"):
        load(state, tmp_path, {"layers": 3})


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    state = published_state(random())
    with pytest.raises(WeightsError, match=r"net.bin is not a checkpoint of the generator of BigGAN-deep"):
        load({"embeddings.weight": torch.zeros(3, 4)}, tmp_path)
    with pytest.raises(WeightsError, match="does not fit"):
        load({key: one for key, one in state.items() if key != "generator.layers.0.bn_1.running_vars"}, tmp_path)
    with pytest.raises(WeightsError, match="width 4, not 128"):
        load(state, tmp_path, width=128)
    with pytest.raises(WeightsError, match="has 5 classes"):
        load(state, tmp_path, labels=["one"])


def test_the_names_of_imagenet() -> None:
    names = biggan_deep.imagenet()
    assert len(names) == 1000 and names[0] == "tench" and names[207] == "golden retriever" and names[281] == "tabby"
