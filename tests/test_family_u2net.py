"""U2-Net and IS-Net: sizes from tensors, published ONNX and PyTorch files, and what a mask is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files
import pytest
import torch
from family_files import CPU, card_of, check_files, saved, spread
from on_tensors import OnTensors

from genkit.errors import WeightsError
from genkit.models.cutout import u2net

SIZES: dict[str, Any] = {"middles": [2] * 11, "outs": [4] * 5 + [3] + [4] * 5}
STEMMED = {**SIZES, "stem": 4}


def tiny(**sizes: Any) -> u2net.U2Net:
    return spread(u2net.build(**(sizes or SIZES)), 0.3).eval()


def as_onnx(network: torch.nn.Module) -> bytes:
    """As exporters write it: names that say nothing, in the order of execution."""
    convs = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    weights = {}
    for place, conv in enumerate(convs):
        assert conv.bias is not None
        weights[f"{2000 + place}.weight"] = conv.weight.detach().numpy()
        weights[f"{2000 + place}.bias"] = conv.bias.detach().numpy()
    return onnx_files.convolutions(weights)


@pytest.mark.parametrize("sizes", [SIZES, STEMMED])
def test_files(tmp_path: Path, sizes: dict[str, Any]) -> None:
    check_files(u2net, "u2net", tiny(**sizes), sizes, tmp_path, {"middles": [3] * 11}, "U2-Net")


@pytest.mark.parametrize("sizes", [SIZES, STEMMED])
def test_onnx_files_are_taken_in_the_order_of_their_convolutions(tmp_path: Path, sizes: dict[str, Any]) -> None:
    network = tiny(**sizes)
    path = tmp_path / "net.onnx"
    path.write_bytes(as_onnx(network))
    model = OnTensors(u2net.load(card_of(size=64), {"weights": path}, CPU, torch.float32))
    images = torch.rand(1, 3, 64, 64)
    again = OnTensors(u2net.transform(network, CPU, torch.float32, size=64))
    assert torch.allclose(model(images), again(images), atol=1e-6)
    assert model.size == 64
    unsaid = OnTensors(u2net.load(card_of(), {"weights": path}, CPU, torch.float32))
    assert unsaid.size == (1024 if "stem" in sizes else 320)


def test_an_onnx_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(
        onnx_files.convolutions({"a.weight": np.zeros((1, 3, 1, 1), np.float32), "a.bias": np.zeros(1, np.float32)})
    )
    with pytest.raises(WeightsError, match="has 1 convolutions, and a U2-Net or IS-Net 119"):
        u2net.load(card_of(), {"weights": path}, CPU, torch.float32)


def test_batch_normalisation_of_published_files_is_folded(tmp_path: Path) -> None:
    network = tiny()
    published = dict(network.state_dict())
    torch.manual_seed(1)
    for key in [key for key in published if key.endswith(".conv_s1.weight")]:
        block = key.removesuffix(".conv_s1.weight")
        width = len(published[key])
        mean, variance, scale = torch.randn(width), torch.rand(width) + 0.5, torch.rand(width) + 0.5
        factor = scale / (variance + 1e-5).sqrt()
        bias = published[f"{block}.conv_s1.bias"]
        # what a published file holds for the convolution that ours is
        published[key] = published[key] / factor[:, None, None, None]
        published[f"{block}.conv_s1.bias"] = torch.zeros(width)
        published |= {f"{block}.bn_s1.weight": scale, f"{block}.bn_s1.bias": bias + mean * factor}
        published |= {f"{block}.bn_s1.running_mean": mean, f"{block}.bn_s1.running_var": variance}
        published[f"{block}.bn_s1.num_batches_tracked"] = torch.zeros((), dtype=torch.long)
    model = OnTensors(u2net.load(card_of(size=32), saved(tmp_path, published), CPU, torch.float32))
    images = torch.rand(1, 3, 32, 32)
    assert torch.allclose(model(images), OnTensors(u2net.transform(network, CPU, torch.float32, size=32))(images), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_mask_has_the_pictures_size_and_reaches_from_0_to_1(dtype: torch.dtype) -> None:
    model = OnTensors(u2net.transform(tiny(), CPU, dtype, size=32))
    mask = model(torch.rand(2, 3, 50, 33))
    assert mask.shape == (2, 1, 50, 33) and mask.dtype == torch.float32
    assert 0 <= float(mask.min()) < 0.3 and 0.7 < float(mask.max()) <= 1


def test_the_brightest_number_of_a_picture_counts_as_one() -> None:
    model = u2net.transform(tiny(**STEMMED), CPU, torch.float32, size=32)
    images = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    prepared = [model._prepared(each) for each in (images, images / 4)]
    assert np.allclose(*prepared, atol=1e-5) and prepared[0].max() == pytest.approx(0.5)


def test_the_published_small_network_has_1_13_million_weights() -> None:
    with torch.device("meta"):
        count = sum(each.numel() for each in u2net.build().parameters())
    assert 1_120_000 < count < 1_140_000
    assert len(u2net.conv_names(stem=False)) == len(u2net.conv_names(stem=True)) == 119
