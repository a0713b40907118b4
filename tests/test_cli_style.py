"""`genkit style` through the real command line, with tiny networks of every family that were really imported."""

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

Run = Callable[..., Any]


def checkpoint(family: str, folder: Path) -> list[object]:
    """A random network as its publisher would save it: what `models import` is given."""
    import torch
    from safetensors.torch import save_file

    from genkit.models.style import johnson, microast, stylizer

    path = folder / f"{family}.pth"
    if family == "microast":
        network = microast.build(2)
        for role in microast.ROLES:
            torch.save(network.get_submodule(role).state_dict(), folder / f"{role}.pth.tar")
        further = [word for role in microast.ROLES[1:] for word in ("--file", f"{role}={folder / role}.pth.tar")]
        return [folder / "content_encoder.pth.tar", *further]
    if family == "stylizer":
        small = stylizer.build((4, 6, 8))
        torch.nn.init.normal_(small.get_parameter("mark.2.weight"), std=0.2)
        small.last.weight.data *= 20
        save_file(small.state_dict(), path)
    else:
        torch.save(johnson.build("torch", (2, 3, 4), 1).state_dict(), path)
    return [path]


@pytest.fixture
def imported(genkit: Run, tmp_path: Path) -> Callable[[str], str]:
    def make(family: str) -> str:
        done = genkit("models", "import", *checkpoint(family, tmp_path), "--as", f"tiny-{family}", "--task", "style")
        assert done.code == 0, done.err
        return f"tiny-{family}"

    return make


@pytest.fixture
def tiny_style(imported: Callable[[str], str]) -> str:
    return imported("stylizer")


@pytest.fixture
def painting(picture: Callable[..., Path], tmp_path: Path) -> Path:
    return picture(tmp_path / "painting.png", 80, 70, seed=9)


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("family", ["stylizer", "microast", "johnson"])
def test_an_imported_network_styles_a_picture(
    family: str, imported: Callable[[str], str], genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    name = imported(family)
    source = picture(tmp_path / "photos" / "photo.jpg", 50, 41, "L")
    style = ["--style", painting] if family != "johnson" else []
    done = genkit("style", source, "--model", name, *style)
    assert done.code == 0, done.err
    target = tmp_path / "photos" / "photo_styled.jpg"
    assert done.lines == [str(target)]
    with Image.open(target) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (50, 41), "JPEG")
    again = genkit("style", tmp_path / "photos", "--model", name, *style, "--dry-run")
    assert "left out" in again.err


