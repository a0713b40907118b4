"""`genkit translate` through the real command line, with tiny networks of every family that were really imported."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., Any]
Import = Callable[..., str]
PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))


def checkpoint(family: str, folder: Path) -> Path:
    """A random network, as its publisher would save it."""
    import torch

    from genkit.models.translate import animegan2, cyclegan, pix2pix, stargan

    makers: dict[str, Callable[[], Any]] = {
        "cyclegan": lambda: cyclegan.build(4, 1),
        "pix2pix": lambda: pix2pix.build(5, 4),
        "animegan2": lambda: animegan2.build(4),
        "stargan": lambda: stargan.build(3, 4, 1),
    }
    path = folder / f"{family}.pth"
    torch.save(makers[family]().state_dict(), path)
    return path


@pytest.fixture
def imported(genkit: Run, tmp_path: Path) -> Import:
    def make(family: str, *options: str) -> str:
        path = checkpoint(family, tmp_path)
        words = [word for option in options for word in ("-O", option)]
        done = genkit("models", "import", path, "--as", f"tiny-{family}", "--task", "translate", *words)
        assert done.code == 0, done.err
        assert f"family {family}," in done.err
        path.unlink()
        return f"tiny-{family}"

    return make


@pytest.mark.parametrize("family", ["cyclegan", "pix2pix", "animegan2"])
def test_an_imported_network_translates_a_picture(
    family: str, imported: Import, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    name = imported(family)
    source = picture(tmp_path / "photo.jpg", 50, 41, "L")
    done = genkit("translate", source, "--model", name)
    assert done.code == 0, done.err
    target = tmp_path / f"photo_{name}.jpg"
    assert done.lines == [str(target)]
    with Image.open(target) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (50, 41), "JPEG")
    again = genkit("translate", tmp_path, "--model", name, "--dry-run")
    assert again.code == 2 and f"photo_{name}.jpg left out" in again.err and "--overwrite" in again.err


DOMAINS = 'domains=["red", "Dark Green", "blue"]'


def test_a_model_of_several_domains_wants_one(
    imported: Import, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    name, source = imported("stargan", DOMAINS), picture(tmp_path / "a.png", 30, 22)
    for words in ((), ("--to", "pink")):
        refused = genkit("translate", source, "--model", name, *words)
        assert refused.code == 2 and "--to one of red, Dark Green, blue" in refused.err
    made = genkit("translate", source, "--model", name, "--to", "dark-green")
    assert made.code == 0 and made.lines == [str(tmp_path / f"a_{name}-dark-green.png")]
    other = genkit("translate", source, "--model", name, "--to", "blue")
    assert Path(made.lines[0]).read_bytes() != Path(other.lines[0]).read_bytes()
    with Image.open(made.lines[0]) as image:
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
    assert recipe["options"] == {"to": "Dark Green"} and recipe["model"] == name
    again = genkit("replay", made.lines[0], "-o", tmp_path / "again.png")
    assert again.code == 0, again.err
    with Image.open(made.lines[0]) as first, Image.open(tmp_path / "again.png") as second:
        assert (np.asarray(first) == np.asarray(second)).all()
    passed = genkit("translate", tmp_path, "--model", name, "--to", "red")
    assert "left out" in passed.err and len(passed.lines) == 1


def test_options_that_a_model_has_not_are_refused_by_name(
    imported: Import, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    name, source = imported("cyclegan"), picture(tmp_path / "a.png")
    stars = imported("stargan", DOMAINS)
    for words, able in (
        (("--prompt", "snow"), "instruct-pix2pix"),
        (("--image-guidance", "2"), "instruct-pix2pix"),
        (("--denoise", "0.5"), "sdxl-img2img"),
        (("--steps", "4"), "instruct-pix2pix"),
        (("--to", "red"), stars),
        (("--edges",), "pix2pix-edges2shoes"),
        (("--seed", "4"), "pix2pix-edges2shoes"),
        (("-O", "dropout=yes"), "pix2pix-edges2shoes"),
    ):
        refused = genkit("translate", source, "--model", name, *words)
        assert refused.code == 2 and able in refused.err and name in refused.err, refused.err
    for words in (("--strength", "2"), ("--strength", "-1"), ("--work-size", "2")):
        refused = genkit("translate", source, "--model", name, *words)
        assert refused.code == 2 and words[0] in refused.err
    assert not list(tmp_path.glob("a_*"))


def test_a_seed_wants_the_dropout_that_it_is_for(genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    words = ("translate", picture(tmp_path / "a.png"), "--model", "pix2pix-edges2shoes", "--seed", 4, "--dry-run")
    refused = genkit(*words)
    assert refused.code == 2 and "-O dropout=yes" in refused.err
    assert genkit(*words, "-O", "dropout=yes").code == 0


def test_strength_work_size_depth_and_transparency(
    imported: Import, genkit: Run, picture: Callable[..., Path], tmp_path: Path
) -> None:
    import imagecodecs

    name = imported("cyclegan")
    clear = picture(tmp_path / "in" / "clear.png", 31, 30, "RGBA", seed=2)
    with Image.open(clear) as image:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(clear)
    deep = np.random.default_rng(0).integers(0, 65535, (20, 30, 3), np.uint16)
    (tmp_path / "in" / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    done = genkit("translate", tmp_path / "in", "-o", tmp_path / "out", "--model", name, "--work-size", 24, "-q")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "out" / "clear.png") as image, Image.open(clear) as before:
        assert image.mode == "RGBA" and image.size == before.size
        assert (np.asarray(image)[..., 3] == np.asarray(before)[..., 3]).all()
    made = imagecodecs.png_decode((tmp_path / "out" / "deep.png").read_bytes())
    assert made.shape == deep.shape and made.dtype == np.uint16
    none = genkit("translate", tmp_path / "in" / "deep.png", "-o", tmp_path / "none.png", "--model", name, "--strength", 0)
    assert none.code == 0 and (imagecodecs.png_decode((tmp_path / "none.png").read_bytes()) == deep).all()


def test_resume_knows_the_options(imported: Import, genkit: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    name, source = imported("cyclegan"), picture(tmp_path / "a.png")
    words = ("translate", source, "--model", name, "-o", tmp_path / "out.png", "--resume")
    assert genkit(*words, "--strength", 0.5).code == 0
    same, other = genkit(*words, "--strength", 0.5, "--json"), genkit(*words, "--strength", 0.6, "--json")
    assert (same.events[-1]["done"], same.events[-1]["skipped"]) == (0, 1)
    assert (other.events[-1]["done"], other.events[-1]["skipped"]) == (1, 0)


def test_a_pipeline_changes_a_picture_as_told(
    genkit: Run,
    picture: Callable[..., Path],
    pipeline_folder: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tiny pipeline by the card of the real one: the options arrive, and another seed is another picture."""
    from genkit import weights

    folder = pipeline_folder("StableDiffusionInstructPix2PixPipeline")
    monkeypatch.setattr(weights, "obtain", lambda card, **options: (card, {"root": folder}))
    source = picture(tmp_path / "a.png", 300, 200)
    words = ("translate", source, "--model", "instruct-pix2pix", "--prompt", "make it snow", "--steps", 1, "-O", "safety=no")
    first = genkit(*words, "--image-guidance", 1.2, "--seed", 3)
    assert first.code == 0, first.err
    assert first.lines == [str(tmp_path / "a_instruct-pix2pix.png")]
    other = genkit(*words, "--image-guidance", 1.2, "--seed", 4, "-o", tmp_path / "other.png")
    assert other.code == 0, other.err
    pictures = [np.asarray(Image.open(path)) for path in (first.lines[0], tmp_path / "other.png")]
    assert pictures[0].shape == (200, 300, 3) and (pictures[0] != pictures[1]).any()
    for extra, words_of_error in ((("--denoise", 0.5), "sdxl-img2img"), (("-O", "steps=3"), "say the same thing")):
        refused = genkit(*words, *extra, "-o", tmp_path / "no.png")
        assert refused.code == 2 and words_of_error in refused.err


