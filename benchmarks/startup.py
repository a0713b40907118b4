"""Start-up: help pages, and one small picture from cold, as ratios to importing torch. `python benchmarks/startup.py`"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import genkit, in_turn, run, table
from PIL import Image

MODEL_ALONE = """
import sys, time, torch
from genkit.cards import find
from genkit.models import load_model
from genkit.weights import resolve
card = find("genkit-x4")
files = resolve(card, announce=print)
images = torch.rand(1, 3, 256, 256)
started = time.perf_counter()
model = load_model(card, files, torch.device("cpu"), torch.float32)
with torch.inference_mode():
    model(images)
sys.stderr.write(str(time.perf_counter() - started))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rng = np.random.default_rng(0)
        small = Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).resize((256, 256), Image.Resampling.BICUBIC)
        small.save(folder / "a.png")
        once = [
            *genkit(),
            "upscale",
            str(folder / "a.png"),
            "-o",
            str(folder / "out.png"),
            "--overwrite",
            "--device",
            "cpu",
            "-q",
        ]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import torch": [sys.executable, "-c", "import torch"],
            "import torch, spandrel": [sys.executable, "-c", "import torch, spandrel"],
            "genkit --help": [*genkit(), "--help"],
            "genkit upscale --help": [*genkit(), "upscale", "--help"],
            "genkit upscale, 256 x 256, cold": once,
        }
        costs = in_turn(commands, runs)
        alone = _model_alone(runs)
    torch_s = costs["import torch"].wall_s
    print(f"medians of {runs} runs taken in turn, whole processes\n")
    print(
        table(
            ("command", "wall s", "/ import torch"),
            [(n, f"{c.wall_s:.2f}", f"{c.wall_s / torch_s:.2f}") for n, c in costs.items()],
        )
    )
    cold = costs["genkit upscale, 256 x 256, cold"].wall_s
    print(f"\nloading and running the model alone: {alone:.2f} s")
    print(f"cold picture: {cold:.2f} s = import torch x {(cold - alone) / torch_s:.2f} + the model's own time (target x 1.35)")


def _model_alone(runs: int) -> float:
    import statistics
    import subprocess

    run([sys.executable, "-c", MODEL_ALONE])
    command = [sys.executable, "-c", MODEL_ALONE]
    return statistics.median(
        float(subprocess.run(command, capture_output=True, text=True, check=True).stderr) for _ in range(runs)
    )


if __name__ == "__main__":
    main()
