"""The sketching network that ships: sizes from its tensors, drawings in grey, and how far a pixel looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors

from genkit.errors import WeightsError
from genkit.models.translate import sketcher

SIZES = {"widths": [4, 6], "dilations": list(sketcher.DILATIONS)}


def loaded(folder: Path, dtype: torch.dtype = torch.float32, **params: Any) -> Any:
    return OnTensors(sketcher.load(card_of(**params), saved(folder, spread(sketcher.build(**SIZES)).state_dict()), CPU, dtype))


def test_files(tmp_path: Path) -> None:
    made = sketcher.build(**SIZES)
    check_files(sketcher, "sketcher", made, SIZES, tmp_path, {"widths": [4, 7]}, "the sketching network")


def test_how_far_blocks_are_dilated_is_the_cards_to_say(tmp_path: Path) -> None:
    made = sketcher.build([4, 6], [1, 3])
    assert sketcher.recognise(made.state_dict()) == {"widths": [4, 6]}
    with pytest.raises(WeightsError, match="must say dilations"):
        sketcher.load(card_of(), saved(tmp_path, made.state_dict()), CPU, torch.float32)
    model = OnTensors(sketcher.load(card_of(dilations=[1, 3]), saved(tmp_path, made.state_dict()), CPU, torch.float32))
    assert [layer.dilation for layer in model.network.body] == [(1, 1), (3, 3)]


@pytest.mark.parametrize("size", [(1, 3), (33, 50), (64, 48)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_size_comes_back_in_grey(tmp_path: Path, size: tuple[int, int], dtype: torch.dtype) -> None:
    model = loaded(tmp_path, dtype)
    result = model(torch.rand(2, 3, *size))
    assert result.shape == (2, 3, *size) and result.dtype == torch.float32 and model.scale == 1
    assert torch.equal(result[:, 0], result[:, 1]) and torch.equal(result[:, 0], result[:, 2])
    assert not model.domains and not model.whole, "nothing is chosen, and tiles need nothing of the whole"


def test_as_it_is_made_it_draws_on_white_paper() -> None:
    model = OnTensors(sketcher.transform(sketcher.build(**SIZES), CPU, torch.float32))
    assert (model(torch.rand(1, 3, 32, 32)) - 1).abs().mean() < 0.2


def test_an_output_pixel_looks_no_further_than_is_said(tmp_path: Path) -> None:
    model, images = loaded(tmp_path), torch.rand(1, 3, 128, 128)
    before = model(images)
    images[..., 64, 64] += 0.5
    rows, columns = (model(images) != before).any(1)[0].nonzero().T
    assert len(rows) and max(abs(rows - 64).max(), abs(columns - 64).max()) <= model.receptive
