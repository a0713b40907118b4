"""Films as inputs of the picture verbs: frames, times, sound, colours; through the real command line and a network that repeats
pixels."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import film_clips as films
import numpy as np
import pytest
from conftest import Run, environment
from PIL import Image

from genkit.media.film import facts

DATA = os.environ.get("GENKIT_DATA")
Start = Any


@pytest.fixture
def echo(tiny: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[np.ndarray]:
    """Upscaling by 2 that repeats pixels; what it was given is listed."""
    import genkit.models
    import genkit.runtime
    from genkit.run import session
    from genkit.verbs.upscale import task

    seen: list[np.ndarray] = []

    def enlarge(model: Any, pixels: Any, alpha: Any, options: Any, notify: Any) -> Any:
        seen.append(pixels)
        return tuple(None if one is None else one.repeat(2, 0).repeat(2, 1) for one in (pixels, alpha))

    place = SimpleNamespace(device=SimpleNamespace(type="echo"), dtype="float32", fallback=False, engine="torch")
    monkeypatch.setattr(genkit.runtime, "choose", lambda *_: place)
    monkeypatch.setattr(genkit.models, "load_model", lambda *_, **__: SimpleNamespace(stochastic=False, pixel_bytes=0))
    monkeypatch.setattr(genkit.runtime, "free_memory", lambda *_: 1 << 30)
    monkeypatch.setattr(session, "DEFAULT", session.Session())
    monkeypatch.setattr(task, "upscale", enlarge)
    monkeypatch.chdir(tmp_path)
    return seen


def enlarge(genkit: Run, *arguments: object) -> Any:
    return genkit("upscale", "--model", "tiny", *arguments)


VARIABLE = (0, 20, 100, 110, 230, 240, 400, 401, 520, 700)
BT2020_PQ = (9, 16, 9, 1)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("variable.mp4", {"times": VARIABLE, "sounds": 2, "subtitles": True}),
        ("b-frames.mp4", {"options": {"bf": "3", "preset": "medium"}, "sounds": 1}),
        ("offset.mkv", {"times": [500 + at for at in VARIABLE], "sounds": 1}),
        ("turned.mp4", {"rotation": -90}),
        ("odd.mp4", {"size": (33, 31), "pix_fmt": "yuv444p"}),
        ("ten.mp4", {"codec": "libx265", "pix_fmt": "yuv420p10le", "size": (64, 64)}),
        ("hdr.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le", "size": (64, 64), "tags": BT2020_PQ}),
        ("full.mov", {"tags": (1, 1, 1, 2), "sounds": 1}),
    ],
)
def test_times_sound_and_colours_are_the_sources(name: str, made: dict[str, Any], echo: list[Any], genkit: Run):
    source = films.clip(Path(name), **made)
    done = enlarge(genkit, name, "-o", "out/")
    assert done.code == 0, done.err
    result = Path("out", name)
    assert films.shown(result) == films.shown(source)
    assert films.beside(result) == films.beside(source)
    before, after = facts.probe(source), facts.probe(result)
    assert (after.video.width, after.video.height) == (2 * before.video.width, 2 * before.video.height)
    assert after.video.rotation == before.video.rotation and after.video.bits == before.video.bits
    assert after.video.colour.words() | {"range": ""} == before.video.colour.words() | {"range": ""}
    assert (after.video.colour.range or 1) == (before.video.colour.range or 1)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.002)
    assert [one.language for one in after.streams] == [one.language for one in before.streams]
    assert after.chapters == before.chapters
    assert not list(Path("out").glob(".*"))


def test_pixels_arrive_upright_and_come_back_turned(echo: list[np.ndarray], genkit: Run):
    films.clip(Path("turned.mp4"), rotation=-90, times=[0, 40])
    assert enlarge(genkit, "turned.mp4", "-o", "out.mp4").code == 0
    assert echo[0].shape == (48, 32, 3)  # the square is right above, where the turned picture has it
    assert echo[0][4:6, 22:26].min() > 200
    with films.av.open("out.mp4") as film:
        frame = next(film.decode(video=0))
        assert (frame.width, frame.height, round(frame.rotation)) == (96, 64, -90)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "avif"])
def test_animations_keep_times_loop_and_transparency(suffix: str, echo: list[Any], genkit: Run):
    frames = [Image.fromarray(np.dstack([one, np.full(one.shape[:2], 255, np.uint8)])) for one in films.pictures(4, 40, 32)]
    holed = suffix in ("png", "webp", "gif")
    if holed:
        for one in frames:
            one.paste((0, 0, 0, 0), (0, 20, 10, 32))
    lasts = [100, 200, 50, 70]
    more = {"loop": 3} if suffix != "avif" else {}
    frames[0].save(f"a.{suffix}", save_all=True, append_images=frames[1:], duration=lasts, disposal=2, **more)
    done = enlarge(genkit, f"a.{suffix}", "-o", f"b.{suffix}")
    assert done.code == 0, done.err
    with Image.open(f"b.{suffix}") as image:
        assert image.size == (80, 64) and image.n_frames == 4  # type: ignore[attr-defined]
        found = []
        for number in range(4):
            image.seek(number)
            image.load()
            found.append(round(image.info["duration"]))
        assert found == lasts and image.info.get("loop", 3) == 3
        if holed:
            assert np.array(image.convert("RGBA"))[60, 4, 3] == 0
    assert genkit("show", f"b.{suffix}").code == 0
    assert "already made" in enlarge(genkit, f"a.{suffix}", "-o", f"b.{suffix}", "--resume", "--json").out


def test_the_same_picture_is_worked_on_once(echo: list[Any], genkit: Run):
    films.clip(Path("still.mp4"), still=True, options={"crf": "0"}, pix_fmt="yuv444p")
    assert enlarge(genkit, "still.mp4", "-o", "out.mp4").code == 0
    assert len(echo) == 1 and len(films.shown(Path("out.mp4"))) == 15


def test_a_part_begins_at_nothing_and_takes_its_sound_along(echo: list[Any], genkit: Run):
    source = films.clip(Path("a.mp4"), sounds=1)
    assert enlarge(genkit, "a.mp4", "-o", "part.mp4", "--begin", "0.2", "--end", "0:0.4").code == 0
    times = films.shown(source)
    wanted = [at - times[0] - Fraction(1, 5) for at in times if Fraction(1, 5) <= at - times[0] < Fraction(2, 5)]
    assert films.shown(Path("part.mp4")) == wanted and len(wanted) == 5
    whole = [data for _, data in films.beside(source)[0]]
    kept = [data for _, data in films.beside(Path("part.mp4"))[0]]
    assert 2 <= len(kept) < len(whole) and set(kept) <= set(whole)
    assert enlarge(genkit, "a.mp4", "-o", "three.mp4", "--frames", "2-4").code == 0
    assert len(films.shown(Path("three.mp4"))) == 3
    assert enlarge(genkit, "a.mp4", "-o", "none.mp4", "--frames", "99-").code == 1 and not Path("none.mp4").exists()


def test_a_constant_rate_drops_and_repeats(echo: list[Any], genkit: Run):
    films.clip(Path("a.mp4"), times=VARIABLE)
    assert enlarge(genkit, "a.mp4", "-o", "b.mp4", "--fps", "50").code == 0
    times = films.shown(Path("b.mp4"))
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {Fraction(1, 50)}
    assert 35 <= len(times) <= 38


def test_pictures_and_films_of_one_folder(echo: list[Any], genkit: Run, picture: Any):
    Path("in").mkdir()
    films.clip(Path("in/a.mp4"))
    picture(Path("in/b.png"))
    Path("in/program.ts").write_text("const film = 1;\n" * 30)  # TypeScript has MPEG's suffix
    assert enlarge(genkit, "in", "-o", "out/").code == 0
    assert sorted(one.name for one in Path("out").iterdir()) == ["a.mp4", "b.png"]
    assert enlarge(genkit, "in", "-o", "only/", "--only", "films").code == 0
    assert [one.name for one in Path("only").iterdir()] == ["a.mp4"]
    again = enlarge(genkit, "in", "-o", "out/", "--resume", "--json")
    assert [one["event"] for one in again.events].count("skipped") == 2


def test_numbered_pictures_are_a_film(echo: list[Any], genkit: Run):
    Path("row").mkdir()
    for number, pixels in enumerate(films.pictures(6, 20, 16), 8):
        Image.fromarray(pixels).save(f"row/{number:03}.png")
    for given in ("row/%03d.png", "row"):
        assert enlarge(genkit, given, "-o", "row.mp4", "--fps", "10", "--overwrite").code == 0
        assert films.shown(Path("row.mp4")) == [Fraction(one, 10) for one in range(6)]
    assert enlarge(genkit, "row", "-o", "pictures/").code == 0
    assert len(list(Path("pictures").glob("*.png"))) == 6


@pytest.mark.parametrize(
    ("name", "said"), [("a.webm", "encoded anew as opus"), ("a.mkv", ""), ("a.ts", ""), ("a.avi", ""), ("a.gif", "left out")]
)
def test_other_containers_hold_it_and_say_what_they_do_not(name: str, said: str, echo: list[Any], genkit: Run):
    films.clip(Path("a.mp4"), sounds=1)
    done = enlarge(genkit, "a.mp4", "-o", name)
    assert done.code == 0 and said in done.err, done.err
    assert len(films.shown(Path(name))) == 15
    assert "made by  genkit" in genkit("show", name).out
    assert "already made" in enlarge(genkit, "a.mp4", "-o", name, "--resume", "--json").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "a.webm", "--codec", "h264"], "WEBM holds no h264"),
        (["-o", "a.webm", "--audio", "copy"], "takes no aac sound"),
        (["-o", "b.mp4", "--begin", "soon"], "expected a time"),
        (["-o", "b.mp4", "--frames", "5-2"], "the smaller one first"),
        (["-o", "b.mp4", "--fps", "0"], "--fps 0"),
        (["-o", "b.mp4", "--pix-fmt", "yuv1"], "--pix-fmt yuv1"),
        (["-o", "b.mp4", "--codec", "av1", "--pix-fmt", "yuv444p"], "av1 is not written so"),
        (["-o", "b.jpg"], "is no film"),
        (["-o", "-"], "standard output"),
        (["clip.mp4", "--codec", "av2"], "--codec av2: expected one of h264"),
        (["clip.mp4", "--audio", "mp3"], "--audio mp3: expected one of copy"),
        (["clip.mp4", "--only", "sounds"], "--only sounds: expected one of pictures"),
    ],
)
def test_what_cannot_be_is_said_before_the_first_frame(words: list[str], said: str, echo: list[Any], genkit: Run):
    films.clip(Path("a.mp4"), sounds=1)
    done = enlarge(genkit, "a.mp4", *words)
    assert done.code == 2 and said in done.err, done.err
    assert not echo and [one.name for one in Path().iterdir()] == ["a.mp4"]


def test_hdr_is_refused_by_what_cannot_work_in_it(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    films.clip(Path("hdr.mp4"), codec="libx265", pix_fmt="yuv420p10le", size=(64, 64), tags=BT2020_PQ, times=[0, 40])
    done = genkit("colorize", "hdr.mp4", "-o", "b.mp4")
    assert done.code == 1 and "PQ (HDR)" in done.err and not Path("b.mp4").exists()


def test_probe_says_what_is_in_a_film_without_torch(tmp_path: Path):
    films.clip(tmp_path / "a.mp4", times=VARIABLE, sounds=2, subtitles=True, rotation=-90)
    code = "import sys; from genkit.cli.app import main; c = main(sys.argv[1:]); assert 'torch' not in sys.modules; sys.exit(c)"
    command = [sys.executable, "-c", code, "probe", "--json", str(tmp_path / "a.mp4"), str(tmp_path / "none.mp4")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    film, failed, last = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1, done.stderr
    assert (film["frames"], film["rotation"], film["variable"]) == (len(VARIABLE), 90, True)
    assert [one["codec"] for one in film["streams"]][:4] == ["h264", "aac", "aac", "mov_text"]
    assert failed["event"] == "failed" and last["event"] == "done"


def test_a_mask_for_each_frame(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of colour alone, so that no network decides: what is under each frame's own mask is all that changes."""
    monkeypatch.chdir(tmp_path)
    films.clip(Path("a.mkv"), codec="ffv1", pix_fmt="yuv444p", size=(64, 64), times=[0, 40, 80])
    Path("masks/a").mkdir(parents=True)
    for number in range(3):
        mask = np.zeros((64, 64), np.uint8)
        mask[40:48, 16 * number + 4 : 16 * number + 12] = 255
        Image.fromarray(mask).save(f"masks/a/{number + 1:02}.png")
    words = ("--grow", "0", "--feather", "0", "--texture", "0", "--codec", "ffv1")
    done = genkit("inpaint", "a.mkv", "--mask", "masks", "-o", "b.mkv", *words)
    assert done.code == 0, done.err
    with films.av.open("a.mkv") as before, films.av.open("b.mkv") as after:
        for number, (one, other) in enumerate(zip(before.decode(video=0), after.decode(video=0), strict=True)):
            moved = np.abs(one.to_ndarray(format="rgb24").astype(int) - other.to_ndarray(format="rgb24")).max(axis=2) > 6
            columns = np.flatnonzero(moved.any(axis=0))
            assert columns.size == 0 or (columns.min() >= 16 * number + 4 and columns.max() < 16 * number + 12)
    Path("masks/a/03.png").unlink()
    done = genkit("inpaint", "a.mkv", "--mask", "masks", "-o", "c.mkv", *words)
    assert done.code == 1 and "frame 3 has no picture in --mask" in done.err and not Path("c.mkv").exists()


