"""The yardstick: what a person writes in five minutes with spandrel and Pillow. `plain_loop.py WEIGHTS IN OUT`"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from spandrel import ModelLoader


def main(weights: str, source: str, target: str) -> None:
    model = ModelLoader("cpu").load_from_file(weights).eval()
    out = Path(target)
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(source).iterdir()):
        pixels = np.asarray(Image.open(path).convert("RGB"))
        images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            result = model(images)
        result = (result[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(result).save(out / path.name)


if __name__ == "__main__":
    main(*sys.argv[1:4])
