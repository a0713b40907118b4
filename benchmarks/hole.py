"""A small hole in a large picture against the same hole in a cut of it: `python benchmarks/hole.py`.

Both are PNG without much to compress (noise on a gradient), so that reading and writing count with the pixels; the large
picture with an empty mask is beside, because no tool can do without reading and writing it. Medians of five runs in turn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import genkit, in_turn, table

WIDTH, HEIGHT, CUT = 4000, 3000, 320
HOLE = (1900, 1400, 80, 60)  # x, y, width, height


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        large, cut = Path(folder, "large.png"), Path(folder, "cut.png")
        rng = np.random.default_rng(0)
        rows, columns = np.linspace(0, 200, HEIGHT)[:, None, None], np.linspace(0, 50, WIDTH)[None, :, None]
        pixels = (rows + columns + rng.integers(0, 4, (HEIGHT, WIDTH, 3))).astype(np.uint8)
        Image.fromarray(pixels).save(large, compress_level=1)
        x, y, width, height = HOLE
        left, top = x + width // 2 - CUT // 2, y + height // 2 - CUT // 2
        Image.fromarray(pixels[top : top + CUT, left : left + CUT]).save(cut, compress_level=1)
        inside = f"{x - left},{y - top},{width},{height}"
        words = [*genkit(), "inpaint", "--device", "cpu", "--overwrite", "-q", "-o", f"{folder}/out.png"]
        costs = in_turn(
            {
                "12 MP, 80 x 60 hole": [*words, str(large), "--mask-box", f"{x},{y},{width},{height}"],
                "12 MP, empty mask (read and written only)": [*words, str(large), "--mask-color", "#123456"],
                f"{CUT} x {CUT} cut, the same hole": [*words, str(cut), "--mask-box", inside],
            },
            runs=5,
        )
    print(
        table(("", "seconds", "peak MB"), [(name, f"{cost.wall_s:.2f}", f"{cost.peak_mb:.0f}") for name, cost in costs.items()])
    )


if __name__ == "__main__":
    main()