def test_killed_and_resumed_it_is_the_same_file(start_echo: Start, tmp_path: Path):
    films.clip(tmp_path / "a.mp4", size=(32, 16), times=range(0, 260 * 40, 40), sounds=1)
    pieces = tmp_path / ".b.mp4.genkit-film"
    first = start_echo("upscale", "a.mp4", "-o", "whole.mp4", cwd=tmp_path)
    assert first.wait(60) == 0, first.stderr.read()
    for number in (1, 2):
        words = ("--resume",) if number > 1 else ()
        killed = start_echo("upscale", "a.mp4", "-o", "b.mp4", *words, seconds=0.01, cwd=tmp_path)
        deadline = time.monotonic() + 60
        while not (pieces / f"{number - 1:06}.piece").is_file() and time.monotonic() < deadline:
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert not (tmp_path / "b.mp4").exists() and len(list(pieces.glob("*.piece"))) == number
    last = start_echo("upscale", "a.mp4", "-o", "b.mp4", "--resume", "--json", cwd=tmp_path)
    out, _ = last.communicate(timeout=60)
    assert last.returncode == 0 and b"goes on behind the 200 frames" in out
    assert films.decoded(tmp_path / "b.mp4") == films.decoded(tmp_path / "whole.mp4")
    assert films.beside(tmp_path / "b.mp4") == films.beside(tmp_path / "whole.mp4")
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not pieces.exists()


