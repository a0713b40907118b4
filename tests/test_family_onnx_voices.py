"""Voices that ONNX Runtime runs, as tiny files written by hand: hibari, Kokoro's export, an imported voice of Piper's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as onnx
import pytest
import soundfile
import torch
from conftest import Run

from genkit import cards, weights
from genkit.errors import UsageError, WeightsError
from genkit.models import family_module, load_model
from genkit.models.tts import hibari
from genkit.models.tts.kokoro_phones import MOST_PHONES
from genkit.text.front import sentences
from genkit.weights.store import place_of

CPU, FULL = torch.device("cpu"), torch.float32
FILES = os.environ.get("GENKIT_PACKAGE_FILES")  # a folder with the published members: hibari.onnx, and Kokoro's with voices
BINS, REPEATS, IDS = 601, 6, 178


def hibari_file() -> bytes:
    """Every id makes REPEATS frames: spectral parts by table, and a pitch that the speed multiplies."""
    rng = np.random.default_rng(0)
    tables = {name: rng.normal(-6, 1, (IDS, BINS)).astype(np.float32) for name in ("lh", "theta", "ln", "lr", "phi")}
    tables["lh"][:, :100] += 5
    tables["pitch"] = rng.uniform(80, 250, (IDS, 1)).astype(np.float32)
    nodes, outputs = [], []
    for name in ("lh", "theta", "ln", "lr", "phi"):
        nodes += [
            onnx.node("Gather", [f"{name}.table", "ids"], [f"{name}.rows"]),
            onnx.node("Transpose", [f"{name}.rows"], [f"{name}.columns"], perm=[0, 2, 1]),
            onnx.node("Concat", [f"{name}.columns"] * REPEATS, [name], axis=2),
        ]
        outputs.append(onnx.value(name, "float32", 1, BINS, "F"))
    nodes += [
        onnx.node("Gather", ["pitch.table", "ids"], ["pitch.rows"]),
        onnx.node("Squeeze", ["pitch.rows", "last"], ["pitch.row"]),
        onnx.node("Concat", ["pitch.row"] * REPEATS, ["pitch"], axis=1),
        onnx.node("Mul", ["pitch", "speed"], ["f0"]),
    ]
    tensors = [onnx.tensor(f"{name}.table", table) for name, table in tables.items()]
    tensors.append(onnx.tensor("last", np.array([2], np.int64)))
    inputs = [onnx.value("ids", "int64", 1, "L"), onnx.value("speed", "float32", 1)]
    return onnx.model(onnx.graph(nodes, tensors, inputs, [*outputs, onnx.value("f0", "float32", 1, "F")]))


def kokoro_file() -> bytes:
    """Every id makes 240 samples, as loud as the mean of the style."""
    table = np.sin(np.arange(IDS)[:, None] * np.arange(240)[None] / 40).astype(np.float32)
    nodes = [
        onnx.node("Gather", ["table", "tokens"], ["rows"]),
        onnx.node("Reshape", ["rows", "flat"], ["row"]),
        onnx.node("ReduceMean", ["style"], ["loud"], keepdims=0),
        onnx.node("Mul", ["loud", "speed"], ["scale"]),
        onnx.node("Mul", ["row", "scale"], ["audio"]),
    ]
    tensors = [onnx.tensor("table", table), onnx.tensor("flat", np.array([-1], np.int64))]
    inputs = [
        onnx.value("tokens", "int64", 1, "L"),
        onnx.value("style", "float32", 1, 256),
        onnx.value("speed", "float32", 1),
    ]
    return onnx.model(onnx.graph(nodes, tensors, inputs, [onnx.value("audio", "float32", "T")]))


def piper_file() -> bytes:
    table = np.sin(np.arange(60)[:, None] * np.arange(200)[None] / 30).astype(np.float32) / 2
    nodes = [onnx.node("Gather", ["table", "input"], ["rows"]), onnx.node("Reshape", ["rows", "flat"], ["output"])]
    tensors = [onnx.tensor("table", table), onnx.tensor("flat", np.array([1, 1, 1, -1], np.int64))]
    inputs = [
        onnx.value("input", "int64", 1, "N"),
        onnx.value("input_lengths", "int64", 1),
        onnx.value("scales", "float32", 3),
    ]
    return onnx.model(onnx.graph(nodes, tensors, inputs, [onnx.value("output", "float32", 1, 1, 1, "T")]))


def pitch_alone() -> bytes:
    """Hibari's inputs, and one of its outputs."""
    inputs = [onnx.value("ids", "int64", 1, "L"), onnx.value("speed", "float32", 1)]
    node = onnx.node("Identity", ["speed"], ["f0"])
    return onnx.model(onnx.graph([node], [], inputs, [onnx.value("f0", "float32", 1)]))


