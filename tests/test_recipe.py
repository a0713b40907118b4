"""Recipes are found quickly, in every format, and never trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import metadata_matrix as matrix
import picture_samples as samples
import pytest
from PIL import Image

from genkit import verbs
from genkit.media import recipe
from genkit.media.pictures import containers, images
from genkit.run.option import declared
from genkit.run.recipe import as_meant, command_of

FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]


def _written(format: str, folder: Path) -> Path:
    path = folder / f"x{images.output_suffix(format)}"
    images.write(images.Picture(samples.scene(), None, format), path, recipe=matrix.RECIPE)
    return path


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_carries_it_where_others_can_read_it(format: str, tmp_path: Path) -> None:
    path = _written(format, tmp_path)
    assert recipe.read_recipe(path) == matrix.RECIPE
    with Image.open(path) as image:
        if format == "PNG":
            text = image.text["genkit"]
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            assert comment[:8] == b"ASCII\0\0\0"
            text = comment[8:].decode("ascii")
    assert json.loads(text) == matrix.RECIPE


def test_bmp_and_foreign_files_have_none(tmp_path: Path) -> None:
    path = tmp_path / "x.bmp"
    images.write(images.Picture(samples.scene(), None, "BMP"), path, recipe=matrix.RECIPE)
    assert recipe.read_recipe(path) is None
    for number, data in enumerate((b"", b"\0", b"some text", samples.encode("PNG", samples.scene()), b"\x89PNG\r\n\x1a\n")):
        path = tmp_path / f"{number}.png"
        path.write_bytes(data)
        assert recipe.read_recipe(path) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"genkit"',
        '{"genkit": "1"}',
        '{"genkit": "1", "verb": 3}',
        "[" * 100_000,
        '{"genkit":' + '{"a":' * 100_000,
        '["genkit"]',
        "{}",
    ],
)
def test_what_is_no_recipe_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(samples.png_insert(samples.encode("PNG", samples.scene()), (b"tEXt", b"genkit\0" + text.encode())))
    assert recipe.read_recipe(path) is None


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_have_no_recipe_or_the_right_one(format: str, tmp_path: Path) -> None:
    data = _written(format, tmp_path).read_bytes()
    for at in range(0, len(data), max(1, len(data) // 150)):
        for hurt in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            found = recipe.recipe_of(hurt, format)
            assert found is None or isinstance(found["verb"], str)


def test_recipe_stands_before_the_pixels_of_a_png(tmp_path: Path) -> None:
    data = _written("PNG", tmp_path).read_bytes()
    kinds = [kind for kind, _, _ in containers.png_chunks(data)]
    assert kinds.index(b"tEXt") < kinds.index(b"IDAT")


def test_command_is_spelled_as_it_would_be_typed() -> None:
    made = {
        "genkit": "0.1.0",
        "verb": "upscale",
        "model": "genkit-x4",
        "options": {
            "scale": 4.0,
            "tile": None,
            "wrap": True,
            "tta": False,
            "style": ["a.jpg", "b.jpg"],
            "model_options": {"denoise": 0.5},
        },
        "seed": 3,
        "input": {"name": "-holiday photo.jpg", "sha256": "00"},
    }
    assert command_of(made) == [
        *("genkit", "upscale", "./-holiday photo.jpg", "--model", "genkit-x4", "--scale", "4", "--wrap"),
        *("--style", "a.jpg", "--style", "b.jpg", "-O", "denoise=0.5", "--seed", "3"),
    ]
    assert command_of({"genkit": "1", "verb": "upscale", "options": "?", "input": 3}) == ["genkit", "upscale"]


def test_what_an_older_recipe_does_not_name_means_what_it_meant_then() -> None:
    options = declared(verbs.find("inpaint"))
    made = {"genkit": "0.1.0", "verb": "inpaint", "options": {"grow": 1}}
    assert as_meant(made, options)["options"] == {"grow": 1, "feather": 4, "hide_feather": True, "texture": "0"}
    assert as_meant({**made, "genkit": "0.2.0"}, options)["options"] == {"grow": 1}
    assert as_meant({**made, "options": "?"}, options)["options"] == "?"


def test_reading_one_loads_nothing_heavy(tmp_path: Path) -> None:
    paths = [str(_written(format, tmp_path)) for format in FORMATS]
    code = (
        "import sys, pathlib; from genkit.media.recipe import read_recipe\n"
        "assert all(read_recipe(pathlib.Path(path)) for path in sys.argv[1:])\n"
        "print([name for name in ('numpy', 'PIL', 'torch', 'imagecodecs') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
