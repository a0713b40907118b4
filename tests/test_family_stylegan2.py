"""StyleGAN2: the published layout, its arithmetic by the paper's formulas, seeds, truncation, classes, mixing, gradients."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models.gan import stylegan2, stylegan2_discriminator
from genkit.models.gan.sampling import Sample
from genkit.models.gan.stylegan2_layers import FullyConnected, filter_taps, modulated, upsample

CPU = torch.device("cpu")
SIZES = {"side": 16, "z_dim": 8, "c_dim": 0, "w_dim": 12, "depth": 2, "channels": 3, "channel_base": 128, "channel_max": 16}
CLASSES = SIZES | {"c_dim": 3}


def random(**sizes: int) -> stylegan2.Generator:
    """A network whose noise, biases and mean are not nought."""
    network = stylegan2.build(**sizes)
    with torch.no_grad():
        for name, one in network.named_parameters():
            if name.endswith(("noise_strength", "bias")):
                one.add_(0.3 * torch.randn_like(one))
        network.mapping.w_avg.normal_()
    return network


def sample(network: stylegan2.Generator, **options: Any) -> Sample:
    return stylegan2.sample(network, CPU, torch.float32, **options)


def load(state: dict[str, Any], folder: Path, **params: Any) -> Sample:
    torch.save(state, folder / "net.pt")
    card: Any = SimpleNamespace(name="test", params=params)
    return stylegan2.load(card, {"weights": folder / "net.pt"}, CPU, torch.float32)


def published(side: int = 256, base: int = 16384, depth: int = 8, classes: int = 0) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a published generator: 512 numbers for z and w, at most 512 channels."""
    table: dict[str, tuple[int, ...]] = {"mapping.w_avg": (512,)}
    if classes:
        table |= {"mapping.embed.weight": (512, classes), "mapping.embed.bias": (512,)}
    for number in range(depth):
        table[f"mapping.fc{number}.weight"] = (512, 1024 if classes and not number else 512)
        table[f"mapping.fc{number}.bias"] = (512,)
    before, at = 0, 4
    while at <= side:
        width, name = min(base // at, 512), f"synthesis.b{at}"
        table[f"{name}.resample_filter"] = (4, 4)
        if not before:
            table[f"{name}.const"] = (width, 4, 4)
        for layer, inputs in (("conv0", before), ("conv1", width)):
            if inputs:
                table |= {f"{name}.{layer}.weight": (width, inputs, 3, 3), f"{name}.{layer}.bias": (width,)}
                table |= {f"{name}.{layer}.noise_const": (at, at), f"{name}.{layer}.noise_strength": ()}
                table |= {f"{name}.{layer}.resample_filter": (4, 4)}
                table |= {f"{name}.{layer}.affine.weight": (inputs, 512), f"{name}.{layer}.affine.bias": (inputs,)}
        table |= {f"{name}.torgb.weight": (3, width, 1, 1), f"{name}.torgb.bias": (3,)}
        table |= {f"{name}.torgb.affine.weight": (width, 512), f"{name}.torgb.affine.bias": (width,)}
        before, at = width, 2 * at
    return table


@pytest.mark.parametrize(("side", "base", "depth", "classes"), [(256, 16384, 8, 0), (1024, 32768, 8, 0), (32, 16384, 2, 10)])
def test_keys_and_shapes_are_the_published_ones(side: int, base: int, depth: int, classes: int) -> None:
    table = published(side, base, depth, classes)
    state = {key: torch.empty(shape, device="meta") for key, shape in table.items()}
    family, params = models.recognise(state) or ("", {})
    assert family == "stylegan2" and params["side"] == side and params["c_dim"] == classes and params["depth"] == depth
    with torch.device("meta"):
        own = stylegan2.Generator(**params).state_dict()
    assert {key: tuple(one.shape) for key, one in own.items()} == table


@pytest.mark.parametrize("sizes", [SIZES, CLASSES, SIZES | {"channels": 1, "side": 8, "channel_base": 4096}])
def test_a_network_comes_back_as_it_went(sizes: dict[str, int], tmp_path: Path) -> None:
    network = random(**sizes)
    found = stylegan2.recognise(network.state_dict())
    assert found is not None
    assert found | {"channel_base": 0, "channel_max": 0} == sizes | {"channel_base": 0, "channel_max": 0}
    model = load(network.state_dict(), tmp_path)
    made = model([1, 2, 3])
    assert made.shape == (3, 3, sizes["side"], sizes["side"]) and made.min() >= 0 and made.max() <= 1
    assert np.allclose(made, sample(network)([1, 2, 3]), atol=1e-6)


def test_a_modulated_convolution_is_that_of_the_paper() -> None:
    features, weight, styles = torch.randn(2, 5, 6, 6), torch.randn(7, 5, 3, 3), torch.randn(2, 5)
    made = modulated(features, weight, styles)
    plain = modulated(features, weight, styles, demodulate=False)
    for item in range(2):
        own = weight * styles[item][None, :, None, None]  # equation 1
        scale = (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()  # equation 3
        assert np.allclose(made[item], F.conv2d(features[item : item + 1], own * scale, padding=1)[0], atol=1e-5)
        assert torch.allclose(plain[item], F.conv2d(features[item : item + 1], own, padding=1)[0], atol=1e-5)
    wide = modulated(torch.randn(4, 64, 16, 16), torch.randn(64, 64, 3, 3), torch.rand(4, 64) + 0.5)
    assert 0.9 < wide[..., 2:-2, 2:-2].std() < 1.1, "demodulated features keep unit variance"


def test_twice_the_side_keeps_what_is_smooth() -> None:
    flat = torch.full((1, 2, 6, 6), 3.0)
    assert torch.allclose(upsample(flat, filter_taps())[..., 2:-2, 2:-2], torch.tensor(3.0))
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    assert torch.allclose(upsample(ramp, filter_taps())[0, 0, 8, 2:-2].diff(), torch.tensor(0.5), atol=1e-5)
    # the convolution's way: zeros between the pixels, the kernel, the filter at four times its strength
    features, weight = torch.randn(1, 3, 5, 5), torch.randn(4, 3, 3, 3)
    made = modulated(features, weight, torch.ones(1, 3), demodulate=False, up=filter_taps())
    spread = torch.zeros(1, 3, 10, 10)
    spread[..., ::2, ::2] = features
    # a transposed convolution turns its kernel
    by_hand = F.conv2d(F.pad(spread, (2, 1, 2, 1)), weight.flip(2, 3))
    by_hand = F.conv2d(F.pad(by_hand, (1, 1, 1, 1)).transpose(0, 1), 4 * filter_taps()[None, None]).transpose(0, 1)
    assert made.shape == (1, 4, 10, 10) and torch.allclose(made, by_hand, atol=1e-4)


def test_learning_rates_are_equalised() -> None:
    layer = FullyConnected(100, 4000, active=True, rate=0.01)
    assert 90 < layer.weight.std() < 110, "stored a hundred times as large, so that a step is a hundred times smaller"
    made = layer(torch.randn(64, 100))
    assert 0.9 < made.square().mean() / 1.04 < 1.1, "unit variance times (1 + 0.2 squared) / 2 times 2"
    assert FullyConnected(3, 4, start=1.0)(torch.zeros(1, 3)).eq(1).all(), "styles begin at 1"


def test_a_seed_is_one_picture_alone_and_in_a_batch() -> None:
    model = sample(random(**CLASSES))
    together = model([5, 6, 7, 5])
    assert np.allclose(together[1], model([6])[0], atol=1e-6) and np.array_equal(together[0], together[3])
    assert not np.allclose(together[0], together[1], atol=1e-2)
    assert np.array_equal(model.latents([6]), model.latents([5, 6])[1:])
    w = model.mapping(model.latents([5, 6]), [0, 1])
    assert w.shape == (2, model.layers, 12) == (2, 6, 12)
    drawn = model.synthesis(w, noise_seed=3)
    assert torch.allclose(drawn[:1], model.synthesis(w[:1], noise_seed=3), atol=1e-6), "one noise for all frames"
    assert not torch.allclose(drawn, model.synthesis(w, noise_seed=4), atol=1e-3)
    assert torch.equal(model.synthesis(w), model.synthesis(w)), "the constant noise"


def test_truncation_goes_towards_the_mean() -> None:
    network = random(**CLASSES)
    model = sample(network)
    z = model.latents([1, 2])
    full = model.mapping(z, [0, 1], 1.0)
    half, none = model.mapping(z, [0, 1], 0.5), model.mapping(z, [0, 1], 0)
    assert torch.allclose(none, torch.from_numpy(model.mean_latent).expand_as(none)) and torch.allclose(
        half, (full + none) / 2, atol=1e-6
    )
    assert torch.equal(model.mapping(z, [0, 1]), model.mapping(z, [0, 1], model.truncation))
    own = sample(network, centre="class").mapping(z, [0, 1], 0)
    assert not torch.allclose(own[0], own[1]), "each class has its mean"
    means = sample(network).mapping(model.latents(range(4000)), 1, 1.0)[:, 0].mean(0)
    assert torch.allclose(own[1, 0], means, atol=0.1)
    with pytest.raises(UsageError, match="truncation is 0 to 1"):
        model([1], truncation=1.5)


def test_styles_mix_by_layers() -> None:
    model = sample(random(**SIZES))
    coarse, fine = model.mapping(model.latents([1, 2]))
    assert torch.equal(model.synthesis(torch.stack([coarse])), model.synthesis(coarse[None]))
    made = [model.synthesis(torch.cat([coarse[:at], fine[at:]])[None]) for at in range(model.layers + 1)]
    differences = [float((one - two).abs().mean()) for one, two in pairwise(made)]
    assert all(one > 0 for one in differences), "every layer's w acts"
    assert np.array_equal(made[-1], model.synthesis(coarse[None]))


def test_classes_are_chosen_by_name_or_number() -> None:
    model = sample(random(**CLASSES), labels=("shirt", "Shoe", "dress"))
    same = model([4], label="shoe")
    assert np.array_equal(same, model([4], label=1)) and np.array_equal(same, model([4], label="1"))
    assert np.array_equal(model([4]), same), "without one the seeds go through the classes"
    assert np.allclose(model([4, 5], label=[1, "dress"])[0], same[0], atol=1e-5)
    with pytest.raises(UsageError, match="no class 'shoes'") as refused:
        model([4], label="shoes")
    assert "Shoe" in str(refused.value.hint)
    with pytest.raises(UsageError, match="no class 3"):
        model([4], label=3)
    with pytest.raises(UsageError, match="no classes"):
        sample(random(**SIZES))([4], label=1)
    with pytest.raises(UsageError, match="one of which is needed"):
        model.mapping(model.latents([1]))


def test_directions_come_from_what_the_styles_act_by() -> None:
    network = random(**SIZES)
    model = sample(network)
    rows = model.modulation_weights()
    assert rows is not None and len(rows) == model.layers and all(one.shape[1] == 12 for one in rows)
    assert np.array_equal(rows[0], network.synthesis.blocks[0].conv1.affine.weight)
    # what no row sees does not change the picture of that layer
    w = model.mapping(model.latents([1])).clone()
    last = torch.linalg.svd(torch.from_numpy(rows[0]))[2][-1] if len(rows[0]) < 12 else torch.zeros(12)
    moved = w.clone()
    moved[:, 0] += last
    assert torch.allclose(model.synthesis(w), model.synthesis(moved), atol=1e-4)


def test_gradients_reach_a_latent_and_its_noise_is_free() -> None:
    model = sample(random(**SIZES))
    w = model.mapping(model.latents([1])).clone().requires_grad_()
    loss = (model.synthesis(w, clamped=False) - 0.5).square().mean()
    loss.backward()
    assert w.grad is not None and bool((w.grad.abs().sum(2) > 0).all())
    assert not any(one.requires_grad for one in model.network.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near(dtype: torch.dtype) -> None:
    network = random(**CLASSES)
    with torch.no_grad():
        network.synthesis.blocks[1].conv0.affine.bias += 500.0  # styles that would overflow
    wanted = sample(network)([1, 2])
    made = stylegan2.sample(network, CPU, dtype)([1, 2])
    assert made.dtype == np.float32 and np.isfinite(made).all()
    assert np.abs(made - wanted).mean() < 0.03
    assert network.mapping.fc0.weight.dtype == torch.float32 and network.synthesis.b16.conv1.weight.dtype == dtype


@pytest.mark.parametrize("classes", [0, 3])
def test_the_discriminator_trains(classes: int) -> None:
    network = stylegan2_discriminator.build(16, classes, 3, 128, 16, depth=1)
    keys = network.state_dict().keys()
    assert {"b16.fromrgb.weight", "b16.skip.weight", "b8.conv1.bias", "b4.conv.weight", "b4.out.bias"} <= keys
    assert ("mapping.embed.weight" in keys) == bool(classes)
    images = torch.randn(6, 3, 16, 16, requires_grad=True)
    labels = torch.arange(6) % 3 if classes else None
    scores = network(images, labels)
    assert scores.shape == (6, 1)
    # R1 needs the gradient of a gradient
    slope = torch.autograd.grad(scores.sum(), images, create_graph=True)[0]
    slope.square().sum((1, 2, 3)).mean().backward()
    gradient = network.get_parameter("b8.conv0.weight").grad
    assert gradient is not None and gradient.abs().sum() > 0
    same = images[:1].expand(4, -1, -1, -1)
    apart = stylegan2_discriminator.deviation(images, 4)
    assert apart.shape == (6, 1, 16, 16) and stylegan2_discriminator.deviation(same, 4).max() < 1e-3 < apart.min()
    if classes:
        assert not torch.allclose(network(images, labels), network(images, (torch.arange(6) + 1) % 3))


def test_one_step_of_training_moves_both() -> None:
    network, judge = stylegan2.build(**CLASSES).train(), stylegan2_discriminator.build(16, 3, 3, 128, 16, depth=1)
    labels = torch.tensor([0, 1, 2, 0])
    noise = [torch.randn(4, 1, side, side) for side in network.synthesis.noise_sides]
    made = network(torch.randn(4, 8), labels, noise)
    F.softplus(-judge(made, labels)).mean().backward()
    still = [name for name, one in network.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert not still
    before = network.mapping.w_avg.clone()
    network.mapping.follow(network.styles(torch.randn(4, 8), labels)[:, 0])
    assert not torch.equal(before, network.mapping.w_avg)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    state = dict(stylegan2.build(**SIZES).state_dict())
    with pytest.raises(WeightsError, match=r"net.pt does not fit .*noise_strength"):
        load({key: one for key, one in state.items() if "b8.conv0.noise_strength" not in key}, tmp_path)
    with pytest.raises(WeightsError, match="does not fit"):
        load(state | {"synthesis.b16.extra": torch.zeros(1)}, tmp_path)
    with pytest.raises(WeightsError, match="side 16, not 32"):
        load(state, tmp_path, side=32)
    with pytest.raises(WeightsError, match="says 2 classes"):
        load(state, tmp_path, labels=["a", "b"])
    with pytest.raises(WeightsError, match="centre 'mine'"):
        load(state, tmp_path, centre="mine")
    with pytest.raises(WeightsError, match="is not a checkpoint of a StyleGAN2 generator"):
        load({"a": torch.zeros(1)}, tmp_path)
    with pytest.raises(ValueError, match="not 24"):
        stylegan2.build(side=24)
