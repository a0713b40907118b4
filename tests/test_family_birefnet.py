"""BiRefNet as ONNX Runtime runs it: a tiny file of the export's shape, through the real command line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as onnx
import pytest
import torch
from conftest import Run
from on_tensors import OnTensors
from PIL import Image
from red_subject import red_picture, red_truth

from genkit import cards
from genkit.errors import RunError, UsageError, WeightsError
from genkit.models import load_model
from genkit.models.cutout.masking import IMAGENET_MEAN, IMAGENET_STD

CPU, FULL = torch.device("cpu"), torch.float32


def redness(*sizes: int | str, steep: float = 40.0, outputs: int = 2) -> bytes:
    """Logits that are above 0 where a picture is more red than green, from its normalised colours; before them another output,
    as exports of all stages have."""
    weight = np.zeros((1, 3, 1, 1), np.float32)
    weight[0, :2, 0, 0] = steep * IMAGENET_STD[0], -steep * IMAGENET_STD[1]
    bias = np.array([steep * (IMAGENET_MEAN[0] - IMAGENET_MEAN[1])], np.float32)
    nodes = [onnx.node("Conv", ["input_image", "weight", "bias"], ["output_image"])]
    made = [onnx.value("output_image", "float32", 1, 1, *sizes[2:])]
    if outputs == 2:
        nodes.append(onnx.node("Neg", ["output_image"], ["coarse"]))
        made.insert(0, onnx.value("coarse", "float32", 1, 1, *sizes[2:]))
    tensors = [onnx.tensor("weight", weight), onnx.tensor("bias", bias)]
    return onnx.model(onnx.graph(nodes, tensors, [onnx.value("input_image", "float32", *sizes)], made))


def card(folder: Path, raw: bytes, params: str = "") -> Any:
    """The published card with another file."""
    place = folder / "cards" / "cutout"
    place.mkdir(parents=True, exist_ok=True)
    (place / "tiny-birefnet.onnx").write_bytes(raw)
    text = cards.find("birefnet").toml.read_text().split("[params]")[0]
    text = text.replace('name = "birefnet"', 'name = "tiny-birefnet"').replace('aliases = ["birefnet-general"]\n', "")
    digest = hashlib.sha256(raw).hexdigest()
    file = f'[files.weights]\npath = "tiny-birefnet.onnx"\nhash = "sha256:{digest}"\nsize = {len(raw)}\n'
    (place / "tiny-birefnet.toml").write_text(f"{text}[params]\n{params}\n{file}")
    return cards.find("tiny-birefnet", "cutout")


def loaded(folder: Path, raw: bytes, params: str = "") -> Any:
    found = card(folder, raw, params)
    return OnTensors(load_model(found, {"weights": found.beside(found.files["weights"])}, CPU, FULL))


def test_the_command_line_cuts_out_by_it(own_folders: Path, genkit: Run, tmp_path: Path) -> None:
    card(own_folders, redness(1, 3, 48, 48))
    done = genkit("cutout", red_picture(tmp_path / "photo.png"), "--model", "tiny-birefnet", "-o", tmp_path / "out.png")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "out.png") as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.array(image)[..., 3] > 127, red_truth())
    shown = genkit("models", "info", "birefnet-lite")
    assert shown.code == 0 and "MIT" in shown.out and "224 MB" in shown.out


def test_the_mask_is_the_sigmoid_of_the_last_output(own_folders: Path) -> None:
    model = loaded(own_folders, redness(1, 3, 32, 32, steep=6.0))
    images = torch.rand(2, 3, 32, 32)
    wanted = (6 * (images[:, :1] - images[:, 1:2])).sigmoid()
    assert model.size == 32 and torch.allclose(model(images), wanted, atol=1e-5)
    assert model(torch.rand(1, 3, 50, 21)).shape == (1, 1, 50, 21)


def test_the_size_is_the_files_else_the_cards(own_folders: Path) -> None:
    assert loaded(own_folders, redness("N", 3, "H", "W"), "size = 64").size == 64
    assert loaded(own_folders, redness(1, 3, 40, 40), "size = 64").size == 40
    assert loaded(own_folders, redness("N", 3, "H", "W")).size == 1024


def test_other_files_are_refused(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=r"no BiRefNet: it takes input_image \[1, 3, 32, 48\], and not one square picture"):
        loaded(own_folders, redness(1, 3, 32, 48))
    with pytest.raises(WeightsError, match="no ONNX file that runs"):
        loaded(own_folders, b"\x08\x08nothing")
    flat = onnx.model(
        onnx.graph(
            [onnx.node("Flatten", ["x"], ["y"])],
            [],
            [onnx.value("x", "float32", 1, 3, 8, 8)],
            [onnx.value("y", "float32", 1, 192)],
        )
    )
    with pytest.raises(RunError, match=r"made no mask: its output has the shape \(1, 192\)"):
        loaded(own_folders, flat)(torch.rand(1, 3, 8, 8))
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(UsageError, match="needs onnxruntime") as caught:
        loaded(own_folders, redness(1, 3, 32, 32))
    assert caught.value.code == "requires" and "genkit-media[onnx]" in str(caught.value.hint)