def test_mutated_films_end_in_one_line_or_whole(echo: list[Any], genkit: Run):
    films.clip(Path("a.mp4"), sounds=1, times=[0, 40, 80, 120])
    films.clip(Path("b.mkv"), sounds=1, times=[0, 40, 80, 120])
    Image.fromarray(films.pictures(1, 40, 32)[0]).save(
        "c.gif", save_all=True, append_images=[Image.fromarray(one) for one in films.pictures(3, 40, 32)[1:]]
    )
    whole = {path: path.read_bytes() for path in map(Path, ("a.mp4", "b.mkv", "c.gif"))}
    for number in range(50):
        chance = random.Random(number)
        path = list(whole)[number % 3]
        data = bytearray(whole[path])
        if number % 5 == 4:
            del data[chance.randrange(len(data)) :]
        for _ in range(chance.randint(1, 30)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        broken, result = Path(f"m{number}{path.suffix}"), Path(f"r{number}{path.suffix}")
        broken.write_bytes(data)
        done = enlarge(genkit, broken, "-o", result)
        assert done.code in (0, 1, 2) and "bug" not in done.err and "Traceback" not in done.err, (number, done.err)
        assert result.exists() == (done.code == 0), (number, done.err)
        assert done.code == 0 or broken.name in done.err or result.name in done.err, (number, done.err)
        assert not [one for one in Path().glob(".*") if one.name != ".genkit-journal.jsonl"], number


CLIPS = ("mpeg2", "alpha", "hdr10")  # the others are as those that are made here


@pytest.mark.skipif(not DATA, reason="GENKIT_DATA does not say where video.zip lies")
def test_the_clips_of_others(echo: list[Any], genkit: Run, tmp_path: Path):
    import zipfile

    with zipfile.ZipFile(Path(str(DATA), "video.zip")) as archive:
        names = [one for one in archive.namelist() if one.startswith("made/") and any(word in one for word in CLIPS)]
        archive.extractall(tmp_path / "clips", names)
    done = enlarge(genkit, "clips", "-r", "-o", "out/", "--json")
    assert done.code == 0, done.out
    for name in names:
        source, result = tmp_path / "clips" / name, tmp_path / "out" / name
        assert films.shown(result) == films.shown(source), name
        assert films.beside(result) == films.beside(source), name
        before, after = facts.probe(source), facts.probe(result)
        assert after.duration_s == pytest.approx(before.duration_s, abs=0.01), name
        assert (after.video.colour.range or 1) == (before.video.colour.range or 1), name
        assert after.video.mastering == before.video.mastering, name
        assert after.video.alpha == before.video.alpha and after.video.bits == before.video.bits, name


def test_a_chain_takes_each_frame_through_all_steps(echo: list[np.ndarray], genkit: Run):
    source = films.clip(Path("a.mp4"), times=VARIABLE, sounds=2)
    done = genkit("run", "-c", "upscale -m tiny | upscale -m tiny -s 2", "a.mp4", "-o", "b.mp4")
    assert done.code == 0, done.err
    assert films.shown(Path("b.mp4")) == films.shown(source) and films.beside(Path("b.mp4")) == films.beside(source)
    film = facts.probe(Path("b.mp4"))
    assert (film.video.width, film.video.height) == (48 * 4, 32 * 4) and len(echo) == 2 * len(VARIABLE)
    assert "step 2" in genkit("show", "b.mp4").out
    again = genkit("run", "-c", "upscale -m tiny | upscale -m tiny -s 2", "a.mp4", "-o", "b.mp4", "--resume", "--json")
    assert "already made" in again.out


def test_python_takes_a_path_and_gives_a_path(echo: list[np.ndarray]):
    import genkit

    films.clip(Path("a.mp4"), times=[0, 40, 80])
    assert genkit.upscale("a.mp4", "b.mp4", model="tiny", crf=30) == Path("b.mp4")
    assert len(films.shown(Path("b.mp4"))) == 3
    with pytest.raises(genkit.UsageError, match="is a film"):
        genkit.upscale("a.mp4", model="tiny")


def test_an_output_is_made_again_by_what_it_says(echo: list[np.ndarray], genkit: Run):
    films.clip(Path("a.mp4"), sounds=1)
    assert enlarge(genkit, "a.mp4", "-o", "b.mkv", "--frames", "3-7", "--crf", "30", "--audio", "none").code == 0
    assert "--frames 3-7" in genkit("show", "b.mkv").out
    done = genkit("replay", "b.mkv", "--input", "a.mp4", "-o", "c.mkv")
    assert done.code == 0, done.err
    assert films.decoded(Path("c.mkv")) == films.decoded(Path("b.mkv"))


def test_a_sheet_of_a_film_and_two_films_side_by_side(genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    films.clip(Path("a.mp4"))
    films.clip(Path("b.mp4"), options={"crf": "40"})
    assert genkit("sheet", "a.mp4", "-o", "sheet.png", "--shots", "4", "--columns", "4").code == 0
    with Image.open("sheet.png") as image:
        assert image.width > 3 * image.height / 2
    done = genkit("compare", "a.mp4", "b.mp4", "-o", "page.html", "--json")
    assert done.code == 0 and len([one for one in done.events if one["event"] == "compared"]) == 12, done.err
    assert Path("page.html").read_text().count("a 0m00.") >= 1
