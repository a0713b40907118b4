"""`genkit eval tts`: its measures on made numbers, the layout of recordings, and the command with a recogniser that is made."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

from genkit.errors import InputError, UsageError
from genkit.evaluate.cepstra import cepstra, distortion
from genkit.evaluate.recognising import edit_distance, words_of


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [("a b c", "a b c", 0), ("a b c", "a c", 1), ("a b c", "a x b c", 1), ("a b c", "x y", 3), ("", "a", 1), ("a b", "", 2)],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert edit_distance(said.split(), heard.split()) == errors


def test_words_are_compared_without_marks() -> None:
    assert words_of("Don't - it’s well-known, O.K.?") == ["don't", "it's", "well", "known", "o", "k"]


def test_distortion_is_0_for_the_same_however_slow() -> None:
    rng = np.random.default_rng(0)
    first = cepstra(rng.standard_normal((80, 12)))
    assert first.shape == (12, 13)
    assert distortion(first, first) == pytest.approx(0, abs=1e-5)
    assert distortion(first, np.repeat(first, 2, 0)) == pytest.approx(0, abs=1e-5)
    # a distance of 1 in one coefficient is 10 / ln 10 x root 2 decibels
    assert distortion(first, first + np.eye(13)[3]) <= 10 / np.log(10) * 2**0.5 + 1e-9
    assert distortion(first[:1], first[:1] + np.eye(13)[3]) == pytest.approx(10 / np.log(10) * 2**0.5)
    # the level of a sound is not its shape
    assert distortion(first, cepstra(rng.standard_normal((80, 12)))) > 1
    numbers = rng.standard_normal((80, 5))
    np.testing.assert_allclose(cepstra(numbers), cepstra(numbers + 3), atol=1e-9)


def recordings(target: Path) -> Path:
    import io

    import soundfile

    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("set/metadata.csv", "one|Mr. One|mister one\ntwo.wav|Two.\nlost|Not there.\n")
        for place, name in enumerate(("one", "two")):
            sound = io.BytesIO()
            time = np.arange(8000) / 16000
            soundfile.write(sound, 0.2 * np.sin(2 * np.pi * (200 + 100 * place) * time), 16000, format="WAV")
            archive.writestr(f"set/wavs/{name}.wav", sound.getvalue())
    return target


def test_the_layout_of_recordings(tmp_path: Path) -> None:
    from genkit.data.utterances import Recordings

    with Recordings(recordings(tmp_path / "set.zip")) as found:
        assert [(one.name, one.text) for one in found.utterances] == [("one", "mister one"), ("two", "Two.")]
        assert found.missing == ["lost"]
        audio, rate = found.read(found.utterances[1])
        assert rate == 16000 and audio.shape == (8000,) and audio.dtype == np.float32
    (tmp_path / "metadata.csv").write_text("no bar here\n")
    with pytest.raises(UsageError, match="is not id"):
        Recordings(tmp_path)


def test_a_zip_of_recordings_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    import soundfile

    from genkit.data import utterances
    from genkit.data.utterances import Recordings

    path = recordings(tmp_path / "set.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set/wavs/three.wav", bytes(2**20))
        silent = io.BytesIO()
        soundfile.write(silent, np.zeros(8000 * 3700, np.int16), 8000, format="FLAC")  # an hour and more in few bytes
        archive.writestr("set/wavs/four.flac", silent.getvalue())
        archive.writestr("metadata.csv", "one|One.\nthree|Three.\nfour|Four.\n")
    monkeypatch.setattr(utterances, "LARGEST_FILE", 500_000)
    with Recordings(path) as found:
        one, three, four = found.utterances
        assert len(found.read(one)[0]) == 8000
        with pytest.raises(InputError, match=r"three\.wav unpacks to 1 MB"):
            found.read(three)
        with pytest.raises(InputError, match=r"four\.flac lasts 1\.0 hours"):
            found.read(four)
    monkeypatch.setattr(utterances, "MOST_FILES", 3)
    with pytest.raises(InputError, match="6 files are more"):
        Recordings(path)
    monkeypatch.setattr(utterances, "MOST_FILES", 99)
    monkeypatch.setattr(utterances, "LARGEST_TABLE", 10)
    with pytest.raises(InputError, match=r"metadata\.csv unpacks"):
        Recordings(path)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../metadata.csv", "one|One.\n")
    with pytest.raises(InputError, match="leads out"):
        Recordings(tmp_path / "bad.zip")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "metadata.csv").write_bytes(b"one|caf\xe9\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        Recordings(tmp_path / "folder")


def test_recordings_are_measured_beside(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit.evaluate import recognising

    monkeypatch.setattr(recognising, "pocketsphinx", lambda: lambda audio: "two" if len(audio) else "")
    names = tmp_path / "names.txt"
    names.write_text("two\n")
    outcome = genkit("eval", "tts", "--data", recordings(tmp_path / "set.zip"), "--names", names, "--json")
    assert outcome.code == 0, outcome.err
    rows = outcome.events[-1]["rows"]
    assert [row["model"] for row in rows] == ["recordings", "recordings, Griffin-Lim", "genkit-kathleen"]
    lost = genkit("eval", "tts", "--data", tmp_path / "set.zip", "--model", "runs/gone/gone.toml")
    assert lost.code == 2 and "--model runs/gone/gone.toml: no such card" in lost.err
    assert rows[0]["words"] == 1 and rows[0]["pocketsphinx"] == 0
    assert "time-warped" in outcome.events[-1]["protocol"] and rows[1]["mcd"] > 0
    assert genkit("eval", "tts").code == 2


def test_recognisers_of_transformers_and_other_programs(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import soundfile
    import tiny_voices

    from genkit.evaluate import recognising

    monkeypatch.setattr(recognising, "pocketsphinx", lambda: lambda audio: "hello there")
    (tmp_path / "lines.txt").write_text("Hello there.\nIt is noon.\n")
    (tmp_path / "other").mkdir()
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "other" / "0001.wav", rng.normal(0, 0.1, 16000), 16000)
    command = ("eval", "tts", "--text", tmp_path / "lines.txt", "--against", tmp_path / "other", "--device", "cpu")
    lost = genkit(*command)
    assert lost.code == 2 and "no sound for 0002" in lost.err
    soundfile.write(tmp_path / "other" / "0002-it-is-noon.wav", rng.normal(0, 0.1, 22050), 22050)
    folders = [tiny_voices.wav2vec2(tmp_path / "letters"), tiny_voices.whisper(tmp_path / "whisper")]
    done = genkit(*command, *(word for one in folders for word in ("--recogniser", one)), "--json")
    assert done.code == 0, done.err
    row, shipped = done.events[-1]["rows"]
    assert shipped["model"] == "genkit-kathleen"
    assert row["words"] == 5 and row["pocketsphinx"] == pytest.approx(3 / 5) and row["letters"] > 0 and row["whisper"] > 0
    table = genkit(*command, "--recogniser", folders[0])
    assert "word errors (letters)" in table.out and "word errors (pocketsphinx)" in table.out, table.err
    strange = genkit(*command, "--recogniser", "nobody/nothing")
    assert strange.code == 2 and "Hugging Face cache" in strange.err
    (folders[0] / "model.safetensors").write_bytes(b"torn")
    assert genkit(*command, "--recogniser", folders[0]).code == 3
    assert genkit("eval", "tts", "--text", tmp_path / "none.txt").code == 2


def test_our_own_sentences_are_everyday_ones() -> None:
    from genkit.evaluate.tts import read_lines

    lines = read_lines(Path(__file__).parents[1] / "samples" / "speech" / "sentences.txt", None, None)
    assert len({line.text for line in lines}) == 60 and [line.name for line in lines][:2] == ["0001", "0002"]
    assert all(6 <= len(line.text.split()) <= 16 for line in lines)
