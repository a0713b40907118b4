"""Resuming, interrupts and kills: outputs are whole or absent, none made twice, none missing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run, environment
from PIL import Image

from genkit.run import journal

Save = Callable[..., Path]
Start = Callable[..., subprocess.Popen[bytes]]

FORMATS = ("png", "jpg", "webp", "tif", "bmp")


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return tmp_path


@pytest.fixture
def upscale(genkit: Run, tiny: str) -> Run:
    return lambda *arguments, **options: genkit("upscale", *arguments, "--model", tiny, **options)


def made(events: list[dict]) -> list[str]:
    return [event["input"] for event in events if event["event"] == "done-item"]


# --- what counts as done --------------------------------------------------------------------------------------------------


def test_resume_passes_over_what_is_whole_and_the_same(upscale: Run, picture: Save):
    for suffix in FORMATS:
        picture(Path(f"in/{suffix}.{suffix}"))
    assert upscale("in", "-o", "out").code == 0
    times = {path: path.stat().st_mtime_ns for path in Path("out").iterdir()}
    again = upscale("in", "-o", "out", "--resume", "--json")
    assert again.code == 0 and made(again.events) == []
    assert again.events[-1]["skipped"] == len(FORMATS)
    assert {path: path.stat().st_mtime_ns for path in Path("out").iterdir()} == times
    assert "5 skipped (already made)" in upscale("in", "-o", "out", "--resume").err


def test_resume_makes_again_what_another_input_or_option_made(upscale: Run, picture: Save):
    for name in ("a.png", "b.png", "c.bmp"):
        picture(Path("in") / name)
    upscale("in", "-o", "out")
    picture(Path("in/b.png"), seed=9)
    assert made(upscale("in", "-o", "out", "--resume", "--json").events) == ["in/b.png"]
    assert made(upscale("in", "-o", "out", "--resume", "--scale", "3", "--json").events) == ["in/a.png", "in/b.png", "in/c.bmp"]
    assert made(upscale("in", "-o", "out", "--resume", "--scale", "3", "--json").events) == []
    # Tiles do not change the result, so they do not make it new; quality does, where the format has it.
    assert made(upscale("in", "-o", "out", "--resume", "--scale", "3", "--tile", "16", "--json").events) == []
    picture(Path("in/d.jpg"))
    words = ("in", "-o", "out", "--resume", "--scale", "3", "--json")
    assert made(upscale(*words).events) == ["in/d.jpg"]
    assert made(upscale(*words, "--quality", "50").events) == ["in/d.jpg"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_resume_makes_again_what_is_cut_short(upscale: Run, picture: Save, suffix: str):
    picture(Path(f"in/a.{suffix}"), 64, 64)
    upscale("in", "-o", "out")
    target = Path(f"out/a.{suffix}")
    whole = target.read_bytes()
    for part in (0.5, 0.98):
        target.write_bytes(whole[: int(len(whole) * part)])
        outcome = upscale("in", "-o", "out", "--resume", "--json")
        assert made(outcome.events) == [f"in/a.{suffix}"], outcome.out
        assert target.read_bytes() == whole


def test_resume_never_replaces_a_file_that_genkit_did_not_make(upscale: Run, picture: Save):
    picture(Path("in/a.png"))
    mine = picture(Path("out/a.png"), seed=7).read_bytes()
    outcome = upscale("in", "-o", "out", "--resume")
    assert outcome.code == 1 and "was not made by genkit" in outcome.err and Path("out/a.png").read_bytes() == mine
    assert upscale("in", "-o", "out", "--resume", "--overwrite").code == 0
    assert Path("out/a.png").read_bytes() != mine


@pytest.mark.parametrize("content", [b"my notes", b"jpeg and a film behind it", b"BM of another program"])
def test_resume_never_replaces_what_it_cannot_read(upscale: Run, picture: Save, content: bytes):
    suffix = "bmp" if content.startswith(b"BM") else "jpg"
    picture(Path(f"in/a.{suffix}"))
    mine = picture(Path(f"out/a.{suffix}"), seed=7)
    mine.write_bytes((mine.read_bytes() if b"film" in content else b"") + content.replace(b"BM of", b"BM\0\0\0\0"))
    before = mine.read_bytes()
    outcome = upscale("in", "-o", "out", "--resume")
    assert outcome.code == 1 and "was not made by genkit" in outcome.err and mine.read_bytes() == before


def test_resume_with_strip_metadata_makes_again_what_has_metadata(upscale: Run, picture: Save):
    picture(Path("in/a.jpg"))
    upscale("in", "-o", "out")
    assert made(upscale("in", "-o", "out", "--resume", "--strip-metadata", "--json").events) == ["in/a.jpg"]
    assert b"genkit" not in Path("out/a.jpg").read_bytes()
    assert made(upscale("in", "-o", "out", "--resume", "--json").events) == ["in/a.jpg"]


def test_a_kill_behind_the_output_leaves_one_that_resume_knows(upscale: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    picture(Path("in/a.png"))
    replace = os.replace

    def last_act(source: object, target: object) -> None:
        replace(source, target)
        if str(target).endswith("a.png"):
            raise KeyboardInterrupt  # the process ends here

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", last_act)
        patch.setattr("genkit.run.batch.WRITERS", 0)  # write in this thread, where the end can be seen
        patch.setattr(
            "genkit.run.batch._Run._process", lambda run, process, place, item, loaded, weight: run._write(item, loaded)
        )
        assert upscale("in", "-o", "out", "--strip-metadata", "--sidecar").code == 130
    assert Path("out/a.png").exists() and Path("out/a.png.json").exists()
    again = upscale("in", "-o", "out", "--strip-metadata", "--sidecar", "--resume", "--json")
    assert again.code == 0 and made(again.events) == []


def test_a_sidecar_replaces_nothing_of_the_users(upscale: Run, picture: Save):
    picture(Path("in/a.png"))
    Path("out").mkdir()
    mine = Path("out/a.png.json")
    mine.write_text('{"title": "mine"}')
    stopped = upscale("in", "-o", "out", "--sidecar")
    assert stopped.code == 2 and "a.png.json" in stopped.err and not Path("out/a.png").exists()
    assert upscale("in", "-o", "out", "--sidecar", "--resume").code == 1 and "mine" in mine.read_text()
    assert upscale("in", "-o", "out", "--sidecar", "--overwrite").code == 0 and "upscale" in mine.read_text()
    assert upscale("in", "-o", "out", "--sidecar", "--resume").code == 0


def test_a_journal_that_cannot_be_written_fails_the_output(upscale: Run, picture: Save):
    picture(Path("in/a.bmp"))
    (Path("out") / journal.NAME).mkdir(parents=True)
    outcome = upscale("in", "-o", "out")
    assert outcome.code == 1 and journal.NAME in outcome.err and "bug" not in outcome.err
    assert not Path("out/a.bmp").exists()


def test_the_journal_serves_where_there_is_no_recipe(upscale: Run, picture: Save):
    for name in ("a.png", "b.bmp"):
        picture(Path("in") / name)
    upscale("in", "-o", "out", "--strip-metadata")
    assert len((Path("out") / journal.NAME).read_text().split()) > 0
    assert made(upscale("in", "-o", "out", "--strip-metadata", "--resume", "--json").events) == []
    # A killed run may tear the last line: what is before and after it still counts.
    with (Path("out") / journal.NAME).open("a") as file:
        file.write('{"name": "b.b')
    picture(Path("in/c.png"))
    assert made(upscale("in", "-o", "out", "--strip-metadata", "--resume", "--json").events) == ["in/c.png"]
    assert made(upscale("in", "-o", "out", "--strip-metadata", "--resume", "--json").events) == []
    os.utime("out/b.bmp")  # another file under the old name, as far as the journal can tell
    assert "was not made by genkit" in upscale("in", "-o", "out", "--strip-metadata", "--resume").err
    (Path("out") / journal.NAME).write_bytes(b"\xff\0[1]\n{}\nnull\n")
    assert upscale("in", "-o", "out", "--strip-metadata", "--resume").code == 1


def test_show_and_replay_read_the_journal_too(upscale: Run, genkit: Run, picture: Save):
    picture(Path("a.bmp"))
    upscale("a.bmp")
    assert "genkit upscale a.bmp --model tiny" in genkit("show", "a_x2.bmp").out
    assert genkit("replay", "a_x2.bmp").code == 0
    assert Path("a_x2-replay.bmp").read_bytes() == Path("a_x2.bmp").read_bytes()


def test_wholeness_of_foreign_bytes():
    for content in (
        b"",
        b"text",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x10\0\0\0WEBP",
        b"BM\0\0\0\0",
        b"II*\0\x08\0\0\0",
    ):
        Path("x").write_bytes(content)
        assert not journal.is_whole(Path("x"))


# --- interrupts -----------------------------------------------------------------------------------------------------------


def fill(folder: str, count: int, picture: Save) -> list[Path]:
    return [picture(Path(folder) / f"{number:02}.{FORMATS[number % 3]}", 40, 30, seed=number) for number in range(count)]


def wait_for_output(process: subprocess.Popen[bytes], count: int) -> list[bytes]:
    assert process.stdout is not None
    return [process.stdout.readline() for _ in range(count)]


def wait_for_start(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    while b'"start"' not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]  # it has ended


def test_ctrl_c_finishes_the_file_in_hand_and_says_how_to_go_on(start_echo: Start, picture: Save):
    fill("in", 12, picture)
    process = start_echo("upscale", "in", "-o", "out", seconds=0.1)
    wait_for_output(process, 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"--resume" in err and b"left" in err and b"Traceback" not in err
    done = sorted(Path("out").iterdir())
    assert 2 <= len(done) < 12 and not [path for path in done if path.suffix == ".part"]
    assert 2 + len(out.splitlines()) == len(done)
    rest = start_echo("upscale", "in", "-o", "out", "--resume")
    out, err = rest.communicate(timeout=60)
    assert rest.returncode == 0 and len(out.splitlines()) == 12 - len(done), err


def test_the_second_ctrl_c_drops_everything_at_once(start_echo: Start, picture: Save):
    fill("in", 4, picture)
    process = start_echo("upscale", "in", "-o", "out", "--json", seconds=30)
    assert process.stdout is not None
    wait_for_start(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - begun < 5
    assert b"Traceback" not in err and not list(Path("out").glob("*"))


def test_the_second_ctrl_c_leaves_networks_in_the_midst_of_their_work(picture: Save):
    """Several workers inside C++ code: the interpreter's own end would abort the process."""
    for number in range(8):
        picture(Path(f"in/{number}.png"), 800, 600, seed=number)
    command = [sys.executable, "-m", "genkit", "upscale", "in", "-o", "out", "--json", "--device", "cpu"]
    process = subprocess.Popen(command, env=environment() | {"OMP_NUM_THREADS": "2"}, stdout=-1, stderr=-1)
    assert process.stdout is not None
    wait_for_start(process)
    time.sleep(1)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and not err


