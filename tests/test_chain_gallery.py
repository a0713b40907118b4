"""Every recipe of samples/recipes/ runs, on small inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Run
from PIL import Image

RECIPES = Path(__file__).parent.parent / "samples" / "recipes"
# recipe: its input, what is set, and the outputs with their sizes
ICONS = [f"a-{one}-seed3.png" for one in ("red-heart", "blue-house", "green-tree", "yellow-star")]
GALLERY: dict[str, tuple[str | None, tuple[str, ...], dict[str, tuple[int, int] | None]]] = {
    "restore": ("a.jpg", (), {"a.jpg": (96, 64)}),
    "print": ("a.jpg", (), {"a.tif": (192, 128)}),
    "product": ("a.jpg", (), {"a_shop.jpg": None, "a_clear.png": None}),
    "comic": ("a.jpg", (), {"a.jpg": (48, 32)}),
    "texture": ("square.jpg", (), {"square.jpg": (96, 96)}),
    "icons": (None, ("icon.steps=1",), dict.fromkeys(ICONS, (128, 128))),
    "audiobook": ("book.txt", ("cover.steps=1",), {"book.mp3": None}),
}


def test_the_gallery_is_all_there():
    assert {path.stem for path in RECIPES.glob("*.toml")} == set(GALLERY)


@pytest.mark.parametrize("name", GALLERY)
def test_a_recipe_of_the_gallery_runs(
    name: str, genkit: Run, picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    picture(Path("a.jpg"), 48, 32, quality=60)
    picture(Path("square.jpg"), 48, 48)
    Path("book.txt").write_text("Hello.")
    source, settings, expected = GALLERY[name]
    words = [word for one in settings for word in ("--set", one)]
    outcome = genkit("run", RECIPES / f"{name}.toml", *([source] if source else []), "-o", "out/", *words)
    assert outcome.code == 0, outcome.err
    assert {path.name for path in Path("out").iterdir()} == set(expected)
    for file, size in expected.items():
        if size is not None:
            assert Image.open(Path("out") / file).size == size
