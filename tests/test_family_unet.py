"""The small U-Net that ships for translate: sizes read from its tensors, a recolouring that keeps the detail of a picture."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors
from safetensors.torch import save_file

from genkit.errors import WeightsError
from genkit.models.translate import recolouring, unet
from genkit.nets.guided import lines_in

SIZES = {"widths": [4, 4, 4, 4], "blocks": 1, "kept": True}


def _loaded(folder: Path, **params: Any) -> Any:
    torch.manual_seed(0)
    network = unet.build(**SIZES, domains=["red", "blue"])
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # as it is made it changes nothing
    path = folder / "tiny.safetensors"
    save_file(network.state_dict(), path)
    card = SimpleNamespace(name="tiny", params={"domains": ["red", "blue"], "size": 32, **params})
    return OnTensors(unet.load(card, {"weights": path}, torch.device("cpu"), torch.float32))  # type: ignore[arg-type]


def test_sizes_are_read_from_the_tensors():
    assert unet.recognise(unet.build(**SIZES, domains=["red", "blue"]).state_dict()) == SIZES
    assert unet.recognise({"head.weight": torch.zeros(1)}) is None


def test_domains_must_be_those_of_the_tensors(tmp_path: Path):
    with pytest.raises(WeightsError, match="domains of its card"):
        _loaded(tmp_path, domains=["red"])


@pytest.mark.parametrize("size", [(33, 50), (70, 41), (64, 64), (5, 90)])
def test_strips_give_what_the_whole_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]):
    model, images = _loaded(tmp_path), torch.rand(1, 3, *size)
    with torch.inference_mode():
        whole = model(images, domain=1)
        monkeypatch.setattr(recolouring, "STRIP_PIXELS", 7 * size[1])
        assert torch.allclose(model(images, domain=1), whole, atol=1e-5)
        assert whole.shape == images.shape and float((whole - images).abs().max()) > 0.01
        assert not torch.allclose(model(images, domain=0), whole)


def test_lines_of_the_guided_filter_give_back_a_linear_change():
    guide = np.random.default_rng(0).random((1, 3, 20, 24), np.float32)
    slope, level = lines_in(guide, 0.5 * guide + 0.1, radius=2, epsilon=1e-6)
    again = level + np.einsum("nochw,nchw->nohw", slope, guide)
    assert np.allclose(again, 0.5 * guide + 0.1, atol=1e-3)
