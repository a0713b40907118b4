"""The generator of several domains: the published layout, what the domain and the mask do, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from on_tensors import OnTensors

from genkit import models
from genkit.errors import UsageError, WeightsError
from genkit.models.translate import stargan

CPU = torch.device("cpu")
NAMES = ["red", "green", "blue"]


def load(state: dict[str, Any], folder: Path, **params: Any) -> Any:
    torch.save(state, folder / "net.ckpt")
    card: Any = SimpleNamespace(name="test", params=params)
    return OnTensors(stargan.load(card, {"weights": folder / "net.ckpt"}, CPU, torch.float32))


def published(width: int = 64, domains: int = 5, blocks: int = 6) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the authors' files, but for the running statistics that their later ones carry."""
    table: dict[str, tuple[int, ...]] = {"main.0.weight": (width, 3 + domains, 7, 7)}

    def norm(name: str, channels: int) -> None:
        table[f"{name}.weight"] = table[f"{name}.bias"] = (channels,)

    norm("main.1", width)
    for place, before in ((3, width), (6, 2 * width)):
        table[f"main.{place}.weight"] = (2 * before, before, 4, 4)
        norm(f"main.{place + 1}", 2 * before)
    for block in range(9, 9 + blocks):
        for place in (0, 3):
            table[f"main.{block}.main.{place}.weight"] = (4 * width, 4 * width, 3, 3)
            norm(f"main.{block}.main.{place + 1}", 4 * width)
    for place, before in ((9 + blocks, 4 * width), (12 + blocks, 2 * width)):
        table[f"main.{place}.weight"] = (before, before // 2, 4, 4)
        norm(f"main.{place + 1}", before // 2)
    return table | {f"main.{15 + blocks}.weight": (3, width, 7, 7)}


def test_keys_and_shapes_are_the_published_ones() -> None:
    with torch.device("meta"):
        state = stargan.StarGan(5, 64, 6, mask=False).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == published()
    assert models.recognise(state) == ("stargan", {"num_domains": 5, "width": 64, "blocks": 6, "mask": False})


@pytest.mark.parametrize("mask", [False, True])
def test_the_domain_decides(mask: bool, tmp_path: Path) -> None:
    network = stargan.build(3, 4, 1, mask)
    assert stargan.recognise(network.state_dict()) == {"num_domains": 3, "width": 4, "blocks": 1, "mask": mask}
    state = dict(network.state_dict())
    for key in [key for key in state if key.endswith((".1.weight", ".4.weight"))][:3]:  # statistics that are not used
        state |= {key.replace("weight", "running_mean"): torch.randn_like(state[key])}
    model = load(state, tmp_path, domains=NAMES)
    images = torch.rand(2, 3, 21, 30)
    made = [model(images, domain=index) for index in range(3)]
    assert all(one.shape == images.shape and one.min() >= 0 and one.max() <= 1 for one in made)
    assert not torch.allclose(made[0], made[1], atol=1e-5) and torch.equal(made[2], model(images, domain=2))
    vector = torch.nn.functional.one_hot(torch.tensor([1, 1]), 3).float()
    fitting = images[..., :20, :28]
    assert torch.equal(network(fitting, vector), network(fitting, torch.tensor([1, 1])))
    with pytest.raises(UsageError, match="one of which is needed"):
        model(images)


def test_the_mask_keeps_what_need_not_change() -> None:
    network = stargan.build(2, 4, 0, mask=True)
    with torch.no_grad():
        network.state_dict()["main.15.weight"][3].zero_()
    images = torch.rand(1, 3, 16, 16)
    half = network(images, torch.tensor([0])) - images
    drawn = network.main(torch.cat([images, torch.ones(1, 1, 16, 16), torch.zeros(1, 1, 16, 16)], 1))[:, :3].tanh()
    assert torch.allclose(half, (drawn - images) / 2, atol=1e-6), "a mask of one half is laid over by half"


def test_an_output_pixel_looks_no_further_than_is_said() -> None:
    network = stargan.build(1, 4, 1, mask=False)
    for layer in network.modules():
        for name, child in list(layer.named_children()):
            if isinstance(child, stargan.PictureNorm):
                setattr(layer, name, torch.nn.Identity())
    images = torch.rand(1, 3, 96, 96, requires_grad=True)
    for row in range(48, 52):
        (gradient,) = torch.autograd.grad(network(images, torch.tensor([0]))[0, :, row, 48].sum(), images)
        rows = gradient.abs().sum((0, 1, 3)).nonzero()
        assert max(row - rows.min(), rows.max() - row) <= network.receptive_radius


def test_what_is_refused(tmp_path: Path) -> None:
    state = stargan.build(3, 4, 1).state_dict()
    with pytest.raises(WeightsError, match=r"test names 2 domains, net\.ckpt has 3"):
        load(state, tmp_path, domains=["red", "green"])
    with pytest.raises(WeightsError, match=r"net\.ckpt is not what the card test says: width 4, not 32"):
        load(state, tmp_path, width=32)
    with pytest.raises(WeightsError, match=r"net\.ckpt is not a checkpoint of a StarGAN generator"):
        load({"main.0.weight": torch.zeros(4, 3, 7, 7)}, tmp_path)
    with pytest.raises(WeightsError, match=r"does not fit a StarGAN generator.*main\.9\.main\.1\.bias"):
        load({key: value for key, value in state.items() if key != "main.9.main.1.bias"}, tmp_path)
    assert load(state, tmp_path).domains == ("0", "1", "2"), "numbers where a card has no names"
