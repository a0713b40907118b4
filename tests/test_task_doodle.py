"""Style by regions: matching two maps, the network region by region, and paintings made from a map alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genkit.errors import InputError
from genkit.verbs.style import doodle as task
from genkit.verbs.style.patches import paint

Run = Callable[..., Any]
SKY, EARTH, SUN = (40, 80, 200), (120, 80, 40), (250, 220, 0)


def map_of(height: int, width: int, share: float = 0.5, sun: bool = False) -> np.ndarray:
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: int(height * share)], pixels[int(height * share) :] = SKY, EARTH
    if sun:
        pixels[2 : height // 4, 2 : width // 4] = SUN
    return pixels


def style_of(height: int, width: int, share: float = 0.5) -> np.ndarray:
    """Blue stripes above, red dots below."""
    pixels = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    edge = int(height * share)
    pixels[:edge] = np.where(rows[:edge, :, None] % 4 < 2, (20, 40, 220), (90, 140, 255))
    pixels[edge:] = np.where(((rows + columns) % 5 < 2)[edge:, :, None], (230, 30, 20), (140, 10, 10))
    return pixels


def read(content: np.ndarray, style: np.ndarray, said: list[str] | None = None) -> task.Regions:
    maps = task.Map(content, "map.png"), task.Map(style, "style-map.png")
    notice = said.append if said is not None else lambda message: None
    return task.read_regions(maps[0], content.shape[:2], maps[1], style.shape[:2], notice)


def test_maps_are_matched_by_colour_through_soft_edges_and_jpeg(tmp_path: Path) -> None:
    soft = Image.fromarray(map_of(64, 96, 0.25)).resize((90, 60), Image.Resampling.BICUBIC)
    soft.save(tmp_path / "map.jpg", quality=70)
    with Image.open(tmp_path / "map.jpg") as image:
        regions = read(np.asarray(image), map_of(40, 40, 0.75))
    assert regions.count == 2 and regions.content.shape == (60, 90)
    assert (regions.content[:13] == regions.style[0, 0]).all() and (regions.content[17:] == regions.style[-1, -1]).all()
    assert regions.style[0, 0] != regions.style[-1, -1]


def test_a_colour_that_only_one_map_has() -> None:
    with pytest.raises(InputError, match=r"#fadc00.*style-map\.png has not"):
        read(map_of(60, 60, sun=True), map_of(60, 60))
    said: list[str] = []
    regions = read(map_of(60, 60), map_of(60, 60, sun=True), said)
    assert "#fadc00 not in map.png" in said[0] and regions.count == 2
    assert (regions.style[4, 4] == 255) and regions.style[4, 40] == regions.content[4, 4]


def test_a_map_has_its_pictures_proportions_and_few_colours() -> None:
    whole = task.Map(map_of(30, 40), "map.png")
    assert task.fit_map(whole, (300, 401)).shape == (300, 401, 3)
    with pytest.raises(InputError, match=r"map\.png is 40x30, and its picture 30x40"):
        task.fit_map(whole, (40, 30))
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    with pytest.raises(InputError, match="map of regions has 1 to 16"):
        read(noise, map_of(64, 64))


def test_a_map_becomes_a_painting_of_the_styles_regions() -> None:
    content, style = map_of(60, 48, 0.4), style_of(50, 70)
    regions = read(content, map_of(50, 70))
    assert task.is_flat(content, regions) and not task.is_flat(style, read(map_of(50, 70), map_of(50, 70)))
    made = paint(regions.content, style, regions.style, regions.count, 7)
    assert made.shape == (60, 48, 3) and (made == paint(regions.content, style, regions.style, regions.count, 7)).all()
    above, below = made[:21].astype(float), made[27:].astype(float)
    assert above[..., 2].mean() > 180 > 60 > above[..., 0].mean() and below[..., 0].mean() > 120 > 60 > below[..., 2].mean()
    assert above.std(0).mean() > 15 and below.std(0).mean() > 15  # stripes and dots, not their mean


def test_a_large_painting_is_made_of_the_styles_own_pixels() -> None:
    style = style_of(64, 64).astype(np.uint16) * 257
    regions = read(map_of(500, 300), map_of(64, 64))
    made = paint(regions.content, style, regions.style, regions.count)
    assert made.shape == (500, 300, 3) and made.dtype == np.uint16
    assert made[:200, :, 2].mean() > 40000 > made[300:, :, 2].mean()


def test_places_outside_a_region_take_mirror_images() -> None:
    inside = np.zeros((9, 9), bool)
    inside[:, :4] = True
    row, column = task.mirrored(inside)
    assert inside[row, column].all() and (row[:, :4] == np.mgrid[:9, :9][0][:, :4]).all()
    assert column[4].tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    from genkit.models.style import stylizer

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    network = stylizer.build((4, 6, 8))
    torch.nn.init.normal_(network.mark[2].weight, std=0.3)
    save_file(network.state_dict(), path)
    return path


def test_regions_are_styled_apart_and_without_seams_between_tiles(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import load_file

    from genkit.models.style import stylizer
    from genkit.pixels import tiling

    network = stylizer.build((4, 6, 8))
    network.load_state_dict(load_file(weights))
    model = stylizer.transform(network, torch.device("cpu"), torch.float32)
    rng = np.random.default_rng(3)
    pixels = np.asarray(Image.fromarray(rng.integers(0, 256, (20, 16, 3), np.uint8)).resize((150, 190)))
    regions, style = read(map_of(190, 150), map_of(64, 64)), style_of(64, 64)
    whole = task.doodle(model, pixels, style, regions)
    monkeypatch.setattr(tiling, "CPU_TILE", 64)
    tiled = task.doodle(model, pixels, style, regions)
    assert whole.shape == pixels.shape and np.abs(whole.astype(int) - tiled).max() <= 1
    sides: list[int] = []
    render = model.render
    monkeypatch.setattr(model, "render", lambda images, *rest: sides.append(max(images.shape[2:])) or render(images, *rest))
    asked = task.doodle(model, pixels, style, regions, tile=96)
    assert np.abs(whole.astype(int) - asked).max() <= 1 and 96 < max(sides) < 190, "tiles of the side that was asked for"
    assert (task.doodle(model, pixels, style, regions, tile=0) == whole).all() and max(sides) >= 190
    other = style.copy()
    other[32:] = 255 - other[32:]
    changed = np.abs(task.doodle(model, pixels, other, regions).astype(int) - tiled).mean((1, 2))
    assert changed[:80].max() == 0 < changed[110:].mean()


def test_a_map_fits_a_picture_whose_reduced_side_was_rounded() -> None:
    """A long strip as --photoreal reduces it: 4000 x 100 becomes 1024 x 26, whose proportions are 1.5 per cent others."""
    one = task.Map(np.zeros((100, 4000, 3), np.uint8), "map")
    assert task.fit_map(one, (26, 1024)).shape == (26, 1024, 3)
    with pytest.raises(InputError, match="map is 4000x100"):
        task.fit_map(one, (28, 1024))


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 40)])
def test_a_small_picture_goes_on_as_the_network_has_it_go_on(size: tuple[int, int]) -> None:
    import torch

    from genkit.models.style import stylizer

    model = stylizer.transform(stylizer.build((2, 3, 4)), torch.device("cpu"), torch.float32)
    images = np.random.default_rng(0).random((1, 3, *size), np.float32)
    assert np.array_equal(task.extend(model, images), model._extended(images))


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def tiny_style(weights: Path, genkit: Run) -> str:
    assert genkit("models", "import", weights, "--as", "tiny-style", "--task", "style").code == 0
    return "tiny-style"


def test_the_command_paints_a_map_and_a_photograph(tiny_style: str, picture: Any, genkit: Run, tmp_path: Path) -> None:
    content = save(tmp_path / "doodle.png", map_of(40, 48, 0.3))
    style, style_map = save(tmp_path / "style.png", style_of(40, 40)), save(tmp_path / "style-map.png", map_of(40, 40))
    options = ("--style", style, "--style-semantic", style_map, "--model", tiny_style)
    done = genkit("style", content, "--semantic", content, *options, "--seed", 2)
    assert done.code == 0 and "nothing but regions" in done.err, done.err
    with Image.open(tmp_path / "doodle_styled.png") as image:
        made = np.asarray(image)
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
    assert made[:10, :, 2].mean() > 150 > made[16:, :, 2].mean()
    assert recipe["files"]["semantic"]["name"] == "doodle.png" and recipe["files"]["style_semantic"]["name"] == "style-map.png"
    shown = genkit("show", tmp_path / "doodle_styled.png").out
    assert "--semantic doodle.png --style-semantic style-map.png" in shown
    photo = picture(tmp_path / "photos" / "photo.png", 96, 80)
    folder = tmp_path / "maps"
    folder.mkdir()
    save(folder / "photo.png", map_of(40, 48))
    done = genkit("style", photo, "--semantic", folder, *options, "--photoreal")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "photos" / "photo_styled.png") as image:
        assert image.size == (96, 80)


def test_optimisation_goes_by_regions_too(tiny_style: str, genkit: Run, tmp_path: Path) -> None:
    content = save(tmp_path / "doodle.png", map_of(32, 32, 0.3))
    style, style_map = save(tmp_path / "style.png", style_of(40, 40)), save(tmp_path / "style-map.png", map_of(40, 40))
    done = genkit(
        *("style", content, "--semantic", content, "--style", style, "--style-semantic", style_map, "--model", tiny_style),
        *("--method", "optimize", "--steps", 20, "--start", "noise", "--json"),
    )
    losses = [one["loss"] for one in done.events if one["event"] == "step"]
    assert done.code == 0 and losses[1] < losses[0]
    with Image.open(tmp_path / "doodle_styled.png") as image:
        made = np.asarray(image).astype(float)
    assert made[:8, :, 2].mean() - made[:8, :, 0].mean() > made[14:, :, 2].mean() - made[14:, :, 0].mean() + 40


@pytest.mark.parametrize(
    ("change", "words", "code"),
    [
        ({"--style-semantic": None}, "--semantic and --style-semantic go together", 2),
        ({"--semantic": "nowhere.png"}, "--semantic nowhere.png: not found", 2),
        ({"--semantic": "tall.png"}, "tall.png is 30x60, and its picture 48x40", 1),
        ({"--semantic": "sun.png"}, "#fadc00", 1),
        ({"--semantic": "notes.png"}, "--semantic notes.png", 2),
        ({"--style-semantic": "notes.png"}, "--style-semantic notes.png", 2),
        ({"--seed": "3", "--semantic": None, "--style-semantic": None}, "--seed", 2),
    ],
)
def test_maps_that_do_not_go_together_are_told(
    change: dict[str, str | None], words: str, code: int, tiny_style: str, genkit: Run, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("doodle.png"), map_of(40, 48))
    save(Path("tall.png"), map_of(60, 30))
    save(Path("sun.png"), map_of(40, 48, sun=True))
    save(Path("style.png"), style_of(40, 40))
    save(Path("map.png"), map_of(40, 40))
    Path("notes.png").write_text("no picture")
    options = {
        "--style": "style.png",
        "--semantic": "doodle.png",
        "--style-semantic": "map.png",
        "--model": tiny_style,
    } | change
    done = genkit("style", "doodle.png", *(word for pair in options.items() if pair[1] for word in pair))
    assert done.code == code and words in done.err and "Traceback" not in done.err and "bug" not in done.err, done.err
