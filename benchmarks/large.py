"""A 100-megapixel picture at x2: time, and peak memory beside the size of the result. `python benchmarks/large.py`"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import genkit, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=10_000, help="pixels on each side of the input")
    side = parser.parse_args().side
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        coarse = np.random.default_rng(0).integers(0, 256, (side // 20, side // 20, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(folder / "large.jpg", quality=90)
        words = ["upscale", str(folder / "large.jpg"), "--scale", "2", "-o", str(folder / "out.jpg"), "--device", "cpu", "-q"]
        cost = run([*genkit(), *words])
    result_mb = side * side * 4 * 3 / 2**20
    print(f"{side**2 / 1e6:.0f} megapixels to {side**2 * 4 / 1e6:.0f}: {cost.wall_s:.0f} s, {cost.cpu_s:.0f} core-seconds")
    print(f"peak {cost.peak_mb:.0f} MB, the result alone is {result_mb:.0f} MB")
    print(f"peak / result: {cost.peak_mb / result_mb:.2f}")


if __name__ == "__main__":
    main()
