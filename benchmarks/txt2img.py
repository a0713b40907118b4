"""What `genkit txt2img` costs beyond diffusers alone: the same pipeline, prompts, seeds, steps and batches, by both.

`python benchmarks/txt2img.py [--model NAME|FOLDER] [--pictures 12] [--batch 4] [--steps N] [--runs 5]`

Whole commands, taken in turn, medians: one picture, and all of them; the difference is what each further picture costs, and
its ratio is the overhead of drawing (target: at most 1.05). Then in one process on one loaded pipeline: the call of diffusers
and a plain PNG, against `genkit.txt2img` with its checks, noise for each seed, recipe and whole-or-nothing files. That both
draw the same is checked first. A model of a card is compared as its folder, which diffusers opens, too; float32 on the CPU,
without a safety checker, or with --device cuda on a GPU. On the CPU core-seconds are compared, which a busy machine disturbs
less than the clock.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.measure import genkit, in_turn, table

PROMPTS = ("red heart", "a cat", "green dragon", "pizza", "a blue car", "snowman", "rocket", "guitar")


def bare(folder: str, target: str, count: int, batch: int, steps: int, guidance: float, side: int, device: str) -> None:
    """What a person writes in five minutes with diffusers: this file run as `txt2img.py --bare ...` does it alone."""
    import diffusers
    import torch

    dtype = torch.float32  # without it transformers keeps the files' half precision, and diffusers does not
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder, use_safetensors=True, torch_dtype=dtype).to(device)
    pipeline.set_progress_bar_config(disable=True)
    draw_bare(pipeline, Path(target), count, batch, steps, guidance, side)


def draw_bare(pipeline: Any, target: Path, count: int, batch: int, steps: int, guidance: float, side: int) -> None:
    import torch

    if getattr(pipeline, "safety_checker", None) is not None:
        pipeline.safety_checker = None
    target.mkdir(parents=True, exist_ok=True)
    for first in range(0, count, batch):
        seeds = range(first, min(first + batch, count))
        made = pipeline(
            prompt=[PROMPTS[seed % len(PROMPTS)] for seed in seeds],
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
            num_inference_steps=steps,
            guidance_scale=guidance,
            width=side,
            height=side,
            output_type="np",
        ).images
        for seed, pixels in zip(seeds, made, strict=True):
            Image.fromarray((pixels * 255).round().astype(np.uint8)).save(target / f"{seed}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="genkit-icons")
    for name, value in (("pictures", 12), ("batch", 4), ("runs", 5), ("steps", 0), ("side", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bare", nargs=2, metavar=("FOLDER", "OUT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    asked.pictures = max(2, asked.pictures) if not asked.bare else asked.pictures
    if asked.bare:
        bare(*asked.bare, asked.pictures, asked.batch, asked.steps, asked.guidance, asked.side, asked.device)
        return
    from genkit import cards, weights
    from genkit.models.diffusers.uncarded import settled

    card, _ = settled(cards.find(asked.model, "txt2img"))
    folder = weights.resolve(card, announce=print)["root"]
    steps = asked.steps or next((one.default for one in card.options if one.name == "steps"), None) or 20
    side = asked.side or int(card.limits["size"])
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        whole(folder, work, asked, steps, side)
        loaded(folder, work, asked, steps, side)


def whole(folder: Path, work: Path, asked: argparse.Namespace, steps: int, side: int) -> None:
    numbers = ["--steps", str(steps), "--guidance", str(asked.guidance), "--device", asked.device]
    commands: dict[str, list[str]] = {}
    for count in (1, asked.pictures):
        listed = work / f"{count}.txt"
        listed.write_text("".join(f"{PROMPTS[seed % len(PROMPTS)]} --seed {seed}\n" for seed in range(count)))
        own = [*genkit(), "txt2img", "--from", str(listed), "--model", str(folder), *numbers, "--size", f"{side}x{side}"]
        own += ["--batch-size", str(asked.batch), "--dtype", "float32", "--name", "{seed}", "-o", f"{work}/genkit/"]
        own += ["--overwrite", "-q"]
        if has_checker(folder):
            own.append("--no-safety-checker")
        theirs = [sys.executable, __file__, "--bare", str(folder), f"{work}/bare", *numbers, "--side", str(side)]
        theirs += ["--pictures", str(count), "--batch", str(asked.batch)]
        commands |= {f"diffusers, {count}": theirs, f"genkit, {count}": own}
    costs = in_turn(commands, asked.runs)
    refuse_different(work / "bare", work / "genkit", asked.pictures)
    rows, figures = [], []
    for name in ("diffusers", "genkit"):
        one, many = (costs[f"{name}, {count}"] for count in (1, asked.pictures))
        first, last = (cost.cpu_s if asked.device == "cpu" else cost.wall_s for cost in (one, many))
        figures.append((first, last, (last - first) / (asked.pictures - 1)))
        shown = f"{first:.2f}", f"{last:.2f}", f"{figures[-1][2] * 1000:.1f}"
        rows.append((name, *shown, f"{many.wall_s:.2f}", f"{many.peak_mb:.0f}"))
    rows.append(("ratio", *(f"{ours / theirs:.3f}" for theirs, ours in zip(*figures, strict=True)), "", ""))
    print(f"{folder.name}: {steps} steps, {side} x {side}, {asked.batch} at once; whole commands, medians of {asked.runs}\n")
    heads = (
        "1 picture, s",
        f"{asked.pictures} pictures, s",
        "each further, ms",
        f"{asked.pictures} pictures, wall s",
        "peak MB",
    )
    print(table(("", *heads), rows))


def loaded(folder: Path, work: Path, asked: argparse.Namespace, steps: int, side: int) -> None:
    import genkit as library

    model = library.load(f"{folder}/", device=asked.device, dtype="float32")
    more = {"safety": False} if has_checker(folder) else {}

    def ours() -> None:
        # a call draws every prompt with every seed: one prompt a batch, which costs the same as several
        for first in range(0, asked.pictures, asked.batch):
            seeds = list(range(first, min(first + asked.batch, asked.pictures)))
            library.txt2img(
                PROMPTS[first % len(PROMPTS)],
                f"{work}/library/",
                seed=seeds,
                size=(side, side),
                batch=asked.batch,
                model=model,
                steps=steps,
                guidance=asked.guidance,
                **more,
            )

    def theirs() -> None:
        draw_bare(model.pipeline, work / "plain", asked.pictures, asked.batch, steps, asked.guidance, side)

    clock = time.process_time if asked.device == "cpu" else time.perf_counter
    taken: dict[str, list[float]] = {"diffusers": [], "genkit": []}
    ways: dict[str, Callable[[], None]] = {"diffusers": theirs, "genkit": ours}
    for turn in range(asked.runs + 1):
        for name, way in ways.items():
            started = clock()
            way()
            if turn:
                taken[name].append(clock() - started)
    medians = {name: statistics.median(one) for name, one in taken.items()}
    rows = [(name, f"{one / asked.pictures * 1000:.1f}") for name, one in medians.items()]
    print("\none process, the same loaded pipeline\n")
    print(table(("", "each picture, ms"), [*rows, ("ratio", f"{medians['genkit'] / medians['diffusers']:.3f}")]))


def has_checker(folder: Path) -> bool:
    return (folder / "safety_checker").is_dir()


def refuse_different(first: Path, second: Path, count: int) -> None:
    """End where the two do not draw the same: then their times say nothing of each other."""
    for seed in range(count):
        pictures = [np.asarray(Image.open(folder / f"{seed}.png")).astype(int) for folder in (first, second)]
        if pictures[0].shape != pictures[1].shape or np.abs(pictures[0] - pictures[1]).max() > 2:
            sys.exit(f"seed {seed}: genkit and diffusers draw different pictures")


if __name__ == "__main__":
    main()
