"""Small trainings that the former version began, which later ones go on with; `trained/` holds what it left of each.

A folder there has the configuration in the spelling of that version, its `state.pt` after two steps, and its `log.jsonl` where
it went on to four. It was made by running this file with that version, and is not to be made anew by a later one.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

TRAINED = Path(__file__).parent / "golden" / "trained"
TASKS = {"gan": "gan", "pairs": "translate", "vocoder": "tts"}
STEPS = 4


def words(name: str, folder: Path) -> list[str]:
    """What `genkit train TASK` takes besides; the data is made in `folder`."""
    rng = np.random.default_rng(0)

    def save(target: Path, pixels: np.ndarray) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(target)

    if name == "gan":
        for kind, colour in (("red", (200, 20, 30)), ("blue", (30, 60, 190))):
            for number in range(6):
                pixels = rng.integers(180, 220, (20, 16, 3)).astype(np.uint8)
                pixels[4 + number : 14, 4:12] = colour
                save(folder / "shapes" / kind / f"{number}.png", pixels)
        return ["--data", str(folder / "shapes")]
    if name == "pairs":
        for kind in "ab":
            for number in range(3):
                save(folder / kind / f"{number}.png", rng.integers(0, 256, (32, 36, 3)).astype(np.uint8))
        return ["--pairs", f"{folder / 'a'}:{folder / 'b'}"]
    return ["--part", "vocoder", "--data", str(TRAINED / name / "prepared.npz")]


def _prepare() -> None:
    from genkit.train.speech_corpus import Corpus, Spoken, quantised, write_corpus

    from genkit.nets.mel import MelScale

    scale = MelScale(window=128, hop=64, bands=4)
    utterances = []
    for number in range(4):
        time = np.arange(4000 + 200 * number) / scale.rate_hz
        audio = quantised((0.3 * np.sin(2 * np.pi * (150 + 20 * number) * time)).astype(np.float32))
        total = scale.frames(len(audio))
        frames = np.array([total // 2, total - total // 2], np.int16)
        ids, pitch, energy = np.array([1, 2], np.int16), np.array([5, 0], np.float32), np.array([2, 1], np.float32)
        utterances.append(Spoken(f"u{number}", f"text {number}", audio, ids, frames, pitch, energy, number > 2))
    corpus = Corpus(scale.rate_hz, scale.hop, ("", "AA1", "S"), tuple(utterances), (), "made")
    write_corpus(corpus, TRAINED / "vocoder" / "prepared.npz")


def main() -> None:
    from genkit.train.rivals import PatchRival

    from genkit.cli.app import main as genkit

    PatchRival.__init__.__defaults__ = (3, 2, 0)  # width 2, so that a state has some kilobytes
    _prepare()
    for name, task in TASKS.items():
        folder = Path(tempfile.mkdtemp())
        run, config = folder / "run", TRAINED / name / "tiny.train.toml"
        line = ["train", task, "--config", str(config), "--out", str(run), "--device", "cpu", *words(name, folder)]
        if code := genkit(line):
            sys.exit(f"{name}: exit {code}")
        shutil.copy(run / "state.pt", TRAINED / name)
        genkit([*line, "--resume", "--set", f"loop.steps={STEPS}"])
        shutil.copy(run / "log.jsonl", TRAINED / name)


if __name__ == "__main__":
    main()
