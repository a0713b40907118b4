"""`genkit inpaint` through the real command line, with tiny random networks of our own and LaMa's layout."""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from PIL import Image

BOX = ("--mask-box", "8,6,6,5")


@pytest.fixture(scope="session")
def inpaint_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    from genkit.models.inpaint import inpainter

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("inpaint") / "filler.safetensors"
    save_file({name: value.contiguous() for name, value in inpainter.build([4, 8, 8], [1, 2]).state_dict().items()}, path)
    return path


@pytest.fixture
def filler(own_folders: Path, inpaint_weights: Path) -> tuple[str, str]:
    """The words that choose a model which takes no time, among the user's own cards."""
    import shutil

    folder = own_folders / "cards" / "inpaint"
    folder.mkdir(parents=True)
    shutil.copy(inpaint_weights, folder)
    digest = hashlib.sha256(inpaint_weights.read_bytes()).hexdigest()
    (folder / "filler.toml").write_text(
        'name = "filler"\ntasks = ["inpaint"]\nfamily = "inpainter"\nsummary = "For tests."\nlicence = "Apache-2.0"\n'
        "commercial = true\n\n[params]\nwidths = [4, 8, 8]\ndilations = [1, 2]\nsize = 64\n\n"
        f'[files.weights]\npath = "filler.safetensors"\nhash = "sha256:{digest}"\nsize = {inpaint_weights.stat().st_size}\n'
    )
    return "--model", "filler"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def save_mask(path: Path, size: tuple[int, int] = (40, 30), box: tuple[int, int, int, int] = (10, 8, 20, 16)) -> Path:
    mask = np.zeros(size[::-1], np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
    return path


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def changed(before: Path, after: Path) -> np.ndarray:
    difference = pixels_of(before) != pixels_of(after)
    return difference.any(2) if difference.ndim == 3 else difference


def test_a_mask_file_repaints_that_and_nothing_else(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo, mask = picture(work / "photo.png", 40, 30), save_mask(work / "mask.png")
    outcome = genkit("inpaint", photo, "--mask", mask, "--grow", 1, "--feather", 2, *filler)
    assert outcome.code == 0, outcome.err
    assert outcome.lines == [str(work / "photo_inpainted.png")]
    moved = changed(photo, work / "photo_inpainted.png")
    assert moved[8:16, 10:20].mean() > 0.9
    moved[5:19, 7:23] = False
    assert not moved.any()
    save_mask(mask, box=(30, 20, 36, 26))  # the next run in the same process reads it again
    assert genkit("inpaint", photo, "--mask", mask, "-o", "again.png", *filler).code == 0
    moved = changed(photo, work / "again.png")
    assert moved[20:26, 30:36].mean() > 0.9 and not moved[:10, :20].any()


@pytest.mark.parametrize(("mode", "suffix"), [("L", "png"), ("LA", "png"), ("RGBA", "png"), ("I;16", "png"), ("RGB", "tiff")])
def test_kinds_of_pictures_stay_what_they_are(
    genkit: Run, picture: Any, filler: Any, work: Path, mode: str, suffix: str
) -> None:
    photo = work / f"photo.{suffix}"
    if mode == "I;16":
        Image.fromarray((np.arange(1200, dtype=np.uint16) * 50).reshape(30, 40)).save(photo)
    else:
        picture(photo, 40, 30, mode)
    outcome = genkit("inpaint", photo, *BOX, "--feather", 0, "--grow", 0, "--format", "png", "-o", "out/", *filler)
    assert outcome.code == 0, outcome.err
    with Image.open(work / "out/photo.png") as image:
        assert image.mode == mode or (mode == "I;16" and image.mode in ("I;16", "I"))
    moved = changed(photo, work / "out/photo.png")
    assert moved[6:11, 8:14].any()
    moved[6:11, 8:14] = False
    assert not moved.any()


def test_the_transparency_of_the_input_is_the_mask_and_becomes_opaque(
    genkit: Run, picture: Any, filler: Any, work: Path
) -> None:
    photo = picture(work / "photo.png", 40, 30, "RGBA")
    pixels = pixels_of(photo)
    pixels[8:16, 10:20, 3] = 0
    Image.fromarray(pixels).save(photo)
    assert genkit("inpaint", photo, "--mask", "alpha", *filler).code == 0
    assert (pixels_of(work / "photo_inpainted.png")[..., 3] == 255).all()
    assert "--mask alpha" in genkit("show", work / "photo_inpainted.png").out
    picture(work / "plain.png")
    outcome = genkit("inpaint", work / "plain.png", "--mask", "alpha", *filler)
    assert outcome.code == 1 and "plain.png: it has no transparency" in outcome.err


def test_a_colour_is_the_mask(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo = picture(work / "photo.png", 40, 30)
    pixels = pixels_of(photo)
    pixels[8:16, 10:20] = (255, 0, 255)
    Image.fromarray(pixels).save(photo)
    assert genkit("inpaint", photo, "--mask-color", "#ff00ff", *filler).code == 0
    assert changed(photo, work / "photo_inpainted.png")[8:16, 10:20].all()
    outcome = genkit("inpaint", photo, "--mask-color", "#00ff00", "-o", "same.png", *filler)
    assert outcome.code == 0 and "no pixel has that colour" in outcome.err and not changed(photo, work / "same.png").any()


def test_outpainting_extends_the_canvas_and_the_plan_says_so(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo = picture(work / "photo.png", 40, 30)
    words = ("inpaint", photo, "--outpaint", "10,0,25%,5", "--grow", 0, "--feather", 0, *filler)
    planned = genkit(*words, "--dry-run", "--json")
    assert [(one["width"], one["height"]) for one in planned.events if one["event"] == "planned"] == [(60, 35)]
    assert genkit(*words).code == 0
    made = pixels_of(work / "photo_inpainted.png")
    assert made.shape == (35, 60, 3) and (made[:30, 10:50] == pixels_of(photo)).all()


def test_a_full_and_a_wrong_mask_fail_that_picture_alone(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    for name, size in (("a", (40, 30)), ("b", (30, 30)), ("c", (20, 15))):
        picture(work / f"in/{name}.png", *size)
    outcome = genkit("inpaint", "in", "--mask", save_mask(work / "mask.png"), "-o", "out/", *filler)
    assert outcome.code == 1 and len(outcome.lines) == 2
    assert "failed: in/b.png: " in outcome.err and "mask.png is 40x30, and the picture 30x30" in outcome.err
    save_mask(work / "full.png", box=(0, 0, 40, 30))
    outcome = genkit("inpaint", "in/a.png", "--mask", "full.png", *filler)
    assert outcome.code == 1 and "in/a.png: the mask covers the whole picture" in outcome.err
    assert genkit("inpaint", "in/a.png", "--mask", "full.png", "--invert-mask", *filler).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "nothing says what to repaint"),
        (("--mask", "alpha", *BOX), "--mask and --mask-box contradict"),
        (("--mask", "nothing.png"), "--mask nothing.png: not found"),
        (("--mask", "broken.png"), "--mask broken.png"),
        (("--mask-box", "1,2,3"), "expected X,Y,WIDTH,HEIGHT"),
        (("--mask-color", "pink"), "six hexadecimal"),
        (("--mask-tolerance", "3", *BOX), "--mask-tolerance without"),
        (("--outpaint", "0,0,0,0"), "does not grow"),
        (("--outpaint", "5,5,5,5", "--invert-mask"), "--invert-mask without"),
        ((*BOX, "--prompt", "a cat"), "models with it: "),
        ((*BOX, "--candidates", "3", "--texture", "0"), "models with it: "),
        ((*BOX, "--seed", "3", "--texture", "0"), "models with it: "),
        ((*BOX, "--texture", "much"), "expected auto, or a number from 0 to 1"),
        ((*BOX, "--texture", "1.5"), "expected auto, or a number from 0 to 1"),
        ((*BOX, "-o", "mask.png", "--mask-tolerance", "0", "--steps", "3"), "models with it: "),
    ],
)
def test_what_cannot_start_says_why(genkit: Run, picture: Any, filler: Any, work: Path, words: Any, says: str) -> None:
    picture(work / "photo.png")
    (work / "broken.png").write_bytes(b"no picture")
    outcome = genkit("inpaint", "photo.png", *words, *filler)
    assert outcome.code == 2 and says in outcome.err, outcome.err
    assert "bug" not in outcome.err and not list(work.glob("*_inpainted*"))


def test_candidates_are_numbered_seeded_and_replayed(
    genkit: Run, picture: Any, filler: Any, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing model stands in: random grey from each seed."""
    import torch

    from genkit.models.inpaint import inpainter
    from genkit.models.inpaint.filling import Fill

    def draw(network: Any, images: torch.Tensor, masks: torch.Tensor, *, seeds: list[int], steps: int) -> torch.Tensor:
        levels = [torch.rand(1, generator=torch.Generator().manual_seed(one + 1000 * steps)) for one in seeds]
        return torch.stack([torch.full_like(image, float(level)) for image, level in zip(images, levels, strict=True)])

    def load(card: Any, files: Any, device: Any, dtype: Any) -> Fill:
        network = inpainter.build([4, 8, 8], [1])
        return Fill(network, device=device, dtype=dtype, size=64, stochastic=True, run=draw, options=("steps",))

    monkeypatch.setattr(inpainter, "load", load)
    card = _card()
    card.write_text(card.read_text() + '\n[options.steps]\ntype = "int"\ndefault = 4\nminimum = 1\n')
    picture(work / "photo.png", 40, 30)
    outcome = genkit("inpaint", "photo.png", *BOX, "--candidates", 3, "--seed", 5, "--steps", 2, *filler)
    assert outcome.code == 0, outcome.err
    assert outcome.lines == [f"photo_inpainted_{number}.png" for number in (1, 2, 3)]
    made = [pixels_of(work / name) for name in outcome.lines]
    assert not (made[0] == made[1]).all() and not (made[1] == made[2]).all()
    shown = genkit("show", "photo_inpainted_2.png").out
    assert "--seed 6" in shown and "-O steps=2" in shown and "--candidates" not in shown
    assert genkit("replay", "photo_inpainted_2.png", "-o", "again.png").code == 0
    assert (pixels_of(work / "again.png") == made[1]).all()
    named = genkit("inpaint", "photo.png", *BOX, "--candidates", 2, "--name", "{stem}-{seed}", "-o", "out/", *filler)
    assert named.lines == ["out/photo-0.png", "out/photo-1.png"]
    refused = genkit("inpaint", "photo.png", *BOX, "--steps", 3, "-O", "steps=4", "-o", "twice.png", *filler)
    assert refused.code == 2 and "say the same thing" in refused.err
    refused = genkit("inpaint", "photo.png", *BOX, "--candidates", 2, "-o", "-", *filler)
    assert refused.code == 2 and "standard output" in refused.err


def _card() -> Path:
    import os

    return Path(os.environ["GENKIT_HOME"]) / "cards" / "inpaint" / "filler.toml"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_lama_from_a_torchscript_file_is_imported_and_runs(
    genkit: Run, picture: Any, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    layers = importlib.import_module("spandrel.architectures.LaMa.__arch.LaMa")
    tiny = functools.partial(layers.FFCResNetGenerator, ngf=8, n_blocks=1)
    monkeypatch.setattr(layers, "FFCResNetGenerator", tiny)  # the published one has 51 million weights
    network = layers.LaMa(in_nc=4, out_nc=3).eval()
    inputs = torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    torch.jit.trace(network, inputs, check_trace=False).save(str(work / "big-lama.pt"))
    imported = genkit("models", "import", "big-lama.pt", "--as", "small-lama", "--task", "inpaint")
    assert imported.code == 0 and "family spandrel, architecture LaMa" in imported.err, imported.err
    photo = picture(work / "photo.png", 40, 30)
    outcome = genkit("inpaint", photo, *BOX, "--model", "small-lama", "--dtype", "float32")
    assert outcome.code == 0, outcome.err
    assert changed(photo, work / "photo_inpainted.png")[6:11, 8:14].any()
    half = genkit("inpaint", photo, *BOX, "--model", "small-lama", "--dtype", "float16", "--overwrite")
    assert half.code == 2 and "float16" in half.err
    wrong = genkit("models", "import", "big-lama.pt", "--as", "other", "--task", "upscale")
    assert wrong.code == 0
    refused = genkit("upscale", photo, "--model", "other")
    assert refused.code == 2 and "pictures with a mask" in refused.err


def test_a_wrong_file_is_refused_by_name(genkit: Run, picture: Any, filler: Any, work: Path, tiny_weights: Path) -> None:
    import shutil

    shutil.copy(tiny_weights, _card().with_name("filler.safetensors"))
    text = _card().read_text().splitlines()
    _card().write_text("\n".join(line for line in text if not line.startswith(("hash", "size = 1", "size = 2", "size = 3"))))
    _card().write_text(_card().read_text().replace("commercial = true", "commercial = true\nverified = false"))
    picture(work / "photo.png")
    outcome = genkit("inpaint", "photo.png", *BOX, *filler)
    assert outcome.code == 3 and "filler.safetensors" in outcome.err, outcome.err


def test_from_python(picture: Any, filler: Any, work: Path, genkit: Run) -> None:
    import genkit as api

    photo, mask = picture(work / "photo.png", 40, 30), save_mask(work / "mask.png")
    made = api.inpaint(pixels_of(photo), mask=pixels_of(mask) > 0, model="filler")
    written = api.inpaint(photo, "out.png", mask=mask, model="filler", grow=0)
    assert (made == pixels_of(written)).all()
    assert genkit("inpaint", photo, "--mask", mask, "-o", "cli.png", *filler).code == 0
    assert (pixels_of(work / "cli.png") == made).all()
    assert "--mask mask.png" in genkit("show", written).out
    wide = api.inpaint(photo, outpaint="0,0,10,0", model=api.load("filler"))
    assert wide.size == (50, 30)


def test_a_canvas_above_max_pixels_fails_before_it_takes_memory(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    outcome = genkit("inpaint", picture(work / "photo.png", 40, 30), "--outpaint", "300,0,0,0", "--max-pixels", "2000", *filler)
    assert outcome.code == 1
    assert "340x30" in outcome.err
    assert not (work / "photo_inpainted.png").exists()


def test_the_bound_of_the_configuration_holds_for_masks(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo, mask = picture(work / "photo.png", 20, 15), save_mask(work / "mask.png")
    assert genkit("config", "set", "inpaint.max-pixels", "1000").code == 0
    outcome = genkit("inpaint", photo, "--mask", mask, *filler)
    assert outcome.code == 1 and "--max-pixels 1200" in outcome.err, "the mask has 1200 pixels, the photo 300"
    assert genkit("inpaint", photo, "--mask", mask, "--max-pixels", "2000", *filler).code == 0


def test_the_help_says_which_way_up_a_mask_is(genkit: Run) -> None:
    assert "upright" in genkit("inpaint", "--help").out


def test_a_canvas_from_python_is_bounded(picture: Any, filler: Any, work: Path) -> None:
    import genkit as api

    with pytest.raises(api.InputError, match="340x30"):
        api.inpaint(picture(work / "photo.png", 40, 30), outpaint="300,0,0,0", max_pixels=2000, model="filler")


def test_a_mask_that_is_no_file_is_in_the_recipe(picture: Any, filler: Any, work: Path, genkit: Run) -> None:
    import genkit as api
    from genkit.media.recipe import read_recipe

    photo, mask = picture(work / "photo.png", 40, 30), pixels_of(save_mask(work / "mask.png"))
    facts = []
    for one in (mask > 0, mask > 0, np.roll(mask, 2, 0) > 0):
        recipe = read_recipe(api.inpaint(photo, "out.png", mask=one, model="filler", overwrite=True))
        facts.append(recipe["files"]["mask"] if recipe else {})
    assert facts[0] == facts[1] != facts[2] and len(facts[0]["sha256"]) == 64
    assert facts[0]["name"] == "a picture without a file of 40x30"
    assert "a picture without a file of 40x30" in genkit("show", "out.png").out


def test_a_photograph_as_a_mask_is_refused_or_told(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo = picture(work / "photo.png", 40, 30)
    hole = np.dstack([pixels_of(photo), np.full((30, 40), 255, np.uint8)])
    hole[8:16, 10:20, 3] = 0
    for name, pixels in (("hole.png", hole), ("grey.png", hole[..., [1, 3]])):
        Image.fromarray(pixels).save(work / name)
        outcome = genkit("inpaint", photo, "--mask", work / name, "-o", "out.png", *filler)
        assert outcome.code == 1 and f"{name}: looks like a picture with a transparent part" in outcome.err
        assert "--mask alpha" in outcome.err and not (work / "out.png").exists()
    outcome = genkit("style", photo, "--style", photo, "--mask", work / "hole.png", "-o", "out.png")
    assert outcome.code == 1 and "looks like a picture with a transparent part" in outcome.err and "alpha" not in outcome.err
    deep = work / "deep.png"
    Image.fromarray(np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)).save(deep)
    for mask in (photo, picture(work / "grey2.jpg", 40, 30, "L"), picture(work / "indexed.gif", 40, 30, "P"), deep):
        outcome = genkit("inpaint", photo, "--mask", mask, "-o", "out.png", "--overwrite", *filler)
        assert f"{mask} looks like a photograph, and not like a mask" in outcome.err, outcome.err


def test_masks_of_other_kinds_are_taken_for_what_they_are(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo, mask = picture(work / "photo.png", 40, 30), save_mask(work / "mask.png")

    def said(name: str, image: Image.Image, *more: object) -> str:
        image.save(work / name)
        outcome = genkit("inpaint", photo, "--mask", work / name, "-o", "out.png", "--overwrite", *more, *filler)
        assert outcome.code == 0, outcome.err
        return str(outcome.err)

    plain = pixels_of(mask)
    white = plain[..., None].repeat(3, 2)
    soft = Image.fromarray(plain).resize((20, 15)).resize((40, 30), Image.Resampling.BICUBIC)
    strokes = np.dstack([np.full((30, 40), 255, np.uint8), plain])  # white on a transparent layer
    palette = Image.fromarray(plain // 255, "P")
    palette.putpalette([0, 0, 0, 255, 255, 255])
    for name, image in {
        "soft.png": soft,
        "lossy.jpg": Image.fromarray(plain),
        "one-bit.png": Image.fromarray(plain).convert("1"),
        "deep.png": Image.fromarray(plain.astype(np.uint16) * 257),
        "strokes.png": Image.fromarray(strokes),
        "palette.png": palette,
        "rgb.png": Image.fromarray(white),
    }.items():
        assert "mask" not in said(name, image).replace(name, ""), name
    red = np.where(white > 0, np.uint8([255, 0, 0]), np.uint8([0, 0, 0]))
    told = said("red.png", Image.fromarray(red))
    assert "red.png has colours, which count by their brightness" in told and "the mask is empty" in told
    labels = said("labels.png", Image.fromarray((plain > 0).astype(np.uint16) * 255))
    assert "its brightest value is 255 of 65535" in labels
    turned = said("turned.png", Image.fromarray(255 - plain), "--grow", 0, "--feather", 0)
    assert "the mask covers 9" in turned and "--invert-mask repaints the rest" in turned
    assert "covers" not in said("turned.png", Image.fromarray(255 - plain), "--invert-mask")


def test_a_hole_under_a_mask_is_painted_and_shown(genkit: Run, picture: Any, filler: Any, work: Path) -> None:
    photo, mask = picture(work / "photo.png", 40, 30, "RGBA"), save_mask(work / "mask.png")
    whole = pixels_of(photo)
    whole[..., 3] = 255

    def run(*words: object, hidden: tuple[slice, slice]) -> tuple[np.ndarray, str]:
        pixels = whole.copy()
        pixels[(*hidden, 3)] = 0
        Image.fromarray(pixels).save(photo)
        outcome = genkit("inpaint", photo, *words, "-o", "out.png", "--overwrite", *filler)
        assert outcome.code == 0, outcome.err
        return pixels_of(work / "out.png")[..., 3], str(outcome.err)

    hole, outside = np.s_[8:16, 10:20], np.s_[20:28, 30:38]
    for words in (("--mask", mask), ("--mask-box", "10,8,10,8")):
        alpha, told = run(*words, hidden=hole)
        assert "what is transparent under the mask is painted, and opaque from now on" in told
        assert (alpha[hole] == 255).all()
    alpha, told = run("--mask", mask, hidden=outside)
    assert (alpha[outside] == 0).all() and "transparent" not in told
    alpha, told = run("--mask", mask, hidden=np.s_[8:10, 10:20])  # an edge of what is transparent
    assert (alpha[8:10, 10:20] == 0).all() and "25% of what the mask covers is transparent, and stays so" in told
    whole[hole] = (1, 2, 3, 255)
    alpha, _ = run("--mask-color", "#010203", hidden=hole)  # nobody sees that colour there
    assert (alpha[hole] == 0).all()
