"""`genkit colorize` through the real command line, with tiny networks of every family that were really imported."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_family_ddcolor import TINY, published_state

Run = Callable[..., Any]


def checkpoint(family: str, folder: Path) -> Path:
    """A random network, as its publisher would save it."""
    import torch
    from safetensors.torch import save_file

    from genkit.models.colorize import colorizer, ddcolor, zhang

    path = folder / f"{family}.pth"
    if family == "ddcolor":
        torch.save({"params": published_state(ddcolor.build(**TINY), TINY)}, path)
    elif family == "colorizer":
        save_file(colorizer.build(widths=(4, 6, 8, 10), depths=(0, 1, 1, 1), fine=8).state_dict(), path)
    else:
        torch.save(zhang.build(family, 4, 7).state_dict(), path)
    return path


@pytest.fixture
def imported(genkit: Run, tmp_path: Path) -> Callable[[str], str]:
    def make(family: str) -> str:
        path = checkpoint(family, tmp_path)
        done = genkit("models", "import", path, "--as", f"tiny-{family}", "--task", "colorize", "-O", "size=64")
        assert done.code == 0, done.err
        path.unlink()
        return f"tiny-{family}"

    return make


@pytest.mark.parametrize("family", ["siggraph17", "eccv16", "ddcolor", "colorizer"])
def test_an_imported_network_colours_a_picture(
    family: str, imported: Callable[[str], str], genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    name = imported(family)
    source = picture(tmp_path / "photo.jpg", 50, 40, "L")
    done = genkit("colorize", source, "--model", name)
    assert done.code == 0, done.err
    target = tmp_path / "photo_colorized.jpg"
    assert done.lines == [str(target)]
    with Image.open(target) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (50, 40), "JPEG")
    again = genkit("colorize", tmp_path, "--model", name, "--dry-run")
    assert "left out" in again.err


@pytest.fixture
def tiny_colour(imported: Callable[[str], str]) -> str:
    return imported("siggraph17")


def lightness(path: Path) -> np.ndarray:
    from skimage.color import rgb2lab

    with Image.open(path) as image:
        return rgb2lab(np.asarray(image.convert("RGB")) / 255)[..., 0]


def test_lightness_transparency_depth_and_format_are_kept(
    tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    import imagecodecs

    colour = picture(tmp_path / "in" / "colour.png", 61, 47)
    clear = picture(tmp_path / "in" / "clear.png", 30, 30, "LA", seed=2)
    deep = np.random.default_rng(0).integers(0, 65535, (20, 30), np.uint16)
    (tmp_path / "in" / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    done = genkit("colorize", tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_colour, "-q")
    assert done.code == 0, done.err
    assert np.abs(lightness(tmp_path / "out" / "colour.png") - lightness(colour)).max() <= 0.5
    with Image.open(tmp_path / "out" / "clear.png") as image, Image.open(clear) as before:
        assert image.mode == "RGBA" and (np.asarray(image)[..., 3] == np.asarray(before)[..., 1]).all()
    made = imagecodecs.png_decode((tmp_path / "out" / "deep.png").read_bytes())
    assert made.shape == (20, 30, 3) and made.dtype == np.uint16


def test_strength_zero_is_the_grey_picture(tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", mode="L")
    assert genkit("colorize", source, "--strength", 0, "--model", tiny_colour).code == 0
    with Image.open(tmp_path / "a_colorized.png") as image, Image.open(source) as before:
        assert (np.asarray(image) == np.asarray(before)[..., None]).all()
    done = genkit("colorize", source, "--strength", 3, "--model", tiny_colour)
    assert done.code == 2 and "--strength 3" in done.err


def hint_file(path: Path, width: int = 20, height: int = 16) -> Path:
    strokes = np.zeros((height, width, 4), np.uint8)
    strokes[4:9, 4:12] = (255, 0, 0, 255)
    Image.fromarray(strokes).save(path)
    return path


def test_hints(tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    source, hint = picture(tmp_path / "a.png", mode="L"), hint_file(tmp_path / "strokes.png")
    assert genkit("colorize", source, "-o", tmp_path / "plain.png", "--model", tiny_colour).code == 0
    target = tmp_path / "hinted.png"
    done = genkit("colorize", source, "-o", target, "--hint", hint, "--model", tiny_colour)
    assert done.code == 0, done.err
    assert target.read_bytes() != (tmp_path / "plain.png").read_bytes()
    with Image.open(target) as image:
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
        pixels = np.asarray(image)
    assert recipe["files"]["hint"]["name"] == "strokes.png" and recipe["seed"] == 0
    assert "--hint strokes.png" in genkit("show", target).out
    replayed = genkit("replay", target)
    assert replayed.code == 0, replayed.err
    with Image.open(replayed.lines[0]) as image:
        assert (np.asarray(image) == pixels).all()


def test_hints_by_name_from_a_folder(tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "in" / f"{name}.png", mode="L")
    (tmp_path / "hints").mkdir()
    hint_file(tmp_path / "hints" / "a.png")
    hint_file(tmp_path / "hints" / "b.png", 40, 16)  # of another shape
    done = genkit("colorize", tmp_path / "in", "-o", tmp_path / "out", "--hint", tmp_path / "hints", "--model", tiny_colour)
    assert done.code == 1 and "another shape" in done.err
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["a.png"]


def test_a_picture_without_hints_in_the_folder_is_coloured_all_the_same(
    tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "in" / f"{name}.png", mode="L")
    (tmp_path / "hints").mkdir()
    hint_file(tmp_path / "hints" / "a.png")
    done = genkit("colorize", tmp_path / "in", "-o", tmp_path / "out", "--hint", tmp_path / "hints", "--model", tiny_colour)
    assert done.code == 0 and "b.png: nothing of that name in --hint" in done.err and "made without" in done.err
    assert genkit("colorize", tmp_path / "in", "-o", tmp_path / "plain", "--model", tiny_colour).code == 0
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / "out" / name) as with_folder, Image.open(tmp_path / "plain" / name) as plain:
            assert (np.asarray(with_folder) == np.asarray(plain)).all() == (name == "b.png")
            recipe = json.loads(with_folder.text["genkit"])  # type: ignore[attr-defined]
            assert ("files" in recipe) == (name == "a.png")


@pytest.mark.parametrize("option", ["--hint", "--reference"])
def test_the_bound_on_pixels_holds_for_further_pictures(
    tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path, option: str
) -> None:
    further = hint_file(tmp_path / "h.png", 40, 32) if option == "--hint" else picture(tmp_path / "r.png", 40, 32)
    words = ("colorize", picture(tmp_path / "a.png"), option, further, "--model", tiny_colour, "--max-pixels")
    refused = genkit(*words, 1000)
    assert refused.code == 2 and option in refused.err and "--max-pixels 1280" in refused.err
    assert genkit(*words, 2000).code == 0, "as for the inputs, so also above the default of 100 megapixels"


def test_the_help_says_which_way_up_hints_are(genkit: Run) -> None:
    assert "upright" in genkit("colorize", "--help").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--hint", "none.png"), "--hint none.png: not found"),
        (("--hint", "{grey}"), "has no transparency"),
        (("--hint", "{text}"), "--hint"),
        (("--reference", "none.png"), "--reference none.png: not found"),
        (("--reference", "{grey}"), "has no colours to take a palette from"),
        (("--reference", "{folder}"), "is a folder"),
        (("--seed", "4"), "a seed changes nothing"),
        (("-O", "steps=4"), "no option steps"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: tuple[str, str], message: str, tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    source = picture(tmp_path / "a.png", mode="L")
    (tmp_path / "note.png").write_text("no picture")
    places = {"grey": source, "text": tmp_path / "note.png", "folder": tmp_path}
    done = genkit("colorize", source, "--model", tiny_colour, *(one.format(**places) for one in arguments))
    assert done.code == 2 and message in done.err and done.err.startswith("error: ")
    assert not (tmp_path / "a_colorized.png").exists()


def test_hints_are_refused_by_models_that_take_none(
    imported: Callable[[str], str], genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    name, hint = imported("eccv16"), hint_file(tmp_path / "strokes.png")
    done = genkit("colorize", picture(tmp_path / "a.png"), "--hint", hint, "--model", name)
    assert done.code == 2
    assert "takes no hints" in done.err and "siggraph17" in done.err


def test_one_reference_for_a_folder(tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    for seed in (1, 2):
        picture(tmp_path / "in" / f"{seed}.png", 40, 40, "L", seed=seed)
    warm = np.zeros((32, 32, 3), np.uint8)
    warm[:] = np.linspace(30, 230, 32)[:, None, None] * np.array([1, 0.75, 0.5])
    Image.fromarray(warm).save(tmp_path / "warm.png")
    done = genkit(
        *("colorize", tmp_path / "in", "-o", tmp_path / "out", "--model", tiny_colour, "--reference", tmp_path / "warm.png")
    )
    assert done.code == 0, done.err
    for seed in (1, 2):
        with Image.open(tmp_path / "out" / f"{seed}.png") as image:
            red, green, blue = np.asarray(image).reshape(-1, 3).mean(0)
            assert red > green > blue
            assert json.loads(image.text["genkit"])["files"]["reference"]["name"] == "warm.png"  # type: ignore[attr-defined]


def test_a_grey_profile_does_not_come_to_colours(tiny_colour: str, genkit: Run, tmp_path: Path) -> None:
    import imagecodecs

    source = tmp_path / "scan.tif"
    Image.fromarray(np.full((20, 20), 128, np.uint8)).save(source, icc_profile=imagecodecs.cms_profile("gray", gamma=1.0))
    done = genkit("colorize", source, "-o", tmp_path / "out.png", "--model", tiny_colour)
    assert done.code == 0 and "converted to sRGB" in done.err
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info
    assert abs(lightness(tmp_path / "out.png") - 76.2).max() < 0.6  # half the light, not half the number


def test_a_pipe(tiny_colour: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", mode="L")
    done = genkit("colorize", "-", "--model", tiny_colour, stdin=source.read_bytes())
    assert done.code == 0
    assert Image.open(io.BytesIO(done.stdout)).mode == "RGB"


def test_a_model_of_another_kind_is_refused(genkit: Run, tiny_weights: Path) -> None:
    done = genkit("models", "import", tiny_weights, "--as", "no-colour", "--task", "colorize")
    assert done.code == 2 and "a compact network, which is for upscale" in done.err


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from genkit.cli.app import main
code = main(["colorize", "--help"])
assert code == 0 and not {"torch", "numpy", "PIL"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "--reference" in done.stdout and "--strength" in done.stdout


def test_from_python(tiny_colour: str, picture: Callable[..., Path], tmp_path: Path) -> None:
    import genkit

    source = picture(tmp_path / "a.png", mode="L")
    image = genkit.colorize(source, model=tiny_colour)
    assert image.mode == "RGB" and image.size == (20, 16)
    array = genkit.colorize(np.asarray(Image.open(source)), model=genkit.load(tiny_colour), strength=0.5)
    assert array.shape == (16, 20, 3)
    target = genkit.colorize(source, tmp_path / "out.png", model=tiny_colour, hint=hint_file(tmp_path / "h.png"))
    with Image.open(target) as image:
        assert json.loads(image.text["genkit"])["files"]["hint"]["name"] == "h.png"
    with pytest.raises(genkit.UsageError, match="--strength"):
        genkit.colorize(source, strength=9, model=tiny_colour)
