"""`genkit tts` through the real command line, with a tiny random voice from a hub on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_voices
from conftest import Run, environment
from hub import FakeHub, serving
from PIL import Image

from genkit.media.sound.tags import read_text
from genkit.media.sound.unfinished import Unfinished

TEXT = "Hello there. It is noon now!\n\nA second paragraph, short."
RATE = 16_000


@pytest.fixture(autouse=True)
def inside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_voices.vits(tmp_path_factory.mktemp("voice") / "vits")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def tts(hub: FakeHub, own_folders: Path, folder: Path, genkit: Run) -> Callable[..., Any]:
    tiny_voices.publish(hub, "maker/vits", folder)
    name = tiny_voices.card(own_folders, hub, "tiny", "mms-tts-eng", "maker/vits")
    return lambda *words, **more: genkit("tts", *words, "--model", name, "--device", "cpu", **more)


def sound(path: str | Path) -> np.ndarray:
    data, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and data.ndim == 1
    return data


def test_a_text_is_named_after_its_words_and_made_again(tts: Any, genkit: Run) -> None:
    done = tts(TEXT)
    assert done.code == 0, done.err
    assert done.lines == ["hello-there-it-is-noon-now-a-second.wav"] and "seed" in done.err
    made = sound(done.lines[0])
    assert len(made) > RATE // 10 and soundfile.info(done.lines[0]).subtype == "PCM_16"
    recipe = json.loads(read_text(Path(done.lines[0]), "WAV") or "")
    assert recipe["text"] == TEXT and recipe["model"] == "tiny" and isinstance(recipe["seed"], int)
    shown = genkit("show", done.lines[0])
    assert shown.code == 0 and f"--seed {recipe['seed']}" in shown.out
    again = genkit("replay", done.lines[0], "-o", "again.wav", "--device", "cpu")
    assert again.code == 0, again.err
    assert np.array_equal(made, sound("again.wav"))
    assert tts(TEXT).code == 2 and tts(TEXT, "--resume").code == 0, "the seed of what is there is taken up"
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_formats_depths_rates_and_loudness(tts: Any, genkit: Run) -> None:
    words = ("Hello there you all, it is noon now and we say some more.", "--seed", 1)
    for name, subtype in (("a.flac", "PCM_16"), ("a.ogg", "VORBIS"), ("a.mp3", "MPEG_LAYER_III")):
        done = tts(*words, "-o", name)
        assert done.code == 0, done.err
        assert soundfile.info(name).subtype == subtype and genkit("show", name).code == 0
    deep = tts(*words, "-o", "b.wav", "--bits", 24, "--rate", 44_100)
    assert deep.code == 0, deep.err
    assert soundfile.info("b.wav").samplerate == 44_100 and soundfile.info("b.wav").subtype == "PCM_24"
    assert tts(*words, "-o", "c.wav", "--lufs", -30).code == 0
    assert not np.allclose(sound("c.wav"), soundfile.read("a.flac")[0], atol=1e-3)
    for wrong in (("-o", "a.m4a"), ("--format", "aiff"), ("-o", "x.wav", "--format", "flac"), ("--bits", 8), ("--rate", 10)):
        assert tts(*words, *wrong).code == 2


def test_speed_pause_and_what_the_voice_cannot(tts: Any) -> None:
    base = ("One two three. Four five six.", "--seed", 1, "-O", "rhythm=0")
    lengths = {}
    for name, more in (("a", ()), ("fast", ("--speed", 2)), ("rest", ("--pause", 2))):
        done = tts(*base, *more, "-o", f"{name}.wav")
        assert done.code == 0, done.err
        lengths[name] = len(sound(f"{name}.wav"))
    assert lengths["rest"] > lengths["a"] + RATE and lengths["fast"] < lengths["a"]
    pitched = tts("Hello.", "--pitch", 2)
    assert pitched.code == 2 and "--pitch: tiny has one pitch" in pitched.err, pitched.err
    assert tts("Hello.", "--speed", 3).code == 2 and tts("Hello.", "--voice", "bob").code != 0
    foreign = tts("Сегодня отличная погода, не правда ли?")
    assert foreign.code == 2 and "mms-tts-rus" in foreign.err, foreign.err
    german = tts("Der Hund und die Katze sind nicht auf dem Sofa, sie sind im Garten und schlafen.")
    assert german.code == 2 and "mms-tts-deu" in german.err, german.err
    file = Path("book.txt")
    file.write_text("Hello.")
    hint = tts("book.txt")
    assert hint.code == 2 and "--from book.txt" in hint.err
    assert "--from" in tts().err


def test_files_lines_and_chapters(tts: Any) -> None:
    Path("lines.txt").write_text("First line.\n\nSecond line.\nFirst line.\n")
    done = tts("--from", "lines.txt", "--split", "-o", "out/")
    assert done.code == 0, done.err
    assert [Path(one).name for one in done.lines] == ["0001-first-line.wav", "0002-second-line.wav", "0003-first-line.wav"]
    Path("rows.csv").write_text("id,text\na1,Hello.\nb2,Good day.\n")
    done = tts("--from", "rows.csv", "-o", "rows/")
    assert done.code == 0 and [Path(one).name for one in done.lines] == ["a1.wav", "b2.wav"], done.err
    done = tts("--from", "rows.csv", "--join", "-o", "joined.mp3")
    assert done.code == 0, done.err
    from mutagen.mp3 import MP3

    chapters = list(MP3("joined.mp3").tags.getall("CHAP"))
    assert len(chapters) == 2 and chapters[0].start_time == 0 < chapters[1].start_time
    Path("plain.csv").write_text("First text here\nSecond text\n")
    done = tts("--from", "plain.csv", "-o", "plain/")
    assert [Path(one).name for one in done.lines] == ["0001.wav", "0002.wav"], done.err
    Path("parted.txt").write_text("One line.\n* * *\n...\nTwo lines.\n")
    done = tts("--from", "parted.txt", "--split", "-o", "parted/")
    assert done.code == 0 and [Path(one).name for one in done.lines] == ["0001-one-line.wav", "0002-two-lines.wav"], done.err
    assert tts("Hello.", "-o", "a.mp3", "--rate", 96_000).code == 2, "before a word is said"
    piped = tts("--from", "-", "-o", "in.wav", "--seed", 1, stdin=b"Hello from a pipe.")
    assert piped.code == 0, piped.err
    plain = tts("-", "-o", "plain.wav", "--seed", 1, stdin=b"Hello from a pipe.")
    assert plain.code == 0 and np.array_equal(sound("plain.wav"), sound("in.wav")), plain.err


def test_a_text_with_nothing_to_say_fails(tts: Any) -> None:
    for where in ("a.wav", "-"):
        done = tts("... !", "-o", where, "--seed", 1)
        assert done.code == 1 and "nothing in it" in done.err, done.err
    assert not list(Path().iterdir())


def test_a_text_too_long_for_a_recipe_is_a_file_to_replay(tts: Any, genkit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genkit.verbs.tts.inputs.LONGEST_TEXT", 10)
    text = b"Hello from a long pipe."
    assert tts("--from", "-", "-o", "a.wav", "--seed", 1, stdin=text).code == 0
    lost = genkit("replay", "a.wav", "-o", "b.wav", "--device", "cpu")
    assert lost.code == 2 and "--file from=PATH" in lost.err
    Path("kept.txt").write_bytes(text)
    again = genkit("replay", "a.wav", "-o", "b.wav", "--device", "cpu", "--file", "from=kept.txt")
    assert again.code == 0 and np.array_equal(sound("a.wav"), sound("b.wav")), again.err


def test_a_book_is_shown_and_replayed(tts: Any, genkit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import genkit as api

    monkeypatch.setattr("genkit.verbs.tts.inputs.LONGEST_TEXT", 30)
    monkeypatch.setattr("genkit.media.recipe._LIMIT", 1000)  # as if the texts below were a megabyte
    text = "Hello there, this is a long book. " * 40
    Path("book.txt").write_text(text)
    for name, words in (("a.wav", ("--from", "book.txt")), ("b.wav", (text,))):
        refused = len(words) == 1
        done = tts(*words, "-o", name, "--seed", 1)
        assert done.code == 0, done.err
        assert genkit("show", name).code == 0
        more = ("--file", "from=book.txt") if refused else ()
        again = genkit("replay", name, "-o", f"again-{name}", "--device", "cpu", *more)
        assert again.code == 0 and np.array_equal(sound(name), sound(f"again-{name}")), again.err
    api.tts(text[:200], "c.wav", model="tiny", seed=1, device="cpu")
    assert "from=" not in genkit("show", "c.wav").out and "--from hello-there" in genkit("show", "c.wav").out
    joined = tts("Hello there, you all of you.", "And hello again.", "--join", "-o", "d.wav")
    assert joined.code == 2 and "--from FILE --join" in joined.err


def test_a_voice_given_by_its_card_is_replayed(tts: Any, genkit: Run, own_folders: Path, tmp_path: Path) -> None:
    card = own_folders / "cards" / "tts" / "tiny.toml"
    own = tmp_path / "run" / "own.toml"
    own.parent.mkdir()
    own.write_text(card.read_text().replace('name = "tiny"', 'name = "own"'))
    done = genkit("tts", "Hello there.", "--model", own, "-o", "run/a.wav", "--seed", 1, "--device", "cpu")
    assert done.code == 0, done.err
    shown = genkit("show", "run/a.wav")
    assert "--model ./own.toml" in shown.out and str(tmp_path) not in shown.out, shown.out
    again = genkit("replay", "run/a.wav", "-o", "again.wav", "--device", "cpu")
    assert again.code == 0 and np.array_equal(sound("run/a.wav"), sound("again.wav")), again.err
    kept = tmp_path / "kept" / "own.toml"
    kept.parent.mkdir()
    own.rename(kept)
    lost = genkit("replay", "run/a.wav", "-o", "b.wav", "--device", "cpu")
    assert lost.code == 2 and "--model CARD.toml" in lost.err, lost.err
    told = genkit("replay", "run/a.wav", "-o", "b.wav", "--device", "cpu", "--model", kept)
    assert told.code == 0 and np.array_equal(sound("again.wav"), sound("b.wav")), told.err
    named = tts("Hello there.", "-o", "c.wav", "--seed", 1)
    assert named.code == 0 and genkit("replay", "c.wav", "--model", kept).code == 2


def test_names_are_told_apart(tts: Any) -> None:
    from genkit.verbs.tts.inputs import Script, _with_own_stems

    named = _with_own_stems([Script("", stem, ()) for stem in ("a", "a", "a-2", "a", "a-2")])
    assert [one.stem for one in named] == ["a", "a-3", "a-2", "a-4", "a-2-2"]


def test_subtitles_and_plot(tts: Any) -> None:
    done = tts(TEXT, "-o", "a.wav", "--subtitles", "srt", "--plot")
    assert done.code == 0, done.err
    text = Path("a.srt").read_text()
    assert text.startswith("1\n00:00:00,000 --> ") and text.count("-->") == 3 and "It is noon now!" in text
    assert Image.open("a.png").width > 600
    assert tts(TEXT, "-o", "b.wav", "--subtitles", "vtt").code == 0 and "<00:00:" in Path("b.vtt").read_text()
    assert tts(TEXT, "-o", "c.wav", "--subtitles", "json").code == 0
    said = json.loads(Path("c.json").read_text())["sentences"]
    assert [one["text"] for one in said[0]["words"]] == ["hello", "there"] and len(said) == 3
    assert said[-1]["end"] == pytest.approx(len(sound("c.wav")) / RATE, abs=1e-3)


def test_srt_is_said_in_its_times(tts: Any) -> None:
    Path("film.srt").write_text("1\n00:00:00,500 --> 00:00:01,000\nHello.\n\n2\n00:00:03,000 --> 00:00:04,000\nGood day.\n")
    done = tts("--from", "film.srt", "-o", "film.wav", "--subtitles", "json", "--seed", 1)
    assert done.code == 0, done.err
    said = json.loads(Path("film.json").read_text())["sentences"]
    assert [round(one["start"], 2) for one in said] == [0.5, 3.0]


def test_a_stream_is_the_sound_as_it_is_made(tts: Any) -> None:
    done = tts("Hello there. Good day.", "-o", "-", "--seed", 1)
    assert done.code == 0, done.err
    assert done.stdout[:4] == b"RIFF" and done.stdout[40:44] == b"\xff\xff\xff\xff"
    raw = tts("Hello there. Good day.", "-o", "-", "--seed", 1, "--format", "raw")
    assert raw.stdout == done.stdout[44:]
    assert tts("Hello there. Good day.", "-o", "file.wav", "--seed", 1).code == 0
    streamed, written = np.frombuffer(raw.stdout, "<i2").astype(int), soundfile.read("file.wav", dtype="int16")[0]
    assert np.abs(streamed - written).max() <= 1
    assert tts("Hello.", "-o", "-", "--plot").code == 2 and tts("Hello.", "-o", "-", "--json").code == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_where_it_stopped(how: signal.Signals, tts: Any, own_folders: Path, tmp_path: Path) -> None:
    assert tts("Warm up.", "-o", "warm.wav").code == 0, "the voice is here now"
    Path("book.txt").write_text(" ".join(f"Sentence number {number} is here." for number in ("one", "two", "three") * 20))
    whole = tts("--from", "book.txt", "-o", "whole.wav", "--seed", 5, "--subtitles", "json")
    assert whole.code == 0, whole.err
    words = ["tts", "--from", "book.txt", "-o", "book.wav", "--model", "tiny", "--device", "cpu", "--subtitles", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "genkit", *words, "--seed", "5"],
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    hidden = Unfinished(Path("book.wav"))
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None and sum(1 for _ in hidden.sentences()) < 5:
        time.sleep(0.02)
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130 and b"sentence in hand" in told and b"--resume" in told and b"Traceback" not in told
    count = sum(1 for _ in hidden.sentences())
    assert 5 <= count < 60 and not Path("book.wav").exists()
    with hidden.sound.open("ab") as torn, hidden.journal.open("ab") as line:  # as a kill in the midst of writing leaves them
        torn.write(b"\x01" * 7)
        line.write(b'{"passage": 0, "rest"')
    refused = tts("--from", "book.txt", "-o", "book.wav", "--subtitles", "json")
    assert refused.code == 2 and f"{count} utterances" in refused.err and "--resume" in refused.err
    went_on = tts("--from", "book.txt", "-o", "book.wav", "--subtitles", "json", "--resume")  # its seed is taken up
    assert went_on.code == 0 and f"goes on after {count} utterances" in went_on.err, went_on.err
    assert np.array_equal(sound("book.wav"), sound("whole.wav"))
    assert Path("book.json").read_text() == Path("whole.json").read_text()
    assert not hidden.sound.exists() and not hidden.journal.exists()


def test_ssml_errors_name_the_tag(tts: Any) -> None:
    done = tts("<speak>Hello <break time='1s'/> there.</speak>", "--ssml", "-o", "a.wav", "--seed", 1)
    assert done.code == 0, done.err
    assert tts("Hello there.", "-o", "b.wav", "--seed", 1).code == 0 and len(sound("a.wav")) > len(sound("b.wav")) + RATE * 0.8
    wrong = tts("<speak>Hello <blink>there</blink>.</speak>", "--ssml", "-o", "c.wav")
    assert wrong.code == 2 and "blink" in wrong.err


def test_markup_is_checked_to_its_end_before_a_word_is_said(tts: Any) -> None:
    good = "<speak>\n" + "<s>Hello there.</s>\n" * 50
    for bad, names in (
        ('<say-as interpret-as="date">soon</say-as>', ("say-as", "line 52")),
        ("<blink>x</blink>", ("<blink>", "line 52")),
        ('<prosody pitch="high">up</prosody>', ("<prosody> at line 52", "tiny has one pitch")),
        ('<prosody rate="450%">up</prosody>', ("line 52", "4.5 times")),
        ("[[HH AH0 X]]", ("line 52", "X is no ARPAbet")),
        ("[[HH AH0]]", ("[[...]] (the first at line 52", "tiny takes no phonemes", "models with it")),
    ):
        Path("marked.txt").write_text(good + bad + "\n</speak>\n")
        done = tts("--from", "marked.txt", "--ssml", "-o", "a.wav", "--seed", 1)
        assert done.code == 2 and all(one in done.err for one in names), done.err
        assert [path.name for path in Path().iterdir()] == ["marked.txt"]
    plain = tts("One line.\nAnd [[K AE1 Q]] there.", "-o", "a.wav")
    assert plain.code == 2 and "line 2" in plain.err and "Q is no" in plain.err


@pytest.mark.parametrize(
    ("text", "language"),
    [("Guten Morgen.", "de"), ("Buenos días, señora.", "es"), ("Good morning.", None), ("Hello world!", None)],
)
def test_a_short_text_in_another_language_is_doubted(tts: Any, text: str, language: str | None) -> None:
    done = tts(text, "-o", "g.wav", "--seed", 1)
    assert done.code == 0 and ("may be in another language" in done.err) == (language is not None), done.err
    assert language is None or f"({language})" in done.err


def test_single_foreign_words_do_not_stop_a_text(tts: Any) -> None:
    text = " ".join(["This is a sentence of an English book."] * 5)
    done = tts(text + " She said «Сегодня» and 今日, and ʃɪp.", "-o", "a.wav", "--seed", 1, "--subtitles", "json")
    assert done.code == 0 and done.err.count("2 words are in another script") == 1 and "Сегодня, 今日" in done.err, done.err
    words = [one["text"] for one in json.loads(Path("a.json").read_text())["sentences"][-1]["words"]]
    assert "segodnya" in words and "今日" not in words
    stream = tts(text + " Сегодня.", "-o", "-", "--seed", 1)
    assert stream.code == 0 and "1 word is in another script" in stream.err
    mainly = tts(text + " " + "Сегодня отличная погода. " * 9, "-o", "b.wav")
    assert mainly.code == 2 and "mms-tts-rus" in mainly.err and "Сегодня" in mainly.err and not Path("b.wav").exists()


def test_a_chapter_in_another_language_is_told_of(tts: Any) -> None:
    german = "Der Hund und die Katze sind nicht auf dem Sofa, sie sind im Garten und schlafen."
    english = "The dog and the cat are not on the sofa, they are in the garden and they sleep. " * 3
    Path("book.md").write_text(f"# One\n\n{english}\n\n# Zwei\n\n{german}\n\n# Three\n\n{english}\n")
    done = tts("--from", "book.md", "-o", "a.wav", "--dry-run")
    assert done.code == 0 and "1 part seems to be in another language than tiny speaks: Zwei (de)" in done.err, done.err


def test_letters_that_a_voice_does_not_know_are_counted(hub: FakeHub, own_folders: Path, tmp_path: Path, genkit: Run) -> None:
    tiny_voices.publish(hub, "maker/few", tiny_voices.vits(tmp_path / "few", "_abcdefghilmnoprstu' -"))
    name = tiny_voices.card(own_folders, hub, "few", "mms-tts-eng", "maker/few")
    done = genkit("tts", "A naïve fox. A fox in a box.", "-o", "a.wav", "--model", name, "--seed", 1, "--device", "cpu")
    assert done.code == 0 and "few has no sound for 4 words or signs" in done.err and "fox, naïve, box" in done.err, done.err
    clean = genkit("tts", "A cafè.", "-o", "b.wav", "--model", name, "--seed", 1, "--device", "cpu")
    assert clean.code == 0 and "no sound" not in clean.err, clean.err


def test_voices_are_listed_by_language(tts: Any, genkit: Run) -> None:
    listed = genkit("tts", "--list-voices", "--language", "ru")
    assert listed.code == 0 and "mms-tts-rus" in listed.out and "mms-tts-deu" not in listed.out, listed.err
    assert genkit("tts", "--list-voices", "--language", "xx").code == 2
    assert [one["event"] for one in genkit("tts", "--list-voices", "--json").events][-1] == "done"


def test_a_dry_run_and_events(tts: Any) -> None:
    planned = tts("Hello there.", "--dry-run", "--json")
    assert planned.code == 0 and planned.events[1] | {"format": "WAV", "output": "hello-there.wav"} == planned.events[1]
    done = tts("Hello there.", "--json", "--seed", 1)
    made = next(one for one in done.events if one["event"] == "done-item")
    assert made["sound_s"] > 0 and made["format"] == "WAV" and done.events[-1]["done"] == 1


def test_the_python_function(tts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import genkit as api

    assert tts("Hello there. Good day.", "-o", "a.wav", "--seed", 3).code == 0
    made, rate = api.tts("Hello there. Good day.", model="tiny", seed=3, device="cpu")
    assert rate == RATE and np.abs(made - sound("a.wav")).max() < 1e-3
    path = api.tts("Hello there.", "b.flac", model="tiny", device="cpu")
    assert soundfile.info(path).format == "FLAC"
    with pytest.raises(api.UsageError, match="another script"):
        api.tts("Привет, как дела?", model="tiny", device="cpu")


def test_a_call_made_of_values_writes_what_the_command_writes(tts: Any) -> None:
    from genkit.run.call import Call, carry_out, from_values
    from genkit.run.report import StreamReporter
    from genkit.verbs.tts.verb import Tts

    def reporter() -> StreamReporter:
        return StreamReporter(as_json=False, quiet=True, verbose=False)

    assert tts(TEXT, "-o", "a.wav", "--seed", 3, "--speed", 1.5, "--lufs", -20).code == 0
    values = {"text": TEXT, "output": "b.wav", "model": "tiny", "device": "cpu", "seed": 3, "speed": 1.5, "lufs": -20}
    call = from_values(Tts, values)
    assert carry_out(call, reporter()).exit_code == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    again = from_values(Tts, {key: value for key, value in call.to_data().items() if key != "verb"} | {"output": "c.wav"})
    assert again == Call(call.verb, replace(call.run, output="c.wav"))


def test_samples_in_memory_are_those_of_the_file(tts: Any) -> None:
    import genkit as api
    from genkit.media.sound.audio import to_bytes

    assert tts(TEXT, "-o", "a.wav", "--seed", 3, "--rate", 22_050, "--lufs", -30).code == 0
    made, rate = api.tts(TEXT, model="tiny", device="cpu", seed=3, rate=22_050, lufs=-30)
    assert rate == 22_050 and made.dtype == np.float32
    assert to_bytes(made, 16) == soundfile.read("a.wav", dtype="int16")[0].tobytes()
    path = api.tts(TEXT, "b.wav", model="tiny", device="cpu", seed=3, rate=22_050, lufs=-30)
    assert path.read_bytes() == Path("a.wav").read_bytes()
    first, second = (api.tts(TEXT, model="tiny", device="cpu")[0] for _ in range(2))
    assert len(first) != len(second) or not np.array_equal(first, second), "without a seed each is another reading"
    with pytest.raises(api.UsageError, match="--subtitles lies beside a file"):
        api.tts("Hello.", model="tiny", device="cpu", subtitles="srt")


def test_pronunciations_may_be_given_without_a_file(genkit: Run) -> None:
    import genkit as api

    Path("words.lex").write_text("genkit  JH EH1 N K IH2 T\n")
    text, phonemes = "It is genkit.", ("JH", "EH1", "N", "K", "IH2", "T")
    filed = api.tts(text, device="cpu", lexicon="words.lex")[0]
    given = api.tts(text, device="cpu", lexicon={"GenKit": phonemes})[0]
    assert np.array_equal(given, filed) and not np.array_equal(api.tts(text, device="cpu")[0], filed)
    with pytest.raises(api.UsageError, match="Q is no ARPAbet"):
        api.tts(text, device="cpu", lexicon={"genkit": "Q"})
    api.tts(text, "a.wav", device="cpu", lexicon={"genkit": phonemes})
    lost = genkit("replay", "a.wav", "-o", "b.wav", "--device", "cpu")
    assert lost.code == 2 and "--file lexicon=PATH" in lost.err, lost.err
    Path("words.lex").rename("lexicon.lex")  # it would be this very file
    again = genkit("replay", "a.wav", "-o", "b.wav", "--device", "cpu")
    assert again.code == 0 and "sha256" not in again.err, again.err
    assert np.array_equal(soundfile.read("a.wav")[0], soundfile.read("b.wav")[0])


def test_what_plays_is_looked_for_before_anything_is_said(tts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    players = {"aplay": "/usr/bin/aplay"}
    monkeypatch.setattr("genkit.verbs.tts.stream.shutil.which", players.get)
    refused = tts("Hello.", "--play", "-o", "a.mp3")
    assert refused.code == 2 and "no player of mp3" in refused.err and "aplay" not in refused.err, refused.err
    both = tts("Hello.", "--play", "-o", "-")
    assert both.code == 2 and "contradict" in both.err
    players.clear()
    none = tts("Hello.", "--play")
    assert none.code == 2 and "no player is installed" in none.err and not list(Path().iterdir())


def test_what_is_written_is_played_and_a_plan_is_not(tts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from genkit.verbs.tts import stream

    player = tmp_path / "player"
    player.write_text(f"#!/bin/sh\ncat > {tmp_path}/heard\n")
    player.chmod(0o755)
    monkeypatch.setattr(stream, "find_player", lambda format: [str(player)])
    assert tts("Hello there.", "--play", "-o", "out/a.wav", "--dry-run").code == 0 and not (tmp_path / "heard").exists()
    assert tts("Hello there.", "--play", "-o", "out/a.wav", "--seed", 1).code == 0
    assert (tmp_path / "heard").read_bytes() == Path("out/a.wav").read_bytes()
    assert tts("Hello there.", "--play", "--seed", 1).code == 0 and not Path("hello-there.wav").exists()
    assert (tmp_path / "heard").read_bytes()[40:44] == b"\xff\xff\xff\xff", "as it is made"


def test_words_that_begin_with_a_dash_are_told_the_way_out(genkit: Run) -> None:
    refused = genkit("tts", "-5 degrees outside")
    assert refused.code == 2 and 'genkit tts -- "-5 degrees outside"' in refused.err


FILM = "1\n00:00:00,000 --> 00:00:05,000\nHello there.\n"


def test_subtitles_and_plots_replace_nothing_of_the_users(tts: Any) -> None:
    for name in ("film.srt", "second.srt"):
        Path(name).write_text(FILM)
    for more in ((), ("--resume",), ("--overwrite",)):
        for words in (("--from", "film.srt"), ("--from", "film.srt", "--from", "second.srt")):
            refused = tts(*words, "--subtitles", "srt", *more)
            assert refused.code == 2 and "would replace --from film.srt" in refused.err, refused.err
            assert "--overwrite" not in refused.err and Path("film.srt").read_text() == FILM
    assert tts("--from", "film.srt", "--subtitles", "srt", "--number").lines == ["film_2.wav"]
    assert Path("film_2.srt").is_file() and not Path("film.wav").exists()
    Path("0001-hello.json").write_text("Hello.")
    assert tts("--from", "0001-hello.json", "--split", "--subtitles", "json", "--overwrite").code == 2
    for option, name in (("--subtitles=srt", "hello.srt"), ("--plot", "hello.png")):
        Path(name).write_text("mine")
        refused = tts("Hello", "-o", "hello.wav", option, "--resume")
        assert refused.code == 1 and f"{name}: is there already, and was not made by genkit" in refused.err
        assert Path(name).read_text() == "mine" and not Path("hello.wav").exists()
    assert tts("Hello", "-o", "hello.wav", "--seed", 1).code == 0  # one of ours beside somebody else's subtitles
    assert tts("Hello you", "-o", "hello.wav", "--subtitles", "srt", "--seed", 1, "--resume").code == 1
    assert Path("hello.srt").read_text() == "mine"


def test_a_sound_and_its_subtitles_are_made_anew_together(tts: Any) -> None:
    words = ("-o", "a.wav", "--subtitles", "srt", "--plot", "--seed", 1)
    assert tts("Hello", *words).code == 0
    before = {name: Path(name).read_bytes() for name in ("a.srt", "a.png", "a.wav")}
    again = tts("Hello you", *words, "--resume")
    assert again.code == 0 and "1 made with other options is made anew" in again.err
    assert all(Path(name).read_bytes() != data for name, data in before.items())
    Path("a.srt").write_text(Path("a.srt").read_text() + "by hand")
    assert tts("Hello", *words, "--resume").code == 1 and "by hand" in Path("a.srt").read_text()


@pytest.mark.parametrize("last", ["a.srt", "a.wav"])
def test_a_kill_between_a_sound_and_its_subtitles_makes_none_twice(
    tts: Any, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def last_act(source: object, target: object) -> None:
        replace(source, target)
        if str(target).endswith(last):
            raise KeyboardInterrupt  # the process ends here

    words = ("Hello there.", "-o", "a.wav", "--subtitles", "srt", "--seed", 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", last_act)
        patch.setattr("genkit.run.batch.WRITERS", 0)
        patch.setattr(
            "genkit.run.batch._Run._process",
            lambda run, process, place, item, loaded, weight: run._write(item, process(item, loaded)),
        )
        assert tts(*words).code == 130
    made = Path("a.srt").stat()
    again = tts(*words, "--resume", "--json")
    assert again.code == 0, again.err
    assert again.events[-1]["done"] == int(last == "a.srt")
    now = Path("a.srt").stat()
    assert (now.st_ino, now.st_mtime_ns) == (made.st_ino, made.st_mtime_ns) and sound("a.wav").any()
    assert not list(Path().glob(".a.wav*"))


def test_a_plan_of_speech_knows_its_time_once_the_voice_has_spoken(tts: Any) -> None:
    assert "has not run here yet" in tts("Hello", "--dry-run").err
    assert tts("Hello there.", "-o", "a.wav").code == 0
    assert "time: about" in tts("Hello", "--dry-run").err


def test_a_device_takes_speech_as_a_stream(tts: Any) -> None:
    done = tts("Hello there.", "-o", "/dev/null")
    assert done.code == 0 and done.lines == [] and not list(Path("/dev").glob(".null*"))
    assert tts("Hello there.", "-o", "/dev/null", "--format", "raw").code == 0
    refused = tts("Hello there.", "-o", "/dev/null", "--subtitles", "srt")
    assert refused.code == 2 and "--subtitles needs the whole sound" in refused.err
