"""The Python functions: the same outputs as the command, models used many times, many inputs, events."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import genkit as library

Run = Callable[..., Any]
SAMPLES = Path(__file__).parents[1] / "samples"


def _photo(place: Path) -> Path:
    with Image.open(SAMPLES / "upscale" / "coffee.png") as picture:
        picture.crop((0, 0, 48, 40)).save(place)
    return place


# Verb: the words of the command behind `genkit VERB`, and the same call from Python.
CALLS: dict[str, tuple[list[str], Callable[[str], Any]]] = {
    "upscale": (
        ["photo.png", "--scale", "2", "--format", "webp", "--quality", "70"],
        lambda out: library.upscale("photo.png", out, scale=2, format="webp", quality=70),
    ),
    "colorize": (["photo.png", "--strength", "0.5"], lambda out: library.colorize("photo.png", out, strength=0.5)),
    "inpaint": (
        ["photo.png", "--mask-box", "10,8,12,10", "--grow", "2"],
        lambda out: library.inpaint("photo.png", out, mask_box="10,8,12,10", grow=2),
    ),
    "style": (
        ["photo.png", "--style", "style.png", "--strength", "0.7", "--work-size", "64", "--dtype", "float32"],
        lambda out: library.style("photo.png", out, style="style.png", strength=0.7, work_size=64, dtype="float32"),
    ),
    "translate": (["photo.png", "--strength", "0.6"], lambda out: library.translate("photo.png", out, strength=0.6)),
    "gan": (
        ["--seeds", "2-4", "--class", "dress", "--truncation", "0.7"],
        lambda out: library.gan("2-4", out, label="dress", truncation=0.7),
    ),
    "txt2img": (
        ["a red heart", "--seed", "3", "--steps", "2", "--guidance", "3"],
        lambda out: library.txt2img("a red heart", out, seed=3, steps=2, guidance=3),
    ),
    "tts": (
        ["Hello there.", "--seed", "5", "--speed", "1.2", "--bits", "24"],
        lambda out: library.tts("Hello there.", out, seed=5, speed=1.2, bits=24),
    ),
}


@pytest.mark.parametrize("verb", CALLS)
def test_a_call_from_python_writes_what_the_command_writes(
    verb: str, genkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    _photo(tmp_path / "photo.png")
    shutil.copy(SAMPLES / "styles" / "swirls.jpg", tmp_path / "style.png")
    words, function = CALLS[verb]
    outcome = genkit(verb, *words, "-o", "command/", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    function("python/")
    made = {path.name: path.read_bytes() for path in sorted(Path("command").iterdir())}
    assert made and {path.name: path.read_bytes() for path in sorted(Path("python").iterdir())} == made


def test_an_output_is_not_replaced_unasked(tiny: str, tmp_path: Path):
    source = _photo(tmp_path / "a.png")
    target = library.upscale(source, tmp_path / "b.png", model=tiny)
    with pytest.raises(library.UsageError, match="already there"):
        library.upscale(source, tmp_path / "b.png", model=tiny)
    assert library.upscale(source, tmp_path / "b.png", model=tiny, overwrite=True) == target


def test_a_model_is_loaded_once_and_used_many_times(tiny: str):
    array = np.zeros((6, 5, 3), np.uint8)
    with library.load(tiny) as model:
        first = model(array)
        assert first.shape == (12, 10, 3) and model(array, scale=3).shape == (18, 15, 3)
        network = model.network
        assert library.load(tiny).network is network
        assert np.array_equal(library.upscale(array, model=model), first)
    assert library.load(tiny).network is not network, "its memory was given back"


def test_a_batch_gives_results_and_errors_as_they_come(tiny: str, tmp_path: Path):
    good, bad = _photo(tmp_path / "a.png"), tmp_path / "bad.png"
    bad.write_text("no picture")
    other = _photo(tmp_path / "c.png")
    results = list(library.batch("upscale", [good, bad, other], tmp_path / "out/", model=tiny))
    assert [result.output for result in results] == [tmp_path / "out" / "a.png", None, tmp_path / "out" / "c.png"]
    assert isinstance(results[1].error, library.GenkitError) and "bad.png" in str(results[1].error)
    pictures = list(library.batch("upscale", [good, bad], model=tiny, scale=2))
    assert pictures[0].value.size == (96, 80) and pictures[1].error is not None
    again = list(library.batch("upscale", [good], tmp_path / "out/", model=tiny, resume=True))
    assert again[0].skipped == "already made"
    with pytest.raises(library.UsageError):
        list(library.batch("upscale", [good], tmp_path / "out2/", model=tiny, scale=-1))


def test_a_batch_that_is_left_ends(tiny: str, tmp_path: Path):
    inputs = [_photo(tmp_path / f"{number}.png") for number in range(12)]
    results = library.batch("upscale", inputs, tmp_path / "out/", model=tiny)
    next(results)
    results.close()
    assert len(list((tmp_path / "out").glob("*.png"))) < 12


def test_events_are_those_of_the_command(tiny: str, tmp_path: Path):
    events: list[dict[str, Any]] = []
    library.upscale(_photo(tmp_path / "a.png"), tmp_path / "b.png", model=tiny, events=events.append)
    assert [event["event"] for event in events if event["event"] != "notice"] == ["plan", "start", "done-item", "done"]


def test_pictures_in_memory_may_be_what_an_option_names(tmp_path: Path):
    picture = np.asarray(Image.open(_photo(tmp_path / "a.png")))
    mask = np.zeros(picture.shape[:2], bool)
    mask[10:20, 10:20] = True
    result = library.inpaint(picture, mask=mask, grow=0, feather=0)
    assert result.shape == picture.shape
    assert np.array_equal(result[~mask], picture[~mask]) and not np.array_equal(result, picture)


def test_a_name_of_a_former_version_is_still_taken():
    assert [image.size for image in library.gan([1, 2], batch=2)] == [(64, 64), (64, 64)]
    assert library.gan(3).size == (64, 64)


@pytest.mark.parametrize("verb", ["tts", "txt2img"])
def test_standard_input_is_the_commands_alone(verb: str):
    with pytest.raises(library.UsageError, match="standard input"):
        getattr(library, verb)("-")


def test_the_stub_is_what_editors_read():
    stub = Path(library.__file__).with_name("__init__.pyi").read_text(encoding="utf-8")
    for name in library.__all__:
        assert name in stub
    assert Path(library.__file__).with_name("py.typed").exists()