def test_the_listing_says_what_each_turns_into_what(genkit: Run) -> None:
    listing = genkit("models", "list", "--task", "translate")
    assert listing.code == 0
    lines = {line.split()[0]: line for line in listing.lines[1:]}
    assert "horses into zebras" in lines["cyclegan-horse2zebra"] and "into shoes" in lines["pix2pix-edges2shoes"]
    assert all(line.rstrip().endswith(".") for line in lines.values())


def test_a_drawing_on_dark_ground_comes_out_as_the_same_one_on_white(genkit: Run, tmp_path: Path) -> None:
    drawing = np.full((64, 48, 3), 255, np.uint8)
    drawing[10:54, [12, 36]] = drawing[[10, 54], 12:37] = 0
    for name, pixels in (("light.png", drawing), ("dark.png", 255 - drawing)):
        Image.fromarray(pixels).save(tmp_path / name)
        done = genkit("translate", tmp_path / name, "--model", "genkit-edges2clothes", "-o", tmp_path / f"out-{name}")
        assert done.code == 0 and ("taken inverted" in done.err) == (name == "dark.png"), done.err
        assert "looks like a photograph" not in done.err
    light, dark = (np.asarray(Image.open(tmp_path / f"out-{name}.png")) for name in ("light", "dark"))
    assert (light == dark).all()


def test_the_function(imported: Import, picture: Callable[..., Path], tmp_path: Path) -> None:
    import genkit

    name, stars = imported("cyclegan"), imported("stargan", DOMAINS)
    source = picture(tmp_path / "a.png", 30, 22)
    with Image.open(source) as image:
        pixels = np.asarray(image)
    made = genkit.translate(pixels, model=name, strength=0.7)
    assert made.shape == pixels.shape and made.dtype == np.uint8 and (made != pixels).any()
    red = genkit.translate(source, model=stars, to="red")
    assert red.size == (30, 22)
    target = genkit.translate(source, tmp_path / "red.png", model=genkit.load(stars), to="red")
    with Image.open(target) as image:
        assert json.loads(image.text["genkit"])["options"] == {"to": "red"}  # type: ignore[attr-defined]
        assert (np.asarray(image) == np.asarray(red)).all()
    with pytest.raises(genkit.UsageError, match="say which"):
        genkit.translate(source, model=stars)


@pytest.mark.published
def test_the_published_sketching_network_draws_a_photograph(genkit: Run, tmp_path: Path) -> None:
    path = PUBLISHED / "cyclegan-photo2sketch.pth"
    if not path.is_file():
        pytest.skip("no published weights here")
    source = Path(__file__).parents[1] / "samples" / "upscale" / "coffee.png"
    assert genkit("models", "import", path, "--as", "sketch", "--task", "translate").code == 0
    done = genkit("translate", source, "--model", "sketch", "--work-size", 256, "-o", tmp_path / "sketch.png")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "sketch.png") as image, Image.open(source) as before:
        assert image.size == before.size
        drawn = np.asarray(image.convert("L"))
    assert (drawn > 200).mean() > 0.7 and 0.01 < (drawn < 90).mean() < 0.3, "dark lines on white paper"
