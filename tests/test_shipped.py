"""What ships draws and speaks, offline, the minute it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Run
from PIL import Image


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_folders: Path) -> None:
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


def pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGBA")).astype(int)


def test_icons_have_the_colour_and_the_transparency_of_their_words(genkit: Run) -> None:
    done = genkit("txt2img", "a {red|blue} heart", "--seeds", "1-2", "-o", "hearts/", "--json")
    assert done.code == 0, done.err
    files = sorted(Path("hearts").glob("*.png"))
    assert len(files) == 4
    for path in files:
        drawn = pixels(path)
        assert drawn.shape == (64, 64, 4) and drawn[0, 0, 3] < 64 and drawn[32, 32, 3] > 192, path
        red, _, blue = drawn[drawn[..., 3] > 192][:, :3].mean(0)
        assert (red > blue + 40) if "red" in path.name else (blue > red + 40), path
    alone = genkit("txt2img", "a blue heart", "--seed", 2, "-o", "alone.png", "--batch-size", 1)
    assert alone.code == 0, alone.err
    same = next(path for path in files if "blue" in path.name and path.stem.endswith("2"))
    assert np.abs(pixels("alone.png") - pixels(same)).max() <= 1


def test_the_voice_is_heard_by_a_recogniser_nobody_here_wrote(genkit: Run) -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    import soxr

    words = "Please leave the window open until the morning."
    done = genkit("tts", words, "-o", "said.wav", "--subtitles", "json")
    assert done.code == 0, done.err
    sound, rate = soundfile.read("said.wav", dtype="float32")
    assert rate == 22_050 and 1.5 < len(sound) / rate < 6 and 0.05 < np.abs(sound).max() <= 1
    decoder = pocketsphinx.Decoder(samprate=16_000)
    decoder.start_utt()
    decoder.process_raw((soxr.resample(sound, rate, 16_000) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp().hypstr.split()
    wanted = words.lower().rstrip(".").split()
    assert sum(word in heard for word in wanted) >= len(wanted) // 2, heard
