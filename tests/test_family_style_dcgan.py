"""DCGAN's convolutions under styles: sizes told by tensors, arithmetic by the formulas, seeds, truncation, layers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from genkit import models
from genkit.errors import WeightsError
from genkit.models import style_dcgan
from genkit.models.sampling import Sample

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {
    "side": 32,
    "z_dim": 8,
    "c_dim": 0,
    "w_dim": 12,
    "depth": 2,
    "channels": 3,
    "widths": [16, 12, 8],
    "refined": 2,
}
CLASSES: dict[str, Any] = PLAIN | {"side": 16, "c_dim": 3, "channels": 4, "widths": [16, 8], "refined": 0}


def random(sizes: dict[str, Any]) -> style_dcgan.Generator:
    """A network whose biases and mean are not nought."""
    network = style_dcgan.build(**sizes)
    with torch.no_grad():
        for name, one in network.named_parameters():
            if name.endswith("bias"):
                one.add_(0.3 * torch.randn_like(one))
        network.mapping.w_avg.normal_()
    return network


def load(state: dict[str, Any], folder: Path, **params: Any) -> Sample:
    torch.save(state, folder / "net.pt")
    card: Any = SimpleNamespace(name="test", params=params)
    return style_dcgan.load(card, {"weights": folder / "net.pt"}, CPU, torch.float32)


@pytest.mark.parametrize("sizes", [PLAIN, CLASSES])
def test_a_network_comes_back_as_it_went(sizes: dict[str, Any], tmp_path: Path) -> None:
    network = random(sizes)
    assert models.recognise(network.state_dict()) == ("style_dcgan", sizes)
    model = load(network.state_dict(), tmp_path)
    side = sizes["side"]
    made = model([1, 2, 3])
    assert made.shape == (3, sizes["channels"], side, side) and made.min() >= 0 and made.max() <= 1
    assert torch.allclose(made, style_dcgan.sample(network, CPU, torch.float32)([1, 2, 3]), atol=1e-6)


def test_what_is_not_of_this_layout_is_refused(tmp_path: Path) -> None:
    state = random(PLAIN).state_dict()
    for key in ("main.0.linear.weight", "main.2.weight", "mapping.fc0.weight"):
        assert style_dcgan.recognise({name: one for name, one in state.items() if name != key}) is None
    assert style_dcgan.recognise(state | {"main.0.linear.weight": torch.zeros(20, 12)}) is None
    with pytest.raises(WeightsError, match="not a checkpoint"):
        load({"main.1.weight": torch.zeros(3)}, tmp_path)
    with pytest.raises(WeightsError, match="3 classes"):
        load(random(CLASSES).state_dict(), tmp_path, labels=["one", "two"])
    with pytest.raises(WeightsError):
        load({key: one for key, one in state.items() if key != "main.1.affine.bias"}, tmp_path)
    with pytest.raises(ValueError, match="refined"):
        style_dcgan.build(8, widths=[8], refined=1)
    with pytest.raises(ValueError, match="a side of 64"):
        style_dcgan.build(widths=[8])


@pytest.mark.parametrize("doubles", [True, False])
def test_a_convolution_is_that_of_the_paper_with_its_weights_scaled(doubles: bool) -> None:
    layer = style_dcgan.Convolution(5, 7, 12, doubles)
    features, w = torch.randn(2, 5, 6, 6), torch.randn(2, 12)
    made, styles = layer(features, w), layer.affine(w)
    assert made.shape == (2, 7, *((12, 12) if doubles else (6, 6)))
    for item in range(2):
        shape = (-1, 1, 1, 1) if doubles else (1, -1, 1, 1)
        own = layer.weight * styles[item].view(shape)  # equation 1
        energy = own.square().sum((0, 2, 3) if doubles else (1, 2, 3)) / (4 if doubles else 1)  # 4 of 16 taps meet a pixel
        one = features[item : item + 1]
        plain = F.conv_transpose2d(one, own, stride=2, padding=1) if doubles else F.conv2d(one, own, padding=1)
        wanted = F.leaky_relu(plain / energy.sqrt()[:, None, None], 0.2) * 2**0.5  # equation 3
        assert torch.allclose(made[item : item + 1], wanted, atol=1e-4)
    wide = style_dcgan.Convolution(64, 64, 12, doubles)
    spread = wide(torch.randn(8, 64, 16, 16), torch.randn(8, 12))[..., 2:-2, 2:-2].square().mean()
    assert 0.9 < spread / 1.04 < 1.1, "unit variance, through the rectifier and its gain"


def test_seeds_truncation_and_layers_act_as_they_do_in_stylegan2() -> None:
    network = random(CLASSES)
    model = style_dcgan.sample(network, CPU, torch.float32, ("shirt", "shoe", "dress"))
    together = model([5, 6, 7, 5])
    assert torch.allclose(together[1], model([6])[0], atol=1e-6) and torch.equal(together[0], together[3])
    assert not torch.allclose(model([5], label="shoe"), model([5], label="dress"), atol=1e-2)
    z = model.latents([1, 2])
    full, none = model.mapping(z, [0, 1], 1.0), model.mapping(z, [0, 1], 0)
    assert full.shape == (2, model.layers, 12) and torch.allclose(none, model.mean_latent.expand_as(none))
    own = style_dcgan.sample(network, CPU, torch.float32, 3, "class").mapping(z, [0, 1], 0)
    assert not torch.allclose(own[0], own[1]), "each class has its mean"
    for layer in range(model.layers):
        mixed = full[:1].clone()
        mixed[:, layer] = full[1:, layer]
        assert not torch.allclose(model.synthesis(mixed), model.synthesis(full[:1]), atol=1e-5), "every layer's w acts"
    rows = model.modulation_weights()
    assert rows is not None and [one.shape for one in rows] == [(16 * 16, 12), (16, 12), (8, 12)]


def test_gradients_reach_every_layers_latent_and_bfloat16_stays_near() -> None:
    network = random(PLAIN)
    model = style_dcgan.sample(network, CPU, torch.float32)
    w = model.mapping(model.latents([1])).clone().requires_grad_()
    (model.synthesis(w, clamped=False) - 0.5).square().mean().backward()
    assert w.grad is not None and bool((w.grad.abs().sum(2) > 0).all())
    whole = model([1, 2])
    half = style_dcgan.sample(network, CPU, torch.bfloat16)([1, 2])
    assert (whole - half).abs().mean() < 0.02
