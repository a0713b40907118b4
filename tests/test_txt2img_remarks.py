"""What `genkit txt2img` says before it draws what a small model cannot quite draw, and which model it recommends here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genkit import cards, runtime
from genkit.verbs.txt2img.known_words import read_words, strange_words, write_words

Run = Callable[..., Any]
ICONS = Path(__file__).parent.parent / "weights" / "txt2img" / "genkit-icons"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a lighthouse at dusk", "genkit-icons has never seen lighthouse"),
        ("a red bicyle", "has never seen bicyle (bicycle or bicycles?)"),
        ("a cat on a sofa", "genkit-icons knows sofa as couch and lamp"),
        ("(samurai) in the rain", "has never seen samurai"),
    ],
)
def test_words_that_the_small_model_does_not_know_are_told_once(genkit: Run, prompt: str, said: str) -> None:
    done = genkit("txt2img", prompt, "-n", 3, "--dry-run", "-o", "out/")
    assert done.code == 0 and done.err.count(said) == 1, done.err


@pytest.mark.parametrize("prompt", ["a red heart", "two cats and a dog, pixel art", "a wizard wearing a top hat", "pizza"])
def test_words_that_it_knows_need_no_telling(genkit: Run, prompt: str) -> None:
    done = genkit("txt2img", prompt, "--dry-run")
    assert "never seen" not in done.err and " knows " not in done.err, done.err


def test_a_folder_says_which_words_it_was_trained_on(tmp_path: Path) -> None:
    pictures = [("red heart", ["love", "card"]), ("heart", ["love"]), ("arrow heart", ["love", "cupid’s"])]
    write_words(tmp_path, pictures, ["pixel art"])
    known = read_words(tmp_path)
    assert known["love"] == "" and known["card"] == "red heart" and known["cupid's"] == "arrow heart" and "pixel" in known
    assert strange_words(["a Heart with cards, on the MOON"], known) == ["has never seen moon", "knows cards as red heart"]
    assert read_words(tmp_path / "none") == {}


def test_the_shipped_list_is_whole() -> None:
    known = read_words(ICONS)
    assert len(known) > 5000 and all(word == word.lower() for word in known) and {"heart", "red", "pixel"} <= known.keys()


@pytest.mark.parametrize(("size", "told"), [("512x512", True), ("256x256", True), ("128x128", False), ("64x64", False)])
def test_a_size_far_from_the_models_own_is_told_with_the_way_out(genkit: Run, size: str, told: bool) -> None:
    done = genkit("txt2img", "a red heart", "--size", size, "--seed", 1, "--dry-run")
    assert done.code == 0 and (done.err.count("only as wallpaper") == 1) == told, done.err
    assert not told or "--upscale genkit-x4" in done.err


@pytest.mark.parametrize(
    ("given", "words", "said"),
    [
        ((640, 480), [], "genkit-icons draws icons of"),
        ((64, 48), ["--size", "64x64"], "cut to the proportions of 64x64"),
        ((32, 32), ["--size", "128x128"], "enlarged to 128x128"),
        ((64, 64), [], None),
        ((72, 64), [], None),
    ],
)
def test_a_picture_to_begin_with_that_does_not_fit(
    genkit: Run, given: tuple[int, int], words: list[str], said: str | None
) -> None:
    Image.new("RGB", given, "red").save("photo.jpg")
    done = genkit("txt2img", "a red heart", "--init", "photo.jpg", "--seed", 1, "--dry-run", *words)
    assert done.code == 0, done.err
    assert f"--init photo.jpg is {given[0]}x{given[1]}" in done.err and said in done.err if said else "--init" not in done.err


@pytest.mark.parametrize(
    ("most", "name"),
    [(1 << 40, "zimage-turbo"), (4 << 30, "sd-turbo"), (8 << 30, "sdxl-lightning-4step"), (1000, None), (None, "zimage-turbo")],
)
def test_what_is_recommended_fits_the_machine(most: int | None, name: str | None) -> None:
    best = cards.recommended("txt2img", most)
    assert (best.name if best else None) == name


def test_the_hint_asks_the_machine(genkit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "bearable_bytes", lambda device: 4 << 30)
    done = genkit("txt2img", "a red heart", "--seed", 1, "--steps", 1)
    assert done.code == 0 and "--model sd-turbo (2.6 GB" in done.err and "zimage" not in done.err, done.err
    again = genkit("txt2img", "a red heart", "--seed", 2, "--steps", 1)
    assert "a stronger model" not in again.err


def test_a_processor_bears_less_than_its_memory() -> None:
    import torch

    assert 0 < runtime.bearable_bytes(torch.device("cpu")) <= runtime.free_memory(torch.device("cpu"))
