"""A recipe of three steps over a folder against its three commands by hand, and what a step costs beside its verb's work.

    python benchmarks/chain.py [--pictures 50] [--side 96] [--repeats 3]

Each is a process of its own; commands by hand hand pictures on as PNG. The commands' and the recipe's outputs are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

STEPS = (("colorize",), ("cutout", "--background", "white"), ("upscale", "--scale", "2"))


def command(*words: object) -> np.ndarray:
    """Seconds: of the clock, and of the processor, which other programs disturb less."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "genkit", *map(str, words), "-q"], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([time.perf_counter() - begun, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime])


def by_hand(source: Path, out: Path) -> np.ndarray:
    total = np.zeros(2)
    for number, step in enumerate(STEPS):
        target = out / str(number)
        total += command(step[0], source, *step[1:], "-o", target, "--again")
        source = target
    return total


def overhead_ms(pictures: Path) -> float:
    """Milliseconds of the processor that a step adds to a picture: many steps that do nothing against a single one."""
    from genkit.cli.app import main
    from genkit.verbs.upscale.verb import Upscale

    Upscale.apply = lambda self, model, picture, context: picture  # type: ignore[method-assign]
    seconds = []
    count = len(list(pictures.iterdir()))
    for steps in (1, 11, 1, 11, 1, 11):
        line = " | ".join(["upscale -s 1"] * steps)
        with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as away, contextlib.redirect_stdout(away):
            begun = time.process_time()
            assert main(["run", "-c", line, str(pictures), "-o", folder, "-q"]) == 0
            seconds.append(time.process_time() - begun)
    single, many = min(seconds[2::2]), min(seconds[3::2])
    return 1000 * (many - single) / 10 / count


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("pictures", 50), ("side", 96), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ.setdefault("GENKIT_HOME", str(root / "home"))
        (root / "in").mkdir()
        for number in range(options.pictures):
            rough = rng.integers(0, 256, (12, 12, 3), np.uint8)
            image = Image.fromarray(rough).resize((options.side, options.side), Image.Resampling.BICUBIC)
            image.save(root / "in" / f"{number:03}.png")
        line = " | ".join(" ".join(step) for step in STEPS)
        chain, hand = [], []
        for repeat in range(options.repeats):
            hand.append(by_hand(root / "in", root / f"hand{repeat}"))
            chain.append(command("run", "-c", line, root / "in", "-o", root / f"chain{repeat}"))
        names = [path.name for path in (root / "in").iterdir()]
        last = root / "hand0" / str(len(STEPS) - 1)
        equal = all(np.array_equal(Image.open(last / name), Image.open(root / "chain0" / name)) for name in names)
        hand_s, chain_s = np.median(hand, axis=0), np.median(chain, axis=0)
        print(f"by hand  {hand_s[0]:.2f} s, {hand_s[1]:.2f} s of the processor")
        print(f"chain    {chain_s[0]:.2f} s, {chain_s[1]:.2f} s of the processor")
        print(f"ratio    {hand_s[0] / chain_s[0]:.2f}, {hand_s[1] / chain_s[1]:.2f} of the processor", flush=True)
        print(f"pixels   {'equal' if equal else 'DIFFER'} in {len(names)} pictures")
        print(f"a step   {overhead_ms(root / 'in'):.2f} ms a picture")


if __name__ == "__main__":
    run()