def test_strength_zero_is_the_input(
    tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    source = picture(tmp_path / "a.png", 40, 30)
    for strength in ("0", "0.5", "1"):
        target = tmp_path / f"{strength}.png"
        done = genkit("style", source, "-o", target, "--style", painting, "--strength", strength, "--model", tiny_style)
        assert done.code == 0, done.err
    before, half, whole = (pixels_of(path) for path in (source, tmp_path / "0.5.png", tmp_path / "1.png"))
    assert (pixels_of(tmp_path / "0.png") == before).all()
    assert np.abs(half - (before + whole) / 2).max() <= 0.5 and np.abs(whole - before).mean() > 2


def test_several_styles_are_kept_in_the_recipe_and_replayed(
    tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    source, other = picture(tmp_path / "a.png", 40, 30), picture(tmp_path / "other.png", 90, 66, seed=4)
    target = tmp_path / "both.png"
    words = ["style", source, "-o", target, "--style", painting, "--weight", 3, "--style", other, "--weight", 1]
    done = genkit(*words, "--keep-colors", "--style-size", 64, "--strength", 0.8, "--model", tiny_style)
    assert done.code == 0, done.err
    with Image.open(target) as image:
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
    assert [one["name"] for one in recipe["files"].values()] == ["painting.png", "other.png"]
    options = {"weight": [3.0, 1.0], "style_size": 64, "keep_colors": True, "strength": 0.8}
    assert options.items() <= recipe["options"].items()
    shown = genkit("show", target).out
    assert "--weight 3 --weight 1" in shown and "--style painting.png --style other.png" in shown
    replayed = genkit("replay", target)
    assert replayed.code == 0, replayed.err
    assert (pixels_of(Path(replayed.lines[0])) == pixels_of(target)).all()
    resumed = genkit(*words, "--keep-colors", "--style-size", 64, "--strength", 0.8, "--model", tiny_style, "--resume")
    assert resumed.code == 0 and not resumed.lines  # made already
    picture(other, 90, 66, seed=5)  # another picture of that name is another style
    resumed = genkit(*words, "--keep-colors", "--style-size", 64, "--strength", 0.8, "--model", tiny_style, "--resume")
    assert resumed.code == 0 and resumed.lines == [str(target)]


def test_a_large_picture_is_painted_at_a_smaller_size(
    tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    source = picture(tmp_path / "a.png", 200, 130)
    words = ["style", source, "--style", painting, "--model", tiny_style]
    assert genkit(*words, "-o", tmp_path / "whole.png").code == 0
    done = genkit(*words, "--work-size", 80, "-o", tmp_path / "broad.png")
    assert done.code == 0, done.err
    broad, whole = pixels_of(tmp_path / "broad.png"), pixels_of(tmp_path / "whole.png")
    assert broad.shape == whole.shape and (broad != whole).any()
    assert "--work-size 80" in genkit("show", tmp_path / "broad.png").out
    assert genkit(*words, "--work-size", 8, "-o", tmp_path / "x.png").code == 2
    refused = genkit(*words, "--work-size", 80, "--photoreal", "-o", tmp_path / "x.png")
    assert refused.code == 2 and "of the plain pass" in refused.err


def test_a_mask_by_name_and_for_all(
    tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    sources = [picture(tmp_path / "in" / f"{name}.png", 40, 30, seed=seed) for seed, name in enumerate("ab")]
    drawn = np.zeros((30, 40), np.uint8)
    drawn[:, 20:] = 255
    (tmp_path / "masks").mkdir()
    for name in "ab":
        Image.fromarray(drawn if name == "a" else 255 - drawn).save(tmp_path / "masks" / f"{name}.png")
    words = ["style", tmp_path / "in", "--style", painting, "--model", tiny_style]
    done = genkit(*words, "-o", tmp_path / "out", "--mask", tmp_path / "masks")
    assert done.code == 0, done.err
    for source, styled, kept in zip(sources, (slice(25, 40), slice(0, 15)), (slice(0, 20), slice(20, 40)), strict=True):
        before, after = pixels_of(source), pixels_of(tmp_path / "out" / source.name)
        assert (after[:, kept] == before[:, kept]).all() and np.abs(after[:, styled] - before[:, styled]).mean() > 2
    done = genkit(*words, "-o", tmp_path / "all", "--mask", tmp_path / "masks" / "a.png")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "all" / "b.png") as image:
        assert json.loads(image.text["genkit"])["files"]["mask"]["name"] == "a.png"  # type: ignore[attr-defined]


def test_transparency_depth_and_format_are_kept(
    tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    import imagecodecs

    clear = picture(tmp_path / "in" / "clear.png", 30, 30, "RGBA", seed=2)
    with Image.open(clear) as image:
        image.putalpha(Image.linear_gradient("L").resize((30, 30)))
        image.save(clear)
        image.save(tmp_path / "style.png")
    deep = np.random.default_rng(0).integers(0, 65535, (20, 30), np.uint16)
    (tmp_path / "in" / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    done = genkit(
        "style", tmp_path / "in", "-o", tmp_path / "out", "--style", tmp_path / "style.png", "--model", tiny_style, "-q"
    )
    assert done.code == 0, done.err
    with Image.open(tmp_path / "out" / "clear.png") as image, Image.open(clear) as before:
        assert image.mode == "RGBA" and (np.asarray(image)[..., 3] == np.asarray(before)[..., 3]).all()
    made = imagecodecs.png_decode((tmp_path / "out" / "deep.png").read_bytes())
    assert made.shape == (20, 30, 3) and made.dtype == np.uint16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--style is missing"),
        (("--style", "none.png"), "--style none.png: not found"),
        (("--style", "{text}"), "--style"),
        (("--style", "{folder}"), "is a folder"),
        (("--style", "{good}", "--weight", "1", "--weight", "2"), "--weight is given 2 times for 1 style"),
        (("--style", "{good}", "--weight", "-1"), "expected numbers from 0 on"),
        (("--style", "{good}", "--style-size", "8"), "--style-size 8"),
        (("--style", "{good}", "--strength", "1.5"), "--strength 1.5"),
        (("--style", "{good}", "--strength", "nan"), "--strength nan"),
        (("--style", "{good}", "--tile", "5"), "--tile 5"),
        (("--style", "{good}", "--tile", "big"), "--tile big"),
        (("--style", "{good}", "--mask", "none.png"), "--mask none.png: not found"),
        (("--style", "{good}", "--mask", "{text}"), "--mask"),
        (("--style", "{good}", "--seed", "4"), "--seed"),
        (("--style", "{good}", "-O", "steps=4"), "no option steps"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: tuple[str, ...],
    message: str,
    tiny_style: str,
    genkit: Run,
    picture: Callable[..., Path],
    painting: Path,
    tmp_path: Path,
) -> None:
    source = picture(tmp_path / "a.png")
    (tmp_path / "note.png").write_text("no picture")
    places = {"good": painting, "text": tmp_path / "note.png", "folder": tmp_path}
    done = genkit("style", source, "--model", tiny_style, *(one.format(**places) for one in arguments))
    assert done.code == 2 and message in done.err and done.err.startswith("error: ")
    assert not (tmp_path / "a_styled.png").exists()


def test_a_model_of_one_style_takes_no_other(
    imported: Callable[[str], str], genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path
) -> None:
    name = imported("johnson")
    for words in (("--style", painting), ("--weight", "1"), ("--style-size", "256")):
        done = genkit("style", picture(tmp_path / "a.png"), "--model", name, *words)
        assert done.code == 2 and "has one style, its own" in done.err and "microast" in done.err


def test_a_pipe(tiny_style: str, genkit: Run, picture: Callable[..., Path], painting: Path, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    done = genkit("style", "-", "--style", painting, "--model", tiny_style, stdin=source.read_bytes())
    assert done.code == 0, done.err
    assert Image.open(io.BytesIO(done.stdout)).size == (20, 16)


def test_help_imports_nothing_heavy() -> None:
    script = """
import sys
from genkit.cli.app import main
code = main(["style", "--help"])
assert code == 0 and not {"torch", "numpy", "PIL"} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "--style-size" in done.stdout and "--keep-colors" in done.stdout


def test_from_python(tiny_style: str, picture: Callable[..., Path], painting: Path, tmp_path: Path) -> None:
    import genkit

    source = picture(tmp_path / "a.png")
    image = genkit.style(source, style=painting, model=tiny_style)
    assert image.mode == "RGB" and image.size == (20, 16)
    model = genkit.load(tiny_style)
    array = genkit.style(np.asarray(Image.open(source)), style=[painting, Image.open(source)], weights=[2, 1], model=model)
    assert array.shape == (16, 20, 3)
    mask = tmp_path / "mask.png"
    Image.new("L", (20, 16), 255).save(mask)
    target = genkit.style(source, tmp_path / "out.png", style=[painting, source], weights=[2, 1], mask=mask, model=model)
    with Image.open(target) as image:
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
    assert [*recipe["files"]] == ["style", "style_2", "mask"] and recipe["options"]["weight"] == [2, 1]
    Image.new("L", (60, 48), 255).save(mask)  # larger than the picture, of its proportions: as on the command line
    styles = [np.asarray(Image.open(source)), painting]
    target = genkit.style(source, tmp_path / "mixed.png", style=styles, mask=mask, model=model)
    with Image.open(target) as image:
        files = json.loads(image.text["genkit"])["files"]  # type: ignore[attr-defined]
    assert "without a file" in files["style"]["name"] and files["style_2"]["name"] == "painting.png"
    with pytest.raises(genkit.UsageError, match="--strength"):
        genkit.style(source, style=painting, strength=9, model=model)
    with pytest.raises(genkit.UsageError, match="--style is missing"):
        genkit.style(source, model=model)


def test_a_model_of_several_styles_says_so(genkit: Run, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (20, 16), (200, 40, 30)).save(photo)
    done = genkit("style", photo, "--model", "magenta-26", "--style", photo)
    assert done.code == 2
    assert "--style: magenta-26 has 26 styles of its own (-O style=NAME; genkit models info magenta-26)" in done.err
    assert "models with it:" in done.err and "genkit-style" in done.err
