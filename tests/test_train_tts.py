"""`genkit train tts` through the real command line, on a few made utterances that are prepared already, and its parts."""

from __future__ import annotations

import math
import tomllib
import wave
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run

from genkit.models.tts import vocos
from genkit.nets.mel import MelScale
from genkit.train.tts.corpus import AlignedUtterance, Corpus, quantised, read_corpus, write_corpus
from genkit.train.tts.phone_alignment import Span

SCALE = MelScale()
SYMBOLS = ("", "AA1", "S", ".", "SIL")
ACOUSTIC = """
name = "tiny-acoustic"
task = "tts"
family = "fastspeech2"
[network]
hidden_size = 8
encoder_layers = 1
decoder_layers = 1
encoder_linear_units = 8
decoder_linear_units = 8
positionwise_conv_kernel_size = 1
decoder_kernel_size = 7
duration_predictor_channels = 8
energy_predictor_channels = 8
pitch_predictor_channels = 8
pitch_predictor_layers = 2
speech_decoder_postnet_layers = 2
speech_decoder_postnet_units = 8
[data]
batch = 3
measured = 2
[loop]
steps = 4
learning_rate = 1e-3
log_every = 2
eval_every = 4
sheet_every = 4
"""
VOCODER = """
name = "tiny"
task = "tts"
family = "vocos"
[network]
width = 8
hidden = 16
layers = 1
[data]
batch = 2
segment = 12
discriminator_from = 2
discriminator_width = 2
measured = 2
[loop]
steps = 4
learning_rate = 1e-3
log_every = 2
eval_every = 4
sheet_every = 4
"""


def tone(seconds: float, hertz: float) -> np.ndarray:
    time = np.arange(int(seconds * SCALE.rate_hz)) / SCALE.rate_hz
    return (0.3 * np.sign(np.sin(2 * np.pi * hertz * time)) * np.hanning(len(time))).astype(np.float32)


