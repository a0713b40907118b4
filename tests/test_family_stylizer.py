"""The style network that ships: sizes from its tensors, codes that mix, rounds that give what one pass gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors

from genkit.models.style import stylizer

SIZES = {"widths": [4, 6, 8]}


def loaded(folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    return OnTensors(stylizer.load(card_of(), saved(folder, spread(stylizer.build(**SIZES)).state_dict()), CPU, dtype))


def test_files(tmp_path: Path) -> None:
    check_files(stylizer, "stylizer", stylizer.build(**SIZES), SIZES, tmp_path, {"widths": [4, 6, 9]}, "the style network")


@pytest.mark.parametrize("size", [(1, 3), (21, 30), (64, 48)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_size_comes_back_between_black_and_white(tmp_path: Path, size: tuple[int, int], dtype: torch.dtype) -> None:
    model = loaded(tmp_path, dtype)
    code = model.style(torch.rand(1, 3, 37, 50))
    assert not model.own_style and all(part.dtype == torch.float32 for part in code)
    result = model(torch.rand(2, 3, *size), code)
    assert result.shape == (2, 3, *size) and result.dtype == torch.float32
    assert float(result.min()) >= 0 and float(result.max()) <= 1


def test_a_style_changes_the_picture_and_the_rounds_give_what_one_pass_gives(tmp_path: Path) -> None:
    model, images = loaded(tmp_path), torch.rand(1, 3, 24, 32)
    codes = [model.style(torch.rand(1, 3, 20, 20) * share) for share in (1.0, 0.3)]
    assert (model(images, codes[0]) - model(images, codes[1])).abs().max() > 0.01
    known: list[Any] = []
    for index in range(model.rounds):
        for features in model.measure(index, images, codes[0], known):
            variance, mean = torch.var_mean(features, (2, 3), keepdim=True)
            known.append((mean, (variance + model.epsilon).sqrt()))
    assert torch.allclose(model.render(images, codes[0], known), model(images, codes[0]), atol=1e-5)


def test_an_output_pixel_looks_no_further_than_is_said(tmp_path: Path) -> None:
    model, images = loaded(tmp_path), torch.rand(1, 3, 128, 128)
    code = model.style(images)
    features = model.measure(0, images, code, [])
    known = [(one.mean((2, 3), keepdim=True), one.std((2, 3), keepdim=True)) for one in features]
    before = model.render(images, code, known)
    images[..., 64, 64] += 0.5
    rows, columns = (model.render(images, code, known) != before).any(1)[0].nonzero().T
    assert len(rows) and max(abs(rows - 64).max(), abs(columns - 64).max()) <= model.receptive
