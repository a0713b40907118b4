"""The inpainting network that ships: sizes from its tensors, a hole that it cannot see into, and two views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors

from genkit.errors import UsageError, WeightsError
from genkit.models.inpaint import inpainter

SIZES = {"widths": [4, 6, 8], "dilations": list(inpainter.DILATIONS)}


def loaded(folder: Path, dtype: torch.dtype = torch.float32, **params: Any) -> Any:
    return OnTensors(
        inpainter.load(card_of(**params), saved(folder, spread(inpainter.build(**SIZES)).state_dict()), CPU, dtype)
    )


def hole(height: int, width: int) -> torch.Tensor:
    masks = torch.zeros(1, 1, height, width)
    masks[..., height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
    return masks


def test_files(tmp_path: Path) -> None:
    made = inpainter.build(**SIZES)
    check_files(inpainter, "inpainter", made, SIZES, tmp_path, {"widths": [4, 6, 9]}, "the inpainting network")


def test_how_far_blocks_are_dilated_is_the_cards_to_say(tmp_path: Path) -> None:
    made = inpainter.build([4, 6, 8], [1, 2])
    assert inpainter.recognise(made.state_dict()) == {"widths": [4, 6, 8]}
    with pytest.raises(WeightsError, match="must say dilations"):
        inpainter.load(card_of(), saved(tmp_path, made.state_dict()), CPU, torch.float32)
    model = OnTensors(inpainter.load(card_of(dilations=[1, 4]), saved(tmp_path, made.state_dict()), CPU, torch.float32))
    assert [block.both.dilation for block in model.network.body] == [(1, 1), (4, 4)]


@pytest.mark.parametrize("size", [(5, 9), (33, 50), (64, 48)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_under_the_mask_is_not_seen_and_what_is_not_stays(
    tmp_path: Path, size: tuple[int, int], dtype: torch.dtype
) -> None:
    model, images, masks = loaded(tmp_path, dtype), torch.rand(1, 3, *size), hole(*size)
    result = model(images, masks)
    assert result.shape == images.shape and result.dtype == torch.float32 and bool(torch.isfinite(result).all())
    assert torch.equal(result, model(images * (1 - masks) + masks * torch.rand_like(images), masks))
    assert torch.allclose(result * (1 - masks), images * (1 - masks), atol=1e-6 if dtype == torch.float32 else 0.01)
    assert model.size == inpainter.SIZE and model.reach == inpainter.SIZE // 2 and not model.stochastic
    with pytest.raises(UsageError, match="no option 'steps'"):
        model(images, masks, steps=3)


def test_two_views_are_those_of_the_picture_and_of_its_mirror_image(tmp_path: Path) -> None:
    images, masks = torch.rand(1, 3, 32, 32), hole(32, 32)
    one, both = loaded(tmp_path), loaded(tmp_path, views=2)
    mean = (one(images, masks) + one(images.flip(3), masks.flip(3)).flip(3)) / 2
    assert torch.allclose(both(images, masks), mean, atol=1e-5)
    assert not torch.allclose(one(images, masks), mean, atol=1e-3)
