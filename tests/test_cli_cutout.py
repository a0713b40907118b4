"""`genkit cutout` and `--mask subject` through the real command line, with a model that finds what is red."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image
from red_subject import GREEN, RED, red_card, red_picture, red_truth
from test_cli_inpaint import filler, inpaint_weights  # noqa: F401 - fixtures

from genkit.data.composites import is_held
from genkit.media.recipe import read_recipe


@pytest.fixture
def red(own_folders: Path) -> tuple[str, str]:
    return "--model", red_card(own_folders / "cards")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_a_jpeg_becomes_a_png_with_the_subject_alone(genkit: Run, red: tuple[str, str], work: Path) -> None:
    done = genkit("cutout", red_picture(work / "photo.jpg"), *red)
    assert done.code == 0 and done.lines == [str(work / "photo_cutout.png")], done.err
    assert "JPEG holds no transparency" in done.err
    made = pixels_of(work / "photo_cutout.png")
    assert made.shape == (72, 96, 4)
    assert np.array_equal(made[..., 3] > 127, red_truth())
    recipe = read_recipe(work / "photo_cutout.png")
    assert recipe is not None and recipe["verb"] == "cutout" and recipe["model"] == "red"


@pytest.mark.parametrize("words", [("-o", "out.jpg"), ("-o", "out/", "--format", "jpeg"), ("-o", "out.bmp")])
def test_what_holds_no_transparency_is_refused_before_anything(
    genkit: Run, red: tuple[str, str], work: Path, words: tuple[str, ...]
) -> None:
    done = genkit("cutout", red_picture(work / "photo.png"), *words, *red)
    assert done.code == 2 and "holds no transparency" in done.err and "--background white" in done.err
    assert sorted(path.name for path in work.iterdir()) == ["photo.png"]


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif"])
def test_formats_with_transparency(genkit: Run, red: tuple[str, str], work: Path, suffix: str) -> None:
    done = genkit("cutout", red_picture(work / "photo.png"), "-o", f"out.{suffix}", *red)
    assert done.code == 0, done.err
    made = pixels_of(work / f"out.{suffix}")
    assert made.shape[2] == 4 and made[0, 0, 3] == 0 and made[36, 48, 3] == 255


def test_16_bits_and_transparency_are_kept(genkit: Run, red: tuple[str, str], work: Path) -> None:
    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture

    pixels = np.repeat(np.repeat(np.array([[GREEN, RED, GREEN]], np.uint16) * 257 + 3, 60, 0), 30, 1)
    alpha = np.full(pixels.shape[:2], 65535, np.uint16)
    alpha[:20] = 0
    images.write(Picture(pixels, alpha), work / "deep.png")
    done = genkit("cutout", work / "deep.png", *red)
    assert done.code == 0, done.err
    made = images.read(work / "deep_cutout.png")
    assert made.pixels.dtype == np.uint16 and made.alpha is not None
    assert not made.alpha[:20].any() and made.alpha[40, 45] == 65535 and not made.alpha[40, 10]
    assert np.array_equal(made.pixels[40, 45], pixels[40, 45])


def test_backgrounds(genkit: Run, red: tuple[str, str], work: Path) -> None:
    photo = red_picture(work / "photo.jpg")
    Image.new("RGB", (300, 300), (10, 20, 230)).save(work / "sea.png")
    for words, corner in ((("white",), (255, 255, 255)), (("#0000ff",), (0, 0, 255)), (("sea.png",), (10, 20, 230))):
        done = genkit("cutout", photo, "--background", *words, "-o", "out.png", "--overwrite", *red)
        assert done.code == 0, done.err
        made = pixels_of(work / "out.png")
        assert made.shape == (72, 96, 3) and tuple(made[2, 2]) == corner
        assert np.abs(made[36, 48].astype(int) - RED).max() < 12
    assert genkit("cutout", photo, "--background", "blur", "-o", "blur.jpg", *red).code == 0
    assert np.abs(pixels_of(work / "blur.jpg")[3, 3].astype(int) - GREEN).max() < 12
    recipe = read_recipe(work / "out.png")
    assert recipe is not None and recipe["files"]["background"]["name"] == "sea.png" and "background" not in recipe["options"]
    for words, reason in (
        (("nowhere.png",), "nowhere.png"),
        (("#12345",), "expected a colour"),
        (("white", "--mask-only"), "--mask-only"),
    ):
        done = genkit("cutout", photo, "--background", *words, "-o", "no.png", *red)
        assert done.code == 2 and reason in done.err, done.err


def test_a_file_named_as_a_colour_is_reached_by_its_folder(genkit: Run, red: tuple[str, str], work: Path) -> None:
    photo = red_picture(work / "photo.png")
    Image.new("RGB", (30, 30), (9, 8, 7)).save(work / "white", "PNG")
    done = genkit("cutout", photo, "--background", "./white", "-o", "out.png", *red)
    assert done.code == 0 and tuple(pixels_of(work / "out.png")[0, 0]) == (9, 8, 7), done.err


def test_the_mask_itself_and_the_crop(genkit: Run, red: tuple[str, str], work: Path) -> None:
    photo = red_picture(work / "photo.jpg")
    done = genkit("cutout", photo, "--mask-only", "--format", "png", *red)
    assert done.code == 0 and done.lines == [str(work / "photo_mask.png")], done.err
    made = pixels_of(work / "photo_mask.png")
    assert made.ndim == 2 and np.array_equal(made > 127, red_truth())
    assert genkit("cutout", photo, "--crop", "--matte", "-o", "crop.png", *red).code == 0
    height, width = pixels_of(work / "crop.png").shape[:2]
    assert abs(height - 24) <= 2 and abs(width - 32) <= 2


def test_outputs_are_replayed_and_passed_over(genkit: Run, red: tuple[str, str], work: Path) -> None:
    photo = red_picture(work / "photo.png")
    first = genkit("cutout", photo, "--background", "pink", *red)
    assert first.code == 0, first.err
    again = genkit("cutout", photo, "--background", "pink", "--resume", *red)
    assert again.code == 0 and "already" in again.err
    replayed = genkit("replay", work / "photo_cutout.png", "-o", "again.png")
    assert replayed.code == 0, replayed.err
    assert np.array_equal(pixels_of(work / "again.png"), pixels_of(work / "photo_cutout.png"))
    more = genkit("cutout", ".", "--background", "pink", "--resume", *red)
    assert more.code == 0 and "left out: made by genkit cutout" in more.err, more.err


def test_masks_by_name_repaint_what_cutout_finds(
    genkit: Run,
    filler: tuple[str, str],  # noqa: F811
    own_folders: Path,
    work: Path,
) -> None:
    name = red_card(own_folders / "cards")
    photo = red_picture(work / "photo.png")
    shared = ("--mask-model", name, "--grow", 0, "--feather", 0, *filler)
    truth = red_truth()
    for word, inside in (("subject", truth), ("background", ~truth)):
        done = genkit("inpaint", photo, "--mask", word, "-o", f"{word}.png", *shared)
        assert done.code == 0, done.err
        changed = (pixels_of(work / f"{word}.png") != pixels_of(photo)).any(2)
        assert not changed[~inside].any() and changed[inside].mean() > 0.9
    recipe = read_recipe(work / "subject.png")
    assert recipe is not None and recipe["options"]["mask"] == "subject" and recipe["options"]["mask_model"] == name
    assert "mask" not in recipe.get("files", {})
    replayed = genkit("replay", work / "subject.png", "-o", "again.png")
    assert replayed.code == 0, replayed.err
    assert np.array_equal(pixels_of(work / "again.png"), pixels_of(work / "subject.png"))


def test_a_file_named_subject_is_reached_by_its_folder(genkit: Run, filler: tuple[str, str], work: Path) -> None:  # noqa: F811
    photo = red_picture(work / "photo.png")
    mask = np.zeros((72, 96), np.uint8)
    mask[4:12, 4:12] = 255
    Image.fromarray(mask).save(work / "subject", "PNG")
    done = genkit("inpaint", photo, "--mask", "./subject", "--grow", 0, "--feather", 0, "-o", "out.png", *filler)
    assert done.code == 0, done.err
    changed = (pixels_of(work / "out.png") != pixels_of(photo)).any(2)
    assert changed[4:12, 4:12].any() and not changed[16:].any()
    replayed = genkit("replay", work / "out.png", "-o", "again.png")
    assert replayed.code == 0, replayed.err


def test_a_style_goes_on_the_background_alone(genkit: Run, own_folders: Path, work: Path) -> None:
    name = red_card(own_folders / "cards")
    photo = red_picture(work / "photo.png")
    Image.effect_noise((64, 64), 80).convert("RGB").save(work / "style.png")
    done = genkit("style", photo, "--style", "style.png", "--mask", "background", "--mask-model", name, "-o", "out.png")
    assert done.code == 0, done.err
    before, after = pixels_of(photo), pixels_of(work / "out.png")
    assert np.array_equal(after[red_truth()], before[red_truth()])
    assert (after[:10, :10] != before[:10, :10]).mean() > 0.5
    recipe = read_recipe(work / "out.png")
    assert recipe is not None and recipe["options"]["mask_model"] == name


def test_a_mask_model_that_nothing_asks_is_refused(genkit: Run, filler: tuple[str, str], work: Path) -> None:  # noqa: F811
    photo = red_picture(work / "photo.png")
    done = genkit("inpaint", photo, "--mask-box", "1,1,9,9", "--mask-model", "u2netp", *filler)
    assert done.code == 2 and "nothing asks it" in done.err
    done = genkit("inpaint", photo, "--mask", "subject", "--mask-model", "genkit-x4", *filler)
    assert done.code == 2 and "genkit-x4" in done.err


def test_a_seed_changes_nothing_and_is_refused(genkit: Run, red: tuple[str, str], work: Path) -> None:
    done = genkit("cutout", red_picture(work / "photo.png"), "--seed", 3, *red)
    assert done.code == 2 and "draws nothing by chance" in done.err


def test_measured_on_composites(genkit: Run, red: tuple[str, str], work: Path) -> None:
    (work / "scenes").mkdir()
    (work / "icons").mkdir()
    Image.new("RGB", (200, 200), GREEN).save(work / "scenes" / "a.png")
    for number in range(3):
        icon = np.zeros((64, 64, 4), np.uint8)
        icon[8:56, 8 : 40 + 6 * number] = (*RED, 255)
        Image.fromarray(icon).save(work / "icons" / f"{number}.png")
    words = ("eval", "cutout", "--data", "icons", "--backgrounds", "scenes", "--count", 4, "--side", 96, *red)
    done = genkit(*words, "--all", "--json", "--sheet", "sheet.png")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    row = (told["rows"] if isinstance(told, dict) else told)[0]
    assert row["iou"] > 0.85 and row["mae"] < 0.05 and row["lost"] == 0
    assert (work / "sheet.png").exists()
    assert not any(is_held(str(number)) for number in range(3))
    none = genkit(*words)
    assert none.code == 2 and "--all" in none.err