def card(home: Path, name: str, like: str, files: dict[str, bytes], **params: Any) -> str:
    """A user's card with the family and the abilities of one that ships, and files of its own."""
    from genkit.cards import card_text

    folder = home / "cards" / "tts"
    folder.mkdir(parents=True, exist_ok=True)
    for role, data in files.items():
        (folder / f"{name}.{role}.bin").write_bytes(data)
    model = cards.find(like)
    fields = {
        "name": name, "tasks": ["tts"], "family": model.family, "summary": "A tiny voice for tests.", "licence": "MIT",
        "commercial": True, "requires": model.requires, "can": list(model.declared), "params": dict(model.params) | params,
        "files": {role: {"path": f"{name}.{role}.bin"} for role in files},
    }  # fmt: skip
    (folder / f"{name}.toml").write_text(card_text(fields), encoding="utf-8")
    return name


def loaded(name: str) -> Any:
    model = cards.find(name)
    return load_model(model, weights.resolve(model, announce=lambda text: None), CPU, FULL)


def said(model: Any, text: str, seed: int = 3, **how: Any) -> np.ndarray:
    return np.concatenate([sound for sound, _ in model(next(sentences(text)), seed, **how)])


def test_hibari_speaks_on_the_command_line(own_folders: Path, tmp_path: Path, genkit: Run) -> None:
    name = card(own_folders, "tiny-hibari", "hibari", {"weights": hibari_file()})
    done = genkit("tts", "A cat sat.", "--model", name, "--seed", 5, "-o", tmp_path / "a.wav")
    assert done.code == 0, done.err
    sound, rate = soundfile.read(tmp_path / "a.wav")
    ids = loaded(name).ids(next(sentences("A cat sat.")), {})
    assert rate == 24_000 and len(sound) == len(ids) * REPEATS * hibari.HOP and np.abs(sound).max() > 0.01
    again = genkit("tts", "A cat sat.", "--model", name, "--seed", 5, "-o", tmp_path / "b.wav")
    other = genkit("tts", "A cat sat.", "--model", name, "--seed", 6, "-o", tmp_path / "c.wav")
    assert again.code == other.code == 0
    assert (tmp_path / "a.wav").read_bytes()[-len(sound) :] == (tmp_path / "b.wav").read_bytes()[-len(sound) :]
    assert not np.array_equal(sound, soundfile.read(tmp_path / "c.wav")[0]), "its noise is the seed's"


def test_hibari_takes_phonemes_a_lexicon_and_a_speed(own_folders: Path) -> None:
    model = loaded(card(own_folders, "tiny-hibari", "hibari", {"weights": hibari_file()}))
    plain = said(model, "cat")
    assert np.array_equal(plain, said(model, "[[K AE1 T]]"))
    assert not np.array_equal(plain, said(model, "cat", lexicon={"cat": ("D", "AO1", "G")}))
    assert not np.allclose(plain, said(model, "cat", speed=1.5))
    with pytest.raises(UsageError, match="cannot change its pitch"):
        said(model, "cat", pitch=6.0)