def utterance(number: int, held: bool = False) -> AlignedUtterance:
    audio = quantised(tone(0.5 + 0.05 * number, 120 + 10 * number))
    total = SCALE.frames(len(audio))
    frames = np.array([total // 2, total // 4, 0], np.int16)
    frames[2] = total - frames.sum()
    pitch = np.array([math.log(120 + 10 * number), 0, 0], np.float32)
    energy = np.array([2, 1, 0], np.float32)
    return AlignedUtterance(f"u{number}", f"text {number}", audio, np.array([1, 2, 3], np.int16), frames, pitch, energy, held)


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    corpus = Corpus(
        SCALE.rate_hz, SCALE.hop, SYMBOLS, tuple(utterance(place, place > 3) for place in range(6)), ("u9",), "made"
    )
    write_corpus(corpus, tmp_path / "prepared.npz")
    return tmp_path / "prepared.npz"


def test_a_prepared_set_comes_back_as_it_was(prepared: Path) -> None:
    corpus = read_corpus(prepared)
    assert corpus.symbols == SYMBOLS and corpus.unaligned == ("u9",)
    assert [one.name for one in corpus.held] == ["u4", "u5"] and len(corpus.training) == 4
    for place, one in enumerate(corpus.utterances):
        expected = utterance(place, place > 3)
        for key in ("audio", "ids", "frames", "pitch", "energy"):
            np.testing.assert_array_equal(getattr(one, key), getattr(expected, key))


def test_what_a_held_out_recording_says_is_not_trained_on() -> None:
    each = (utterance(0), utterance(1))
    again = AlignedUtterance(**{**each[1].__dict__, "name": "again", "text": "Text, 1!"})
    corpus = Corpus(SCALE.rate_hz, SCALE.hop, SYMBOLS, (*each, again)).divided(frozenset({"u1"}))
    assert [one.name for one in corpus.training] == ["u0"]


def test_a_voice_is_trained_in_two_parts(genkit: Run, prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "acoustic.toml").write_text(ACOUSTIC)
    (tmp_path / "vocoder.toml").write_text(VOCODER)
    shared = ("--data", prepared, "--device", "cpu", "--json")
    outcome = genkit("train", "tts", "--config", tmp_path / "acoustic.toml", "--out", tmp_path / "a", *shared)
    assert outcome.code == 0, outcome.err
    assert outcome.events[-1]["step"] == 4 and {"held_mel", "length_ms", "semitones"} <= set(outcome.events[-1]["metrics"])
    assert (tmp_path / "a" / "sheet-0000004.png").is_file()
    card = tmp_path / "a" / "tiny-acoustic.toml"
    outcome = genkit(
        "train", "tts", "--part", "vocoder", "--config", tmp_path / "vocoder.toml", "--out", tmp_path / "v", *shared,
        "--set", f"data.acoustic={card}",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    figures = [event for event in outcome.events if event["event"] == "progress"]
    assert "discriminator" not in figures[0] and figures[-1]["discriminator"] > 0
    voice = tomllib.loads((tmp_path / "v" / "tiny.toml").read_text())
    assert voice["family"] == "fastspeech2" and set(voice["files"]) == {"acoustic", "vocoder"}
    assert 0.5 <= voice["params"]["pace"] <= 2
    assert voice["params"]["symbols"] == list(SYMBOLS) and voice["params"]["vocoder"]["width"] == 8
    with wave.open(str(tmp_path / "v" / "samples" / "u4-made.wav")) as sound:
        assert sound.getframerate() == SCALE.rate_hz and sound.getnframes() > 0
    outcome = genkit(
        "train", "tts", "--part", "vocoder", "--config", tmp_path / "vocoder.toml", "--out", tmp_path / "v", *shared,
        "--set", f"data.acoustic={card}", "--set", "loop.steps=5", "--resume",
    )  # fmt: skip
    assert outcome.code == 0 and outcome.events[-1]["step"] == 5


def test_a_trained_voice_speaks(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parts from made recordings, with all the symbols that preparation gives, then words through the verb itself."""
    import soundfile

    from genkit.train.tts.preparation import SYMBOLS as ALL

    monkeypatch.chdir(tmp_path)
    ids = np.array([ALL.index("AA1"), ALL.index("S"), ALL.index(".")], np.int16)
    each = tuple(AlignedUtterance(**{**utterance(place).__dict__, "ids": ids, "held": place > 3}) for place in range(6))
    write_corpus(Corpus(SCALE.rate_hz, SCALE.hop, ALL, each, (), "made"), tmp_path / "prepared.npz")
    Path("acoustic.toml").write_text(ACOUSTIC)
    Path("vocoder.toml").write_text(VOCODER)
    train = ("train", "tts", "--data", "prepared.npz", "--device", "cpu")
    alone = genkit(*train, "--part", "vocoder", "--config", "vocoder.toml", "--out", "alone")
    assert alone.code == 0 and "use it" not in alone.err and "data.vocoder=alone/tiny.safetensors" in alone.err, alone.err
    acoustic = genkit(*train, "--config", "acoustic.toml", "--out", "a")
    assert acoustic.code == 0 and "use it" not in acoustic.err and "data.acoustic=a/tiny-acoustic.toml" in acoustic.err
    silent = genkit("tts", "Hello.", "--model", "a/tiny-acoustic.toml", "-o", "x.wav", "--device", "cpu")
    assert silent.code == 3 and "--part vocoder" in silent.err, silent.err
    whole = genkit(
        *train, "--part", "vocoder", "--config", "vocoder.toml", "--out", "v", "--set", "data.acoustic=a/tiny-acoustic.toml"
    )
    assert whole.code == 0 and "use it: genkit tts Hello. --model v/tiny.toml" in whole.err, whole.err
    card = tomllib.loads(Path("v/tiny.toml").read_text())
    assert card["params"]["mel"] == SCALE.params() and card["params"]["symbols"] == list(ALL)
    assert "?" in card["params"]["unheard"] and not {"AA1", "S", "."} & set(card["params"]["unheard"])
    assert str(tmp_path) not in Path("v/tiny.toml").read_text(), "no place of this machine"
    Path("own.txt").write_text("genkit JH EH1 N K IH0 T\n")
    said = ("tts", "Hello there, genkit!", "--model", "v/tiny.toml", "--device", "cpu", "--lexicon", "own.txt")
    spoken = genkit(*said, "-o", "a.wav", "--subtitles", "json", "--pitch", 2)
    assert spoken.code == 0, spoken.err
    sound, rate = soundfile.read("a.wav")
    assert rate == SCALE.rate_hz and len(sound) and np.isfinite(sound).all()
    other = genkit(*said, "-o", "b.wav", "--vocoder", "griffin-lim")
    assert other.code == 0 or "librosa" in other.err, other.err


def test_a_voice_reads_what_it_has_heard() -> None:
    from genkit.models.tts.fastspeech2_voice import FastSpeech2
    from genkit.text.front import sentences
    from genkit.train.tts.preparation import SYMBOLS as ALL

    voice = object.__new__(FastSpeech2)
    voice.symbols, voice._end = {one: place for place, one in enumerate(ALL)}, "<sos/eos>"
    voice._unheard = frozenset({"?", ";", "OW1"})
    row, words = voice.tokens(next(sentences("[[HH AH0 L OW1]]; [[DH EH1 R]]?")))
    assert row == ["HH", "AH0", "L", "OW0", ",", "DH", "EH1", "R", "."] and [one[1:] for one in words] == [(0, 4), (5, 8)]
    unmarked = replace(sentence := next(sentences("[[HH AH0]]")), pieces=(replace(sentence.pieces[0], mark=""),))
    assert voice.tokens(unmarked)[0] == ["HH", "AH0", "SIL"], "as every text that it learned from ends"


def test_the_parts_and_the_data_are_checked(genkit: Run, prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "acoustic.toml").write_text(ACOUSTIC)
    shared = ("train", "tts", "--config", tmp_path / "acoustic.toml", "--out", tmp_path / "a")
    assert genkit(*shared, "--data", prepared, "--part", "both").code == 2
    (tmp_path / "empty").mkdir()
    outcome = genkit(*shared, "--data", tmp_path / "empty")
    assert outcome.code == 2 and "metadata.csv" in outcome.err
    broken = tmp_path / "broken.npz"
    with zipfile.ZipFile(broken, "w") as archive:
        for name in ("about.npy", "sizes.npy", "frames.npy"):
            archive.writestr(name, b"")
    outcome = genkit(*shared, "--data", broken)
    assert outcome.code == 2 and "not a prepared set" in outcome.err


def test_symbols_cover_the_recording_without_gaps() -> None:
    from genkit.train.tts.preparation import symbols_of

    spans = [
        Span("SIL", -1, 0.0, 0.1), Span("S", 0, 0.1, 0.2), Span("AA", 0, 0.2, 0.4), Span("SIL", -1, 0.4, 0.6),
        Span("AA", 1, 0.6, 0.8), Span("SIL", -1, 0.8, 0.9), Span("S", 2, 0.9, 1.0), Span("SIL", -1, 1.0, 1.2),
    ]  # fmt: skip
    found = symbols_of([("S", "AA1"), ",", ("AA1",), ("S",), "."], spans, 0.07, 1.1)
    assert [one.symbol for one in found] == ["S", "AA1", ",", "AA1", "SIL", "S", "."]
    assert found[0].start_s == 0 and found[-1].end_s == pytest.approx(1.03)
    assert all(one.end_s == after.start_s for one, after in pairwise(found))
    assert found[2].end_s - found[2].start_s == pytest.approx(0.2)


def test_a_phoneme_without_length_is_no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pocketsphinx")
    from genkit.train.tts.phone_alignment import Aligner, Span

    given = [
        [Span("AA", 0, 0.0, 0.05), Span("T", 0, 0.95, 1.2)],
        [Span("SIL", -1, 0.0, 0.0), Span("AA", 0, 0.0, 0.5), Span("T", 0, 0.5, 1.0)],
    ]
    monkeypatch.setattr(Aligner, "_attempt", lambda self, audio, words: given.pop(0) if given else None)
    aligner, silence = Aligner(), np.zeros(16000, np.float32)
    found = aligner.align(silence, [("AA1", "T")])
    assert found is not None and [one.phone for one in found] == ["AA", "T"]
    given[:] = [[Span("AA", 0, 0.5, 1.0), Span("T", 0, 1.0, 1.2)]]
    assert aligner.align(silence, [("AA1", "T")]) is None


def test_pitch_is_found() -> None:
    from genkit.train.tts.preparation import pitch_of

    for hertz in (110.0, 200.0, 330.0):
        found, voiced = pitch_of(tone(0.6, hertz), SCALE)
        assert len(found) == SCALE.frames(int(0.6 * SCALE.rate_hz)) and voiced.mean() > 0.5
        assert abs(12 * np.log2(np.median(found[voiced]) / hertz)) < 0.6


def test_mel_features_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa")
    bank = librosa.filters.mel(sr=SCALE.rate_hz, n_fft=SCALE.window, n_mels=SCALE.bands, fmin=0, fmax=SCALE.rate_hz / 2)
    np.testing.assert_allclose(SCALE.bank().numpy(), bank, atol=2e-6)
    sound = torch.from_numpy(tone(0.3, 150))[None].requires_grad_()
    features = SCALE.features(sound)
    assert features.shape == (1, SCALE.bands, SCALE.frames(sound.shape[1]))
    features.sum().backward()
    assert sound.grad is not None and torch.isfinite(sound.grad).all()


def test_vocos_has_the_published_names_and_is_recognised() -> None:
    network = vocos.build(bands=20, width=8, hidden=12, layers=2, window=64, hop=16)
    state = network.state_dict()
    assert {"backbone.embed.weight", "backbone.convnext.1.gamma", "backbone.final_layer_norm.bias", "head.out.weight"} <= set(
        state
    )
    params = vocos.recognise(state)
    assert params == {"bands": 20, "width": 8, "hidden": 12, "layers": 2, "window": 64, "hop": 16, "kernel": 7}
    assert network(torch.zeros(2, 20, 9)).shape == (2, 8 * 16)
    assert vocos.recognise({"head.out.weight": torch.zeros(2, 2)}) is None
