"""Films: that they play, at which rate, and what they say about themselves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genkit.errors import OutputError
from genkit.media.film import video
from genkit.media.recipe import read_recipe
from genkit.run.journal import is_whole, state_of

RECIPE = {"verb": "gan", "model": "m", "options": {"walk": "3,7", "note": "x" * 700}, "seed": 3}


def frames(count: int = 4, height: int = 16, width: int = 24) -> list[np.ndarray]:
    return [np.full((height, width, 3), (60 * number, 90, 250 - 60 * number), np.uint8) for number in range(count)]


@pytest.mark.parametrize("format", ["GIF", "MP4"])
def test_a_film_says_how_it_was_made_and_is_whole(format: str, tmp_path: Path):
    film = video.encode(iter(frames()), format, 10)
    path = tmp_path / f"film.{format.lower()}"
    path.write_bytes(film.with_recipe(RECIPE))
    assert read_recipe(path) == {"genkit": "", **RECIPE}
    assert is_whole(path) and state_of(path, RECIPE) == "same" and state_of(path, {**RECIPE, "seed": 4}) == "other"
    path.write_bytes(film.with_recipe(None))
    assert read_recipe(path) is None and is_whole(path)
    path.write_bytes(film.with_recipe(RECIPE)[:-30])
    assert not is_whole(path)
    assert (film.width, film.height) == (24, 16)


def test_a_gif_plays_all_its_pictures():
    film = video.encode(frames(), "GIF", 12)
    with Image.open(io.BytesIO(film.with_recipe(RECIPE))) as image:
        assert image.n_frames == 4 and image.info["duration"] == 80 and image.info["loop"] == 0
        image.seek(3)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - frames()[3]).max() <= 2
    assert video.gif_rate(24) == 25 and video.gif_rate(100) == 50


@pytest.mark.parametrize("size", [(16, 24), (15, 21)])
def test_an_mp4_plays_with_its_colours(size: tuple[int, int]):
    av = pytest.importorskip("av")
    film = video.encode(frames(4, *size), "MP4", 12.5)
    with av.open(io.BytesIO(film.with_recipe(RECIPE))) as container:
        track = container.streams.video[0]
        shown = [one.to_ndarray(format="rgb24") for one in container.decode(track)]
        assert track.average_rate == 12.5 and len(shown) == 4
    for one, frame in zip(shown, frames(4, *size), strict=True):
        assert np.abs(one[: size[0], : size[1]].astype(int) - frame).mean() < 6
    assert film.data.index(b"moov") < film.data.index(b"mdat")


def test_no_pictures_are_no_film():
    with pytest.raises(OutputError):
        video.encode([], "GIF", 10)


def test_damaged_films_have_no_recipe(tmp_path: Path):
    path = tmp_path / "film.gif"
    for data in (b"GIF89a" + b"\x21\xfe\xff" + b"x" * 10, b"GIF89a", b"\0\0\0\x18ftypisom" + b"\xff" * 40):
        path.write_bytes(data)
        assert read_recipe(path) is None
