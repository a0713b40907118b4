"""`genkit upscale` through the real command line with a tiny model: streams, events, exit codes, naming, metadata choices."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Run, environment
from PIL import Image

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: str, genkit: Run) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert genkit("config", "set", "upscale.model", tiny).code == 0
    return tmp_path


def size_of(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


# --- the main job ---------------------------------------------------------------------------------------------------------


def test_a_folder_tree_is_upscaled_and_mirrored(genkit: Run, picture: Save):
    picture(Path("in/a.jpg"), 20, 16, quality=80)
    picture(Path("in/b.png"), 9, 7, mode="RGBA")
    picture(Path("in/s/c.webp"), 12, 8)
    picture(Path("in/s/t/d.tif"), 8, 8, mode="L")
    Path("in/Thumbs.db").write_bytes(b"x")
    outcome = genkit("upscale", "in", "-r", "-o", "out")
    assert outcome.code == 0, outcome.err
    assert outcome.lines == ["out/a.jpg", "out/b.png", "out/s/c.webp", "out/s/t/d.tif"]
    assert [size_of(line) for line in outcome.lines] == [(40, 32), (18, 14), (24, 16), (16, 16)]
    with Image.open("out/b.png") as image:
        assert image.mode == "RGBA"
    with Image.open("out/s/t/d.tif") as image:
        assert image.mode == "L"
    assert outcome.err.splitlines()[-1].startswith("4 done in ")
    assert not list(Path("out").rglob("*.part"))


def test_without_o_the_output_lies_beside_and_is_not_taken_again(genkit: Run, picture: Save):
    picture(Path("a.png"))
    picture(Path("b.png"), seed=1)
    assert genkit("upscale", ".").lines == ["a_x2.png", "b_x2.png"]
    again = genkit("upscale", ".", "--scale", "3")
    assert again.lines == ["a_x3.png", "b_x3.png"]
    assert "made by genkit upscale (--again takes them too)" in again.err
    only_own = genkit("upscale", "a_x2.png")
    assert only_own.code == 0 and not only_own.lines and "0 done" in only_own.err
    assert genkit("upscale", "a_x2.png", "--again").lines == ["a_x2_x2.png"]


def test_own_outputs_without_a_recipe_are_known_by_their_name(genkit: Run, picture: Save):
    picture(Path("a.png"))
    picture(Path("lonely_x4.png"))
    assert genkit("upscale", ".", "--strip-metadata").lines == ["a_x2.png", "lonely_x4_x2.png"]
    again = genkit("upscale", ".", "-o", "out")
    assert again.lines == ["out/a.png", "out/a_x2.png", "out/lonely_x4.png", "out/lonely_x4_x2.png"]
    assert genkit("upscale", ".", "--scale", "3").lines == ["a_x3.png", "lonely_x4_x3.png"]


@pytest.mark.parametrize(
    ("options", "size", "name"),
    [
        ([], (40, 32), "a_x2.png"),
        (["--scale", "1.5"], (30, 24), "a_x1.5.png"),
        (["--scale", "5"], (100, 80), "a_x5.png"),
        (["--size", "64x64"], (64, 51), "a_64x64.png"),
        (["--width", "50"], (50, 40), "a_w50.png"),
        (["--height", "32", "--width", "100"], (40, 32), "a_w100h32.png"),
        (["--wrap", "--tta", "--tile", "16"], (40, 32), "a_x2.png"),
    ],
)
def test_sizes_and_names(genkit: Run, picture: Save, options: list[str], size: tuple[int, int], name: str):
    picture(Path("a.png"), 20, 16)
    outcome = genkit("upscale", "a.png", *options)
    assert outcome.lines == [name], outcome.err
    assert size_of(name) == size


def test_formats_quality_names_and_sidecars(genkit: Run, picture: Save):
    picture(Path("a.png"), 60, 60)
    for quality in (30, 90):
        outcome = genkit(
            "upscale",
            "a.png",
            "-o",
            f"q{quality}/",
            "--format",
            "jpg",
            "--quality",
            quality,
            "--name",
            "{stem}-{model}-{scale}",
        )
        assert outcome.lines == [f"q{quality}/a-tiny-2.jpg"]
    assert Path("q30/a-tiny-2.jpg").stat().st_size < Path("q90/a-tiny-2.jpg").stat().st_size
    assert genkit("upscale", "a.png", "-o", "named.webp", "--sidecar").lines == ["named.webp"]
    recipe = json.loads(Path("named.webp.json").read_text())
    assert recipe["verb"] == "upscale" and recipe["input"]["name"] == "a.png" and str(Path.cwd()) not in json.dumps(recipe)


def test_lists_and_globs_reach_the_plan(genkit: Run, picture: Save):
    picture(Path("in/a1.png"))
    picture(Path("in/b.png"))
    Path("list.txt").write_text("# two\nin/b.png\nin/a1.png\n")
    assert genkit("upscale", "@list.txt", "-o", "out").lines == ["out/b.png", "out/a1.png"]
    assert genkit("upscale", "in/a*.png", "-o", "glob").lines == ["glob/a1.png"]


def test_several_pictures_at_once_give_what_one_after_another_gives(genkit: Run, picture: Save):
    import torch

    threads = torch.get_num_threads()
    for number in range(9):
        picture(Path(f"in/{number}.png"), 20 + number, 16, seed=number)
    assert genkit("upscale", "in", "-o", "one").code == 0
    try:
        torch.set_num_threads(2)
        together = genkit("upscale", "in", "-o", "two")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert together.lines == [f"two/{number}.png" for number in range(9)]
    for number in range(9):
        assert Path(f"one/{number}.png").read_bytes() == Path(f"two/{number}.png").read_bytes()


def test_names_that_are_no_text_are_told_and_written(genkit: Run, picture: Save):
    name = os.fsdecode(b"p\xff\xfe.png")
    try:
        picture(Path("a.png")).rename(name)
    except OSError:
        pytest.skip("the file system takes text only")
    outcome = genkit("upscale", name, "-o", "out")
    assert outcome.code == 0 and outcome.stdout == b"out/p\xff\xfe.png\n"
    assert genkit("upscale", name, "-o", "out2", "--json").events[-1]["exit"] == 0
    assert genkit("show", f"out/{name}").code == 0


def test_heif_without_its_plugin_stops_the_plan(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    import importlib.util

    picture(Path("a.png"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    outcome = genkit("upscale", "a.png", "--format", "heif")
    assert outcome.code == 2 and "genkit-media[heif]" in outcome.err


def test_an_option_of_other_models_names_them(genkit: Run, picture: Save):
    picture(Path("a.png"))
    outcome = genkit("upscale", "a.png", "-O", "denoise=0.3")
    assert outcome.code == 2 and "tiny has no option denoise" in outcome.err and "realesr-general-x4v3" in outcome.err


# --- streams --------------------------------------------------------------------------------------------------------------


def test_standard_input_to_standard_output_keeps_the_format(genkit: Run, picture: Save):
    source = picture(Path("in.jpg"), quality=90)
    for arguments in (["-", "-o", "-"], ["-"], [str(source), "-o", "-"]):
        outcome = genkit("upscale", *arguments, stdin=source.read_bytes())
        assert outcome.code == 0, outcome.err
        with Image.open(io.BytesIO(outcome.stdout)) as image:
            assert image.format == "JPEG" and image.size == (40, 32)
    assert genkit("upscale", "-", "-o", "x/", stdin=source.read_bytes()).lines == ["x/stdin.jpg"]
    assert genkit("upscale", "-", "-o", "-", "--json", stdin=b"x").code == 2
    broken = genkit("upscale", "-", stdin=b"nonsense")
    assert broken.code == 1 and broken.stdout == b"" and "failed: standard input" in broken.err


def test_a_picture_is_neither_written_to_a_terminal_nor_read_from_one(genkit: Run, picture: Save):
    picture(Path("a.png"))
    outcome = genkit("upscale", "a.png", "-o", "-", terminals="stdout")
    assert outcome.code == 2 and "terminal" in outcome.err and not outcome.stdout
    outcome = genkit("upscale", "-", "-o", "x.png", terminals="stdin")
    assert outcome.code == 2 and "pipe a picture in" in outcome.err


def test_where_stderr_is_a_file_a_line_says_how_far_it_is(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    from genkit.run import progress

    for name in ("a.png", "b.png"):
        picture(Path("in") / name, 200, 150)
    monkeypatch.setattr(progress, "EVERY_S", 0.001)
    told = genkit("upscale", "in", "-o", "out")
    assert told.code == 0 and re.search(r"^[01] of 2 done after 0\.\d s.*; in/[ab]\.png$", told.err, re.MULTILINE), told.err
    assert "of 2 done" not in genkit("upscale", "in", "-o", "out", "--overwrite", "--quiet").err
    lines = progress.Lines(4, 0.0)
    try:
        lines.begin("book.txt")
        lines.end(0.0)
        lines.begin("more.txt")
        lines.step(50, 100, "12.0 s of sound")
        assert lines.line(30) == "1 of 4 done after 30.0 s, about 50.0 s left; more.txt: 12.0 s of sound"
    finally:
        lines.stop()


def test_the_result_is_opened(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    program = tmp_path / "programs" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    for name in "abcdef":
        picture(Path(f"in/{name}.png"))

    def opened(count: int) -> list[str]:
        for _ in range(200):
            if (tmp_path / "opened").exists() and len(lines := (tmp_path / "opened").read_text().splitlines()) >= count:
                return lines
            time.sleep(0.02)
        raise AssertionError("nothing was opened")

    assert genkit("upscale", "in/a.png", "-o", "out/a.png", "--open").code == 0
    assert opened(1) == [str(Path("out/a.png").absolute())]
    assert genkit("upscale", "in", "-o", "all", "--open").code == 0
    assert opened(2)[1:] == [str(Path("all").absolute())]  # of many the folder
    monkeypatch.setenv("PATH", "/nowhere")
    assert "--open" in genkit("upscale", "in/a.png", "-o", "b.png", "--open").err


def test_progress_is_drawn_on_a_terminal_and_paths_stay_on_stdout(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("a.png", "b.png"):
        picture(Path("in") / name)
    Path("in/c.png").write_bytes(b"no picture")
    outcome = genkit("upscale", "in", "-o", "out", terminals="stderr")
    assert outcome.lines == ["out/a.png", "out/b.png"]
    assert "3/3" in outcome.err and "failed: in/c.png" in outcome.err and "0.0/0.0" not in outcome.err
    assert "\x1b" not in genkit("upscale", "in", "-o", "out2", "--json", terminals="stderr").err


def test_json_events(genkit: Run, picture: Save):
    picture(Path("in/a.png"))
    Path("in/b.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    outcome = genkit("upscale", "in", "-o", "out", "--json")
    assert outcome.code == 1 and not outcome.err
    events = outcome.events
    assert all(event["schema"] == "genkit/1" for event in events)
    # The broken file may be found while the model still loads, so `start` has no fixed place beside it.
    assert [event["event"] for event in events if event["event"] not in ("start", "notice")] == [
        "plan",
        "done-item",
        "failed",
        "done",
    ]
    plan, item, failed, done = (event for event in events if event["event"] not in ("start", "notice"))
    assert plan["items"] == 2 and plan["model"] == "tiny"
    assert (item["input"], item["output"], item["width"], item["height"]) == ("in/a.png", "out/a.png", 40, 32)
    assert item["bytes"] == Path("out/a.png").stat().st_size and item["format"] == "PNG"
    assert failed["input"] == "in/b.png" and failed["code"] == "input" and failed["hint"]
    assert (done["done"], done["failed"], done["skipped"], done["left"], done["exit"]) == (1, 1, 0, 0, 1)


def test_json_errors_end_with_done_too(genkit: Run):
    outcome = genkit("upscale", "gone.png", "--json")
    assert outcome.code == 2 and not outcome.err
    assert [(event["event"], event.get("exit")) for event in outcome.events] == [("error", None), ("done", 2)]
    assert outcome.events[0]["code"] == "missing-input"
    assert genkit("upscale", "--json", "--nonsense").events[0]["code"] == "usage"


def test_quiet_and_verbose(genkit: Run, picture: Save):
    picture(Path("in/a.png"))
    Path("in/x.txt").write_text("x")
    assert genkit("upscale", "in", "-o", "quiet", "-q").err == ""
    loud = genkit("upscale", "in", "-o", "loud", "-v").err
    assert "1 to make with tiny" in loud and "in/a.png: 40 x 32 in" in loud and "not a picture: x.txt" in loud


def test_a_dry_run_shows_the_plan_and_does_nothing(genkit: Run, picture: Save):
    picture(Path("in/a.png"), 1000, 500)
    outcome = genkit("upscale", "in", "-o", "out", "--dry-run")
    assert outcome.code == 0 and not Path("out").exists()
    assert outcome.lines == ["in/a.png -> out/a.png  (PNG, 2000 x 1000, about 3.3 MB)"]
    assert "1 to make" in outcome.err and "not known, tiny has not run here yet" in outcome.err
    events = genkit("upscale", "in", "-o", "out", "--dry-run", "--json").events
    assert [event["event"] for event in events] == ["plan", "planned", "notice", "done"]
    assert events[1]["width"] == 2000 and events[0]["seconds"] is None
    for model, needs in (("realplksr-webphoto-x4", True), ("genkit-x4", False)):
        outcome = genkit("upscale", "in", "-o", "out", "--dry-run", "--model", model)
        said = f"{model} is not downloaded ("
        assert (said in outcome.err) == needs and (f"genkit models pull {model}" in outcome.err) == needs, outcome.err


def test_a_name_with_a_dash_is_told_from_an_option(genkit: Run, picture: Save):
    picture(Path("-o.png"))  # read as -o with the value .png: then there is no input
    outcome = genkit("upscale", "-o.png")
    assert outcome.code == 2 and "hint: if it is a file, write ./-o.png, or put -- before it" in outcome.err
    assert genkit("upscale", "--", "-o.png").lines == ["-o_x2.png"]
    assert genkit("upscale", "./-o.png", "--overwrite").lines == ["-o_x2.png"]


def test_a_run_teaches_the_estimate(genkit: Run, picture: Save, own_folders: Path):
    from genkit.run.batch import Counts
    from genkit.run.estimate import remember

    picture(Path("a.png"), 1000, 500)
    remember(Counts(done=1, seconds=3.0, loading=1.0, work=1.0), "tiny", "auto")
    assert genkit("upscale", "a.png", "--dry-run", "--json").events[0]["seconds"] == 1.0
    (own_folders / "cache" / "paces.json").write_text("torn")
    assert genkit("upscale", "a.png", "--dry-run", "--json").events[0]["seconds"] is None


# --- failures -------------------------------------------------------------------------------------------------------------


def test_a_bad_file_is_reported_and_passed_over(genkit: Run, picture: Save):
    picture(Path("in/a.png"))
    whole = picture(Path("in/b.png"), 64, 64).read_bytes()
    Path("in/b.png").write_bytes(whole[: len(whole) // 2])
    Path("in/c.jpg").write_bytes(b"")
    picture(Path("in/d.png"))
    outcome = genkit("upscale", "in", "-o", "out")
    assert outcome.code == 1 and outcome.lines == ["out/a.png", "out/d.png"]
    assert "failed: in/b.png: " in outcome.err and "failed: in/c.jpg: the file is empty" in outcome.err
    assert "  hint: " in outcome.err and "2 done, 2 failed" in outcome.err and "Traceback" not in outcome.err
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "d.png"]


def test_too_many_pixels_are_refused_with_the_way_out(genkit: Run, picture: Save):
    picture(Path("a.png"), 40, 40)
    outcome = genkit("upscale", "a.png", "--max-pixels", "1k")
    assert outcome.code == 1 and "--max-pixels 1600" in outcome.err
    assert genkit("upscale", "a.png", "--max-pixels", "0.01M").code == 0
    assert genkit("upscale", "a.png", "--max-pixels", "many").code == 2


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["upscale", "gone.png"], "not found: gone.png", "check the spelling"),
        (["upscale", "a.png", "--model", "tinny"], "unknown model 'tinny'", "tiny"),
        (["upscale", "a.png", "--scal", "2"], "no such option: --scal", "genkit upscale --help"),
        (["upscale"], "missing argument", "genkit upscale --help"),
        (["upscale", "a.png", "--quality", "400"], "--quality 400: expected a whole number from 1 to 100", "upscale --help"),
        (["upscale", "a.png", "--quality=x"], "--quality x: expected a whole number from 1 to 100", "genkit upscale --help"),
        (["upscale", "a.png", "-s", "abc"], "--scale abc: expected a number", "genkit upscale --help"),
        (["upscale", "a.png", "--seed", "-1"], "--seed -1: expected a whole number of 0 or more", "genkit upscale --help"),
        (["upscale", "a.png", "--seed"], "--seed: expected a value after it", "genkit upscale --help"),
        (["upscale", "a.png", "--tta=3"], "--tta takes no value", "genkit upscale --help"),
        (["upscale", "a.png", "--qualty", "3"], "no such option: --qualty", "did you mean --quality"),
        (["upscale", "-photo.jpg"], "no such option: -photo.jpg", "write ./-photo.jpg, or put -- before it"),
        (["upscale", "-vacation.jpg"], "no such option: -vacation.jpg", "write ./-vacation.jpg, or put -- before it"),
        (["-photo.jpg"], "no such option: -photo.jpg", "genkit upscale ./-photo.jpg"),
        (["train", "upscale", "--max-minutes", "x"], "--max-minutes x: expected a number", "genkit train upscale --help"),
        (["upscale", "a.png", "--scale", "2", "--size", "4k"], "contradict", "one of them"),
        (["upscale", "a.png", "--size", "huge"], "--size", ""),
        (["upscale", "a.png", "--tile", "big"], "--tile big", ""),
        (["upscale", "a.png", "-O", "strength=3"], "tiny has no option strength", "it has none"),
        (["upscale", "a.png", "--device", "cuda:77"], "cuda:77", "cpu"),
        (["upscale", "a.png", "--format", "gif"], "--format gif", "png"),
        (["upscale", "a.png", "b.png", "-o", "one.png"], "cannot all go to the file one.png", "-o"),
        (["upscal", "a.png"], "no command 'upscal'", "genkit upscale"),
        (["a.png"], "no command 'a.png'", "genkit upscale a.png"),
        (["config", "set", "devise", "cpu"], "unknown setting devise", "device"),
    ],
)
def test_usage_errors_exit_2_with_a_way_out(genkit: Run, picture: Save, arguments: list[str], message: str, hint: str):
    picture(Path("a.png"))
    picture(Path("b.png"), seed=1)
    outcome = genkit(*arguments)
    assert outcome.code == 2, outcome
    lines = outcome.err.splitlines()
    error = next(line for line in lines if line.startswith("error: "))
    assert message in error and not outcome.stdout and "Traceback" not in outcome.err
    assert hint in "".join(line for line in lines if line.startswith("hint: "))
    assert not [path for path in Path().iterdir() if path.suffix == ".part" or "_x" in path.name]


def test_altered_weights_exit_3(genkit: Run, picture: Save, own_folders: Path):
    picture(Path("a.png"))
    weights = own_folders / "cards" / "upscale" / "tiny.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    outcome = genkit("upscale", "a.png")
    assert outcome.code == 3 and "tiny" in outcome.err and not Path("a_x2.png").exists()


def test_an_unexpected_error_is_called_a_bug(genkit: Run, monkeypatch: pytest.MonkeyPatch):
    from genkit import config

    def burst() -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(config, "read_all", burst)
    outcome = genkit("config", "list")
    assert outcome.code == 1
    assert outcome.err.startswith("error: this is a bug in genkit: ZeroDivisionError: by nought\nhint: ")
    assert "--debug" in outcome.err and "Traceback" not in outcome.err
    assert "Traceback" in genkit("config", "list", "--debug").err


def test_outputs_that_exist_stop_the_plan_before_work(genkit: Run, picture: Save):
    picture(Path("a.png"))
    Path("a_x2.png").write_bytes(b"mine")
    outcome = genkit("upscale", "a.png")
    assert outcome.code == 2 and "already there: a_x2.png" in outcome.err
    assert "hint: --number takes a free name (a_x2_2.png), --overwrite replaces it" in outcome.err
    assert Path("a_x2.png").read_bytes() == b"mine"
    assert genkit("upscale", "a.png", "--overwrite").code == 0 and size_of("a_x2.png") == (40, 32)


# --- show, replay, config, doctor -----------------------------------------------------------------------------------------


def test_show_and_replay(genkit: Run, picture: Save):
    picture(Path("in/a.png"), 30, 20)
    assert genkit("upscale", "in/a.png", "-o", "out/big.png", "--scale", "3", "--wrap").code == 0
    shown = genkit("show", "out/big.png")
    assert shown.code == 0
    assert "genkit upscale a.png --model tiny --scale 3 --wrap --seed 0" in shown.out
    (event,) = genkit("show", "out/big.png", "--json").events
    assert event["recipe"]["options"] == {"scale": 3.0, "wrap": True} and event["file"] == "out/big.png"
    missing = genkit("replay", "out/big.png")
    assert missing.code == 2 and "--input" in missing.err
    again = genkit("replay", "out/big.png", "--input", "in/a.png", "-o", "new.png")
    assert again.lines == ["new.png"], again.err
    with Image.open("new.png") as new, Image.open("out/big.png") as old:
        assert np.array_equal(np.asarray(new), np.asarray(old))
    Path("out/a.png").write_bytes(Path("in/a.png").read_bytes())
    assert genkit("replay", "out/big.png").lines == ["out/big-replay.png"]
    picture(Path("out/a.png"), 30, 20, seed=5)
    changed = genkit("replay", "out/big.png", "-o", "x.png")
    assert changed.code == 2 and "has changed" in changed.err
    warned = genkit("replay", "out/big.png", "-o", "x.png", "--input", "out/a.png")
    assert warned.code == 0 and "another sha256" in warned.err
    assert genkit("show", "in/a.png").code == 1
    assert genkit("show", "gone.png").code == 2


def test_replay_finds_the_input_that_shares_the_outputs_name(genkit: Run, picture: Save):
    picture(Path("a.jpg"), quality=70)
    assert genkit("upscale", "a.jpg", "-o", "out").lines == ["out/a.jpg"]
    outcome = genkit("replay", "out/a.jpg")
    assert outcome.lines == ["out/a-replay.jpg"], outcome.err
    assert Path("out/a-replay.jpg").read_bytes() == Path("out/a.jpg").read_bytes()


def test_config_changes_defaults(genkit: Run, picture: Save):
    picture(Path("a.png"))
    assert genkit("config", "get", "upscale.model").out == "tiny\n"
    assert genkit("config", "set", "upscale.format", "webp").code == 0
    assert genkit("upscale", "a.png").lines == ["a_x2.webp"]
    assert genkit("upscale", "a.png", "--format", "png").lines == ["a_x2.png"]
    assert "upscale.format = webp" in genkit("config", "list").out
    assert genkit("config", "list", "--json").events[0]["settings"]["upscale.format"] == "webp"
    assert genkit("config", "unset", "upscale.format").code == 0
    assert genkit("config", "get", "upscale.format").code == 1


def test_doctor_says_what_there_is(genkit: Run):
    outcome = genkit("doctor")
    assert outcome.code == 0 and "devices" in outcome.out and "cpu: " in outcome.out and "cache" in outcome.out
    (facts,) = genkit("doctor", "--json").events
    assert facts["devices"][0]["name"] == "cpu" and facts["packages"]["torch"]
    assert facts["cache_bytes"] >= 0 and isinstance(facts["advice"], list)


def test_doctor_advises():
    from genkit.cli.doctor import advise

    device = {"name": "cpu", "description": "", "free_bytes": 10**9, "total_bytes": None}
    facts = {
        "devices": [device],
        "nvidia_driver": True,
        "cuda_build": None,
        "threads": 1,
        "waiting": "active",
        "load": 9.5,
        "cores": 8,
        "instructions": "DEFAULT",
        "disk_free_bytes": 10**9,
        "cache_writable": False,
        "cache": "/nowhere",
        "offline": True,
        "extras": {"heif": None, "cluster": "2"},
        "packages": {"openvino": None},
        "engine": "torch",
        "settings": {},
    }
    advice = "\n".join(advise(facts))
    for words in (
        "built for the CPU",
        "1 of 8 cores",
        "OMP_WAIT_POLICY",
        "load 9.5 on 8 cores",
        "AVX2",
        "little memory",
        "openvino is not installed",
        "GENKIT_CACHE",
        "network is off",
        "genkit-media[heif]",
    ):
        assert words in advice
    facts |= {"cuda_build": "13.0"}
    assert "sees no GPU" in "\n".join(advise(facts))


def test_a_film_is_refused_without_being_read(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    Path("film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(100))
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} was read whole"))
    outcome = genkit("cutout", "film.mp4")
    assert outcome.code == 1 and "a video" in outcome.err


def test_any_name_is_told_on_any_stream(picture: Save):
    picture(Path("日本.png"))
    command = [sys.executable, "-m", "genkit", "upscale", "日本.png", "missing-語.png"]
    for encoding in ("ascii", "latin-1"):
        outcome = subprocess.run(command, env=environment(PYTHONIOENCODING=encoding), capture_output=True)
        assert outcome.returncode == 2 and b"not found: missing-\\u8a9e.png" in outcome.stderr, outcome.stderr
    outcome = subprocess.run(command[:-1], env=environment(PYTHONIOENCODING="ascii"), capture_output=True)
    assert outcome.returncode == 0 and outcome.stdout == b"\\u65e5\\u672c_x2.png\n", outcome.stderr


@pytest.mark.skipif(os.name == "nt", reason="a shell closes the stream")
def test_without_any_stdout_it_works(picture: Save):
    picture(Path("a.png"))
    command = f"{sys.executable} -m genkit upscale a.png >&-"
    outcome = subprocess.run(["sh", "-c", command], env=environment(), stderr=subprocess.PIPE)
    assert outcome.returncode == 0 and b"bug" not in outcome.stderr and Path("a_x2.png").exists()


def test_what_the_system_refuses_is_no_bug(genkit: Run, monkeypatch: pytest.MonkeyPatch):
    def refuse(settings: object) -> None:
        raise PermissionError(13, "Permission denied", "some/place")

    monkeypatch.setattr("genkit.config._write", refuse)
    outcome = genkit("config", "set", "device", "cpu")
    assert outcome.code == 1 and outcome.err.startswith("error: some/place: Permission denied\nhint:")


def test_an_absent_device_is_named_before_anything_is_fetched(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    picture(Path("a.png"))
    monkeypatch.setattr("genkit.weights.obtain", lambda *_, **__: pytest.fail("fetched"))
    assert genkit("upscale", "a.png", "--device", "cuda:99").code == 2


def test_a_format_on_the_command_line_wins_over_the_settings(genkit: Run, picture: Save):
    picture(Path("a.jpg"))
    genkit("config", "set", "format", "webp")
    assert genkit("upscale", "a.jpg", "-o", "out.png").lines == ["out.png"]
    assert genkit("upscale", "a.jpg", "--name", "named.png").lines == ["named.png"]
    assert genkit("upscale", "a.jpg").lines == ["a_x2.webp"]


def test_replay_goes_by_the_recipe_and_not_by_later_settings(genkit: Run, picture: Save):
    picture(Path("a.jpg"))
    genkit("upscale", "a.jpg")
    for key, value in (("format", "webp"), ("quality", "5"), ("max-pixels", "100")):
        genkit("config", "set", key, value)
    refused = genkit("replay", "a_x2.jpg")
    assert refused.code == 1 and "--max-pixels" in refused.err
    assert genkit("replay", "a_x2.jpg", "--max-pixels", "1M").code == 0
    assert Path("a_x2-replay.jpg").read_bytes() == Path("a_x2.jpg").read_bytes()


def test_a_strangers_recipe_decides_nothing_but_pixels(genkit: Run, picture: Save):
    from PIL.PngImagePlugin import PngInfo

    from genkit.media.recipe import dump, read_recipe

    picture(Path("a.png"))
    genkit("upscale", "a.png")
    recipe = read_recipe(Path("a_x2.png"))
    assert recipe is not None
    recipe["options"] |= {"overwrite": True, "accept_licence": True, "sidecar": True, "": ["x"], "wrap": True}
    info = PngInfo()
    info.add_text("genkit", dump(recipe))
    with Image.open("a_x2.png") as image:
        image.save("theirs.png", pnginfo=info)
    Path("theirs-replay.png").write_text("mine")
    assert genkit("show", "theirs.png").lines[-1].strip() == "genkit upscale a.png --model tiny --wrap --seed 0"
    stopped = genkit("replay", "theirs.png")
    assert stopped.code == 2 and Path("theirs-replay.png").read_text() == "mine"


def test_the_parent_in_a_name_never_leads_out_of_the_folder(genkit: Run, picture: Save, monkeypatch: pytest.MonkeyPatch):
    picture(Path("x/a.png"))
    Path("x/sub").mkdir()
    monkeypatch.chdir("x/sub")
    assert genkit("upscale", "../a.png", "-o", "out/", "--name", "{parent}/{stem}").lines == ["out/x/a.png"]


def test_a_card_by_its_path_can_be_the_setting(genkit: Run, picture: Save, own_folders: Path):
    for suffix in ("toml", "safetensors"):
        data = (own_folders / f"cards/upscale/tiny.{suffix}").read_bytes()
        (Path("mine.toml") if suffix == "toml" else Path("tiny.safetensors")).write_bytes(data.replace(b'"tiny"', b'"mine"'))
    assert genkit("config", "set", "upscale.model", "mine.toml").code == 0
    picture(Path("s/a.png"))
    assert genkit("upscale", "s/a.png").lines == ["s/a_x2.png"]


def test_measuring_passes_over_pairs_of_which_one_is_damaged(genkit: Run, picture: Save):
    for number in range(3):
        picture(Path(f"d/HR_x2/{number}.png"), 40, 40, seed=number)
        picture(Path(f"d/LR_x2/{number}.png"), 20, 20, seed=number)
    command = ("eval", "upscale", "--data", "d", "--scale", "2", "--json")
    assert genkit(*command).events[0]["rows"][0]["pictures"] == 3
    for name in ("LR_x2/2.png", "HR_x2/0.png"):
        Path(f"d/{name}").write_bytes(b"x")
    outcome = genkit(*command)
    assert outcome.code == 0 and outcome.events[0]["rows"][0]["pictures"] == 1, outcome.err
    assert genkit("eval", "upscale", "--data", "d", "--scale", "-2").code == 2


def test_rm_leaves_alone_what_a_card_names_elsewhere(genkit: Run, tiny: str, own_folders: Path):
    folder = own_folders / "cards" / "upscale"
    mine = own_folders / "mine.safetensors"
    mine.write_bytes((folder / "tiny.safetensors").read_bytes())
    text = (folder / "tiny.toml").read_text()
    (folder / "far.toml").write_text(text.replace('"tiny"', '"far"').replace('"tiny.safetensors"', '"../../mine.safetensors"'))
    assert genkit("models", "rm", "far").code == 0
    assert mine.exists() and not (folder / "far.toml").exists()


def test_a_name_that_no_card_could_be_found_by_is_refused(genkit: Run, tiny_weights: Path):
    outcome = genkit("models", "import", tiny_weights, "--as", "my.train", "--task", "upscale")
    assert outcome.code == 3 and ".train" in outcome.err


# --- Python ---------------------------------------------------------------------------------------------------------------


def test_the_python_functions(picture: Save):
    import genkit

    path = picture(Path("a.png"), 20, 16, mode="RGBA")
    array = np.zeros((6, 5), np.uint16)
    assert genkit.upscale(array).shape == (12, 10) and genkit.upscale(array).dtype == np.uint16
    assert genkit.upscale(np.zeros((6, 5, 4), np.uint8), scale=3).shape == (18, 15, 4)
    with Image.open(path) as opened:
        assert genkit.upscale(opened).size == (40, 32)
    assert genkit.upscale(str(path)).mode == "RGBA"
    model = genkit.load("tiny")
    assert model is genkit.load("tiny")
    assert genkit.upscale(path, "out/b.webp", model=model, scale=4) == Path("out/b.webp")
    assert size_of("out/b.webp") == (80, 64)
    assert "tiny" in [card.name for card in genkit.list_models("upscale")]
    for wrong in (3, np.zeros((2, 2)), np.zeros((2, 2, 9), np.uint8)):
        with pytest.raises(genkit.InputError):
            genkit.upscale(wrong)
    with pytest.raises(genkit.UsageError):
        genkit.upscale(path, "out/b.xyz")
