"""DCGAN with classes and styles: sizes told by tensors, what is one of DCGAN's, arithmetic, seeds, truncation, layers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from genkit import models
from genkit.errors import WeightsError
from genkit.models.gan import dcgan, style_dcgan
from genkit.models.gan.sampling import Sample

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {"side": 32, "z_dim": 8, "c_dim": 0, "w_dim": 8, "channels": 3, "widths": [16, 12, 8]}
CLASSES: dict[str, Any] = PLAIN | {"side": 16, "c_dim": 3, "w_dim": 5, "channels": 4, "widths": [16, 8]}


def random(sizes: dict[str, Any]) -> style_dcgan.Generator:
    """A network as after some training: strong styles, biases, statistics of its own pictures, a mean that is not nought."""
    network = style_dcgan.build(**sizes)
    with torch.no_grad():
        for name, one in network.named_parameters():
            if name.endswith("bias") or "affine" in name:
                one.add_(0.3 * torch.randn_like(one))
            elif "convolution" in name:
                one.mul_(5)
        for _ in range(20):
            labels = torch.randint(0, sizes["c_dim"], (16,)) if sizes["c_dim"] else None
            network.train()(torch.randn(16, sizes["z_dim"]), labels)
        network.mapping.w_avg.normal_()
    return network.eval()


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
    assert np.allclose(made, style_dcgan.sample(network, CPU, torch.float32)([1, 2, 3]), atol=1e-6)


def test_what_is_not_of_this_layout_is_refused(tmp_path: Path) -> None:
    state = random(PLAIN).state_dict()
    for key in ("main.0.linear.weight", "main.2.convolution.weight"):
        assert style_dcgan.recognise({name: one for name, one in state.items() if name != key}) is None
    assert style_dcgan.recognise(state | {"main.0.linear.weight": torch.zeros(20, 12)}) is None
    with pytest.raises(WeightsError, match="not a checkpoint"):
        load({"main.1.convolution.weight": torch.zeros(3)}, tmp_path)
    with pytest.raises(WeightsError, match="3 classes"):
        load(random(CLASSES).state_dict(), tmp_path, labels=["one", "two"])
    with pytest.raises(WeightsError):
        load({key: one for key, one in state.items() if key != "main.1.affine.bias"}, tmp_path)
    counted = {key: one for key, one in state.items() if not key.endswith("num_batches_tracked")}
    assert np.array_equal(load(counted, tmp_path)([1]), load(state, tmp_path)([1])), "the counters are not needed"
    with pytest.raises(ValueError, match="a side of 64"):
        style_dcgan.build(widths=[8])


def test_a_convolution_normalises_styles_rectifies_and_convolves() -> None:
    layer = style_dcgan.Convolution(5, 7, 12)
    torch.nn.init.normal_(layer.affine.weight)
    features, w = 3 + 2 * torch.randn(4, 5, 6, 6), torch.randn(4, 12)
    made = layer.train()(features, w)
    spread, mean = torch.var_mean(features, (0, 2, 3), correction=0, keepdim=True)
    gain, shift = layer.affine(w).chunk(2, 1)
    plain = (features - mean) / (spread + 1e-5).sqrt()
    styled = F.relu(plain * (1 + gain[:, :, None, None]) + shift[:, :, None, None])
    wanted = F.conv_transpose2d(styled, layer.convolution.weight, stride=2, padding=1)
    assert made.shape == (4, 7, 12, 12) and torch.allclose(made, wanted, atol=1e-5)
    alone = layer.eval()(features[:1], w[:1])
    assert torch.allclose(alone, layer(features, w)[:1], atol=1e-6), "once trained, a picture is the same alone and in a batch"


def test_a_dcgan_is_one_of_these_without_classes() -> None:
    older = dcgan.build(latent=8, widths=(16, 8), kernels=(4, 4, 4)).train()
    for _ in range(5):
        older(torch.randn(16, 8))
    network = style_dcgan.build(16, 8, 3, 5, widths=(16, 8)).eval()
    state = older.eval().state_dict()
    given = style_dcgan.from_dcgan(state, network)
    network.load_state_dict({**network.state_dict(), **given})
    z = torch.randn(6, 8)
    z = z / z.square().mean(1, keepdim=True).sqrt()
    assert torch.allclose(network(z, torch.arange(6) % 3), older(z), atol=1e-5)
    for sizes in ({"z_dim": 9}, {"widths": (16, 4)}, {"channels": 4}):
        other = {"z_dim": 8, "c_dim": 3, "w_dim": 5, "widths": (16, 8)} | sizes
        assert style_dcgan.from_dcgan(state, style_dcgan.build(16, **other)) == {}
    wide = dcgan.build(latent=8, widths=(16, 8), kernels=(3, 4, 4)).state_dict()
    assert style_dcgan.from_dcgan(wide, network) == {} == style_dcgan.from_dcgan({"a": z}, network)


def test_seeds_truncation_and_layers_act_as_they_do_in_stylegan2() -> None:
    network = random(CLASSES)
    model = style_dcgan.sample(network, CPU, torch.float32, ("shirt", "shoe", "dress"))
    together = model([5, 6, 7, 5])
    assert np.allclose(together[1], model([6])[0], atol=1e-6) and np.array_equal(together[0], together[3])
    assert not np.allclose(model([5], label="shoe"), model([5], label="dress"), atol=1e-2)
    z = model.latents([1, 2])
    full, none = model.mapping(z, [0, 1], 1.0), model.mapping(z, [0, 1], 0)
    assert full.shape == (2, model.layers, 13) and torch.allclose(none, torch.from_numpy(model.mean_latent).expand_as(none))
    own = style_dcgan.sample(network, CPU, torch.float32, 3, "class").mapping(z, [0, 1], 0)
    assert not torch.allclose(own[0], own[1]), "each class has its mean"
    for layer in range(model.layers):
        mixed = full[:1].clone()
        mixed[:, layer] = full[1:, layer]
        assert not torch.allclose(model.synthesis(mixed), model.synthesis(full[:1]), atol=1e-5), "every layer's w acts"
    rows = model.modulation_weights()
    assert rows is not None and [one.shape for one in rows] == [(16 * 16, 13), (32, 13), (16, 13)]


def test_gradients_reach_every_layers_latent_and_bfloat16_stays_near() -> None:
    network = random(PLAIN)
    model = style_dcgan.sample(network, CPU, torch.float32)
    w = model.mapping(model.latents([1])).clone().requires_grad_()
    (model.synthesis(w, clamped=False) - 0.5).square().mean().backward()
    assert w.grad is not None and bool((w.grad.abs().sum(2) > 0).all())
    whole = model([1, 2])
    half = style_dcgan.sample(network, CPU, torch.bfloat16)([1, 2])
    assert np.abs(whole - half).mean() < 0.02
