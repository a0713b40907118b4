"""`genkit run`: recipes and one-liners through the real command line."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image

Save = Callable[..., Path]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe(tiny: str, inside: Path) -> Callable[..., Path]:
    """Write a recipe file."""

    def write(text: str, name: str = "r.toml") -> Path:
        path = inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("TINY", f'verb = "upscale"\nmodel = "{tiny}"'))
        return Path(name)

    return write


TWICE = "[[step]]\nTINY\n\n[[step]]\nTINY\nscale = 1.5\n"


def pixels(path: Path | str) -> np.ndarray:
    return np.asarray(Image.open(path))


def recipe_of(genkit: Run, path: Path | str) -> dict:
    return genkit("show", path, "--json").events[0]["recipe"]


# --- what a chain makes ---------------------------------------------------------------------------------------------------


def test_a_chain_is_equal_to_its_commands_by_hand(genkit: Run, recipe: Callable[..., Path], picture: Save, tiny: str):
    picture(Path("in/a.png"), 21, 17, dpi=(300, 300))
    picture(Path("in/b.png"), 24, 16, "RGBA", seed=1)
    deep = np.random.default_rng(0).integers(0, 65535, (16, 20), np.uint16)
    Image.fromarray(deep).save("in/deep.png")
    assert genkit("run", recipe(TWICE), "in", "-o", "out").code == 0
    assert genkit("upscale", "in", "-o", "one", "-m", tiny).code == 0
    assert genkit("upscale", "one", "-o", "two", "-m", tiny, "--scale", 1.5, "--again").code == 0
    for name in ("a.png", "b.png", "deep.png"):
        assert np.array_equal(pixels(f"out/{name}"), pixels(f"two/{name}")), name
        assert Image.open(f"out/{name}").mode == Image.open(f"two/{name}").mode
    assert Image.open("out/a.png").info["dpi"][0] == pytest.approx(300, abs=0.1)
    assert pixels("out/deep.png").dtype.itemsize >= 2 and pixels("out/deep.png").max() > 255


def test_each_model_is_loaded_once(genkit: Run, recipe: Callable[..., Path], picture: Save, monkeypatch: pytest.MonkeyPatch):
    import genkit.models as models
    from genkit.run import session

    monkeypatch.setattr(session, "DEFAULT", session.Session())
    loaded, load = [], models.load_model
    monkeypatch.setattr(models, "load_model", lambda card, *a, **k: loaded.append(card.name) or load(card, *a, **k))
    for number in range(3):
        picture(Path(f"in/{number}.png"), seed=number)
    file = recipe(TWICE + '[[branch]]\nname = "c"\n[[branch.step]]\nverb = "colorize"\n[[branch]]\n[[branch.step]]\nTINY\n')
    assert genkit("run", file, "in", "-o", "out").code == 0
    assert sorted(loaded) == ["genkit-colorize", "tiny"]
    assert len(list(Path("out").iterdir())) == 6


def test_a_step_takes_pictures_of_others_and_of_the_input(genkit: Run, recipe: Callable[..., Path], picture: Save):
    picture(Path("photo.png"), 32, 24)
    file = recipe(
        '[[step]]\nverb = "colorize"\nname = "colour"\n[[step]]\nverb = "cutout"\nname = "mask"\nfrom = "$input"\n'
        "mask_only = true\n"
        '[[step]]\nverb = "style"\nfrom = "$step.colour"\nstyle = ["$input"]\nmask = "$step.mask"\n'
    )
    assert genkit("run", file, "photo.png", "-o", "chain.png").code == 0
    genkit("colorize", "photo.png", "-o", "c.png")
    genkit("cutout", "photo.png", "-o", "m.png", "--mask-only")
    genkit("style", "c.png", "-o", "s.png", "--style", "photo.png", "--mask", "m.png")
    assert np.array_equal(pixels("chain.png"), pixels("s.png"))
    steps = recipe_of(genkit, "chain.png")["steps"]
    assert steps[1]["from"] == "input" and steps[2]["from"] == 0
    assert steps[2]["pictures"] == {"style": "input", "mask": 1}
    assert genkit("replay", "chain.png", "-o", "again.png").code == 0
    assert Path("again.png").read_bytes() == Path("chain.png").read_bytes()


def test_a_bad_file_stops_itself_alone(genkit: Run, recipe: Callable[..., Path], picture: Save):
    picture(Path("in/a.png"))
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes()[:90])
    picture(Path("in/c.png"))
    outcome = genkit(
        "run",
        recipe(TWICE + "[[branch]]\n[[branch.step]]\nTINY\n[[branch]]\n[[branch.step]]\nTINY\nscale=1\n"),
        "in",
        "-o",
        "out",
        "--json",
    )
    assert outcome.code == 1
    assert outcome.events[-1] | {"done": 4, "failed": 2} == outcome.events[-1]
    assert {event["input"].partition(" ")[0] for event in outcome.events if event["event"] == "failed"} == {"in/b.png"}
    assert sorted(path.name for path in Path("out").iterdir()) == ["a_1.png", "a_2.png", "c_1.png", "c_2.png"]


def test_standard_input_and_output(genkit: Run, recipe: Callable[..., Path], picture: Save):
    path = picture(Path("a.png"))
    outcome = genkit("run", recipe(TWICE), "-", stdin=path.read_bytes())
    assert outcome.code == 0
    Path("out.png").write_bytes(outcome.stdout)
    assert Image.open("out.png").size == (60, 48)


def test_what_draws_begins_a_chain(genkit: Run, recipe: Callable[..., Path]):
    file = recipe('[[step]]\nverb = "gan"\nseeds = "1-3"\nmodel = "genkit-clothes"\n[[step]]\nTINY\n', "clothes.toml")
    outcome = genkit("run", file, "-o", "out", "--json")
    assert outcome.code == 0 and outcome.events[-1]["done"] == 3
    assert genkit("gan", "--seeds", "2", "-m", "genkit-clothes", "-o", "g.png").code == 0
    first = Image.open("g.png").size
    made = sorted(Path("out").iterdir())
    assert Image.open(made[1]).size == (2 * first[0], 2 * first[1])
    assert genkit("run", file, "-o", "out", "--resume", "--json").events[-1]["skipped"] == 3
    assert genkit("replay", made[1], "-o", "again.png").code == 0
    assert np.array_equal(pixels("again.png"), pixels(made[1]))
    refused = genkit("run", file, "x.png", "-o", "out")
    assert refused.code == 2 and "takes no input" in refused.err


# --- parameters, lists, sweeps --------------------------------------------------------------------------------------------


def test_parameters_are_set_and_lists_multiply(genkit: Run, recipe: Callable[..., Path], picture: Save):
    picture(Path("a.png"))
    file = recipe('[parameters]\nhow = 0.5\n[[step]]\nTINY\nsharpen = "$how"\nscale = [1, 2]\n')
    assert genkit("run", file, "a.png", "-o", "out/").code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a_scale1.png", "a_scale2.png"]
    assert recipe_of(genkit, "out/a_scale1.png")["steps"][0]["options"]["sharpen"] == 0.5
    assert genkit("run", file, "a.png", "-o", "set.png", "--set", "how=0.25", "--set", "scale=1").code == 0
    assert recipe_of(genkit, "set.png")["steps"][0]["options"] == {"scale": 1.0, "sharpen": 0.25}
    for text, expected in (
        ("how=much", "expected a number"),
        ("hwo=1", "did you mean how"),
        ("how", "expected NAME=VALUE"),
        ("upscale.sclae=2", "did you mean scale"),
        ("upscal.scale=2", "did you mean upscale"),
    ):
        refused = genkit("run", file, "a.png", "-o", "x.png", "--set", text)
        assert refused.code == 2 and expected in refused.err and not Path("x.png").exists(), (text, refused.err)


def test_sweeps_name_outputs_by_what_differs(genkit: Run, tiny: str, picture: Save):
    picture(Path("a.png"))
    line = f"upscale -m {tiny}"
    outcome = genkit("run", "-c", line, "a.png", "-o", "out/", "--sweep", "scale=1,2", "--sweep", "sharpen=0,0.5")
    assert outcome.code == 0
    names = [f"a_scale{one}_sharpen{other}.png" for one in (1, 2) for other in ("0", "0.5")]
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(names)
    refused = genkit("run", "-c", f"{line} | {line}", "a.png", "--sweep", "scale=1,2")
    assert refused.code == 2 and "--sweep upscale2.scale" in refused.err


def test_a_verb_sweeps_as_a_chain_of_it_does(genkit: Run, tiny: str, picture: Save):
    picture(Path("a.png"))
    sweep = ("--sweep", "scale=1,2", "--sweep", "sharpen=0,0.5")
    assert genkit("run", "-c", f"upscale -m {tiny}", "a.png", "-o", "chain/", *sweep).code == 0
    outcome = genkit("upscale", "a.png", "-m", tiny, "-o", "verb/", *sweep, "--sheet", "sheet.png")
    assert outcome.code == 0 and Path("sheet.png").is_file()
    names = sorted(path.name for path in Path("chain").iterdir())
    assert len(names) == 4 and names == sorted(path.name for path in Path("verb").iterdir())
    for name in names:
        assert Path("chain", name).read_bytes() == Path("verb", name).read_bytes()
    Path("jobs.jsonl").write_text(
        json.dumps({"verb": "upscale", "paths": ["a.png"], "model": tiny, "output": "job/", "sweep": ["scale=1,2"]})
    )
    assert genkit("jobs", "jobs.jsonl").code == 0 and len(list(Path("job").iterdir())) == 2
    assert genkit("gan", "--seed", 3, "--sweep", "truncation=0.5,1", "-o", "drawn/").code == 0
    assert len(list(Path("drawn").iterdir())) == 2
    for words, expected in (
        (("upscale", "a.png", "--sheet", "s.png"), "--sheet lays out what --sweep varies"),
        (("upscale", "a.png", "--sweep", "skale=1,2"), "did you mean scale"),
        (("upscale", "-", "--sweep", "scale=1,2"), "2 outputs cannot all go to standard output"),
    ):
        refused = genkit(*words, stdin=Path("a.png").read_bytes())
        assert refused.code == 2 and expected in refused.err, (words, refused.err)


# --- one-liners, saved recipes, outputs as recipes -------------------------------------------------------------------------


def test_a_line_is_kept_and_run_by_name(genkit: Run, tiny: str, picture: Save, own_folders: Path):
    picture(Path("a.png"))
    picture(Path("look.png"), seed=3)
    line = f"colorize --reference look.png | upscale -m {tiny} -s 2"
    assert genkit("run", "-c", line, "--save", "old", "a.png", "-o", "one.png").code == 0
    assert (own_folders / "recipes" / "old" / "look.png").read_bytes() == Path("look.png").read_bytes()
    Path("look.png").unlink()
    assert genkit("run", "old", "a.png", "-o", "two.png").code == 0
    assert np.array_equal(pixels("one.png"), pixels("two.png"))
    assert genkit("run", "old", "a.png").out.strip() == "a_old.png"
    assert "old" in genkit("run", "--list").out and "colorize" in genkit("run", "--list").out
    assert genkit("run", "--list", "--json").events[0]["name"] == "old"
    taken = genkit("run", "-c", "upscale", "--save", "old")
    assert taken.code == 2 and "--overwrite" in taken.err
    assert "did you mean old" in genkit("run", "odl", "a.png").err


def test_an_output_does_to_others_what_was_done_to_it(genkit: Run, tiny: str, picture: Save):
    picture(Path("a.png"))
    picture(Path("b.png"), seed=2)
    genkit("upscale", "a.png", "-m", tiny, "-o", "verb.png", "--sharpen", 0.5)
    genkit("run", "-c", f"upscale -m {tiny} --sharpen 0.5 | upscale -m {tiny} -s 1", "a.png", "-o", "chain.png")
    for made in ("verb.png", "chain.png"):
        assert genkit("run", made, "b.png", "-o", "b_out/", "--overwrite").code == 0
        toml = genkit("show", "--toml", made)
        Path("made.toml").write_text(toml.out)
        assert genkit("run", "made.toml", "b.png", "-o", "from_toml.png", "--overwrite").code == 0
        assert np.array_equal(pixels("b_out/b.png"), pixels("from_toml.png"))
    shown = genkit("show", "chain.png").out
    command = shown.strip().splitlines()[-1]
    assert command.strip().startswith("genkit run -c 'upscale") and command.endswith("a.png")
    assert genkit("run", "a.png", "b.png").code == 1  # no recipe in it


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "step 1 is empty"),
        ("upscale |", "step 2 is empty"),
        ("upscal", "did you mean upscale"),
        ("upscale --sclae 2", "did you mean --scale"),
        ("upscale -s", "expected a value"),
        ("upscale -s big", "expected a number"),
        ("upscale photo.png", "inputs are named behind the line"),
        ("upscale -o x", "belongs to the whole run"),
        ("colorize --strength 9", "0 (grey) to 2"),
        ("upscale 'x", "quotation"),
        ("colorize | gan", "can only begin a chain"),
        ("upscale --tta=yes", "takes no value"),
        ("upscale -m colorful", "unknown model"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: str, expected: str, genkit: Run, picture: Save):
    picture(Path("a.png"))
    outcome = genkit("run", "-c", line, "a.png")
    assert outcome.code == 2 and expected in outcome.err and "Traceback" not in outcome.err, outcome.err


# --- errors of files, and the sandbox --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("step = 3", 1, "expected tables"),
        ("[[step]]\nverb = ", 2, "not TOML"),
        ("\n[[stpe]]\nverb = 'upscale'", 2, "did you mean step"),
        ("[[step]]\nverb = 'upscale'\n\nsclae = 2", 4, "did you mean scale"),
        ("[[step]]\nverb = 'upscal'", 2, "did you mean upscale"),
        ("[[step]]\nverb = 'upscale'\nscale = 'big'", 3, "expected a number"),
        ("[[step]]\nverb = 'colorize'\n# twice\nstrength = 9", 4, "0 (grey) to 2"),
        ("[[step]]\nverb = 'upscale'\noutput = 'x.png'", 3, "belongs to the whole run"),
        ("[[step]]\nverb = 'upscale'\nscale = '$how'", 3, "no parameter 'how'"),
        ("[[step]]\nverb = 'style'\nstyle = '$step.a'\n[[step]]\nname = 'a'\nverb = 'upscale'", 3, "does not come before"),
        ("[[step]]\nverb = 'upscale'\nfrom = 'a'", 3, "names no picture"),
        ("[[step]]\nverb = 'upscale'\n[[step]]\nverb = 'gan'", 4, "can only begin a chain"),
        ("[[step]]\nverb = 'upscale'\nmodel = 'tiyn'", 3, "unknown model"),
        ("[[step]]\nverb = 'colorize'\nhint = 'h.png'", 3, "not found"),
        ("[parameters]\nhow = {type = 'colour'}\n[[step]]\nverb = 'upscale'", 2, "no type 'colour'"),
        ("[parameters]\nhow = {type = 'number'}\n[[step]]\nverb = 'upscale'", 2, "--set how=VALUE"),
        ("[output]\nformat = 'gfi'\nqualtiy = 3\n[[step]]\nverb = 'upscale'", 3, "did you mean quality"),
        ("[[step]]\nverb = 'upscale'\nscale = []", 3, "empty list"),
        ("[[branch]]\nname = 'a'\n[[branch]]\nname='a'", 1, "a branch without steps"),
        ("name = 'x'", 1, "no steps"),
        ("[[step]]\nverb = 'inpaint'\nmask = 'alpha'\ncandidates = 3", 4, "gives one picture"),
        ('[[step]]\nverb = "colorize"\n[[step]]\nverb = "upscale"\nscale = """\n2"""', 5, "expected a number"),
    ],
)
def test_an_error_in_a_recipe_names_its_line(text: str, line: int, expected: str, genkit: Run, picture: Save):
    picture(Path("a.png"))
    Path("r.toml").write_text(text)
    for words in (("--check", "r.toml"), ("r.toml", "a.png", "--dry-run")):
        outcome = genkit("run", *words)
        assert outcome.code == 2, outcome.err
        assert f"r.toml, line {line}" in outcome.err and expected in outcome.err, outcome.err
    as_json = genkit("run", "--check", "r.toml", "--json")
    assert as_json.code == 2 and as_json.events[0]["event"] == "error" and as_json.events[-1]["exit"] == 2


def test_a_recipe_reads_nothing_outside_its_folder(genkit: Run, picture: Save, inside: Path):
    picture(Path("secret.png"))
    picture(Path("own/near.png"), seed=2)
    picture(Path("a.png"))
    Path("own/link.png").symlink_to(inside / "secret.png")
    for value in ("../secret.png", str(inside / "secret.png"), "link.png", "~/secret.png", "x/../../secret.png", "secret.png"):
        Path("own/r.toml").write_text(f"[[step]]\nverb = 'colorize'\nreference = '{value}'\n")
        outcome = genkit("run", "own/r.toml", "a.png", "-o", "out.png")
        assert outcome.code == 2 and "line 3, reference" in outcome.err, (value, outcome.err)
        assert not Path("out.png").exists()
    Path("own/r.toml").write_text("[[step]]\nverb = 'upscale'\nmodel = '../tiny.toml'\n")
    assert "lies outside" in genkit("run", "own/r.toml", "a.png").err
    Path("own/r.toml").write_text("[output]\nname = '../{stem}'\n[[step]]\nverb = 'upscale'\n")
    assert genkit("run", "own/r.toml", "a.png").code == 2
    Path("own/r.toml").write_text("[[step]]\nverb = 'colorize'\nreference = '../secret.png'\n")
    assert genkit("run", "own/r.toml", "a.png", "-o", "out.png", "--allow-outside").code == 0
    Path("own/r.toml").write_text("[[step]]\nverb = 'colorize'\nreference = 'near.png'\n")
    assert genkit("run", "own/r.toml", "a.png", "-o", "near.png").code == 0
    given = genkit("run", "own/r.toml", "a.png", "-o", "set.png", "--set", "reference=secret.png")
    assert given.code == 0, given.err  # the user's own


def test_a_plan_says_outputs_models_and_sizes(genkit: Run, recipe: Callable[..., Path], picture: Save):
    picture(Path("a.png"), 20, 16)
    file = recipe(TWICE + '[[step]]\nverb = "colorize"\nmodel = "ddcolor"\n')
    planned = genkit("run", file, "a.png", "-o", "out/", "--dry-run", "--json")
    assert planned.code == 0 and not Path("out").exists()
    (item,) = [event for event in planned.events if event["event"] == "planned"]
    assert (item["width"], item["height"], item["output"]) == (60, 48, "out/a.png")
    assert any("ddcolor is" in event.get("message", "") for event in planned.events)
    checked = genkit("run", "--check", file, "--json")
    steps = [event for event in checked.events if event["event"] == "chain-step"]
    assert [(step["verb"], step["state"] in ("shipped", "cached")) for step in steps] == [
        ("upscale", True),
        ("upscale", True),
        ("colorize", False),
    ]
    assert "in order: one output of each input" in genkit("run", "--check", file).out


# --- resuming, kept steps ---------------------------------------------------------------------------------------------------


def test_resume_knows_chains(genkit: Run, recipe: Callable[..., Path], picture: Save):
    for name in ("a.png", "b.bmp"):
        picture(Path("in") / name)
    file = recipe(TWICE)
    assert genkit("run", file, "in", "-o", "out").code == 0
    assert genkit("run", file, "in", "-o", "out").code == 2
    assert genkit("run", file, "in", "-o", "out", "--resume", "--json").events[-1]["skipped"] == 2
    other = genkit("run", file, "in", "-o", "out", "--resume", "--json", "--set", "upscale2.scale=2")
    assert other.events[-1]["done"] == 2
    beside = genkit("run", file, "in")
    assert sorted(beside.lines) == ["in/a_r.png", "in/b_r.bmp"]
    assert "left out: made by genkit run" in genkit("run", file, "in", "--overwrite").err


def test_a_changed_last_step_runs_nothing_else_again(
    genkit: Run, recipe: Callable[..., Path], picture: Save, monkeypatch: pytest.MonkeyPatch
):
    from genkit.verbs.upscale.verb import Upscale

    run, apply = [], Upscale.apply
    monkeypatch.setattr(Upscale, "apply", lambda self, *rest: run.append(self.scale) or apply(self, *rest))
    for number in range(2):
        picture(Path(f"in/{number}.jpg"), seed=number, quality=85)
    file = recipe(TWICE)
    assert genkit("run", file, "in", "-o", "out", "--keep", "kept").code == 0
    assert len(run) == 4 and len(list(Path("kept").glob("*-upscale.png"))) == 2
    changed = ("run", file, "in", "-o", "out", "--overwrite", "--set", "upscale2.scale=2")
    assert genkit(*changed, "--keep", "kept").code == 0
    assert run[4:] == [2, 2]
    kept = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert genkit(*changed).code == 0
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == kept
    for path in Path("kept").iterdir():
        path.write_bytes(path.read_bytes()[:200])  # damaged: made again
    run.clear()
    told = genkit(*changed, "--keep", "kept", "--sheet", "sheet.png", "--overwrite", "--json").events
    assert len(run) == 4 and told[-1]["event"] == "done"


def test_the_cache_is_bounded(genkit: Run, recipe: Callable[..., Path], picture: Save, own_folders: Path):
    for number in range(6):
        picture(Path(f"in/{number}.png"), 40, 40, seed=number)
    assert genkit("run", recipe(TWICE), "in", "-o", "out", "--cache", "30kB").code == 0
    files = list((own_folders / "cache" / "steps").iterdir())
    assert files and sum(path.stat().st_size for path in files) <= 30_000
    assert "expected a size" in genkit("run", "r.toml", "in", "--cache", "much").err


def test_killed_at_any_moment_and_resumed_every_output_is_there_once(picture: Save, start_echo: Callable):
    for number in range(6):
        picture(Path(f"in/{number}.png"), seed=number)
    words = ("run", "-c", "upscale | upscale", "in", "-o", "out", "--keep", "kept", "--resume", "--json")
    for delay in (0.25, 0.4, 0.5, 0.6, 0.7):
        process = start_echo(*words, seconds=0.02)
        try:
            process.wait(delay)
        except Exception:
            process.kill()
            process.wait()
    last = start_echo(*words)
    out, err = last.communicate(timeout=60)
    assert last.returncode == 0, err
    events = [json.loads(line) for line in out.splitlines()]
    assert events[-1]["done"] + events[-1]["skipped"] == 6
    assert sorted(path.name for path in Path("out").iterdir() if not path.name.startswith(".")) == [
        f"{n}.png" for n in range(6)
    ]
    assert all(Image.open(path).size == (320, 256) for path in Path("out").glob("*.png"))
    assert not list(Path("out").glob("*.part")) and not list(Path("kept").glob(".genkit-*"))


@pytest.mark.parametrize("count", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_mutated_recipes_are_refused_by_line_or_run(
    count: int, genkit: Run, recipe: Callable[..., Path], picture: Save, inside: Path
):
    """What a stranger's file may hold: no traceback, a line named, nothing read or written outside."""
    import random

    picture(Path("own/near.png"))
    recipe(
        '[parameters]\nhow = {default = 0.5, least = 0, most = 1}\n[output]\nformat = "png"\n[[step]]\nTINY\nsharpen = "$how"\n'
        '[[step]]\nverb = "colorize"\nreference = "near.png"\n[[branch]]\nname = "a"\n[[branch.step]]\nTINY\nscale = [1, 2]\n',
        "own/r.toml",
    )
    text = Path("own/r.toml").read_text()
    rng = random.Random(7)
    pieces = [
        "[[",
        "]]",
        '"',
        "=",
        "$step.a",
        "$input",
        "../",
        "/etc/passwd",
        "[]",
        "{}",
        "nan",
        "-1",
        "verb",
        "from",
        "\n",
        "1e400",
    ]
    before = set(inside.rglob("*"))
    for number in range(count):
        changed = text
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(changed))
            changed = changed[:at] + rng.choice([*pieces, ""]) + changed[at + rng.randint(0, 6) :]
        Path("own/r.toml").write_text(changed)
        outcome = genkit("run", "--check", "own/r.toml")
        assert outcome.code in (0, 2, 3) and "bug in genkit" not in outcome.err, (number, changed, outcome.err)
        if outcome.code:
            assert "own/r.toml, line " in outcome.err, (number, changed, outcome.err)
    assert set(inside.rglob("*")) == before
    shutil.rmtree("own")


