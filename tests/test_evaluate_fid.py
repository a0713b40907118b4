"""FID's Inception against torchvision's with the pooling that the weights were trained with, and `genkit eval` with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from test_evaluate_gan import Halves

from genkit import cards
from genkit.data.captions import Caption, CaptionedPictures
from genkit.errors import WeightsError
from genkit.evaluate import fid
from genkit.evaluate import txt2img as measure
from genkit.evaluate.distribution import Features, frechet
from genkit.models import load_model, recognise

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of the published layout with random numbers, also for the statistics of batch normalisation."""
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, aux_logits=False, num_classes=1008, init_weights=False)
    for name, value in network.state_dict().items():
        if name.endswith("running_mean"):
            value.normal_(std=0.2)
        if name.endswith("running_var"):
            value.uniform_(0.3, 1)
        if name.startswith("Mixed_7c") and name.endswith("bn.weight"):
            value.fill_(200)  # or the features are next to nothing
    path = tmp_path_factory.mktemp("inception") / "pt_inception.pth"
    torch.save(network.state_dict(), path)
    return path


def loaded(path: Path) -> Any:
    card: Any = SimpleNamespace(name="inception-fid", family="inception", params={})
    return load_model(card, {"weights": path}, CPU, torch.float32)


def test_it_is_torchvisions_with_the_pooling_of_the_weights(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn import functional
    from torchvision.models import inception as theirs

    other = torchvision.models.inception_v3(weights=None, aux_logits=False, num_classes=1008, init_weights=False)
    other.load_state_dict(torch.load(published, weights_only=True))
    other.eval().fc = torch.nn.Identity()
    other.dropout = torch.nn.Identity()

    def average(features: torch.Tensor, kernel_size: int, stride: int, padding: int) -> torch.Tensor:
        return functional.avg_pool2d(features, kernel_size, stride, padding, count_include_pad=False)

    swapped = SimpleNamespace(**{name: getattr(functional, name) for name in ("relu", "max_pool2d")}, avg_pool2d=average)
    monkeypatch.setattr(theirs, "F", swapped)
    greatest = SimpleNamespace(relu=functional.relu, avg_pool2d=functional.max_pool2d)
    forward = other.Mixed_7c._forward

    def last(features: torch.Tensor) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(theirs, "F", greatest)
            return forward(features)

    monkeypatch.setattr(other.Mixed_7c, "_forward", last)
    images = torch.rand(2, 3, 299, 299)
    with torch.inference_mode():
        wanted = other(images * 2 - 1)
        found = loaded(published)(images)
    assert found.shape == (2, 2048) and float(wanted.std()) > 0.01
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_other_files_are_refused(published: Path, tmp_path: Path) -> None:
    state = torch.load(published, weights_only=True)
    assert recognise(state) == ("inception", {})
    torch.save({"a.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="is not a checkpoint of FID's Inception-v3"):
        loaded(tmp_path / "other.pth")
    state.pop("Mixed_6a.branch3x3.conv.weight")
    torch.save(state, tmp_path / "less.pth")
    with pytest.raises(WeightsError, match=r"does not fit FID's Inception-v3.*Mixed_6a\.branch3x3\.conv\.weight"):
        loaded(tmp_path / "less.pth")
    card = cards.find("inception-fid", "measure")
    assert card.files["weights"].hash is not None and card.files["weights"].hash.value[:8] in card.files["weights"].urls[0]


def test_eval_gan_prints_fid_where_the_weights_are_here(
    published: Path, tmp_path: Path, genkit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(data / f"{number}.png")
    words = ("eval", "gan", "--data", data, "--model", "genkit-clothes", "--features", "genkit-style", "--count", "8")
    words = (*words, "--device", "cpu", "--config", "own")
    without = genkit(*words)
    assert without.code == 0, without.err
    assert "FID: not measured" in without.err and "genkit models pull inception-fid adds it (96 MB)" in without.err
    assert "FID" not in without.out
    network = loaded(published)
    monkeypatch.setattr(fid, "instrument", lambda name: network)
    done = genkit(*words)
    assert done.code == 0, done.err
    head, real, drawn, protocol = done.out.splitlines()
    end = head.index(" FID") + len(" FID")  # columns of numbers end below the last letter of their heading
    found = [float(line[:end].split()[-1]) for line in (real, drawn)]
    assert 0 < found[0] < found[1]
    assert "FID: the Fréchet distance by features of Inception-v3" in protocol


def test_txt2img_compares_with_the_pictures_that_were_not_asked_for() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (20, 8, 8, 3), np.uint8)
    captions = tuple(Caption(f"thing {number}") for number in range(20))
    pictures = CaptionedPictures(
        np.concatenate([pixels, np.full((20, 8, 8, 1), 255, np.uint8)], 3), captions, tuple("ab" * 10), np.full(20, 0.05)
    )

    def features(images: np.ndarray, device: Any) -> np.ndarray:
        return images.reshape(len(images), -1)[:, :5].astype(np.float32)

    real = measure.RealPictures(Features(Halves()), pictures, 6, inception=features)
    row = measure.measure("m", lambda prompts, seeds: pixels[: len(prompts)][:, ::-1], real).row
    wanted = frechet(features(pixels[: len(real.own)][:, ::-1], "cpu"), features(np.delete(pixels, real.own, 0), "cpu"))
    assert row["fid"] == pytest.approx(wanted) and "FID" in measure.protocol(6, "", 0, "f", fid=True)
