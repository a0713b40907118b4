"""Both engines: how near they are, cold starts of every verb, folders against a plain loop. `python -m benchmarks.engines`

Whole processes, taken in turn; every number is a ratio within one run. `--pictures` of mixed formats and sizes make a folder.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import genkit, in_turn, run, table
from benchmarks.pictures import make_pictures

ROOT = Path(__file__).resolve().parent.parent
PHOTO = ROOT / "samples" / "photos" / "astronaut.jpg"
STYLE = ROOT / "samples" / "styles" / "swirls.jpg"
MODELS = {
    "upscale": ("genkit-x4", []),
    "upscale x2": ("genkit-x2", ["--scale", "2"]),
    "colorize": ("genkit-colorize", []),
    "style": ("genkit-style", ["--style", str(STYLE)]),
    "inpaint": ("genkit-inpaint", ["--mask-box", "80,80,40,40", "--texture", "0", "--grow", "0", "--feather", "0"]),
    "translate": ("genkit-photo2sketch", ["--model", "genkit-photo2sketch"]),
    "cutout": ("genkit-cutout", []),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("near", "cold", "folder", "growth"))
    arguments = parser.parse_args()
    wanted = [arguments.only] if arguments.only else ["near", "cold", "folder", "growth"]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "near" in wanted:
            near(folder)
        if "cold" in wanted:
            cold(folder, arguments.runs)
        if "folder" in wanted:
            folders(folder, arguments.pictures, arguments.runs)
        if "growth" in wanted:
            growth(folder)


def words(name: str, source: Path, out: Path) -> list[str]:
    verb, (model, more) = name.split()[0], MODELS[name]
    chosen = [] if "--model" in more else ["--model", model]
    return [*genkit(), verb, str(source), "-o", str(out), "--overwrite", "--device", "cpu", "-q", *chosen, *more]


def near(folder: Path) -> None:
    """The largest difference of a picture by both engines, in steps of 255."""
    rows = []
    for name in MODELS:
        made = []
        for engine in ("torch", "openvino"):
            out = folder / f"{engine}.png"
            subprocess.run([*words(name, PHOTO, out), "--engine", engine], check=True, stdout=subprocess.DEVNULL)
            made.append(np.asarray(Image.open(out)).astype(int))
        away = np.abs(made[0] - made[1])
        rows.append((name, away.max(), f"{(away > 0).mean():.2e}"))
    print("both engines on samples/photos/astronaut.jpg\n")
    print(table(("verb", "largest difference / 255", "share of numbers that differ"), rows), flush=True)


def cold(folder: Path, runs: int) -> None:
    """One small picture or sound from cold, beside importing torch."""
    small = folder / "small.png"
    Image.open(PHOTO).resize((192, 192)).save(small)
    commands = {"import torch": [sys.executable, "-c", "import torch"]}
    commands |= {"genkit --help": [*genkit(), "--help"], "genkit upscale --help": [*genkit(), "upscale", "--help"]}
    commands |= {name: words(name, small, folder / "out.png") for name in MODELS}
    commands["gan"] = [*genkit(), "gan", "--seed", "3", "-o", str(folder / "g.png"), "--overwrite", "-q"]
    commands["tts"] = [*genkit(), "tts", "Hello there.", "-o", str(folder / "t.wav"), "--overwrite", "-q"]
    commands["txt2img"] = [*genkit(), "txt2img", "a cat", "-o", str(folder / "i.png"), "--overwrite", "-q"]
    costs = in_turn(commands, runs)
    torch_s = costs["import torch"].wall_s
    rows = [(name, f"{cost.wall_s:.2f}", f"{cost.wall_s / torch_s:.2f}", f"{cost.peak_mb:.0f}") for name, cost in costs.items()]
    print(f"\nfrom cold, medians of {runs} runs in turn, 192 x 192 pixels\n")
    print(table(("command", "wall s", "/ import torch", "peak MB"), rows), flush=True)


def folders(folder: Path, count: int, runs: int) -> None:
    source = folder / "in"
    source.mkdir()
    make_pictures(source, count)
    rows = []
    for name, (model, _) in MODELS.items():
        verb = name.split()[0]
        if verb == "cutout":  # a mask is no picture: the loop would be another program
            continue
        loop = [sys.executable, str(Path(__file__).with_name("plain_loop.py")), verb, model]
        commands = {
            "genkit": words(name, source, folder / "out/"),
            "eager": [*loop, "eager", str(source), str(folder / "plain")],
            "torch": [*loop, "torch", str(source), str(folder / "last")],
            "engine": [*loop, "openvino", str(source), str(folder / "bare")],
        }
        costs: dict[str, list[float]] = {each: [] for each in commands}
        for _ in range(runs):
            for each, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                costs[each].append(time.perf_counter() - started)
        middle = {each: statistics.median(seconds) for each, seconds in costs.items()}
        ratios = [f"{middle[each] / middle['genkit']:.2f}" for each in ("eager", "torch", "engine")]
        rows.append((name, *(f"{middle[each]:.1f}" for each in commands), *ratios))
        print(name, rows[-1], file=sys.stderr, flush=True)
    print(f"\nfolders of {count} pictures, whole processes, medians of {runs} in turn\n")
    head = (
        "verb",
        "genkit s",
        "plain loop in eager torch s",
        "the same, channels last s",
        "plain loop on the engine s",
        "eager / genkit",
        "channels last / genkit",
        "engine / genkit",
    )
    print(table(head, rows), flush=True)


def growth(folder: Path) -> None:
    """Peak memory of 20 and of 2,000 small files."""
    peaks = []
    for count in (20, 2000):
        source = folder / f"grow{count}"
        source.mkdir()
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(source / f"{number:04}.png")
        peaks.append(run(words("translate", source, folder / f"grown{count}/")).peak_mb)
    print(f"\n20 and 2,000 files of 24 x 24, translate: peak {peaks[0]:.0f} and {peaks[1]:.0f} MB, {peaks[1] / peaks[0]:.2f}")


if __name__ == "__main__":
    main()
