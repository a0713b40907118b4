"""`genkit gan` through the real command line, with tiny random networks that were really imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]
SIDE = 16


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def imported(genkit: Run, tmp_path: Path) -> Callable[..., str]:
    def make(family: str, name: str = "", classes: int = 0) -> str:
        import torch
        from safetensors.torch import save_file

        from genkit.models.gan import dcgan, stylegan2

        torch.manual_seed(0)
        path = tmp_path / f"{family}.safetensors"
        if family == "stylegan2":
            sizes = {"z_dim": 8, "c_dim": classes, "w_dim": 8, "depth": 2, "channel_base": 128, "channel_max": 16}
            state = stylegan2.build(SIDE, **sizes).state_dict()
        else:
            state = dcgan.build(latent=8, widths=(8, 8), kernels=(4, 4, 4)).state_dict()
        save_file(state, path)
        named = ["-O", 'labels=["dress", "shoe", "shirt"]'] if classes else []
        name = name or f"tiny-{family}"
        done = genkit("models", "import", path, "--as", name, "--task", "gan", "--family", family, *named)
        assert done.code == 0, done.err
        path.unlink()
        return name

    return make


@pytest.fixture
def tiny(imported: Callable[..., str]) -> str:
    return imported("stylegan2", "tiny")


def pixels(path: Path | str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_seed_is_the_same_picture_alone_in_a_batch_and_in_a_grid(tiny: str, genkit: Run):
    done = genkit("gan", "--model", tiny, "--seeds", "3-5,9", "-o", "many")
    assert done.code == 0, done.err
    assert done.lines == [f"many/tiny-seed{seed:04}.png" for seed in (3, 4, 5, 9)]
    assert genkit("gan", "--model", tiny, "--seed", 4).lines == ["tiny-seed0004.png"]
    assert np.abs(pixels("tiny-seed0004.png") - pixels("many/tiny-seed0004.png")).max() <= 1
    assert genkit("gan", "--model", tiny, "--seeds", "3-5,9", "--batch-size", 1, "-o", "single").code == 0
    for seed in (3, 9):
        name = f"tiny-seed{seed:04}.png"
        assert np.abs(pixels(Path("single", name)) - pixels(Path("many", name))).max() <= 1
    done = genkit("gan", "--model", tiny, "--seeds", "3-5,9", "--grid", "2x2", "-o", "sheet.png")
    assert done.lines == ["sheet.png"], done.err
    sheet = pixels("sheet.png")
    assert sheet.shape == (2 * SIDE + 2, 2 * SIDE + 2, 3)
    assert np.abs(sheet[:SIDE, -SIDE:] - pixels("tiny-seed0004.png")).max() <= 1
    done = genkit("gan", "--model", tiny, "--grid", "2x1")
    assert done.lines == ["tiny-seed0000-grid2x1.png"], done.err


def test_what_exists_stops_the_plan_and_resume_goes_on(tiny: str, genkit: Run):
    command = ["gan", "--model", tiny, "--seeds", "0-3", "-o", "out", "--json"]
    first = genkit(*command, "--dry-run")
    assert [one["event"] for one in first.events] == ["plan", *["planned"] * 4, "notice", "done"] and not Path("out").exists()
    assert first.events[1] | {"width": SIDE, "height": SIDE, "format": "PNG"} == first.events[1]
    done = genkit(*command)
    assert done.code == 0 and done.events[-1] | {"event": "done", "done": 4, "exit": 0} == done.events[-1]
    again = genkit(*command)
    assert again.code == 2 and again.events[0]["code"] == "output-exists" and "--resume" in again.events[0]["hint"]
    Path("out/tiny-seed0001.png").unlink()
    resumed = genkit(*command, "--resume")
    assert resumed.events[-1] | {"done": 1, "skipped": 3, "exit": 0} == resumed.events[-1]
    assert genkit(*command, "--overwrite").events[-1]["done"] == 4
    Path("out/tiny-seed0002.png").write_bytes(b"notes")
    mixed = genkit(*command, "--resume")
    assert mixed.code == 1 and mixed.events[-1] | {"failed": 1, "skipped": 3} == mixed.events[-1]


@pytest.mark.parametrize(
    "options",
    [
        ["--seed", 7, "--truncation", 0.4],
        ["--seeds", "2-5", "--grid", "2x2"],
        ["--mix", "3:7:0-2"],
        ["--walk", "3,7", "--frame", 2, "--seconds", 1, "--fps", 3],
        ["--seed", 5, "--format", "jpeg"],
    ],
    ids=lambda options: options[0],
)
def test_every_picture_says_how_it_was_made_and_is_made_again(options: list[Any], tiny: str, genkit: Run):
    done = genkit("gan", "--model", tiny, *options, "-o", "out/")
    assert done.code == 0, done.err
    shown = genkit("show", done.lines[0])
    assert shown.code == 0 and "genkit gan --model tiny" in shown.out
    replayed = genkit("replay", done.lines[0])
    assert replayed.code == 0, replayed.err
    assert (pixels(replayed.lines[0]) == pixels(done.lines[0])).all()


def test_classes_by_name_and_number(imported: Callable[..., str], genkit: Run):
    imported("stylegan2", "tiny-wear", classes=3)
    listed = genkit("gan", "--model", "tiny-wear", "--list-classes")
    assert [line.split() for line in listed.lines] == [["0", "dress"], ["1", "shoe"], ["2", "shirt"]]
    assert genkit("gan", "--model", "tiny-wear", "--list-classes", "--json").events[1]["name"] == "shoe"
    named = genkit("gan", "--model", "tiny-wear", "--class", "Shoe", "--seed", 3)
    assert named.lines == ["tiny-wear-shoe-seed0003.png"], named.err
    numbered = genkit("gan", "--model", "tiny-wear", "--class", 1, "--seed", 3, "-o", "one.png")
    assert (pixels(named.lines[0]) == pixels("one.png")).all() and numbered.code == 0
    other = genkit("gan", "--model", "tiny-wear", "--class", "dress", "--seed", 3)
    assert (pixels(other.lines[0]) != pixels("one.png")).any()
    wrong = genkit("gan", "--model", "tiny-wear", "--class", "shos")
    assert wrong.code != 0 and "shoe" in wrong.err


def test_options_of_other_models_are_refused_by_name(imported: Callable[..., str], genkit: Run):
    imported("stylegan2", "tiny-wear", classes=3)
    imported("dcgan", "tiny-dcgan")
    for options in (
        ["--class", "shoe"],
        ["--list-classes"],
        ["--truncation", 0.5],
        ["--mix", "1:2:0"],
        ["--walk", "1,2", "--interpolate", "w"],
    ):
        done = genkit("gan", "--model", "tiny-dcgan", *options)
        assert done.code == 2 and "tiny-dcgan" in done.err and "tiny-wear" in done.err, (options, done.err)
    for command in (["edit", "--seed", 1], ["directions"]):
        done = genkit("gan", *command, "--model", "tiny-dcgan")
        assert done.code == 2 and "tiny-wear" in done.err, done.err
    assert genkit("gan", "--model", "tiny-dcgan", "--seeds", "0-1", "--device", "cpu").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seeds", "x"], "--seeds x"),
        (["--seeds", "0-3", "--seed", 1], "both say"),
        (["--seeds", "0-3", "-o", "one.png"], "cannot all go"),
        (["--grid", "0x4"], "--grid 0x4"),
        (["--mix", "3:7"], "--mix 3:7"),
        (["--mix", "3:7:99"], "no layer 99"),
        (["--walk", "3"], "--walk 3"),
        (["--walk", "3,7", "-o", "walk.png"], "film or a folder"),
        (["--fps", "4"], "for a --walk"),
        (["--truncation", 3], "truncation"),
        (["--walk", "3,7", "--grid", "2x2"], "--grid"),
        (["--latent", "none.npz"], "not found"),
        (["-o", "-", "--json"], "standard output"),
        (["--seeds", "1", "edit"], "behind the command"),
    ],
)
def test_what_cannot_be_is_refused_before_work_or_by_name(options: list[Any], said: str, tiny: str, genkit: Run):
    done = genkit("gan", "--model", tiny, *options)
    assert done.code in (1, 2) and said in done.err + done.out
    assert not list(Path().glob("*.png"))


def test_without_a_model_the_verb_says_what_to_do(genkit: Run):
    done = genkit("gan", "--seeds", "0-3")
    assert done.code == 2 or "seed0000" in done.out  # a shipped model has become the default
    assert done.code == 0 or "--model" in done.err


def test_standard_output_and_templates(tiny: str, genkit: Run):
    done = genkit("gan", "--model", tiny, "--seed", 2, "-o", "-")
    assert done.code == 0 and done.stdout[:8] == b"\x89PNG\r\n\x1a\n"
    done = genkit("gan", "--model", tiny, "--seeds", "2,8", "--name", "{verb}-{seed:02}-{index}", "--format", "webp")
    assert done.lines == ["gan-02-1.webp", "gan-08-2.webp"], done.err


def frames_of(path: Path | str) -> list[np.ndarray]:
    with Image.open(path) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")).astype(int))
        return found


def test_a_walk_as_gif_film_and_pictures(tiny: str, genkit: Run):
    short = ["gan", "--model", tiny, "--walk", "3,7,9", "--seconds", 0.5, "--fps", 10]
    done = genkit(*short, "-o", "walk.gif", "--loop")
    assert done.code == 0, done.err
    assert len(frames_of("walk.gif")) == 5
    assert "--walk 3,7,9" in genkit("show", "walk.gif").out and "--loop" in genkit("show", "walk.gif").out
    done = genkit(*short, "-o", "frames/")
    assert done.lines == [f"frames/tiny-walk3-7-9-{number:04}.png" for number in range(1, 6)], done.err
    for number, seed in ((1, 3), (3, 7), (5, 9)):
        assert genkit("gan", "--model", tiny, "--seed", seed, "--overwrite").code == 0
        if number == 1:  # the others keep the noise of the first seed, or they would flicker
            assert np.abs(pixels(f"frames/tiny-walk3-7-9-{number:04}.png") - pixels(f"tiny-seed{seed:04}.png")).max() <= 1
    done = genkit(*short, "--json")
    assert [one["step"] for one in done.events if one["event"] == "step"] == [1, 2, 3, 4, 5]
    assert done.events[-2]["output"] == "tiny-walk3-7-9.mp4"
    import av

    with av.open("tiny-walk3-7-9.mp4") as film:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(shown) == 5 and np.abs(shown[0] - pixels("frames/tiny-walk3-7-9-0001.png")).mean() < 12
    assert genkit(*short, "--resume").out.count("mp4") == 0
    replayed = genkit("replay", "tiny-walk3-7-9.mp4")
    assert replayed.code == 0 and replayed.lines == ["tiny-walk3-7-9-replay.mp4"], replayed.err
    assert genkit(*short, "--interpolate", "z", "-o", "round.gif").code == 0


def test_latents_are_saved_drawn_and_edited(tiny: str, genkit: Run):
    done = genkit("gan", "--model", tiny, "--seed", 5, "--save-latent")
    assert done.code == 0 and Path("tiny-seed0005.npz").is_file(), done.err
    drawn = genkit("gan", "--latent", "tiny-seed0005.npz")
    assert drawn.lines == ["tiny-seed0005-drawn.png"], drawn.err
    assert np.abs(pixels(drawn.lines[0]) - pixels("tiny-seed0005.png")).max() <= 1
    replayed = genkit("replay", drawn.lines[0])
    assert replayed.code == 0 and (pixels(replayed.lines[0]) == pixels(drawn.lines[0])).all(), replayed.err
    edit = ["gan", "edit", "tiny-seed0005.npz", "--direction", 1]
    done = genkit(*edit, "--amount", -2, "--amount", 0, "--amount", 2)
    assert done.lines == [f"tiny-seed0005-1{amount}.png" for amount in ("-2", "+0", "+2")], done.err
    assert np.abs(pixels(done.lines[1]) - pixels("tiny-seed0005.png")).max() <= 1
    assert all(np.abs(pixels(one) - pixels("tiny-seed0005.png")).max() > 2 for one in (done.lines[0], done.lines[2]))
    replayed = genkit("replay", done.lines[2])
    assert replayed.code == 0 and (pixels(replayed.lines[0]) == pixels(done.lines[2])).all(), replayed.err
    seeded = genkit("gan", "edit", "--model", tiny, "--seed", 5, "--direction", 1, "--amount", 2, "-o", "seeded.png")
    assert seeded.code == 0 and np.abs(pixels("seeded.png") - pixels(done.lines[2])).max() <= 1, seeded.err


def test_directions_are_saved_named_listed_and_used(tiny: str, genkit: Run):
    found = genkit("gan", "directions", "--model", tiny, "--count", 3, "--name", "1=sleeves", "--sheet", "sheet.png")
    assert found.code == 0 and found.lines == ["tiny-directions.npz", "sheet.png"], found.err
    assert "sleeves" in found.err and pixels("sheet.png").shape == (3 * (SIDE + 2) - 2, 5 * (SIDE + 2) - 2, 3)
    assert genkit("gan", "directions", "--model", tiny).code == 2
    listed = genkit("gan", "directions", "tiny-directions.npz", "--name", "0=colour", "--json")
    assert [one["name"] for one in listed.events[:3]] == ["colour", "sleeves", ""]
    done = genkit("gan", "edit", "--model", tiny, "--seed", 2, "--direction", "Colour", "--amount", 1.5, "--layers", "0-3")
    assert done.lines == ["tiny-seed0002-colour+1.5.png"], done.err
    assert "tiny-directions.npz" in genkit("show", done.lines[0]).out
    assert genkit("replay", done.lines[0]).code == 0
    wrong = genkit("gan", "edit", "--model", tiny, "--seed", 2, "--direction", "hat")
    assert wrong.code == 2 and "colour, sleeves" in wrong.err


def test_the_latent_of_a_picture_is_found_and_drawn(
    tiny: str, genkit: Run, monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Path]
):
    import torch

    from genkit.verbs.gan import project

    # features that need no weights: this test is about the command, and the shipped network takes its time
    halves = lambda images: [images, torch.nn.functional.avg_pool2d(images, 2)]  # noqa: E731
    monkeypatch.setattr(project, "load_features", lambda *_: halves)
    assert genkit("gan", "--model", tiny, "--seed", 40, "-o", "photo.png").code == 0
    done = genkit("gan", "project", "photo.png", "--model", tiny, "--steps", 25, "--json")
    assert done.code == 0, done.out
    losses = [one["loss"] for one in done.events if one["event"] == "step"]
    assert len(losses) == 25 and losses[-1] < losses[0]
    assert pixels("photo_projected.png").shape == (SIDE, SIDE, 3)
    assert genkit("gan", "--latent", "photo_projected.npz").code == 0
    assert np.abs(pixels("photo_projected-drawn.png") - pixels("photo_projected.png")).max() <= 1
    assert genkit("gan", "project", "photo.png", "--model", tiny, "--steps", 25).code == 2
    assert "genkit gan project photo.png" in genkit("show", "photo_projected.png").out
    replayed = genkit("replay", "photo_projected.png")
    assert replayed.code == 0, replayed.err
    assert np.abs(pixels(replayed.lines[0]) - pixels("photo_projected.png")).max() <= 1
    wide = picture(Path("wide.jpg"), 40, 20)
    assert genkit("gan", "project", wide, "--model", tiny, "--steps", 2, "-o", "out/").code == 0
    assert Path("out/wide.npz").is_file()


def test_the_shipped_features_judge(tiny: str, genkit: Run):
    assert genkit("gan", "--model", tiny, "--seed", 1, "-o", "a.png").code == 0
    done = genkit("gan", "project", "a.png", "--model", tiny, "--steps", 2)
    assert done.code == 0, done.err
    refused = genkit("gan", "project", "a.png", "--model", tiny, "--features", "genkit-none")
    assert refused.code == 2


def test_a_latent_of_another_model_is_refused(imported: Callable[..., str], tiny: str, genkit: Run):
    imported("stylegan2", "other")
    assert genkit("gan", "--model", tiny, "--seed", 5, "--save-latent").code == 0
    done = genkit("gan", "--model", "other", "--latent", "tiny-seed0005.npz")
    assert done.code == 2 and "tiny" in done.err
    Path("bad.npz").write_bytes(b"junk")
    assert genkit("gan", "--model", tiny, "--latent", "bad.npz").code != 0


def test_a_strangers_recipe_runs_no_other_command(genkit: Run, tmp_path: Path):
    from PIL.PngImagePlugin import PngInfo

    for verb in ("models rm", "gan --device", "config set", "models"):
        info = PngInfo()
        info.add_text("genkit", f'{{"genkit": "1", "verb": "{verb}", "model": "tiny", "options": {{}}}}')
        Image.new("RGB", (4, 4)).save("bad.png", pnginfo=info)
        done = genkit("replay", "bad.png")
        assert done.code != 0


def test_help_of_every_command_fits_and_needs_no_torch(genkit: Run):
    for command in ([], ["project"], ["edit"], ["directions"]):
        done = genkit("gan", *command, "--help")
        assert done.code == 0 and max(map(len, done.lines)) <= 80


def test_a_class_that_the_card_does_not_list_stops_the_plan(genkit: Any, tmp_path: Path) -> None:
    outcome = genkit("gan", "--class", "trousers", "-o", tmp_path / "made/")
    assert outcome.code == 2 and "genkit-clothes has no class 'trousers'" in outcome.err and "pants" in outcome.err
    assert genkit("gan", "--class", "10", "-o", tmp_path / "made/").code == 2
    assert not (tmp_path / "made").exists()
    assert genkit("gan", "--class", "PANTS", "--seeds", "3,4", "-o", tmp_path / "made/").code == 0
    assert len(list((tmp_path / "made").iterdir())) == 2


def test_options_before_a_command_are_named_as_they_were_typed(genkit: Run):
    done = genkit("gan", "--class", "dress", "edit", "--seed", 1)
    assert done.code == 2 and "before it stands --class)" in done.err


def test_standard_output_has_no_place_for_a_latent_or_for_directions(tiny: str, genkit: Run):
    for command in (["project", "-"], ["project", "x.png", "-o", "-"], ["directions", "-o", "-"]):
        done = genkit("gan", *command, "--model", tiny)
        assert done.code == 2 and "write to a file: -o FILE" in done.err, done.err


def test_saved_directions_are_listed_without_their_model_and_drawn_with_it(tiny: str, genkit: Run):
    assert genkit("gan", "directions", "--model", tiny, "--count", 2).code == 0
    sheet = genkit("gan", "directions", "tiny-directions.npz", "--sheet", "sheet.png", "--name", "1=hem", "--quiet")
    assert sheet.lines == ["tiny-directions.npz", "sheet.png"] and not sheet.err
    assert genkit("gan", "directions", "tiny-directions.npz", "--count", 3, "--model", tiny).code == 2
    assert genkit("models", "rm", tiny).code == 0
    listed = genkit("gan", "directions", "tiny-directions.npz")
    assert listed.code == 0 and "hem" in listed.err and listed.lines == ["tiny-directions.npz"]


def test_a_grid_and_a_mixture_from_python_are_the_commands(tiny: str, genkit: Run):
    import genkit as library

    assert genkit("gan", "--model", tiny, "--grid", "2x1", "-o", "sheet.png").code == 0
    assert (np.asarray(library.gan(grid="2x1", model=tiny)) == pixels("sheet.png")).all()
    assert genkit("gan", "--model", tiny, "--mix", "3:7:0", "-o", "mix.png").code == 0
    assert (np.asarray(library.gan(mix=["3:7:0"], model=tiny)) == pixels("mix.png")).all()
    assert library.gan(grid="1x1", model=tiny).size == (SIDE, SIDE)


def test_what_lies_beside_a_picture_is_guarded(tiny: str, genkit: Run, monkeypatch: pytest.MonkeyPatch):
    draw = ("gan", "--model", tiny, "--seed", 5, "--save-latent")
    assert genkit(*draw, "-o", "lat.png").code == 0
    latent = Path("lat.npz").read_bytes()
    edit = ("gan", "edit", "lat.npz", "--direction", "0", "--save-latent", "-o", "lat.png")
    for more in ((), ("--resume",), ("--overwrite",)):
        refused = genkit(*edit, *more)
        assert refused.code == 2 and "would replace the input lat.npz, which it is made with" in refused.err, refused.err
        assert "--overwrite" not in refused.err and Path("lat.npz").read_bytes() == latent
    assert genkit(*edit, "--number").lines == ["lat_2.png"] and Path("lat_2.npz").is_file()
    for number in (1, 2):  # of several, the first is as safe as the last
        refused = genkit(
            "gan", "--latent", "lat.npz", "--latent", "lat_2.npz", "--save-latent", "-o", f"./lat{'_2'[: 2 * number - 2]}.png"
        )
        assert refused.code == 2 and Path("lat.npz").read_bytes() == latent
    # a picture of genkit's own, and a latent beside it that somebody else put there
    assert genkit("gan", "--model", tiny, "--seed", 6, "-o", "own.png").code == 0
    Path("own.npz").write_bytes(b"mine")
    refused = genkit("gan", "--model", tiny, "--seed", 7, "--save-latent", "-o", "own.png", "--resume")
    assert refused.code == 1 and "own.npz: is there already, and was not made by genkit" in refused.err
    assert Path("own.npz").read_bytes() == b"mine"
    again = genkit("gan", "--model", tiny, "--seed", 8, "--save-latent", "-o", "lat.png", "--resume")
    assert again.code == 0 and "1 made with other options is made anew" in again.err and Path("lat.npz").read_bytes() != latent
    Path("lat.npz").write_bytes(latent + b"changed by hand")
    assert genkit(*draw, "-o", "lat.png", "--resume").code == 1


def test_a_projection_and_its_latent_are_one(
    tiny: str, genkit: Run, picture: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    from genkit.verbs.gan import project

    monkeypatch.setattr(project, "load_features", lambda *_: lambda images: [images])
    picture(Path("photo.png"), 40, 30)
    words = ("gan", "project", "photo.png", "--model", tiny, "--steps", 2)
    Path("photo_projected.npz").write_bytes(b"mine")
    assert genkit(*words).code == 2
    foreign = genkit(*words, "--resume")
    assert foreign.code == 1 and "photo_projected.npz: is there already, and was not made by genkit" in foreign.err
    assert genkit(*words, "--number").lines == ["photo_projected_2.png"] and Path("photo_projected_2.npz").is_file()
    assert Path("photo_projected.npz").read_bytes() == b"mine" and not Path("photo_projected.png").exists()
    assert genkit(*words, "--overwrite").code == 0
    Path("photo_projected.npz").unlink()  # the picture alone is no whole projection
    assert genkit(*words, "--resume").lines == ["photo_projected.png"] and Path("photo_projected.npz").is_file()
    assert "already made" in genkit(*words, "--resume").err
    picture(Path("photo.jpg"), 40, 30)
    refused = genkit("gan", "project", "photo.png", "photo.jpg", "--model", tiny, "--steps", 2, "-o", "out/", "--overwrite")
    assert refused.code == 2 and "photo.png and photo.jpg would both write out/photo.npz" in refused.err


def test_directions_and_their_sheet_replace_nothing_that_is_read(tiny: str, genkit: Run):
    find = ("gan", "directions", "--model", tiny, "--count", 2)
    assert genkit(*find).code == 0
    refused = genkit(*find)
    assert refused.code == 2 and "--number takes a free name (tiny-directions_2.npz), --overwrite replaces it" in refused.err
    assert genkit(*find, "--number").lines == ["tiny-directions_2.npz"]
    assert genkit(*find, "-o", "d.png", "--sheet", "d.png").code == 2
    kept = Path("tiny-directions.npz").read_bytes()
    Path("tiny-directions.npz").rename("d.png")
    refused = genkit("gan", "directions", "d.png", "--sheet", "d.png", "--overwrite")
    assert refused.code == 2 and "would replace the file d.png" in refused.err and Path("d.png").read_bytes() == kept
    assert "not a format that can be written" in genkit("gan", "directions", "d.png", "--sheet", "sheet.npz").err


def test_layers_that_the_card_does_not_have_stop_the_plan(genkit: Run):
    for words in (
        ("--mix", "3:7:99"),
        ("--mix", "3:7:0-5"),
        ("edit", "--seed", 1, "--layers", "5"),
        ("directions", "--layers=5"),
    ):
        refused = genkit("gan", *words)
        assert refused.code == 2 and "there is no layer" in refused.err and "has layers 0 to 4" in refused.err, refused.err
    assert genkit("gan", "--mix", "3:7:4", "--dry-run").code == 0


@pytest.mark.parametrize("family", ["style_dcgan", "stylegan2"])
def test_the_layers_of_a_card_are_those_of_its_network(family: str):
    import importlib
    from types import SimpleNamespace

    from genkit.cards.abilities import style_layers

    build = importlib.import_module(f"genkit.models.gan.{family}").build
    small = {"channel_base": 128, "channel_max": 16} if family == "stylegan2" else {}
    for side in (8, 64):
        network = build(side, z_dim=8, w_dim=8, **small)
        assert style_layers(SimpleNamespace(family=family, params={"side": side})) == network.layers  # type: ignore[arg-type]
    assert style_layers(SimpleNamespace(family=family, params={})) is None  # type: ignore[arg-type]


def test_a_plan_of_drawings_knows_its_time_once_the_model_has_run(tiny: str, genkit: Run):
    assert "has not run here yet" in genkit("gan", "--model", tiny, "--dry-run").err
    assert genkit("gan", "--model", tiny, "--seeds", "0-1").code == 0
    assert "time: about" in genkit("gan", "--model", tiny, "--seeds", "5-8", "--dry-run").err
    assert "has not run here yet" in genkit("gan", "edit", "--model", tiny, "--seed", 1, "--dry-run").err


def test_what_lies_beside_is_no_output(tiny: str, genkit: Run):
    assert genkit("gan", "--model", tiny, "--seed", 5, "--save-latent", "-o", "lat.png").code == 0
    assert genkit("show", "lat.npz").code != 0 and genkit("show", "lat.png").code == 0
    Path("lat.npz").rename("moved.png")
    refused = genkit("gan", "--model", tiny, "--seed", 5, "-o", "moved.png", "--resume")
    assert refused.code == 1 and "moved.png: is there already, and was not made by genkit" in refused.err
