"""Nothing is lost: outputs and what lies beside them replace no input and nothing foreign, and get free names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run

from genkit.errors import UsageError
from genkit.run import guard
from genkit.run.beside import Beside
from genkit.run.plan import Item

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def upscale(genkit: Run, tiny: str) -> Run:
    return lambda *arguments, **options: genkit("upscale", *arguments, "--model", tiny, **options)


def contents() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file() and not path.name.startswith(".")}


# --- free names -----------------------------------------------------------------------------------------------------------


def test_a_taken_name_gets_the_next_free_number(upscale: Run, picture: Save):
    picture(Path("a.png"))
    assert [upscale("a.png", "--number").lines for _ in range(3)] == [["a_x2.png"], ["a_x2_2.png"], ["a_x2_3.png"]]
    Path("a_x2_2.png").unlink()
    before = contents()
    assert upscale("a.png", "--scale", 3, "--number").lines == ["a_x3.png"]
    assert upscale("a.png", "--number").lines == ["a_x2_2.png"]
    assert contents().items() >= before.items()


@pytest.mark.parametrize("words", [("-o", "out/"), ("-o", "out/", "--name", "{stem}-big"), ("-o", "out/", "--format", "webp")])
def test_numbers_go_with_folders_templates_and_formats(upscale: Run, picture: Save, words: tuple[str, ...]):
    for name in ("in/a.png", "in/b.png"):
        picture(Path(name))
    first = upscale("in", *words, "--number").lines
    second = upscale("in", *words, "--number").lines
    assert second == [str(Path(one).with_stem(f"{Path(one).stem}_2")) for one in first]


def test_a_file_is_numbered_and_so_is_one_that_is_the_input(upscale: Run, picture: Save):
    before = picture(Path("a.png")).read_bytes()
    assert upscale("a.png", "-o", "a.png", "--number").lines == ["a_2.png"]
    assert upscale("a.png", "-o", "a.png", "--number").lines == ["a_3.png"]
    assert Path("a.png").read_bytes() == before


def test_what_lies_beside_an_output_follows_its_number(upscale: Run, picture: Save):
    picture(Path("a.png"))
    Path("a_x2.png.json").write_text("mine")
    assert upscale("a.png", "--sidecar", "--number").lines == ["a_x2_2.png"]
    assert Path("a_x2.png.json").read_text() == "mine" and "upscale" in Path("a_x2_2.png.json").read_text()
    assert not Path("a_x2.png").exists()


def test_inputs_that_would_have_one_name_are_told_apart_by_numbers(upscale: Run, picture: Save):
    picture(Path("x/a.png"))
    picture(Path("y/a.png"), seed=1)
    assert upscale("x/a.png", "y/a.png", "-o", "out").code == 2
    assert upscale("x/a.png", "y/a.png", "-o", "out", "--number").lines == ["out/a.png", "out/a_2.png"]


@pytest.mark.parametrize("other", ["--resume", "--overwrite"])
def test_a_number_and_what_replaces_contradict_each_other(upscale: Run, picture: Save, other: str):
    picture(Path("a.png"))
    refused = upscale("a.png", "--number", other)
    assert refused.code == 2 and f"--number and {other} contradict each other" in refused.err


def test_python_takes_a_number(tiny: str, picture: Save):
    import genkit as api

    picture(Path("a.png"))
    paths = [api.upscale("a.png", output="b.png", model=tiny, number=True) for _ in range(2)]
    assert [str(path) for path in paths] == ["b.png", "b_2.png"]


def test_a_replay_is_numbered_or_passed_over(upscale: Run, genkit: Run, picture: Save):
    picture(Path("a.png"))
    upscale("a.png")
    assert genkit("replay", "a_x2.png").lines == ["a_x2-replay.png"]
    refused = genkit("replay", "a_x2.png")
    assert refused.code == 2 and "--number takes a free name (a_x2-replay_2.png), --resume" in refused.err
    assert genkit("replay", "a_x2.png", "--number").lines == ["a_x2-replay_2.png"]
    assert "already made" in genkit("replay", "a_x2.png", "--resume").err


# --- devices --------------------------------------------------------------------------------------------------------------


def test_a_device_is_written_to_and_has_nothing_beside_it(upscale: Run, picture: Save):
    for name in ("in/a.png", "in/b.bmp"):
        picture(Path(name))
    for more in ((), ("--overwrite",), ("--resume",), ("--number",), ("--strip-metadata",)):
        done = upscale("in", "-o", "/dev/null", *more)
        assert done.code == 0 and done.lines == ["/dev/null"] * 2, done.err
    assert upscale("in/a.png", "-o", "/dev/null", "--format", "jpeg").code == 0
    refused = upscale("in/a.png", "-o", "/dev/null", "--sidecar")
    assert refused.code == 2 and "/dev/null has no place for null.json beside it" in refused.err
    refused = upscale("in/a.png", "-o", "/dev/stdout")
    assert refused.code == 2 and "-o /dev/stdout is standard output" in refused.err and "hint: -o -" in refused.err
    assert Path("/dev/null").is_char_device()


def test_a_named_pipe_takes_one_output(upscale: Run, picture: Save):
    import threading

    picture(Path("a.png"))
    os.mkfifo("pipe")
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path("pipe").read_bytes()), daemon=True)
    reader.start()
    assert upscale("a.png", "-o", "pipe").code == 0
    reader.join(30)
    assert got[0].startswith(b"\x89PNG") and Path("pipe").is_fifo()
    assert "2 outputs cannot all go to pipe" in upscale("a.png", picture(Path("b.png")), "-o", "pipe").err


# --- estimates ------------------------------------------------------------------------------------------------------------


def test_a_plan_knows_its_time_once_a_model_has_run(upscale: Run, genkit: Run, picture: Save):
    picture(Path("a.png"))
    assert "has not run here yet" in upscale("a.png", "--dry-run").err
    assert upscale("a.png").code == 0  # shorter than a second, and better than nothing
    assert "time: about" in upscale("a.png", "--dry-run", "--number").err


# --- what the refusal says ------------------------------------------------------------------------------------------------


def test_a_refusal_names_the_way_out_that_there_is(upscale: Run, picture: Save):
    picture(Path("a.png"))
    picture(Path("foreign.png"))
    upscale("a.png")
    own = upscale("a.png")
    assert own.code == 2 and own.err.splitlines()[-1] == (
        "hint: --number takes a free name (a_x2_2.png), --resume makes what is missing or was made with other options, "
        "--overwrite replaces it"
    )
    foreign = upscale("a.png", "-o", "foreign.png")  # which --resume would refuse
    assert foreign.err.splitlines()[-1] == "hint: --number takes a free name (foreign_2.png), --overwrite replaces it"


def test_no_hint_offers_to_replace_an_input(upscale: Run, picture: Save):
    before = picture(Path("a.png")).read_bytes()
    for words in (("-o", "a.png"), ("-o", "./"), ("-o", "a.png", "--resume"), ("-o", "../" + Path.cwd().name + "/a.png")):
        refused = upscale("a.png", *words)
        assert refused.code == 2 and "would replace the input itself" in refused.err, refused.err
        assert "--overwrite" not in refused.err and "--resume" not in refused.err and "--number" in refused.err
    assert Path("a.png").read_bytes() == before


def test_resume_says_how_many_it_makes_anew(upscale: Run, picture: Save):
    for name in "abcd":
        picture(Path(f"in/{name}.png"))
    assert upscale("in/a.png", "in/b.png", "in/c.png", "-o", "out/").code == 0
    assert "made anew" not in upscale("in", "-o", "out/", "--resume").err
    plan = upscale("in", "-o", "out/", "--resume", "--scale", 3, "--dry-run")
    assert "note: 4 made with other options are made anew" in plan.err
    assert "note: 4 made with other options are made anew" in upscale("in", "-o", "out/", "--resume", "--scale", 3).err
    assert upscale("in/a.png", "-o", "out/", "--resume", "--scale", 3).err.count("anew") == 0
    assert "note: 1 made with other options is made anew" in upscale("in/a.png", "-o", "out/", "--resume").err
    picture(Path("in/b.png"), seed=9)  # another input, and no other options
    assert "anew" not in upscale("in/b.png", "-o", "out/", "--resume", "--scale", 3).err


# --- what lies beside -----------------------------------------------------------------------------------------------------


def test_a_sidecar_replaces_no_input(upscale: Run, picture: Save):
    picture(Path("a.png"))
    picture(Path("c.png"), format="PNG").rename("a_x2.png.json")
    before = contents()
    for more in ((), ("--overwrite",), ("--resume",)):
        refused = upscale("a.png", "a_x2.png.json", "-o", "out/", "--name", "{stem}", "--sidecar", *more)
        assert refused.code == 0, refused.err  # in a folder of their own they touch nothing
    for more in ((), ("--overwrite",), ("--resume",)):
        refused = upscale("a.png", "a_x2.png.json", "--sidecar", *more)
        assert refused.code == 2 and "would replace the input a_x2.png.json" in refused.err, refused.err
    assert contents().items() >= before.items()


def item(name: str, source: str | None = None, **beside: object) -> Item:
    return Item(0, name, Path(source) if source else None, Path(name), "PNG", beside=Beside(**beside))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("items", "reads", "words"),
    [
        ([item("a.png", suffixes=[".npz"]), item("a.jpg", suffixes=[".npz"])], [], "would both write a.npz"),
        ([item("a.png", marks=["step0002"]), item("a_step0002.png")], [], "would both write a_step0002.png"),
        ([item("a_step0002.png"), item("a.png", marks=["step0002"])], [], "would both write a_step0002.png"),
        ([item("x.png"), item("x.png")], [], "would both become x.png"),
        ([item("a.png", suffixes=[".srt"])], [("--from", "b.srt"), ("--from", "a.srt")], "would replace --from a.srt"),
        ([item("a.png", marks=["step0002"])], [("--style", "a_step0002.png")], "would replace --style a_step0002.png"),
        ([item("a.png", sidecar=True)], [("--like", "a.png.json")], "would replace --like a.png.json"),
        ([item("a.png", suffixes=[".srt"])], [("--from", "linked.srt")], "would replace --from linked.srt"),
        ([item("a.png", suffixes=[".npz"]), item("b.png", "a.npz")], [], "would replace the input b.png"),
        ([item("a.png", suffixes=[".dir"])], [], "a.dir is a folder, and a file beside the output of a.png"),
    ],
)
def test_what_lies_beside_collides_and_replaces_as_outputs_do(items: list[Item], reads: list[tuple[str, str]], words: str):
    for name in ("a.srt", "b.srt", "a_step0002.png", "a.png.json", "a.npz"):
        Path(name).touch()
    os.link("a.srt", "linked.srt")
    Path("a.dir").mkdir()
    with pytest.raises(UsageError) as error:
        guard.check(items, [(option, Path(path)) for option, path in reads], overwrite=True, resume=False)
    assert words in error.value.message and "--overwrite" not in str(error.value.hint)


def test_a_line_for_what_lies_beside_is_no_recipe_of_an_output(upscale: Run, picture: Save):
    picture(Path("a.bmp"))
    upscale("a.bmp", "--sidecar")
    lines = [json.loads(line) for line in Path(".genkit-journal.jsonl").read_text().split("\n") if line]
    assert [(one["name"], one["recipe"]["verb"]) for one in lines] == [("a_x2.bmp", "upscale")]
