"""Style networks against each other, on the same pictures.

`python benchmarks/style.py --data photos.zip --styles styles.zip --features vgg19.safetensors [--names FILE] [--model NAME]...`

First the losses of `genkit eval style`: 12 photographs in 12 styles, how far from the photograph and how far from the style.
Then the time of one megapixel: the whole command, medians of three runs in turn, less the start-up, which is the same command
on a picture of 64 x 64.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import genkit, in_turn, table

WIDTH, HEIGHT = 1152, 868  # one megapixel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "styles", "features"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--names")
    parser.add_argument("--style-names")
    parser.add_argument("--model", action="append", help="default: genkit-style and microast")
    asked = parser.parse_args()
    models = asked.model or ["genkit-style", "microast"]
    print(losses(asked, models))
    print(times(models))


def losses(asked: argparse.Namespace, models: list[str]) -> str:
    words = [*genkit(), "eval", "style", "--data", asked.data, "--styles", asked.styles, "--features", asked.features, "--json"]
    for option in ("names", "style_names"):
        words += [f"--{option.replace('_', '-')}", getattr(asked, option)] if getattr(asked, option) else []
    for model in models:
        words += ["--model", model]
    done = subprocess.run([*words, "--device", "cpu"], check=True, capture_output=True, text=True)
    event = json.loads(done.stdout)
    last = event["rows"][-1]
    rows = [
        (row["model"], f"{row['style']:.3g}", f"{row['style'] / last['style']:.2f}", f"{row['content'] / last['content']:.2f}")
        for row in event["rows"]
    ]
    heads = ("", "style loss", f"of {last['model']}'s", f"content loss, of {last['model']}'s")
    return f"{event['protocol']}\n\n{table(heads, rows)}"


def times(models: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        large, small, style = (Path(folder, name) for name in ("large.png", "small.png", "style.png"))
        rng = np.random.default_rng(0)
        noise = Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8))
        for path, size in ((large, (WIDTH, HEIGHT)), (small, (64, 64)), (style, (512, 512))):
            noise.resize(size, Image.Resampling.BICUBIC).save(path, compress_level=1)
        words = [*genkit(), "style", "--style", str(style), "--device", "cpu", "--overwrite", "-q", "-o", f"{folder}/out.png"]
        commands = {
            f"{model} {path.stem}": [*words, str(path), "--model", model] for model in models for path in (large, small)
        }
        costs = in_turn(commands, runs=3)
    rows = []
    for model in models:
        whole, start = costs[f"{model} large"], costs[f"{model} small"]
        rows.append((model, f"{whole.wall_s - start.wall_s:.2f}", f"{whole.wall_s:.2f}", f"{whole.peak_mb:.0f}"))
    return table(("", "seconds for 1 MP", "with start-up", "peak MB"), rows)


if __name__ == "__main__":
    main()
