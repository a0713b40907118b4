"""Make the sample inputs from scikit-image's public-domain pictures, and the README's before-and-after pictures with genkit.

`python samples/make.py inputs` needs scikit-image; `python samples/make.py pictures` runs the installed `genkit`.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HERE = Path(__file__).resolve().parent
CLEAN, WEB, PICTURES = HERE / "upscale", HERE / "web", HERE / "pictures"


def inputs() -> None:
    """Reduce the originals so that enlarging them has something to do; make the web ones blurred, noisy and compressed."""
    from skimage import data

    def reduced(array: np.ndarray, width: int) -> Image.Image:
        picture = Image.fromarray(array)
        return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.BICUBIC)

    CLEAN.mkdir(exist_ok=True)
    WEB.mkdir(exist_ok=True)
    reduced(data.chelsea(), 226).save(CLEAN / "chelsea.jpg", quality=95, subsampling=0)
    reduced(data.coffee(), 240).save(CLEAN / "coffee.png", optimize=True)
    reduced(data.astronaut(), 192).save(CLEAN / "astronaut.webp", quality=95)
    reduced(data.brick(), 128).save(CLEAN / "bricks-grey.png", optimize=True)
    rng = np.random.default_rng(0)
    for name, array, width in (("rocket", data.rocket(), 240), ("coffee", data.coffee(), 220)):
        small = np.asarray(reduced(array, width).filter(ImageFilter.GaussianBlur(0.5)), dtype=np.float64)
        noisy = np.clip(small + rng.normal(0, 5, small.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(WEB / f"{name}.jpg", quality=40)


def pictures() -> None:
    """Before and after, side by side, from the samples."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary)
        _genkit("upscale", CLEAN / "chelsea.jpg", "-o", out / "clean/")
        _genkit("upscale", WEB / "coffee.jpg", "--model", "genkit-x4-photo", "-o", out / "web/")
        _compare(CLEAN / "chelsea.jpg", out / "clean" / "chelsea.jpg", (60, 20, 110, 75), PICTURES / "upscale-clean.jpg")
        _compare(WEB / "coffee.jpg", out / "web" / "coffee.jpg", (75, 25, 135, 90), PICTURES / "upscale-web.jpg")


def _genkit(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "genkit", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def _compare(before: Path, after: Path, box: tuple[int, int, int, int], target: Path) -> None:
    """The same detail: the input's pixels enlarged as they are, a bicubic enlargement, and genkit's."""
    small, large = Image.open(before).convert("RGB"), Image.open(after).convert("RGB")
    scale = large.width // small.width
    detail = small.crop(box)
    size = (detail.width * scale, detail.height * scale)
    panels = [
        detail.resize(size, Image.Resampling.NEAREST),
        detail.resize(size, Image.Resampling.BICUBIC),
        large.crop(tuple(edge * scale for edge in box)),  # type: ignore[arg-type]
    ]
    labels = ("input", "bicubic", "genkit")
    sheet = Image.new("RGB", (sum(panel.width for panel in panels) + 20, size[1] + 24), "white")
    draw, left = ImageDraw.Draw(sheet), 0
    for panel, label in zip(panels, labels, strict=True):
        draw.text((left + 4, 6), label, fill="black")
        sheet.paste(panel, (left, 24))
        left += panel.width + 10
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    target.write_bytes(buffer.getvalue())


if __name__ == "__main__":
    jobs = {"inputs": inputs, "pictures": pictures}
    jobs[sys.argv[1]]()
