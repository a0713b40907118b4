"""Tiny random voices of the transformers families, through the real path: a hub, the card, the loader, the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_voices
import torch
from conftest import Run
from hub import FakeHub, serving

from genkit import cards, weights
from genkit.errors import InputError, UsageError, WeightsError
from genkit.models import family_module, load_model
from genkit.text.front import sentences

CPU, FULL = torch.device("cpu"), torch.float32


@pytest.fixture(autouse=True)
def inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def loaded(name: str) -> Any:
    card = cards.find(name)
    return load_model(card, weights.resolve(card, announce=lambda text: None), CPU, FULL)


def said(model: Any, text: str, seed: int = 3, **how: Any) -> tuple[np.ndarray, list[Any]]:
    parts = list(model(next(sentences(text)), seed, **how))
    return np.concatenate([sound for sound, _ in parts]), [mark for _, marks in parts for mark in marks]


def test_vits_gives_times_and_takes_seed_and_speed(hub: FakeHub, own_folders: Path, tmp_path: Path, genkit: Run) -> None:
    tiny_voices.publish(hub, "maker/vits", tiny_voices.vits(tmp_path / "vits"))
    model = loaded(tiny_voices.card(own_folders, hub, "tiny-vits", "mms-tts-eng", "maker/vits"))
    sound, marks = said(model, "Hello there, it is noon.")
    assert sound.dtype == np.float32 and np.abs(sound).max() <= 1 and len(sound) % model.hop == 0
    assert [mark.text for mark in marks] == ["hello", "there", "it", "is", "noon"]
    assert all(0 <= one.start_s <= one.end_s <= len(sound) / 16_000 + 1e-6 for one in marks)
    again, _ = said(model, "Hello there, it is noon.")
    other, _ = said(model, "Hello there, it is noon.", 4)
    assert np.array_equal(sound, again) and not np.array_equal(sound[:1000], other[:1000])
    quick, _ = said(model, "Hello there, it is noon.", speed=2.0, rhythm=0.0)
    slow, _ = said(model, "Hello there, it is noon.", speed=0.5, rhythm=0.0)
    assert len(slow) > 1.5 * len(quick)
    with pytest.raises(UsageError, match="pitch"):
        said(model, "Hello", pitch=2.0)
    with pytest.raises(UsageError, match="no voice 'bob'"):
        said(model, "Hello", voice="bob")
    with pytest.raises(UsageError, match="reads letters"):
        said(model, "Hello [[HH AH0 L OW1]]")


def test_vits_without_noise_is_what_transformers_makes(tmp_path: Path) -> None:
    """Our way through the network's parts is its own `forward`, where no noise is drawn in between."""
    from genkit.models.tts.vits import Vits

    folder = tiny_voices.vits(tmp_path / "vits", noise_scale=0.0, noise_scale_duration=0.0)
    card = cards.Card("t", ("tts",), "vits", folder, "user", params={"languages": ["en"], "can": ["speed"]})
    model = family_module("vits").load(card, {"root": folder}, CPU, FULL)
    assert isinstance(model, Vits)
    ids = model.tokenizer("hello there", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        wanted = model.model(ids).waveform[0].numpy()
    sound, _ = said(model, "Hello there")
    assert model._ids(["hello", "there"])[0] == ids[0].tolist()
    assert np.allclose(sound, wanted.clip(-1, 1), atol=1e-5)


def test_fastspeech2_gives_phoneme_times(hub: FakeHub, own_folders: Path, tmp_path: Path) -> None:
    tiny_voices.publish(hub, "maker/fast", tiny_voices.fastspeech2(tmp_path / "fast"))
    hub.add_repo("espnet/fastspeech2_conformer", {"vocab.json": (tmp_path / "fast/vocab.json").read_bytes()})
    model = loaded(tiny_voices.card(own_folders, hub, "tiny-fast", "fastspeech2-conformer", "maker/fast"))
    text = "[[HH AH0 L OW1]] [[DH EH1 R]]."
    sound, marks = said(model, text)
    assert [one.text for one in marks if one.kind == "phoneme"] == ["HH", "AH0", "L", "OW1", "DH", "EH1", "R"]
    words = [one for one in marks if one.kind == "word"]
    assert len(words) == 2 and words[1].start_s == pytest.approx(words[0].end_s) and marks[-1].end_s <= len(sound) / 22_050
    assert len(sound) % 256 == 0 and np.array_equal(sound, said(model, text, 9)[0]), "it draws no noise"
    assert len(said(model, text, speed=0.5)[0]) == pytest.approx(2 * len(sound), rel=0.1)
    with pytest.raises(UsageError, match="pitch"):
        said(model, text, pitch=2.0)
    high = cards.find("tiny-fast")
    object.__setattr__(high, "params", dict(high.params) | {"can": ["speed", "pitch"], "pitch_per_semitone": 0.5})
    able = load_model(high, weights.resolve(high, announce=lambda text: None), CPU, FULL)
    assert not np.allclose(said(able, text, pitch=6.0)[0], sound)
    object.__setattr__(high, "params", dict(high.params) | {"pace": 0.5})
    slow = load_model(high, weights.resolve(high, announce=lambda text: None), CPU, FULL)
    assert len(said(slow, text)[0]) == pytest.approx(2 * len(sound), rel=0.1)


def test_speecht5_reads_pickles_of_tensors_and_a_speakers_vector(hub: FakeHub, own_folders: Path, tmp_path: Path) -> None:
    tiny_voices.speecht5(tmp_path / "t5", tmp_path / "gan")
    tiny_voices.publish(hub, "maker/t5", tmp_path / "t5")
    tiny_voices.publish(hub, "microsoft/speecht5_hifigan", tmp_path / "gan")
    model = loaded(tiny_voices.card(own_folders, hub, "tiny-t5", "speecht5", "maker/t5"))
    vector = tmp_path / "me.npy"
    np.save(vector, np.linspace(-1, 1, 8, dtype=np.float32))
    sound, marks = said(model, "The lazy dog.", voice=str(vector))
    assert len(sound) % 256 == 0 and not marks and np.array_equal(sound, said(model, "The lazy dog.", voice=str(vector))[0])
    assert not np.array_equal(sound, said(model, "The lazy dog.", 8, voice=str(vector))[0]), "its dropout draws"
    with pytest.raises(UsageError, match=r"needs a speaker's vector") as caught:
        said(model, "Hello")
    assert "--voice FILE.npy" in str(caught.value.hint)
    np.save(tmp_path / "short.npy", np.zeros(5, np.float32))
    with pytest.raises(InputError, match="expected 8 numbers"):
        said(model, "Hello", voice=str(tmp_path / "short.npy"))
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="no NumPy file of numbers"):
        said(model, "Hello", voice=str(tmp_path / "evil.npy"))