def test_speech_ends_a_chain_with_its_picture_as_cover(genkit: Run, recipe: Callable[..., Path]):
    from mutagen.mp3 import MP3

    Path("book.txt").write_text("Hello there.")
    file = recipe(
        '[[step]]\nverb = "gan"\nname = "cover"\nseed = 3\nmodel = "genkit-clothes"\n[[step]]\nTINY\n'
        '[[step]]\nverb = "tts"\nsource = "$input"\nformat = "mp3"\n'
    )
    assert genkit("run", "--check", file).code == 0
    made = genkit("run", file, "book.txt", "-o", "out/")
    assert made.code == 0, made.err
    assert made.lines == ["out/book.mp3"]
    (cover,) = MP3("out/book.mp3").tags.getall("APIC")
    import io

    assert Image.open(io.BytesIO(cover.data)).size == (128, 128) or Image.open(io.BytesIO(cover.data)).width > 32
    assert genkit("run", file, "book.txt", "-o", "out/", "--resume", "--json").events[-1]["skipped"] == 1
    assert [step["verb"] for step in recipe_of(genkit, "out/book.mp3")["steps"]] == ["gan", "upscale", "tts"]
    shutil.copy("book.txt", "out")
    assert genkit("replay", "out/book.mp3", "-o", "again.mp3").code == 0
    assert Path("again.mp3").read_bytes() == Path("out/book.mp3").read_bytes()
    refused = genkit("run", "-c", "tts hello | upscale", "-o", "x.mp3")
    assert refused.code == 2 and "ends a chain" in refused.err


