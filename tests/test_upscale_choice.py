"""`genkit upscale` without --model: JPEGs that were compressed hard go through the photo network, and that is told once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genkit.media.pictures.headers import probe
from genkit.pixels.jpeg_blocks import was_jpeg
from genkit.verbs.upscale.task import WORN

Run = Callable[..., Any]
TAKES = "genkit-x4-photo takes"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(name: str, **options: Any) -> str:
    rng = np.random.default_rng(3)
    smooth = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize((24, 20), Image.Resampling.BICUBIC)
    smooth.save(name, **options)
    return name


def made_with(genkit: Run, name: str) -> str:
    return str(json.loads(genkit("show", name, "--json").out)["recipe"]["model"])


def test_the_choice_holds_in_recipe_resume_replay_and_python(genkit: Run) -> None:
    import genkit as library

    picture("photo.jpg", quality=60)
    done = genkit("upscale", "photo.jpg")
    assert done.code == 0 and "photo.jpg is a JPEG of quality 60: genkit-x4-photo takes it (--model wins)" in done.err
    assert made_with(genkit, "photo_x4.jpg") == "genkit-x4-photo" and Image.open("photo_x4.jpg").size == (96, 80)
    again = genkit("upscale", "photo.jpg", "--resume", "--json")
    assert [one["event"] for one in map(json.loads, again.lines)].count("skipped") == 1
    first = Path("photo_x4.jpg").read_bytes()
    replayed = genkit("replay", "photo_x4.jpg", "--overwrite")
    assert replayed.code == 0 and TAKES not in replayed.err and Path(replayed.lines[0]).read_bytes() == first
    pixels = np.asarray(Image.open(genkit("upscale", "photo.jpg", "-o", "whole.png").lines[0]))
    assert (np.asarray(library.upscale("photo.jpg")) == pixels).all()


def test_each_input_of_a_folder_has_its_own(genkit: Run) -> None:
    Path("in").mkdir()
    for name, options in {"a.jpg": {"quality": 40}, "b.png": {}, "c.jpg": {"quality": 70}, "d.jpg": {"quality": 97}}.items():
        picture(f"in/{name}", **options)
    dry = genkit("upscale", "in", "-o", "out", "--dry-run")
    done = genkit("upscale", "in", "-o", "out", "--name", "{stem}-{model}")
    for each in (dry, done):
        assert each.err.count(TAKES) == 1 and "quality 40, and 1 more is alike" in each.err, each.err
    models = {Path(line).name: made_with(genkit, line) for line in done.lines}
    assert models == {
        "a-genkit-x4-photo.jpg": "genkit-x4-photo",
        "b-genkit-x4.png": "genkit-x4",
        "c-genkit-x4-photo.jpg": "genkit-x4-photo",
        "d-genkit-x4.jpg": "genkit-x4",
    }


def test_the_whole_run_is_of_the_model_that_takes_all(genkit: Run) -> None:
    picture("a.jpg", quality=40)
    events = [json.loads(line) for line in genkit("upscale", "a.jpg", "--scale", 2, "--json").lines]
    assert next(one["model"] for one in events if one["event"] == "plan") == "genkit-x4-photo"
    assert Image.open("a_x2.jpg").size == (48, 40) and made_with(genkit, "a_x2.jpg") == "genkit-x4-photo"


@pytest.mark.parametrize(
    ("quality", "words"),
    [
        (40, ["--model", "genkit-x4"]),
        (40, ["--scale", "0.5"]),
        (40, ["--size", "8x8"]),
        (WORN[4] + 1, []),
        (WORN[2] + 1, ["--scale", "2"]),
    ],
)
def test_no_choice_where_a_model_is_named_or_none_is_needed(genkit: Run, quality: int, words: list[str]) -> None:
    picture("a.jpg", quality=quality)
    done = genkit("upscale", "a.jpg", "-o", "out.png", *words)
    assert done.code == 0 and TAKES not in done.err and "photo" not in made_with(genkit, "out.png")


def test_a_configured_model_wins(genkit: Run) -> None:
    picture("a.jpg", quality=40)
    assert genkit("config", "set", "upscale.model", "genkit-x2").code == 0
    done = genkit("upscale", "a.jpg", "-o", "out.png")
    assert TAKES not in done.err and made_with(genkit, "out.png") == "genkit-x2"


def test_standard_input_is_looked_at_too(genkit: Run) -> None:
    picture("a.jpg", quality=WORN[4])
    done = genkit("upscale", "-", "-o", "out.png", stdin=Path("a.jpg").read_bytes())
    assert TAKES in done.err and made_with(genkit, "out.png") == "genkit-x4-photo"


def photograph(side: int = 160, seed: int = 1) -> np.ndarray:
    """Smooth shapes with fine texture."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(30, 225, (9, 9, 3), np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    return (np.asarray(shapes) + rng.normal(0, 4, (side, side, 1))).clip(0, 255).astype(np.uint8)


def decoded(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def test_pixels_that_were_a_jpeg_are_known_and_others_are_not() -> None:
    for seed in range(8):
        pixels = photograph(seed=seed)
        assert was_jpeg(decoded(pixels, 30)) and was_jpeg(decoded(pixels, 30).astype(np.uint16) * 257)
        assert not was_jpeg(pixels) and not was_jpeg(decoded(pixels, 30)[3:, 5:])  # cut: the blocks begin elsewhere
        small = pixels[:20, :20]
        assert not was_jpeg(small) and not was_jpeg(np.repeat(np.repeat(small, 8, 0), 8, 1))
    assert not was_jpeg(np.zeros((64, 64, 3), np.uint8)) and not was_jpeg(np.eye(64, dtype=np.uint8)[..., None] * 255)


def test_a_png_that_was_a_jpeg_is_told_once_a_run(genkit: Run) -> None:
    Path("in").mkdir()
    for name in ("a", "b"):
        Image.fromarray(decoded(photograph(64), 25)).save(f"in/{name}.png")
    done = genkit("upscale", "in", "-o", "out")
    assert done.code == 0 and done.err.count("was a JPEG once: --model genkit-x4-photo") == 1, done.err
    assert made_with(genkit, "out/a.png") == "genkit-x4"
    named = genkit("upscale", "in/a.png", "-o", "c.png", "--model", "genkit-x4")
    assert "was a JPEG" not in named.err


@pytest.mark.parametrize("quality", [5, 30, 60, 75, 85, 95])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}])
def test_the_header_tells_the_quality(quality: int, options: dict[str, Any]) -> None:
    assert probe(Path(picture("a.jpg", quality=quality, **options))).quality == quality


def test_a_damaged_table_is_no_quality() -> None:
    data = Path(picture("a.jpg", quality=50)).read_bytes()
    place = data.index(b"\xff\xdb")
    Path("b.jpg").write_bytes(data[: place + 4] + b"\x3f" + data[place + 5 :])
    assert probe(Path("b.jpg")).quality is None