def test_bark_draws_by_seed(hub: FakeHub, own_folders: Path, tmp_path: Path) -> None:
    tiny_voices.publish(hub, "maker/bark", tiny_voices.bark(tmp_path / "bark"))
    model = loaded(tiny_voices.card(own_folders, hub, "tiny-bark", "bark-small", "maker/bark"))
    sound, marks = said(model, "Hello there.")
    assert len(sound) and np.isfinite(sound).all() and not marks
    assert np.array_equal(sound, said(model, "Hello there.")[0])
    other = said(model, "Hello there.", 5)[0]
    assert other.shape != sound.shape or not np.array_equal(other, sound)
    prompt = {"semantic_prompt": np.arange(9), "coarse_prompt": np.zeros((2, 6), int), "fine_prompt": np.zeros((2, 6), int)}
    np.savez(tmp_path / "me.npz", **prompt)
    assert len(said(model, "Hello", voice=str(tmp_path / "me.npz"))[0])
    np.savez(tmp_path / "bad.npz", semantic_prompt=np.arange(3))
    with pytest.raises(InputError, match="no voice of Bark"):
        said(model, "Hello", voice=str(tmp_path / "bad.npz"))


def test_damaged_folders_are_refused_by_name(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    card = cards.Card("t", ("tts",), "vits", tmp_path / "t.toml", "user", params={"languages": ["en"]})
    load = family_module("vits").load
    folder = tiny_voices.vits(tmp_path / "vits")
    state = load_file(folder / "model.safetensors")
    key = "text_encoder.embed_tokens.weight"
    for change, message in (
        ({key: None}, "lack text_encoder.embed_tokens"),
        ({"strange": torch.zeros(1)}, "unknown strange"),
        ({key: torch.zeros(3, 3)}, "embed_tokens"),
    ):
        changed = {name: value for name, value in {**state, **change}.items() if value is not None}
        save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(WeightsError, match=message) as caught:
            load(card, {"root": folder}, CPU, FULL)
        assert str(folder) in caught.value.message
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="no weights as safetensors"):
        load(card, {"root": folder}, CPU, FULL)
    (folder / "vocab.json").unlink()
    with pytest.raises(WeightsError, match=r"lacks vocab\.json"):
        load(card, {"root": folder}, CPU, FULL)


@pytest.mark.parametrize("name", ["kokoro-82m", "piper-de-thorsten-medium"])
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for package in ("kokoro", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    card = cards.find(name)
    with pytest.raises(UsageError) as caught:
        family_module(card.family).load(card, {}, CPU, FULL)
    assert f"genkit-media[{card.requires}]" in str(caught.value.hint)


def test_piper_counts_signs_that_a_voice_has_not_got() -> None:
    from collections import Counter

    from genkit.models.tts.piper import Piper

    voice = object.__new__(Piper)
    voice._table, voice.unread, voice.languages = {"a": [5], "_": [0], "^": [1], "$": [2]}, Counter(), ("en",)
    assert voice.ids(["a", "x", "x", ",", "a"]) == [1, 0, 5, 0, 5, 0, 2]
    assert voice.unread == {"x": 2}
