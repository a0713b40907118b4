"""The yardstick: what a person writes in five minutes with Pillow and a network. `plain_loop.py VERB MODEL ENGINE IN OUT`

The engine is eager (torch as it comes), torch (as genkit runs it: channels last), openvino, or spandrel (torch, with its own
loading).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

STYLE = Path(__file__).resolve().parent.parent / "samples" / "styles" / "swirls.jpg"


def main(verb: str, name: str, engine: str, source: str, target: str) -> None:
    call = spandrel_call(name) if engine == "spandrel" else genkit_call(verb, name, engine)
    out = Path(target)
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(source).iterdir()):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        images = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        result = call(images)
        result = (result[0].clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(result).save(out / path.name)


def genkit_call(verb: str, name: str, engine: str):
    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    card = find(name, verb)
    if engine == "eager":
        as_it_comes()
    model = load_model(card, resolve(card, announce=print), "cpu", "float32", engine="torch" if engine == "eager" else engine)
    if verb == "style":
        picture = np.asarray(Image.open(STYLE).convert("RGB")).transpose(2, 0, 1)[None].astype(np.float32) / 255
        code = model.style(picture)
        return lambda images: model(images, code)
    if verb == "inpaint":
        return lambda images: model(images, mask_of(images))
    return model


def as_it_comes() -> None:
    """Leave networks and pictures in torch's own memory layout."""
    import torch

    from genkit.engine.torch_runner import TorchRunner

    def to(self: TorchRunner, device: str, dtype: str) -> None:
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.network.to(self.device, self.dtype)

    TorchRunner.to = to
    TorchRunner._entering = lambda self, array: torch.from_numpy(np.ascontiguousarray(array).copy())


def mask_of(images: np.ndarray) -> np.ndarray:
    """A hole in the middle, a quarter of each side."""
    height, width = images.shape[2:]
    mask = np.zeros((1, 1, height, width), np.float32)
    mask[..., 3 * height // 8 : 5 * height // 8, 3 * width // 8 : 5 * width // 8] = 1
    return mask


def spandrel_call(name: str):
    import torch
    from spandrel import ModelLoader

    from genkit.cards import find
    from genkit.weights import resolve

    model = ModelLoader("cpu").load_from_file(resolve(find(name, "upscale"), announce=print)["weights"]).eval()

    def call(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model(torch.from_numpy(images)).numpy()

    return call


if __name__ == "__main__":
    main(*sys.argv[1:6])
