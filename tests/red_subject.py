"""A U2-Net whose weights are set by hand: what is more red than green is the subject. Right, tiny, and seen at 48 pixels."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 48
RED, GREEN = (200, 30, 30), (20, 160, 40)


def red_card(cards: Path, name: str = "red") -> str:
    """Put the model among the cards of a folder, and return its name."""
    import torch
    from safetensors.torch import save_file

    from genkit.models.cutout import u2net

    network = u2net.build(middles=[2] * 11, outs=[4] * 11)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.stage1.rebnconvin.conv_s1.weight[0, :2, 1, 1] = torch.tensor([1.0, -1.0])  # type: ignore[union-attr,index]
        network.stage1d.rebnconvin.conv_s1.weight[0, 4, 1, 1] = 1  # type: ignore[union-attr,index]
        network.side1.weight[0, 0, 1, 1] = 1  # type: ignore[union-attr,index]
        network.outconv.weight[0, 0] = 8
        network.outconv.bias[0] = -4  # type: ignore[index]
    folder = cards / "cutout"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    raw = path.read_bytes()
    (folder / f"{name}.toml").write_text(
        f'name = "{name}"\ntasks = ["cutout"]\nfamily = "u2net"\nsummary = "For tests."\nlicence = "Apache-2.0"\n'
        f'commercial = true\n\n[params]\nsize = {SIZE}\n\n[files.weights]\npath = "{name}.safetensors"\n'
        f'hash = "sha256:{hashlib.sha256(raw).hexdigest()}"\nsize = {len(raw)}\n'
    )
    return name


def red_picture(path: Path, width: int = 96, height: int = 72, mode: str = "RGB") -> Path:
    """A red box, a third of each side, in the middle of green."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = GREEN
    pixels[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = RED
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def red_truth(width: int = 96, height: int = 72) -> np.ndarray:
    truth = np.zeros((height, width), bool)
    truth[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = True
    return truth
