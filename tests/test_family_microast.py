"""MicroAST: the published tables of keys and shapes, its code and rounds, what is refused, and the published files at work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors

from genkit import models
from genkit.errors import WeightsError
from genkit.models.style import microast

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
CPU = torch.device("cpu")
WIDTH = 2


def published() -> dict[str, dict[str, tuple[int, ...]]]:
    """Keys and shapes of the four files."""

    def conv(name: str, after: int, before: int, side: int) -> dict[str, tuple[int, ...]]:
        return {f"{name}.conv_layer.weight": (after, before, side, side), f"{name}.conv_layer.bias": (after,)}

    def block(name: str) -> dict[str, tuple[int, ...]]:
        return conv(f"{name}.conv1", 64, 64, 3) | conv(f"{name}.conv2", 64, 64, 3)

    encoder = conv("enc1.0", 16, 3, 9) | conv("enc1.2", 32, 1, 3) | conv("enc1.4", 32, 32, 1) | conv("enc1.6", 64, 1, 3)
    encoder |= conv("enc1.8", 64, 64, 1) | block("enc1.10") | block("enc2.0")
    modulator: dict[str, tuple[int, ...]] = {}
    for name in ("weight1", "bias1", "weight2", "bias2"):
        modulator |= conv(f"{name}.0", 64, 1, 3)
    decoder = block("dec1") | block("dec2") | conv("dec3.1", 32, 2, 3) | conv("dec3.3", 32, 32, 1)
    decoder |= conv("dec3.6", 16, 2, 3) | conv("dec3.8", 16, 16, 1) | conv("dec3.10", 3, 16, 9)
    return {"content_encoder": encoder, "style_encoder": encoder, "modulator": modulator, "decoder": decoder}


def saved(folder: Path, network: microast.MicroAST | None = None) -> dict[str, Path]:
    """Four files of a random network, by role, as their publisher would save them."""
    network = network or microast.build(WIDTH)
    files = {role: folder / f"{role}.pth.tar" for role in microast.ROLES}
    for role, path in files.items():
        torch.save(network.get_submodule(role).state_dict(), path)
    return files


def card(**params: Any) -> Any:
    return SimpleNamespace(name="tiny", family="microast", params=params)


def test_at_full_size_keys_and_shapes_are_the_published_ones() -> None:
    network = microast.build()
    for role, table in published().items():
        state = network.get_submodule(role).state_dict()
        assert {key: tuple(value.shape) for key, value in state.items()} == table
    found = models.recognise(network.content_encoder.state_dict())
    assert found == ("microast", {"width": 16})
    assert microast.recognise(network.decoder.state_dict()) is None


def test_any_size_comes_back_and_the_rounds_give_what_one_pass_gives(tmp_path: Path) -> None:
    model = OnTensors(microast.load(card(width=WIDTH), saved(tmp_path), CPU, torch.float32))
    code = model.style(torch.rand(1, 3, 37, 50))
    assert [tuple(part.shape) for part in code] == [(1, 4 * WIDTH, 1, 1)] * 8 and not model.own_style
    assert model(torch.rand(2, 3, 21, 30), code).shape == (2, 3, 21, 30)
    assert model(torch.rand(1, 3, 1, 3), code).shape == (1, 3, 1, 3)
    images = torch.rand(1, 3, 24, 32)
    known: list[Any] = []
    for index in range(model.rounds):
        for features in model.measure(index, images, code, known):
            variance, mean = torch.var_mean(features, (2, 3), keepdim=True)
            known.append((mean, (variance + model.epsilon).sqrt()))
    assert torch.allclose(model.render(images, code, known), model(images, code), atol=1e-5)


def test_an_output_pixel_looks_no_further_than_is_said(tmp_path: Path) -> None:
    network = microast.build(WIDTH)
    with torch.no_grad():  # as drawn, one pixel changes less than rounding does
        for weight in network.parameters():
            weight.mul_(2)
    model = OnTensors(microast.load(card(), saved(tmp_path, network), CPU, torch.float32))
    images = torch.rand(1, 3, 128, 128)
    code = model.style(images)
    known = [(torch.zeros(1, 4 * WIDTH, 1, 1), torch.ones(1, 4 * WIDTH, 1, 1))] * 2
    before = model.render(images, code, known)
    images[..., 64, 64] += 0.5
    rows, columns = (model.render(images, code, known) != before).any(1)[0].nonzero().T
    assert max(abs(rows - 64).max(), abs(columns - 64).max()) <= model.receptive


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda files: {"style_encoder": files["decoder"]}, r"decoder\.pth\.tar does not fit MicroAST's style encoder"),
        (
            lambda files: {"content_encoder": files["decoder"]},
            r"decoder.* is not a checkpoint of MicroAST's content encoder",
        ),
        (lambda files: {"modulator": files["style_encoder"]}, r"style_encoder\.pth\.tar does not fit MicroAST's modulator"),
    ],
)
def test_a_file_in_the_wrong_role_is_refused_by_name(wrong: Callable[..., Any], message: str, tmp_path: Path) -> None:
    files = saved(tmp_path)
    with pytest.raises(WeightsError, match=message):
        microast.load(card(), files | wrong(files), CPU, torch.float32)


def test_a_missing_file_and_another_width_are_refused(tmp_path: Path) -> None:
    files = saved(tmp_path)
    with pytest.raises(WeightsError, match="lacks modulator, decoder"):
        microast.load(card(), {role: files[role] for role in ("content_encoder", "style_encoder")}, CPU, torch.float32)
    with pytest.raises(WeightsError, match="width 2, not 16"):
        microast.load(card(width=16), files, CPU, torch.float32)


@pytest.mark.published
@pytest.mark.skipif(not (PUBLISHED / "microast").is_dir(), reason="the published checkpoints are not here")
def test_the_published_files_paint(genkit: Any, picture: Callable[..., Path], tmp_path: Path) -> None:
    from PIL import Image

    folder = PUBLISHED / "microast"
    roles = [f"{role}={folder / f'{role}_iter_160000.pth.tar'}" for role in microast.ROLES]
    further = [word for role in roles[1:] for word in ("--file", role)]
    first = roles[0].partition("=")[2]
    assert genkit("models", "import", first, "--as", "micro", "--task", "style", *further).code == 0
    source, style = picture(tmp_path / "a.png", 190, 130), picture(tmp_path / "s.png", 96, 80, seed=5)
    results = []
    for tile in ("0", "64"):
        target = tmp_path / f"out-{tile}.png"
        done = genkit("style", source, "-o", target, "--style", style, "--model", "micro", "--tile", tile)
        assert done.code == 0, done.err
        results.append(np.asarray(Image.open(target)).astype(float))
    assert results[0].shape == (130, 190, 3) and results[0].std() > 10
    assert np.abs(results[0] - np.asarray(Image.open(source))).mean() > 5
    assert np.abs(results[0] - results[1]).max() <= 1
