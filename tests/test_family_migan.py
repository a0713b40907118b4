"""MI-GAN as ONNX Runtime runs it: a tiny pipeline that blends over three pixels as the real one does, on the command line."""

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
from red_subject import GREEN, red_picture, red_truth

from genkit import cards
from genkit.errors import RunError, WeightsError
from genkit.models import load_model

CPU, FULL = torch.device("cpu"), torch.float32
BLUE = (10, 20, 240)


def pipeline(output: str = "result") -> bytes:
    """Paints blue inside the hole, and leaves what was hidden within three pixels of its edge."""
    nodes = [
        onnx.node("Cast", ["mask"], ["soft"], to=1),
        onnx.node("MaxPool", ["soft"], ["known"], kernel_shape=[7, 7], pads=[3, 3, 3, 3], strides=[1, 1]),
        onnx.node("Cast", ["known"], ["kept"], to=9),
        onnx.node("Where", ["kept", "image", "blue"], ["painted"]),
        onnx.node("Identity", ["painted"], ["result"]) if output == "result" else onnx.node("Shape", ["painted"], [output]),
    ]
    tensors = [onnx.tensor("blue", np.array(BLUE, np.uint8).reshape(1, 3, 1, 1))]
    inputs = [onnx.value("image", "uint8", 1, 3, "H", "W"), onnx.value("mask", "uint8", 1, 1, "H", "W")]
    made = onnx.value(output, "uint8", 1, 3, "H", "W") if output == "result" else onnx.value(output, "int64", 4)
    return onnx.model(onnx.graph(nodes, tensors, inputs, [made]))


def card(folder: Path, raw: bytes) -> Any:
    """The published card with another file."""
    place = folder / "cards" / "inpaint"
    place.mkdir(parents=True, exist_ok=True)
    (place / "tiny-migan.onnx").write_bytes(raw)
    text = cards.find("migan").toml.read_text().split("[package]")[0]
    text = text.replace('name = "migan"', 'name = "tiny-migan"').replace('aliases = ["mi-gan"]\n', "")
    digest = hashlib.sha256(raw).hexdigest()
    file = f'[files.weights]\npath = "tiny-migan.onnx"\nhash = "sha256:{digest}"\nsize = {len(raw)}\n'
    (place / "tiny-migan.toml").write_text(text + file)
    return cards.find("tiny-migan", "inpaint")


def loaded(folder: Path, raw: bytes) -> Any:
    found = card(folder, raw)
    return OnTensors(load_model(found, {"weights": found.beside(found.files["weights"])}, CPU, FULL))


def test_all_of_a_hole_is_painted_and_nothing_hidden_shows(own_folders: Path, genkit: Run, tmp_path: Path) -> None:
    card(own_folders, pipeline())
    photo, mask = red_picture(tmp_path / "photo.png"), tmp_path / "mask.png"
    Image.fromarray(red_truth()).save(mask)
    done = genkit(
        *("inpaint", photo, "--mask", mask, "--model", "tiny-migan", "-o", tmp_path / "out.png"),
        *("--grow", 0, "--feather", 0, "--texture", 0),
    )
    assert done.code == 0, done.err
    made = np.array(Image.open(tmp_path / "out.png"))
    assert (made[red_truth()] == BLUE).all(), "the blending lies outside"
    assert (made[~red_truth()] == GREEN).all()


def test_pictures_are_given_in_bytes_and_stay_apart(own_folders: Path) -> None:
    model = loaded(own_folders, pipeline())
    images, masks = torch.rand(2, 3, 40, 30), torch.zeros(2, 1, 40, 30)
    masks[0, :, 10:20, 10:20] = 1
    made = model(images, masks)
    assert made.shape == (2, 3, 40, 30) and model.size == 512
    assert torch.allclose(made[1], images[1], atol=0.5 / 255 + 1e-6)
    inside = made[0][:, 10:20, 10:20]
    assert torch.allclose(inside, torch.tensor(BLUE)[:, None, None].expand_as(inside) / 255)
    assert torch.allclose(made[0][:, :5], images[0][:, :5], atol=0.5 / 255 + 1e-6)
    masks[0, :, 3:37, 3:27] = 1  # the larger hole would be all there is
    assert torch.isfinite(model(images, masks)).all()


def test_other_files_are_refused(own_folders: Path) -> None:
    other = onnx.model(onnx.graph([onnx.node("Identity", ["x"], ["y"])], [], [onnx.value("x", "float32", 1)], ["y"]))
    with pytest.raises(WeightsError, match="it takes x, and not image, mask"):
        loaded(own_folders, other)
    with pytest.raises(RunError, match=r"made no picture: its output has the shape \(4,\)"):
        loaded(own_folders, pipeline("sizes"))(torch.rand(1, 3, 8, 8), torch.zeros(1, 1, 8, 8))
