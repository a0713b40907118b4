"""The measures of drawn pictures against what they must be, and `genkit eval gan` on a tiny network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.data.labels import LabelledPictures
from genkit.errors import UsageError
from genkit.evaluate import gan as measure
from genkit.evaluate.distribution import Features, distances, frechet, kernel_distance, precision_recall


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200, 6))


def test_a_set_is_at_no_distance_from_itself(vectors: np.ndarray) -> None:
    assert frechet(vectors, vectors) == pytest.approx(0, abs=1e-6)
    assert kernel_distance(vectors, vectors) < 0  # the estimate is unbiased, so that it must be below 0 here
    assert precision_recall(vectors, vectors) == (1.0, 1.0)


def test_distances_are_symmetric_and_grow_with_noise(vectors: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=vectors.shape)
    found = [(frechet(vectors, other), kernel_distance(vectors, other)) for other in (vectors + s * noise for s in (0.3, 1, 3))]
    assert found == sorted(found) and found[0] < found[1] < found[2]
    other = 2 * noise + 1
    assert frechet(vectors, other) == pytest.approx(frechet(other, vectors))
    assert kernel_distance(vectors, other) == pytest.approx(kernel_distance(other, vectors))


def test_the_frechet_distance_is_that_of_normal_distributions() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(20000, 2)) * (1, 2)
    two = rng.normal(size=(20000, 2)) * (3, 2) + (0, 5)
    assert frechet(one, two) == pytest.approx((1 - 3) ** 2 + 25, rel=0.03)


def test_the_kernel_distance_of_two_samples_of_one_distribution_is_about_nothing() -> None:
    rng = np.random.default_rng(3)
    found = [kernel_distance(rng.normal(size=(100, 4)), rng.normal(size=(100, 4))) for _ in range(20)]
    assert abs(np.mean(found)) < 0.05 < kernel_distance(rng.normal(size=(100, 4)), rng.normal(size=(100, 4)) + 1)


def test_precision_and_recall_tell_failures_apart() -> None:
    rng = np.random.default_rng(4)
    real = np.concatenate([rng.normal(size=(100, 3)), rng.normal(size=(100, 3)) + 20])
    one_mode = rng.normal(size=(200, 3)) * 0.5
    precision, recall = precision_recall(one_mode, real)
    assert precision > 0.9 and recall < 0.5
    precision, recall = precision_recall(rng.normal(size=(200, 3)) * 30, real)
    assert precision < 0.3


def test_distances_of_points() -> None:
    assert distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(np.array([[5.0, 0.0]]))


class Halves(torch.nn.Module):
    """Stands for VGG-19: three maps, the last of 8 channels."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = torch.cat([images, images.square(), images[:, :2] * images[:, 1:]], 1)
        return [maps, maps, maps]


def reals(rng: np.random.Generator, held: bool = False) -> measure.RealPictures:
    def some(count: int) -> LabelledPictures:
        pixels = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
        return LabelledPictures(pixels, np.arange(count) % 2, ("a", "b"), tuple(map(str, range(count))))

    return measure.RealPictures(Features(Halves()), some(60), some(20) if held else None, 100)


@pytest.mark.parametrize("held", [False, True])
def test_copies_are_found_mirrored_ones_too(held: bool) -> None:
    rng = np.random.default_rng(5)
    real = reals(rng, held)
    asked: list[int] = []

    def copied(seeds: Any, labels: Any) -> np.ndarray:
        asked.extend(labels)
        return real.training.pixels[list(seeds)][:, :, ::-1]

    found = measure.measure("copies", copied, {0: 7, 1: 3}, real, pairs=5)
    assert found.row["copies"] == 1.0 and found.row["near_ratio"] < 0.01 and found.row["pictures"] == 30
    assert set(asked) == {7, 3}
    drawn, nearest, apart = found.nearest[0]
    assert np.array_equal(drawn[:, ::-1], nearest) and apart < 1e-3
    assert measure.sheet(found.nearest, 2).shape == (3 * 10, 2 * 18, 3)
    new = measure.measure("new", lambda seeds, labels: rng.integers(0, 256, (len(seeds), 8, 8, 3), np.uint8), None, real)
    assert new.row["copies"] < 0.2 and 0.7 < new.row["near_ratio"] < 1.3
    grey = measure.measure("grey", lambda seeds, labels: np.full((len(seeds), 8, 8, 3), 90, np.uint8), None, real)
    assert grey.row["frechet"] > 3 * new.row["frechet"] and grey.row["recall"] == 0
    assert measure.reference(real).row["frechet"] < grey.row["frechet"]


def test_another_side_is_refused() -> None:
    with pytest.raises(UsageError, match="side of 4"):
        measure.measure(
            "small", lambda seeds, labels: np.zeros((len(seeds), 4, 4, 3), np.uint8), None, reals(np.random.default_rng(6))
        )


def test_the_command_measures_a_model(tmp_path: Path, genkit: Callable[..., Any]) -> None:
    from safetensors.torch import save_file

    from genkit.cards import card_text
    from genkit.models.gan import stylegan2
    from genkit.nets import vgg

    save_file(vgg.Features().state_dict(), tmp_path / "vgg.safetensors")
    network = stylegan2.build(16, 8, 2, 8, 1, 4, 64, 8)
    save_file(network.state_dict(), tmp_path / "tiny.safetensors")
    params = {"labels": ["blue", "red"], "squeeze": 1.0, "pixel_art": True}
    card = {"name": "tiny", "tasks": ["gan"], "family": "stylegan2", "summary": "Tiny.", "licence": "Apache-2.0"}
    card |= {"source": "test", "commercial": True, "dtypes": ["float32"], "params": params}
    card |= {"options": stylegan2.options_of({"c_dim": 2}), "files": {"weights": {"path": "tiny.safetensors"}}}
    (tmp_path / "tiny.toml").write_text(card_text(card))
    rng = np.random.default_rng(7)
    for kind in ("red", "blue", "test"):
        (tmp_path / "data" / kind).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, 256, (16, 16, 4), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / kind / f"{number}.png")
    held = tmp_path / "held.txt"
    held.write_text("red/0.png\nblue/1.png\n")
    sheet = tmp_path / "sheet.png"
    told = ("--data", tmp_path / "data", "--model", tmp_path / "tiny.toml", "--features", tmp_path / "vgg.safetensors")
    outcome = genkit("eval", "gan", *told, "--names", held, "--count", "8", "--sheet", sheet, "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.err
    done = json.loads(outcome.stdout)
    assert [row["model"] for row in done["rows"]] == ["real pictures", "tiny"]
    assert done["rows"][1]["pictures"] == 8 and {"frechet", "kernel", "precision", "recall", "copies"} < set(done["rows"][1])
    assert "held-out" in done["protocol"] and sheet.exists()
    plain = genkit("eval", "gan", *told, "--count", "8", "--device", "cpu")
    assert plain.code == 0 and "Frechet" in plain.out


def test_models_that_share_a_name_are_told_apart(tmp_path: Path) -> None:
    from genkit.cli.measuring import cards_of

    card = 'name = "genkit-clothes"\ntasks = ["gan"]\nfamily = "stylegan2"\nsummary = "S."\nlicence = "MIT"\nsource = "test"\n'
    path = tmp_path / "genkit-clothes.toml"
    path.write_text(card + 'commercial = true\n[files.weights]\npath = "a.safetensors"\n')
    found = cards_of("gan", [str(path), "genkit-clothes", "genkit-tiles"])
    assert list(found) == [str(path), "genkit-clothes", "genkit-tiles"] and found[str(path)].source == "test"
