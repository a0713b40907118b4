"""Files that go with an input: pairing by name, the recipe, --resume, show and replay; all through `genkit inpaint`."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import pytest
from conftest import Run
from test_cli_inpaint import filler, inpaint_weights, pixels_of, save_mask, work

from genkit.errors import UsageError
from genkit.run.inputs import Found
from genkit.run.pairing import pair

__all__ = ["filler", "inpaint_weights", "work"]  # fixtures


def found(*names: str) -> list[Found]:
    return [Found(Path("in", name), PurePath(name)) for name in names]


def lay(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (["a/photo.jpg", "a/photo.png", "photo.png"], "a/photo.jpg"),
        (["a/photo.png", "photo.png"], "a/photo.png"),
        (["a/photo_mask.png", "photo.png"], "a/photo_mask.png"),
        (["photo.png", "other.png"], "photo.png"),
        (["photo-mask.webp"], "photo-mask.webp"),
    ],
)
def test_the_nearest_name_is_the_partner(tmp_path: Path, there: list[str], taken: str) -> None:
    one = found("a/photo.jpg")
    assert pair("mask", lay(tmp_path, *there), one).partners == {one[0]: tmp_path / taken}


def test_several_partners_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="2 partners for --mask"):
        pair("mask", lay(tmp_path, "b.png", "b.tif"), found("b.jpg"))
    with pytest.raises(UsageError, match="no picture in it is named as an input is") as caught:
        pair("mask", tmp_path, found("c.jpg"))
    assert "c.png or c_mask.png" in str(caught.value.hint)
    with pytest.raises(UsageError, match="standard input has no name"):
        pair("mask", tmp_path, [Found(None, PurePath("stdin"))])


def test_a_folder_of_masks_is_paired_and_a_missing_one_is_that_pictures_error(
    genkit: Run, picture: Any, filler: Any, work: Path
) -> None:
    for name in ("x/a.jpg", "x/b.jpg", "c.jpg"):
        picture(work / "in" / name, 40, 30)
    save_mask(work / "masks/x/a.png")
    save_mask(work / "masks/c.png", box=(0, 0, 5, 5))
    outcome = genkit("inpaint", "in", "-r", "-o", "out", "--mask", "masks", *filler)
    assert outcome.code == 1 and sorted(outcome.lines) == ["out/c.jpg", "out/x/a.jpg"]
    assert "failed: in/x/b.jpg: nothing of that name in --mask masks" in outcome.err
    assert (
        "in/x/b.jpg: nothing of that name"
        in genkit("inpaint", "in", "-r", "-o", "new", "--mask", "masks", "--dry-run", *filler).err
    )
    assert "--mask a.png" in genkit("show", "out/x/a.jpg").out


def test_masks_among_the_inputs_are_not_inputs(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    picture(work / "in/a.png", 40, 30)
    picture(work / "in/b.png", 40, 30)
    save_mask(work / "in/a_mask.png")
    save_mask(work / "in/b-mask.png")
    outcome = genkit("inpaint", "in", "-o", "out", "--mask", "in", *filler)
    assert outcome.code == 0 and outcome.lines == ["out/a.png", "out/b.png"], outcome.err
    outcome = genkit("inpaint", "in", "-o", "other", "--mask", "in/a_mask.png", *filler)
    assert "other/a_mask.png" not in outcome.lines and "goes with the other inputs" in outcome.err
    save_mask(work / "in/masks/a.png")
    outcome = genkit("inpaint", "in/a.png", "in/masks", "-o", "third", "--mask", "in/masks", *filler)
    assert outcome.lines == ["third/a.png"]


def test_resume_notices_another_mask(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    picture(work / "in/a.png", 40, 30)
    save_mask(work / "m.png")
    words = ("inpaint", "in/a.png", "--mask", "m.png", "-o", "out/", "--resume", *filler)
    assert genkit(*words).lines == ["out/a.png"]
    assert genkit(*words).lines == []
    (work / "m.png").rename(work / "same.png")
    assert genkit(*words[:3], "same.png", *words[4:]).lines == [], "the name of a mask decides no pixel"
    save_mask(work / "m.png", box=(1, 1, 9, 9))
    assert genkit(*words).lines == ["out/a.png"]


def test_replay_finds_the_mask_and_says_which_is_missing_or_altered(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    picture(work / "in/a.png", 40, 30)
    save_mask(work / "in/m.png")
    assert genkit("inpaint", "in/a.png", "--mask", "in/m.png", "-o", "in/out.png", *filler).code == 0
    again = genkit("replay", "in/out.png", "-o", "again.png")
    assert again.code == 0 and (pixels_of(work / "again.png") == pixels_of(work / "in/out.png")).all(), again.err
    (work / "in/m.png").rename(work / "elsewhere.png")
    missing = genkit("replay", "in/out.png", "-o", "b.png")
    assert missing.code == 2 and "m.png, the --mask of in/out.png, is not beside" in missing.err
    assert "--file mask=PATH" in missing.err
    given = genkit("replay", "in/out.png", "-o", "b.png", "--file", "mask=elsewhere.png")
    assert given.code == 0 and (pixels_of(work / "b.png") == pixels_of(work / "again.png")).all()
    save_mask(work / "in/m.png", box=(1, 1, 9, 9))
    altered = genkit("replay", "in/out.png", "-o", "c.png")
    assert altered.code == 2 and "in/m.png has changed" in altered.err
    assert genkit("replay", "in/out.png", "-o", "c.png", "--file", "hint=x.png").code == 2


def test_a_mask_is_never_replaced(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    picture(work / "a.png", 40, 30)
    save_mask(work / "m.png")
    outcome = genkit("inpaint", "a.png", "--mask", "m.png", "-o", "m.png", "--overwrite", *filler)
    assert outcome.code == 2 and "would replace --mask m.png, which it is made with" in outcome.err


def test_a_mask_called_alpha_is_a_file_again(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    picture(work / "a.png", 40, 30)
    save_mask(work / "m.png").rename(work / "alpha")
    assert genkit("inpaint", "a.png", "--mask", "./alpha", *filler).code == 0
    assert "--mask ./alpha" in genkit("show", "a_inpainted.png").out
    assert genkit("replay", "a_inpainted.png").code == 0


def test_a_strangers_recipe_names_no_file_outside(genkit: Run) -> None:
    from genkit.run.recipe import command_of

    recipe = {"verb": "inpaint", "files": {"mask": {"name": "../../etc/passwd.png"}, "output": {"name": "x.png"}, "a b": {}}}
    assert command_of(recipe) == ["genkit", "inpaint", "--mask", "passwd.png"]


@pytest.mark.parametrize("piped", ["input", "mask", "both"])
def test_pipes_are_read_once_and_serve_as_files(genkit: Run, picture: Any, filler: Any, work: Path, piped: str) -> None:
    import os
    import threading

    picture(work / "a.png", 40, 30)
    save_mask(work / "m.png")
    assert genkit("inpaint", "a.png", "--mask", "m.png", "-o", "plain.png", *filler).code == 0
    names = {"a.png": "a.png", "m.png": "m.png"}
    for name in {"input": ["a.png"], "mask": ["m.png"], "both": ["a.png", "m.png"]}[piped]:
        os.mkfifo(work / f"pipe-{name}")
        threading.Thread(target=(work / f"pipe-{name}").write_bytes, args=((work / name).read_bytes(),), daemon=True).start()
        names[name] = f"pipe-{name}"
    outcome = genkit("inpaint", names["a.png"], "--mask", names["m.png"], "-o", "piped.png", *filler)
    assert outcome.code == 0, outcome.err
    assert (pixels_of(work / "piped.png") == pixels_of(work / "plain.png")).all()