def test_json_says_it_was_interrupted(start_echo: Start, picture: Save):
    fill("in", 8, picture)
    process = start_echo("upscale", "in", "-o", "out", "--json", seconds=0.2)
    wait_for_output(process, 3)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    last = json.loads(out.splitlines()[-1])
    assert last["event"] == "done" and last["exit"] == 130 and last["left"] > 0


def test_a_reader_that_goes_away_ends_it_quietly(start_echo: Start, picture: Save):
    fill("in", 12, picture)
    process = start_echo("upscale", "in", "-o", "out", seconds=0.05)
    wait_for_output(process, 1)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) != 0
    err = process.stderr.read()
    assert b"Traceback" not in err and b"Exception ignored" not in err
    assert len(list(Path("out").iterdir())) < 12


# --- kills ----------------------------------------------------------------------------------------------------------------


def kill_and_resume(moments: list[float], start_echo: Start, picture: Save) -> None:
    """Kill a batch at each moment (seconds after it starts) with --resume in between, then let it end; check the whole."""
    inputs = fill("in", 24, picture)
    reported: list[str] = []
    for moment in moments:
        process = start_echo("upscale", "in", "-o", "out", "--resume", "--json", seconds=0.01)
        time.sleep(moment)
        process.kill()
        out, err = process.communicate()
        assert b"Traceback" not in err, err
        reported += made([json.loads(line) for line in out.splitlines() if line.endswith(b"}")])
        for path in Path("out").glob("[!.]*") if Path("out").exists() else ():
            assert journal.is_whole(path)
    process = start_echo("upscale", "in", "-o", "out", "--resume", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    last = made([json.loads(line) for line in out.splitlines()])
    # An output that was told as made is never made again.
    assert len(set(reported)) == len(reported) and not set(reported) & set(last)
    outputs = {path.name for path in Path("out").iterdir() if not path.name.startswith(".")}
    assert outputs == {path.name for path in inputs}
    assert not list(Path("out").glob("*.part")) and not list(Path("out").glob(".genkit-*.part"))
    for path in inputs:
        with Image.open(Path("out") / path.name) as image:
            assert image.size == (160, 120)
            image.load()


def test_killed_at_ten_random_moments(start_echo: Start, picture: Save):
    rng = random.Random()  # not the fixed seed: another ten moments each time
    seed = rng.randrange(2**32)
    print("seed", seed)
    rng.seed(seed)
    kill_and_resume([rng.uniform(0.3, 1.2) for _ in range(10)], start_echo, picture)


@pytest.mark.slow
def test_killed_at_fifty_random_moments(start_echo: Start, picture: Save):
    rng = random.Random(50)
    for _ in range(5):
        kill_and_resume([rng.uniform(0.2, 1.0) for _ in range(10)], start_echo, picture)
        for path in [*Path("out").iterdir(), *Path("in").iterdir()]:
            path.unlink()


def test_leftovers_of_dead_processes_are_swept_and_others_stay(upscale: Run, picture: Save):
    picture(Path("in/a.png"))
    Path("out").mkdir()
    process = subprocess.Popen(["true"], env=environment())
    process.wait()
    dead = Path("out") / f".genkit-{process.pid}-{'0' * 12}.part"
    living = Path("out") / f".genkit-{os.getppid()}-{'0' * 12}.part"
    dead.touch()
    living.touch()
    outcome = upscale("in", "-o", "out")
    assert outcome.code == 0 and not dead.exists() and living.exists()
    assert "unfinished output" in outcome.err


# --- memory ---------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the system does not tell a child's peak memory")
def test_memory_does_not_grow_with_the_number_of_files(start_echo: Start, picture: Save):
    source = picture(Path("one.jpg"), 400, 300).read_bytes()
    peaks = []
    for count in (15, 75):
        folder = Path(f"in{count}")
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.jpg").write_bytes(source)
        process = start_echo("upscale", folder, "-o", f"out{count}", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0 and len(list(Path(f"out{count}").iterdir())) == count
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < 1.15 * peaks[0], peaks
