"""`genkit txt2img` through the real command line, with a model that draws at once, and once with a real tiny pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing_model import SIDE, FakeDraw
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from genkit import models
from genkit.errors import UsageError

Run = Callable[..., Any]

CARD = f"""
name = "tiny-words"
tasks = ["txt2img"]
family = "diffusers"
summary = "A model for tests."
licence = "Apache-2.0"
commercial = true
[params]
can = ["cache"]
pipeline = "StableDiffusionPipeline"
[limits]
size = {SIDE}
[options.negative]
type = "str"
default = ""
[options.steps]
type = "int"
default = 4
minimum = 1
maximum = 50
[options.guidance]
type = "float"
default = 7.0
minimum = 0.0
maximum = 30.0
[options.safety]
type = "bool"
default = true
[files.weights]
path = "tiny-words.safetensors"
"""


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_folders: Path) -> FakeDraw:
    """A model that takes no time."""
    monkeypatch.chdir(tmp_path)
    folder = own_folders / "cards" / "txt2img"
    folder.mkdir(parents=True)
    (folder / "tiny-words.toml").write_text(CARD)
    (folder / "tiny-words.safetensors").write_bytes(b"")
    fake = FakeDraw()
    load_instead(monkeypatch, lambda: fake)
    return fake


def load_instead(monkeypatch: pytest.MonkeyPatch, make: Callable[[], FakeDraw]) -> None:
    """Let every model that draws be one that `make` gives."""
    real = models.load_model
    monkeypatch.setattr(
        models,
        "load_model",
        lambda card, *rest, **more: make() if card.task == "txt2img" else real(card, *rest, **more),
    )


@pytest.fixture
def draw(genkit: Run) -> Run:
    return lambda *words, **more: genkit("txt2img", *words, "--model", "tiny-words", **more)


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_names_seeds_and_batches(draw: Run, model: FakeDraw):
    done = draw("a red bicycle", "--seeds", "3-6", "-o", "out")
    assert done.code == 0 and done.lines == [f"out/a-red-bicycle-seed{seed}.png" for seed in range(3, 7)], done.err
    assert "4 pictures: 4 seeds" in done.err and [len(one["seeds"]) for one in model.calls] == [3, 1]
    single = draw("a red bicycle", "--seed", 4, "--batch-size", 1)
    assert single.lines == ["a-red-bicycle-seed4.png"]
    assert (pixels(single.lines[0]) == pixels("out/a-red-bicycle-seed4.png")).all()
    several = draw("a red bicycle", "--seed", 5, "-n", 2, "-o", "n/")
    assert several.lines == ["n/a-red-bicycle-seed5.png", "n/a-red-bicycle-seed6.png"]


def test_a_random_seed_is_said_recorded_and_found_again_by_resume(draw: Run, genkit: Run):
    done = draw("a heart", "-n", 2, "-o", "out/")
    seed = int(done.lines[0].rpartition("seed")[2].removesuffix(".png"))
    assert f"--seed {seed}" in done.err and f"--seed {seed}" in genkit("show", done.lines[0]).out
    Path(done.lines[1]).unlink()
    again = draw("a heart", "-n", 2, "-o", "out/", "--resume")
    assert again.lines == done.lines[1:] and "earlier run" in again.err, again.err


def test_unquoted_words_and_lists_that_multiply_are_said_before(draw: Run, model: FakeDraw):
    done = draw("a", "red", "bike", "--seed", 1)
    assert done.code == 0 and len(done.lines) == 3 and 'genkit txt2img "a red bike"' in done.err
    done = draw(
        "a {red|blue} bike", "--guidance", "2,4.5", "--size", "16x16,24x16", "--scheduler", "euler", "--seed", 7, "--json"
    )
    assert done.code == 0 and done.events[-1]["done"] == 8
    assert any("8 pictures: 2 prompts x 2 sizes x 2 guidance" in one.get("message", "") for one in done.events)
    assert Path("a-blue-bike-24x16-guidance4.5-seed7.png").is_file()
    assert pixels("a-blue-bike-24x16-guidance4.5-seed7.png").shape == (16, 24, 3)
    assert model.samplers == [None, "euler"] and not model.configured


@pytest.mark.parametrize(
    "options",
    [
        ["a red {heart|star} (big:1.3)", "--seed", 7, "--negative", "text, frame", "--steps", 3],
        ["-x begins with a dash", "--seed", 1],
        [r"braces \{a|b\} that are meant", "--seed", 1, "--no-safety-checker"],
        ["a heart", "--init", "photo.png", "--denoise", "0.5", "--seed", 2],
        ["a heart", "--control", "canny:photo.png", "--control-strength", "0.5", "--seed", 2],
        ["a heart", "--lora", "style.safetensors:0.5", "--seed", 2],
        ["a heart", "--vae", "vae-sd-mse", "--attention", "sliced", "--cache", "first-block", "--seed", 2],
        ["a {red|blue} heart", "--guidance", "2,4", "--seeds", "1-2", "--grid", "4x2"],
        ["a {red|blue} heart", "a star", "--seeds", "1-2", "--grid", "2x2"],
        ["--from", "list.csv", "--seed", 3, "--grid", "2x1"],
    ],
    ids=str,
)
def test_a_picture_says_how_it_was_made_and_is_made_again(
    options: list[Any], draw: Run, genkit: Run, picture: Callable[..., Path]
):
    picture(Path("photo.png"), 40, 20)
    Path("style.safetensors").write_bytes(b"weights")
    Path("list.csv").write_text("prompt,guidance\na heart,3\na star,4\n")
    words = [f" {one}" if str(one).startswith("-x") else one for one in options]
    done = draw(*words, "-o", "out/")
    assert done.code == 0, done.err
    shown = genkit("show", done.lines[-1])
    assert shown.code == 0 and "genkit txt2img" in shown.out
    for flag in [one for one in options if str(one) in ("--vae", "--attention", "--cache", "--lora", "--negative", "--steps")]:
        assert str(flag) in shown.out
    replayed = genkit("replay", done.lines[-1])
    assert replayed.code == 0, replayed.err
    assert (pixels(replayed.lines[0]) == pixels(done.lines[-1])).all()
    resumed = draw(*words, "-o", "out/", "--resume", "--json")
    assert resumed.code == 0 and resumed.events[-1]["done"] == 0, resumed.out


def test_lists_bring_options_of_their_own(draw: Run, model: FakeDraw, picture: Callable[..., Path]):
    picture(Path("lists/photo.png"), 64, 32)
    Path("lists/a.txt").write_text('# remark\n\na heart --steps 9 --negative "text, frame" --seed 5\na star\n')
    Path("lists/b.csv").write_text('prompt;steps;seed\n"a; b";2;1\na moon;;2\n')
    lines = [{"prompt": "a sun", "guidance": [2, 3], "seed": 4}, {"prompt": "a cat", "init": "photo.png", "seed": 4}]
    Path("lists/c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert draw("--from", "lists/a.txt", "--seed", 1).lines == ["a-heart-seed5.png", "a-star-seed1.png"]
    assert model.calls[0]["steps"] == 9 and model.calls[0]["negative"] == ["text, frame"] and model.calls[1]["steps"] == 4
    assert draw("--from", "lists/b.csv").lines == ["a-b-seed1.png", "a-moon-seed2.png"]
    done = draw("--from", "lists/c.jsonl")
    assert done.lines == ["a-sun-guidance2-seed4.png", "a-sun-guidance3-seed4.png", "a-cat-seed4.png"], done.err
    assert model.calls[-1]["init"].shape == (
        1,
        3,
        8,
        24,
    )  # the proportions of the picture beside the list, about 16 x 16 pixels
    piped = draw("-", "--seed", 9, stdin=b"one cat\ntwo cats\n")
    assert piped.lines == ["one-cat-seed9.png", "two-cats-seed9.png"], piped.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a heart --stps 3", "line 1: there is no option stps"),
        (b"a heart --steps x", "line 1: --steps x"),
        (b"ok\na heart --model other", "line 2: model holds for the whole run"),
        (b"ok\n\xff\xfe\xfd", "line 2: is no UTF-8"),
        (b"", "no prompts in it"),
        (b"a {heart", "without its partner"),
        (b"{" * 5000 + b"a" + b"}" * 5000, "too deep"),
        (b'a heart --negative "x', "line 1: no closing quotation"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_drawn(text: bytes, said: str, draw: Run, model: FakeDraw):
    Path("list.txt").write_bytes(text)
    done = draw("--from", "list.txt")
    assert done.code == 2 and said in done.err and done.err.count("\n") <= 2, done.err
    assert not model.calls


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no prompt"),
        (["  "], "without words"),
        (["a", "--seeds", "1", "-n", "2"], "both say how many"),
        (["a", "--guidance", "high"], "--guidance high"),
        (["a", "--size", "0x4"], "--size 0x4"),
        (["a", "--denoise", "0.5"], "--init"),
        (["a", "--init", "none.png"], "not found"),
        (["a", "--control", "photo.png"], "KIND:IMG"),
        (["a", "--lora", "none.safetensors"], "not found"),
        (["a", "--lora", "w.pt"], ".safetensors alone"),
        (["a", "--lora", "unheard-of"], "unknown model"),
        (["a", "--scheduler", "magic"], "--scheduler magic: there is none of that name"),
        (["a", "--scheduler", "eulr"], "did you mean euler"),
        (["{|a}"], "one of its alternatives is without words"),
        (["a", "--init", "."], "is a folder, not a picture"),
        (["a", "--seed", 1 << 63], f"expected a whole number from 0 to {1 << 62}"),
        (["--from", "twice.csv"], "twice.csv, line 1: two columns are called seed"),
        (["a", "--scheduler", "unipc"], "it has euler, ddim"),
        (["a", "--attention", "flush"], "did you mean flash"),
        (["a", "--cache", "all"], "one of first-block, taylorseer"),
        (["a", "--control", "pose:w.png"], "one of canny, depth, lines"),
        (["a", "--init", "w.png", "--steps", 1, "--denoise", "0.4"], "1 step at denoise 0.4 are less than one step"),
        (["a", "--init", "w.png", "--model", "flux2-klein-4b"], "--init: flux2-klein-4b cannot begin with a picture"),
        (["a", "--control", "canny:w.png", "--model", "zimage-turbo"], "--control: zimage-turbo follows no pictures"),
        (["a (red:1.3) cat", "--model", "flux1-schnell"], "takes no weights"),
        (["a (b:9)", "--seed", 1], "weight 9"),
        (["word " * 30], "32 tokens long, and tiny-words reads 20"),
        (["a", "--grid", "2x2", "--sheet", 2, "--seeds", "0-3"], "--sheet 2"),
        (["a", "--like", "w.pt"], "no recipe"),
        (["a", "--negative", "x", "--guidance", "1"], "does not look at the negative prompt when guidance is 1"),
        (["a", "b", "--negative", "{x|}", "--guidance", "4,0.5"], "does not look at the negative prompt when guidance is 0.5"),
        (["a", "--upscale", "none"], "unknown model"),
        (["a", "--from", "none.txt"], "not found"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_work(words: list[Any], said: str, genkit: Run, model: FakeDraw):
    Path("w.pt").write_bytes(b"x")
    Path("twice.csv").write_text("prompt,seed,Seed\na,1,2\n")
    Image.new("RGB", (8, 8)).save("w.png")
    done = genkit("txt2img", *words, *([] if "--model" in words else ["--model", "tiny-words"]))
    assert done.code == 2 and said in done.err, done.err
    assert not model.calls and [one.name for one in Path().glob("*.png")] == ["w.png"]


def test_settings_of_other_pictures(draw: Run, model: FakeDraw):
    first = draw("a (big:1.2) heart", "--seed", 7, "--steps", 9, "--negative", "text", "-o", "one.png")
    assert first.code == 0, first.err
    assert draw("--like", "one.png", "-o", "two.png").code == 0
    assert (pixels("one.png") == pixels("two.png")).all()
    other = draw("--like", "one.png", "--seed", 8, "--steps", 5)
    assert other.lines == ["a-big-heart-seed8.png"] and model.calls[-1]["steps"] == 5
    text = (
        "a ((red)) cat <lora:shiny:0.7>\nNegative prompt: bad, [worse]\nSteps: 12, Sampler: Euler, Schedule type: Automatic, "
        'CFG scale: 6.5, Seed: 42, Size: 32x16, Model: somebodys, Clip skip: 2, Lora hashes: "shiny: 1"'
    )
    info = PngInfo()
    info.add_text("parameters", text)
    Image.new("RGB", (4, 4)).save("web.png", pnginfo=info)
    done = draw("--like", "web.png")
    assert done.lines == ["a-red-cat-seed42.png"] and pixels(done.lines[0]).shape == (16, 32, 3), done.err
    assert "LoRA shiny" in done.err and "Clip skip 2" in done.err and "somebodys" in done.err
    call = model.calls[-1]
    assert call["prompts"] == [[("a ", 1.0), ("red", 1.21), (" cat", 1.0)]] and call["guidance"] == 6.5 and call["steps"] == 12
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
    Image.new("RGB", (4, 4)).save("web.jpg", exif=exif)
    assert draw("--like", "web.jpg", "--overwrite").lines == ["a-red-cat-seed42.png"]


def test_out_of_memory_takes_the_next_cheaper_setting_once(draw: Run, model: FakeDraw):
    model.failures = [RuntimeError("CUDA out of memory"), MemoryError()]
    done = draw("a heart", "--seeds", "1-2")
    assert done.code == 0 and "one picture at a time" in done.err and "decoding in tiles" in done.err, done.err
    model.failures = [MemoryError(), MemoryError()]
    done = draw("a star", "--seed", 1)
    assert done.code == 1 and "out of memory on cpu" in done.err and "--size" in done.err


def test_steps_are_saved_and_an_upscaler_finishes(draw: Run, tiny: str):
    done = draw("a heart", "--seed", 1, "--steps", 6, "--save-steps", 2, "--json")
    assert [Path(one["output"]).name for one in done.events if one["event"] == "saved"] == [
        "a-heart-seed1_step0002.png",
        "a-heart-seed1_step0004.png",
    ], done.out
    assert draw("a heart", "--seed", 2, "--upscale", tiny, "-o", "large.png").code == 0
    assert pixels("large.png").shape == (2 * SIDE, 2 * SIDE, 3)


def test_previews_are_drawn_where_the_terminal_has_colours(draw: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    done = draw("a heart", "--seed", 1, terminals="stderr")
    assert done.code == 0 and "\u2580" in done.err
    assert "\u2580" not in draw("a heart", "--seed", 2).err


def test_from_python(model: FakeDraw, genkit: Run):
    import genkit as library

    named = {"model": "tiny-words"}
    made = library.txt2img(["a heart", "a star"], seed=[1, 2], steps=3, **named)
    assert len(made) == 4 and made[0].size == (SIDE, SIDE) and model.calls[-1]["steps"] == 3
    with pytest.warns(UserWarning, match="cut to the proportions of 24x16"):
        path = library.txt2img("a {heart}", "one.png", seed=5, negative="text", size=(24, 16), init=made[0], **named)
    assert str(path) == "one.png" and pixels(path).shape == (16, 24, 3) and "init" in model.calls[-1]
    assert "--seed 5" in genkit("show", path).out
    with pytest.raises(library.UsageError):
        library.txt2img("word " * 30, **named)
    with pytest.raises(library.UsageError, match="no prompt"):
        library.txt2img([], **named)


def test_values_of_python_and_json_are_the_options_of_a_command(draw: Run, model: FakeDraw):
    from genkit.run.call import from_values
    from genkit.verbs.txt2img.verb import Txt2img

    given = {"prompt": "a heart", "seed": [3, 7], "size": (24, 16), "guidance": [2, 4.5], "steps": 3, "batch": 2}
    call = from_values(Txt2img, given | {"model": "tiny-words"})
    assert call.verb == Txt2img(["a heart"], seeds="3,7", size="24x16", guidance="2,4.5", steps="3", batch_size="2")
    assert from_values(Txt2img, {"prompts": ["a"], "seed": 3, "size": ["16x16", (24, 16), 8]}).verb == Txt2img(
        ["a"], seed=3, size="16x16,24x16,8"
    )
    done = draw("a heart", "--seeds", "3,7", "--size", "24x16", "--guidance", "2,4.5", "--steps", 3, "--batch-size", 2)
    context = call.verb.context(call.run)
    assert [output.stem for output in call.verb.outputs(context).outputs] == [Path(line).stem for line in done.lines]
    with pytest.raises(UsageError, match="--offload disk: expected one of auto"):
        from_values(Txt2img, {"prompt": "a", "offload": "disk"}).verb.context(call.run)


def test_a_line_may_bring_each_option_of_a_picture_and_none_of_the_run(draw: Run, model: FakeDraw):
    from genkit.verbs.txt2img.values import of_the_run, per_line

    assert {*per_line()} >= {"negative", "n", "size", "steps", "no_safety_checker", "lora", "upscale"}
    assert {*of_the_run()} >= {"from", "like", "grid", "batch_size", "output", "json"} and not {*of_the_run()} & {*per_line()}
    for name, option in of_the_run().items():
        Path("list.txt").write_text(f"ok\na heart {option.flag} x\n")
        done = draw("--from", "list.txt")
        assert done.code == 2 and f"list.txt, line 2: {name} holds for the whole run" in done.err
    Path("list.jsonl").write_text('{"prompt": "a heart", "no-safety-checker": true, "seed": 1}\n')
    assert draw("--from", "list.jsonl").code == 0 and model.calls[-1]["safety"] is False


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a heart --init w.png", "line 1: --init: flux2-klein-4b cannot begin with a picture"),
        ("a heart --negative b", "line 1: --negative: flux2-klein-4b takes no negative prompt"),
        ("a heart --no-safety-checker", "line 1: --no-safety-checker: flux2-klein-4b has no safety checker"),
        ("a heart --steps 0", "line 1: --steps 0: expected a whole number from 1"),
        ("a heart --control-strength 3 --control canny:w.png", "line 1: --control: flux2-klein-4b follows no pictures"),
        ("a heart -n 0", "line 1: -n 0: expected a whole number from 1 to 100000"),
    ],
)
def test_what_a_model_cannot_is_refused_of_a_line(line: str, said: str, genkit: Run):
    Image.new("RGB", (8, 8)).save("w.png")
    Path("list.txt").write_text(line)
    done = genkit("txt2img", "--from", "list.txt", "--model", "flux2-klein-4b", "--seed", 1)
    assert done.code == 2 and said in done.err, done.err
    if "expected" not in said:
        assert "models with it: " in done.err


def test_a_model_that_was_changed_for_good_is_not_given_to_the_next(draw: Run, monkeypatch: pytest.MonkeyPatch):
    made: list[FakeDraw] = []
    load_instead(monkeypatch, lambda: made.append(FakeDraw()) or made[-1])
    Path("style.safetensors").write_bytes(b"weights")
    for words in (["a"], ["b", "--scheduler", "euler"], ["c", "--lora", "style.safetensors"], ["d"]):
        assert draw(*words, "--seed", 1).code == 0
    plain, again = made
    assert plain.samplers == [None, "euler", None] and [each["loras"] for each in plain.configured] == [
        (("style.safetensors", 1.0),)
    ]
    assert not again.configured and again.samplers == [None]


def test_help_fits_and_needs_no_torch(genkit: Run):
    done = genkit("txt2img", "--help")
    assert done.code == 0 and max(map(len, done.lines)) <= 80


def test_a_real_pipeline_draws_the_same_alone_and_in_a_sheet(
    genkit: Run, monkeypatch: pytest.MonkeyPatch, pipeline_folder: Callable[[str], Path]
):
    monkeypatch.undo()
    folder = pipeline_folder("StableDiffusionPipeline")
    monkeypatch.chdir(folder.parent)
    words = ["--model", folder.name, "--steps", 2]
    done = genkit("txt2img", "a (red:1.2) bike", "--seeds", "1-2", *words, "-o", "out/")
    assert done.code == 0, done.err
    alone = genkit("txt2img", "a (red:1.2) bike", "--seed", 2, *words, "-o", "alone.png", "--batch-size", 1)
    assert np.abs(pixels("alone.png") - pixels(done.lines[1])).max() <= 1, alone.err


def test_one_that_is_withheld_does_not_take_its_neighbours_along(draw: Run, model: FakeDraw):
    model.withheld = {4}
    done = draw("a heart", "--seeds", "3-5", "-o", "out/", "--json")
    assert done.code == 1 and done.events[-1]["done"] == 2 and done.events[-1]["failed"] == 1, done.out
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["a-heart-seed3.png", "a-heart-seed5.png"]


def test_what_may_surprise_is_said_before(draw: Run):
    assert draw("\U0001f438", "\u2764\ufe0f", "?!", "--seed", 1).lines == [
        "frog-face-seed1.png",
        "heavy-black-heart-seed1.png",
        "picture-seed1.png",
    ]
    assert draw("a/b", "../a b", "A-B", "--seed", 1).lines == ["a-b-seed1.png", "a-b-seed1-2.png", "a-b-seed1-3.png"]
    planned = draw("a", "--vae", "vae-sd-mse", "--upscale", "realplksr-webphoto-x4", "--dry-run").err
    assert "vae-sd-mse is not downloaded (" in planned and "genkit models pull realplksr-webphoto-x4" in planned
    assert "7 places are left blank" in draw("a {b|c}", "--grid", "3x3", "--seed", 1).err
    assert "none is saved on the way" in draw("a star", "--save-steps", 4, "--seed", 1).err
    assert "for one picture put quotes" not in draw("a", "-", "--seed", 1, stdin=b"b").err


def test_a_model_that_is_loaded_again_is_not_held_twice(draw: Run, monkeypatch: pytest.MonkeyPatch):
    import weakref

    alive: weakref.WeakSet[FakeDraw] = weakref.WeakSet()
    together: list[int] = []

    def load() -> FakeDraw:
        together.append(len(alive))
        made = FakeDraw()
        alive.add(made)
        return made

    load_instead(monkeypatch, load)
    Path("style.safetensors").write_bytes(b"weights")
    Path("list.txt").write_text("a heart --lora style.safetensors\na heart\na star\n")
    done = draw("--from", "list.txt", "--seeds", "1-2", "--batch-size", 2)
    assert done.code == 0 and len(done.lines) == 6 and together == [0, 0] and "loaded again" in done.err, done.err


def test_another_sampler_is_exchanged_and_nothing_is_loaded_again(draw: Run, monkeypatch: pytest.MonkeyPatch):
    made: list[FakeDraw] = []
    load_instead(monkeypatch, lambda: made.append(FakeDraw()) or made[-1])
    Path("list.txt").write_text("a heart\na star\na moon --scheduler euler\n")
    done = draw("--from", "list.txt", "--scheduler", "euler,ddim", "--seed", 1)
    assert done.code == 0 and len(done.lines) == 5 and "loaded again" not in done.err, done.err
    (model,) = made
    assert not model.configured and model.samplers == ["euler", "ddim", "euler", "ddim", "euler"]


def test_what_a_line_says_is_not_lost(draw: Run, model: FakeDraw):
    Path("list.txt").write_text("a heart -n 2\na star\n")
    assert draw("--from", "list.txt", "--seeds", "7-9").lines == [
        *("a-heart-seed7.png", "a-heart-seed8.png"),
        *(f"a-star-seed{seed}.png" for seed in (7, 8, 9)),
    ]
    Path("list.jsonl").write_text('{"prompt": "a heart", "unheard": false}\n')
    done = draw("--from", "list.jsonl", "--seed", 1)
    assert done.code == 2 and "there is no option unheard" in done.err


def test_a_sheet_keeps_the_safety_checker_unless_told_otherwise(draw: Run, genkit: Run):
    done = draw("a heart", "--seeds", "1-2", "--grid", "2x1", "-O", "safety=yes")
    assert done.code == 0 and "no-safety-checker" not in genkit("show", done.lines[0]).out


def test_like_takes_a_prompt_as_it_stands_and_tells_what_is_lost(draw: Run, model: FakeDraw):
    from genkit.media import recipe

    info = PngInfo()
    told = {"verb": "txt2img", "model": "tiny-words", "options": {"steps": 3, "magic": 1}, "prompt": "-", "seed": 5}
    info.add_text("genkit", recipe.dump({"genkit": "0", **told}))
    Image.new("RGB", (4, 4)).save("odd.png", pnginfo=info)
    done = draw("--like", "odd.png")
    assert done.code == 0 and model.calls[-1]["prompts"] == ["-"] and "magic" in done.err, done.err


def test_python_writes_every_picture_and_what_makes_it_again(model: FakeDraw, genkit: Run):
    import genkit as library

    paths = library.txt2img(["a cat", "A cat!", r"\{a|b\} (c:1.2)"], "out/", seed=1, negative=r"\{x|y\}", model="tiny-words")
    assert [Path(path).name for path in paths] == ["a-cat-seed1.png", "a-cat-seed1-2.png", "a-b-c-seed1.png"]
    shown = genkit("show", paths[-1]).out
    assert r"\{a|b\} (c:1.2)" in shown and r"\{x|y\}" in shown


def test_lists_sources_and_saved_steps_are_guarded(draw: Run, genkit: Run):
    heart = ("a heart", "--seed", 1, "--steps", 6, "--save-steps", 2)
    Path("a-heart-seed1_step0002.png").write_bytes(b"mine")
    refused = draw(*heart)
    assert refused.code == 2 and "already there: a-heart-seed1_step0002.png" in refused.err
    foreign = draw(*heart, "--resume")
    assert foreign.code == 1 and "was not made by genkit" in foreign.err
    assert draw(*heart, "--number").lines == ["a-heart-seed1_2.png"] and Path("a-heart-seed1_2_step0002.png").is_file()
    assert Path("a-heart-seed1_step0002.png").read_bytes() == b"mine"
    # steps of our own go with the picture that they lead to
    changed = draw("a heart", "--seed", 1, "--steps", 8, "--save-steps", 2, "-o", "a-heart-seed1_2.png", "--resume")
    assert changed.code == 0 and "1 made with other options is made anew" in changed.err
    like = ("--like", "a-heart-seed1_2.png", "-o", "a-heart-seed1_2.png")
    for more in ((), ("--overwrite",), ("--resume",)):
        refused = draw(*like, *more)
        assert refused.code == 2 and "would replace --like a-heart-seed1_2.png" in refused.err, refused.err
    assert draw(*like, "--number").lines == ["a-heart-seed1_2_2.png"]


def test_a_plan_knows_its_time_by_steps(draw: Run):
    def seconds(*words: object) -> float | None:
        events = draw("a heart", "--seed", 1, *words, "--dry-run", "--json").events
        found: float | None = next(one for one in events if one["event"] == "plan")["seconds"]
        return found

    assert seconds() is None
    assert draw("a heart", "--seeds", "1-4", "-o", "out/").code == 0
    few, many = seconds("--steps", 1), seconds("--steps", 50, "--size", "160x160")
    assert few is not None and many is not None and many > few
