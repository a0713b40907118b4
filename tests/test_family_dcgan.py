"""DCGAN: both layouts, what the tensors cannot tell, and the published digits."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from genkit import cards, models, weights
from genkit.errors import UsageError, WeightsError
from genkit.models.gan import dcgan
from genkit.models.gan.sampling import Sample

CPU = torch.device("cpu")
PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
TRANSPOSED: dict[str, Any] = {"latent": 10, "widths": [16, 8, 4], "kernels": [4, 3, 4, 4], "channels": 1}
UPSAMPLED: dict[str, Any] = {"layout": "upsampled", "latent": 6, "widths": [8, 8, 4], "start": 7, "channels": 1}
UPSAMPLED |= {"classes": 5, "embedding": 4}


def load(state: dict[str, Any], folder: Path, **params: Any) -> Sample:
    torch.save(state, folder / "net.pth")
    card: Any = SimpleNamespace(name="test", params=params)
    return dcgan.load(card, {"weights": folder / "net.pth"}, CPU, torch.float32)


def settled(network: Any) -> Any:
    """With statistics that are not those of a new network."""
    for one in network.modules():
        if isinstance(one, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(one.running_mean, 0, 0.1)
            torch.nn.init.uniform_(one.running_var, 0.01, 0.1)
    return network


@pytest.mark.parametrize(("norm", "bias"), [("batch", False), ("none", True)])
def test_transposed_convolutions_are_read_under_any_word(norm: str, bias: bool, tmp_path: Path) -> None:
    network = settled(dcgan.build(**TRANSPOSED, norm=norm, bias=bias))
    state = network.state_dict()
    family, params = models.recognise(state) or ("", {})
    assert family == "dcgan" and {key: params[key] for key in TRANSPOSED} == TRANSPOSED and params["norm"] == norm
    made = load(state, tmp_path)([1, 2])
    assert made.shape == (2, 3, 28, 28) and np.array_equal(made[:, 0], made[:, 2]) and 0 <= made.min() < made.max() <= 1
    for word, first in (("layer_stack", 1), ("net.layers", 3)):
        other = {}
        for key, one in state.items():
            _, place, rest = key.split(".")
            other[f"{word}.{int(place) + first}.{rest}"] = one
        assert dcgan.recognise(other) == params
        assert np.array_equal(load(other, tmp_path)([1, 2]), made)
    without = {key: one for key, one in state.items() if not key.endswith("num_batches_tracked")}
    assert np.array_equal(load(without, tmp_path)([1, 2]), made), "old files lack the counters"


def test_the_classic_layout_is_that_of_the_paper() -> None:
    with torch.device("meta"):
        network = dcgan.build()
    shapes = {key: tuple(one.shape) for key, one in network.state_dict().items() if one.ndim == 4}
    assert network.side == 64 and shapes == {
        "main.0.weight": (100, 512, 4, 4),
        "main.3.weight": (512, 256, 4, 4),
        "main.6.weight": (256, 128, 4, 4),
        "main.9.weight": (128, 64, 4, 4),
        "main.12.weight": (64, 3, 4, 4),
    }


def test_what_tensors_cannot_tell_is_said_by_the_card(tmp_path: Path) -> None:
    state = settled(dcgan.build(**UPSAMPLED)).state_dict()
    family, params = models.recognise(state) or ("", {})
    assert family == "dcgan" and {key: params[key] for key in UPSAMPLED} == UPSAMPLED
    usual = load(state, tmp_path)([3], label=2)
    assert usual.shape == (1, 3, 28, 28)
    for name, value in (("activation", "relu"), ("epsilon", 1e-5), ("order", "noise-label"), ("output", "sigmoid")):
        other = load(state, tmp_path, **{name: value})
        assert not np.allclose(other([3], label=2), usual, atol=1e-4), name
    w = load(state, tmp_path, order="noise-label").mapping(torch.ones(1, 6), [3])
    assert (
        w.shape == (1, 1, 10)
        and torch.equal(w[0, 0, :6], torch.ones(6))
        and torch.equal(w[0, 0, 6:], state["label_emb.weight"][3])
    )
    with pytest.raises(WeightsError, match="activation 'tanh' is not one of relu, leaky"):
        load(state, tmp_path, activation="tanh")
    with pytest.raises(WeightsError, match="has 5 classes"):
        load(state, tmp_path, labels=["a"])


def test_seeds_classes_and_refusals(tmp_path: Path) -> None:
    model = load(settled(dcgan.build(**UPSAMPLED)).state_dict(), tmp_path, labels=list("vwxyz"))
    made = model([4, 9, 3])
    assert np.allclose(made[2], model([3], label="y")[0], atol=1e-5) and not np.allclose(made[0], made[1], atol=1e-4)
    assert model.modulation_weights() is None and model.layers == 1
    with pytest.raises(UsageError, match="no truncation"):
        model([1], truncation=0.5)
    with pytest.raises(UsageError, match="no option 'steps'"):
        model([1], steps=3)
    plain = load(dcgan.build(**TRANSPOSED).state_dict(), tmp_path)
    with pytest.raises(UsageError, match="no classes"):
        plain([1], label=1)
    assert np.array_equal(plain.mean_latent, np.zeros(10))


def test_what_is_no_such_network_is_refused(tmp_path: Path) -> None:
    state = dict(dcgan.build(**TRANSPOSED).state_dict())
    with pytest.raises(WeightsError, match=r"net.pth is not a checkpoint of a DCGAN generator"):
        load({"main.0.weight": torch.zeros(3, 4)}, tmp_path)
    with pytest.raises(WeightsError, match="does not fit a DCGAN generator"):
        load(state | {"main.4.running_mean": torch.zeros(3)}, tmp_path)
    with pytest.raises(WeightsError, match="latent 10, not 100"):
        load(state, tmp_path, latent=100)
    judge = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 4, 2, 1), torch.nn.LeakyReLU(0.2), torch.nn.Conv2d(4, 8, 4, 2, 1))
    assert dcgan.recognise(judge.state_dict()) is None, "a discriminator goes the other way"


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
@pytest.mark.parametrize(
    ("file", "given"),
    [("mnist-dcgan.pth", ["activation=leaky"]), ("mnist-cwgan.pth", ["activation=relu", "order=noise-label"])],
)
def test_published_digits(genkit: Any, file: str, given: list[str]) -> None:
    words = [word for one in given for word in ("-O", one)]
    made = genkit("models", "import", PUBLISHED / file, "--as", "digits", "--task", "gan", *words)
    assert made.code == 0, made.err
    card = cards.find("digits", "gan")
    model = models.load_model(card, weights.resolve(card, announce=lambda text: None), CPU, torch.float32)
    digits = torch.from_numpy(model(range(100))[:, 0])
    assert digits.shape == (100, 28, 28)
    # white strokes on black: clear of the edge, all of one kind of size, and no two alike
    ink = (digits > 0.5).float()
    assert digits[:, [0, -1]].mean() < 0.02 and digits[:, :, [0, -1]].mean() < 0.02
    assert 0.05 < ink.mean() < 0.25 and bool((ink.mean((1, 2)) > 0.02).all())
    assert ((digits > 0.1) & (digits < 0.9)).float().mean() < 0.15, "ink or paper, little between"
    if model.labels:
        means = torch.stack([digits[place::10].mean(0) for place in range(10)])
        ones, others = means[1], means[[0, 2, 3, 5, 8]]
        assert ones.sum() < others.sum((1, 2)).min(), "a one takes the least ink"
        apart = torch.cdist(means.flatten(1), means.flatten(1))
        assert bool((apart[~torch.eye(10, dtype=torch.bool)] > 1).all()), "classes differ"
