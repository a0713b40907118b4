"""A folder of mixed pictures: genkit against a plain spandrel + Pillow loop on the same weights, and against the cost of its
parts. `python benchmarks/folder.py [--pictures 200] [--data DIR]`

The bound is 1.1 x (core-seconds of the bare model + of decoding and encoding) / cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import genkit, run, table
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples" / "upscale"

PARTS = """
import io, json, sys, time
from pathlib import Path
import numpy as np, torch
from PIL import Image
from genkit.cards import find
from genkit.models import load_model
from genkit.weights import resolve

card = find("genkit-x4")
network = load_model(card, resolve(card, announce=print), torch.device("cpu"), torch.float32)
spent = {"decode": 0.0, "model": 0.0, "encode": 0.0}
for turn, path in enumerate([*sorted(Path(sys.argv[1]).iterdir())[:1], *sorted(Path(sys.argv[1]).iterdir())]):
    a = time.process_time()
    with Image.open(path) as picture:
        kind = picture.format
        pixels = np.asarray(picture.convert("RGB"))
    b = time.process_time()
    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        result = network(images)
    result = (result[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    c = time.process_time()
    Image.fromarray(result).save(io.BytesIO(), kind, **({"compress_level": 1} if kind == "PNG" else {"quality": 90}))
    d = time.process_time()
    if turn:  # the first picture is a warm-up
        for part, seconds in (("decode", b - a), ("model", c - b), ("encode", d - c)):
            spent[part] += seconds
print(json.dumps(spent))
"""

OPEN_AND_SAVE = """
import sys
from pathlib import Path
from PIL import Image
for path in sorted(Path(sys.argv[1]).iterdir()):
    with Image.open(path) as picture:
        picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST).save(Path(sys.argv[2]) / path.name)
"""


def make_pictures(folder: Path, count: int) -> float:
    """Crops of the samples in four formats and many sizes; return the input megapixels."""
    rng = np.random.default_rng(0)
    sources = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.iterdir())]
    pixels = 0
    for number in range(count):
        source = sources[number % len(sources)].resize((384, 384), Image.Resampling.BICUBIC)
        width, height = (int(side) for side in rng.integers(96, 320, 2))
        left, top = int(rng.integers(0, 385 - width)), int(rng.integers(0, 385 - height))
        suffix = ("jpg", "png", "webp", "png")[number % 4]
        source.crop((left, top, left + width, top + height)).save(folder / f"{number:04d}.{suffix}")
        pixels += width * height
    return pixels / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    weights = subprocess.run(
        [*genkit(), "models", "path", "genkit-x4"], capture_output=True, text=True, check=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source, few, out = folder / "in", folder / "few", folder / "out"
        for one in (source, few, out):
            one.mkdir()
        megapixels = make_pictures(source, arguments.pictures)
        make_pictures(few, max(1, arguments.pictures // 10))
        ours = [*genkit(), "upscale", str(source), "-o", str(out) + "/", "--overwrite", "--device", "cpu", "-q"]
        ours_few = [*ours[:2], str(few), *ours[3:]]
        loop = [sys.executable, str(Path(__file__).with_name("plain_loop.py")), weights, str(source), str(out)]
        io_alone = [sys.executable, "-c", OPEN_AND_SAVE, str(source), str(out)]
        best: dict[str, list] = {
            "genkit": [],
            "plain spandrel + Pillow loop": [],
            "open and save alone": [],
            "genkit, a tenth": [],
        }
        for _ in range(arguments.runs):
            for name, command in zip(best, (ours, loop, io_alone, ours_few), strict=True):
                best[name].append(run(command))
        parts = [json.loads(_parts(source)) for _ in range(2)][-1]
        torch_s = min(run([sys.executable, "-c", "import torch"]).wall_s for _ in range(3))
    middle = {name: sorted(costs, key=lambda cost: cost.wall_s)[len(costs) // 2] for name, costs in best.items()}
    genkit_cost = middle["genkit"]
    print(
        f"{arguments.pictures} pictures, {megapixels:.1f} megapixels in, x4, {cores} cores; medians of {arguments.runs} runs\n"
    )
    rows = [
        (name, f"{c.wall_s:.1f}", f"{c.wall_s / genkit_cost.wall_s:.2f}", f"{c.cpu_s:.1f}", f"{c.peak_mb:.0f}")
        for name, c in middle.items()
    ]
    print(table(("whole process", "wall s", "/ genkit", "core s", "peak MB"), rows))
    total = sum(parts.values())
    print(
        f"\ncore-seconds of the parts: {', '.join(f'{name} {seconds:.1f}' for name, seconds in parts.items())}; sum {total:.1f}"
    )
    print(f"genkit / (parts / cores): {genkit_cost.wall_s / (total / cores):.2f} (target 1.10)")
    print(f"without importing torch ({torch_s:.1f} s): {(genkit_cost.wall_s - torch_s) / (total / cores):.2f}")
    print(f"plain loop / genkit: {middle['plain spandrel + Pillow loop'].wall_s / genkit_cost.wall_s:.2f} (target 1.2)")
    print(f"peak memory, all / a tenth: {genkit_cost.peak_mb / middle['genkit, a tenth'].peak_mb:.2f}")


def _parts(source: Path) -> str:
    return subprocess.run([sys.executable, "-c", PARTS, str(source)], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