@pytest.mark.slow
def test_killed_at_twenty_moments(picture: Save, start_echo: Callable):
    for number in range(20):
        picture(Path(f"in/{number}.png"), seed=number)
    words = ("run", "-c", "upscale | upscale", "in", "-o", "out", "--keep", "kept", "--resume", "--json")
    for moment in range(20):
        process = start_echo(*words, seconds=0.02)
        time.sleep(0.3 + 0.07 * moment)
        process.kill()
        process.wait()
    last = start_echo(*words)
    out, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    done = json.loads(out.splitlines()[-1])
    assert done["done"] + done["skipped"] == 20
    assert sorted(path.name for path in Path("out").glob("*.png")) == sorted(f"{number}.png" for number in range(20))
    assert all(Image.open(path).size == (320, 256) for path in Path("out").glob("*.png"))


@pytest.mark.slow
def test_memory_is_flat_over_a_thousand_pictures(genkit: Run, tiny: str, picture: Save):
    """Each third of a run may hold as much as the one before."""
    import resource

    for number in range(8):
        picture(Path(f"some/{number}.png"), 128, 128, seed=number)
    Path("in").mkdir()
    for number in range(1000):
        Path(f"in/{number:04}.png").hardlink_to(f"some/{number % 8}.png")
    line = f"upscale -m {tiny} | upscale -m {tiny} -s 0.5"
    assert genkit("run", "-c", line, "some", "-o", "warm").code == 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert genkit("run", "-c", line, "in", "-o", "out").code == 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB, of which the plan has its share
