"""How soon a latent space is drawn from, and how smoothly one walks through it.

`python benchmarks/gan.py [--model NAME]... [--features vgg19.safetensors]`

Times: the whole command for one picture and for 64, in turn, medians of three runs; and in one process, the time from the
loaded model to the first picture, the median of five models loaded anew. Smoothness, with features: walks of 24 pictures from
seed to seed through w, the distance of each picture from the next by VGG-19 (`genkit.nets.vgg.distance`) in shares of the
distance of the two ends; a walk without jumps has a largest step that is a few times the mean one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import genkit, in_turn, table
from genkit.verbs.gan.latents import walk
from genkit.verbs.gan.task import draw, render

FRAMES = 24
WALKS = tuple((seed, seed + 1) for seed in range(0, 16, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", help="default: genkit-clothes and genkit-tiles")
    parser.add_argument("--features")
    asked = parser.parse_args()
    models = asked.model or ["genkit-clothes", "genkit-tiles"]
    print(times(models))
    if asked.features:
        print(smoothness(models, asked.features))


def times(models: list[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        words = [*genkit(), "gan", "--device", "cpu", "--overwrite", "-q", "-o", folder]
        commands = {
            f"{model} {seeds}": [*words, "--model", model, "--seeds", seeds] for model in models for seeds in ("0", "0-63")
        }
        costs = in_turn(commands, runs=3)
    rows = []
    for model in models:
        one, many = costs[f"{model} 0"], costs[f"{model} 0-63"]
        rows.append((model, f"{one.wall_s:.2f}", f"{many.wall_s:.2f}", f"{first_picture(model):.3f}", f"{many.peak_mb:.0f}"))
    return table(("", "1 picture, s", "64 pictures, s", "loaded to first picture, s", "peak MB"), rows)


def first_picture(model: str) -> float:
    from genkit import cards, weights
    from genkit.models import load_model

    card = cards.find(model, "gan")
    files = weights.resolve(card, announce=print)
    taken = []
    for _ in range(5):
        loaded = load_model(card, files, torch.device("cpu"), torch.float32)
        started = time.perf_counter()
        next(draw(loaded, [0]))
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def smoothness(models: list[str], features: str) -> str:
    from genkit import load
    from genkit.nets.vgg import distance, load_features
    from genkit.weights import read_state_dict

    seen = load_features(read_state_dict(Path(features)))

    def apart(first: np.ndarray, second: np.ndarray) -> float:
        pair = [torch.from_numpy(one).permute(2, 0, 1)[None].float() / 255 for one in (first, second)]
        with torch.inference_mode():
            return float(distance(seen(pair[0]), seen(pair[1])))

    rows = []
    for name in models:
        model = load(name, device="cpu")
        mean, largest = [], []
        for ends in WALKS:
            w = walk(model, list(ends), FRAMES, space="w", loop=False, truncation=None, label=None)
            pictures = [one.pixels for one in render(model, w, [None] * len(w))]
            steps = [apart(*pair) for pair in pairwise(pictures)]
            whole = apart(pictures[0], pictures[-1])
            mean.append(statistics.mean(steps) / whole)
            largest.append(max(steps) / whole)
        rows.append((name, f"{statistics.mean(mean):.4f}", f"{statistics.mean(largest):.4f}", f"{max(largest):.4f}"))
    return table(("", "mean step", "largest step of a walk", "of all walks"), rows)


if __name__ == "__main__":
    main()