@pytest.mark.parametrize("hertz", [50.0, 120.0, 411.7])
def test_pulses_are_the_sum_of_their_harmonics(hertz: float) -> None:
    frames = 20
    train = hibari.pulse_train(np.full(frames, hertz, np.float32))
    turns = np.arange(1, frames * hibari.HOP + 1) * hertz / hibari.RATE_HZ
    wanted = sum(np.cos(2 * np.pi * h * turns) for h in range(1, int(hibari.HIGHEST_HZ // hertz) + 1))
    assert np.abs(train - wanted).max() < 0.02 * hibari.HIGHEST_HZ / hertz
    assert not hibari.pulse_train(np.zeros(frames, np.float32)).any(), "what has no voice has no pulses"


def test_the_sound_is_the_inverse_transform_of_its_parts() -> None:
    frames, floor = 40, np.full((BINS, 40), -30, np.float32)
    nothing, hertz = np.zeros_like(floor), np.full(frames, 200, np.float32)  # a harmonic every ten bins
    lh = floor.copy()
    lh[10] = 0.0  # the first alone, at amplitude 1
    sound = hibari.synthesize(lh, nothing, floor, floor, nothing, hertz, 0)
    inner = sound[3000:-3000]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    assert np.argmax(spectrum) == pytest.approx(200 * len(inner) / hibari.RATE_HZ, abs=1)
    assert np.abs(hibari.synthesize(floor, floor, floor, floor, floor, hertz, 0)).max() < 1e-6
    # the transforms are torch's own
    train = hibari.pulse_train(hertz)
    window = torch.hann_window(hibari.WINDOW)
    wanted = torch.stft(torch.from_numpy(train), hibari.WINDOW, hibari.HOP, window=window, return_complex=True)[:, :frames]
    found = hibari._transform(train, frames)
    assert np.allclose(found.T, wanted.numpy(), atol=1e-2)
    back = torch.istft(wanted, hibari.WINDOW, hibari.HOP, window=window, length=frames * hibari.HOP).numpy()
    assert np.allclose(hibari._inverse(found), back, atol=1e-3) and np.allclose(back[:9000], train[:9000], atol=1e-3)


def test_kokoro_takes_the_style_of_its_length(own_folders: Path, tmp_path: Path, genkit: Run) -> None:
    ramp = np.repeat(np.arange(MOST_PHONES, dtype="<f4") / MOST_PHONES, 256)
    files = {"weights": kokoro_file(), "one": ramp.tobytes(), "two": (-ramp).tobytes()}
    voices = {"one": "en-US", "two": "en-GB"}
    name = card(own_folders, "tiny-kokoro", "kokoro-int8", files, voices=voices, voice="one")
    model = loaded(name)
    sentence = next(sentences("A cat sat."))
    ids = model.ids(sentence, {})
    sound = said(model, "A cat sat.")
    table = np.sin(np.array(ids)[:, None] * np.arange(240)[None] / 40).reshape(-1)
    assert np.allclose(sound, table * (len(ids) - 3) / MOST_PHONES, atol=1e-5), "the row for so many phonemes"
    assert not np.allclose(said(model, "A cat sat.", voice="two")[:1000], sound[:1000])
    done = genkit("tts", "A cat sat.", "--model", name, "--voice", "two", "-o", tmp_path / "a.wav")
    assert done.code == 0, done.err
    refused = genkit("tts", "A cat sat.", "--model", name, "--voice", "three", "-o", tmp_path / "b.wav")
    assert refused.code == 2 and "no voice 'three'" in refused.err
    (own_folders / "cards/tts/tiny-kokoro.one.bin").write_bytes(b"0" * 100)
    with pytest.raises(WeightsError, match="no voice of 510 x 256"):
        said(loaded(name), "A cat sat.", voice="one")


@pytest.mark.parametrize("name", ["hibari", "kokoro-int8", "piper-en-us-joe-medium"])
def test_without_onnxruntime_the_line_that_installs_it_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = cards.find(name)
    with pytest.raises(UsageError, match="needs onnxruntime") as caught:
        family_module(model.family).load(model, {}, CPU, FULL)
    assert caught.value.hint == f"pip install 'genkit-media[{model.requires}]'"


@pytest.mark.parametrize(
    "data, message",
    [
        (b"\x08\x08nothing", "no ONNX file that runs"),
        (kokoro_file(), "and not ids"),
        (pitch_alone(), "makes no lh"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str, own_folders: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        loaded(card(own_folders, "tiny-hibari", "hibari", {"weights": data}))


def piper_files(folder: Path) -> Path:
    path = folder / "voice.onnx"
    path.write_bytes(piper_file())
    letters = {one: [3 + place] for place, one in enumerate("abcdefghijklmnopqrstuvwxyz .,!?'")}
    settings = {
        "audio": {"sample_rate": 16_000},
        "language": {"code": "en_GB"},
        "phoneme_type": "text",  # letters: no espeak-ng is wanted
        "phoneme_id_map": {"_": [0], "^": [1], "$": [2], **letters},
    }
    path.with_name("voice.onnx.json").write_text(json.dumps(settings), encoding="utf-8")
    return path


def test_a_voice_of_pipers_is_imported_as_it_is(own_folders: Path, tmp_path: Path, genkit: Run) -> None:
    path = piper_files(tmp_path)
    words = ("--as", "my-voice", "--task", "tts", "--family", "piper", "--licence", "MIT")
    done = genkit("models", "import", path, *words)
    assert done.code == 0, done.err
    model = cards.find("my-voice")
    assert model.params["languages"] == ["en-GB"] and model.licence == "MIT" and {one.name for one in model.options} == {
        "variation", "rhythm"
    }  # fmt: skip
    assert (own_folders / "cards/tts/my-voice.onnx").read_bytes() == path.read_bytes()
    made = genkit("tts", "A cat sat.", "--model", "my-voice", "-O", "variation=0", "-o", tmp_path / "a.wav")
    assert made.code == 0, made.err
    sound, rate = soundfile.read(tmp_path / "a.wav")
    assert rate == 16_000 and len(sound) == 200 * (2 * len("a cat sat.") + 3)
    assert genkit("models", "rm", "my-voice").code == 0 and not (own_folders / "cards/tts/my-voice.onnx").exists()


def test_what_is_no_voice_is_not_imported(tmp_path: Path, own_folders: Path, genkit: Run) -> None:
    path = piper_files(tmp_path)
    words = ("--as", "my-voice", "--task", "tts")
    unnamed = genkit("models", "import", path, *words)
    assert unnamed.code == 3 and "--family piper" in unnamed.err
    path.write_bytes(kokoro_file())
    other = genkit("models", "import", path, *words, "--family", "piper")
    assert other.code == 3 and "no piper voice" in other.err
    path.with_name("voice.onnx.json").unlink()
    alone = genkit("models", "import", path, *words, "--family", "piper")
    assert alone.code == 3 and "voice.onnx.json" in alone.err
    assert not (own_folders / "cards/tts").exists() or not list((own_folders / "cards/tts").iterdir())


@pytest.mark.published
@pytest.mark.skipif(not FILES, reason="GENKIT_PACKAGE_FILES names no folder with the published files")
@pytest.mark.parametrize("name", ["hibari", "kokoro-int8"])
def test_published_voices_speak(name: str) -> None:
    model = cards.find(name)
    files = {role: next(Path(str(FILES)).rglob(place_of(model, one).name)) for role, one in model.files.items()}
    voice = load_model(model, files, CPU, FULL)
    sound = said(voice, "The kettle began to whistle before anyone had found a clean cup.")
    assert 2.5 < len(sound) / 24_000 < 6 and 0.02 < float(np.sqrt((sound**2).mean())) < 0.3
