"""`genkit train` and `genkit eval` of colorize and inpaint, through the real commands: tiny networks learn and are used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from test_family_cutter import published

from genkit.cards import read_card
from genkit.data.masks import draw_mask
from genkit.data.pictures import split_sources
from genkit.data.squares import centre_square
from genkit.evaluate.colour import colourfulness, grey_of
from genkit.models.colorize import lite
from genkit.nets import vgg
from genkit.nets.efficientnet import BLOCKS
from genkit.nets.pyramid import fill_smoothly
from genkit.weights import read_state_dict

Run = Callable[..., Any]

LOOP = """
[loop]
steps = {steps}
learning_rate = 5e-3
warmup = 2
ema = 0.5
log_every = 5
eval_every = 10
save_every = 10
sheet_every = 100
finish_steps = {finish}
finish_rate = 1e-3
"""
COLOUR = """
name = "tiny-colour"
task = "colorize"
family = "colorizer"
[network]
widths = [4, 8, 8, 8]
depths = [0, 1, 1, 1]
fine = 8
[data]
side = 32
batch = 4
validate_side = 32
"""
KNOWING = """
name = "knowing-colour"
task = "colorize"
family = "colorizer"
bits = 8
[network]
rises = [8, 8, 8]
depths = [1, 1, 1]
[data]
side = 32
batch = 2
frozen = 7
error = 1.0
thin = 2
validate_side = 32
size = 64
"""
HOLE = """
name = "tiny-hole"
task = "inpaint"
family = "inpainter"
[network]
widths = [8, 8, 8]
dilations = [1]
[data]
side = 32
batch = 4
reductions = [1.0, 1.5]
validate_side = 32
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pictures whose dark parts are blue and whose light parts are orange, so that there is something to learn."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        light = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 6), np.uint8)).resize((64, 64), Image.Resampling.BICUBIC))
        share = light[..., None] / 255.0
        pixels = share * np.array([255, 170, 60]) + (1 - share) * np.array([20, 30, 120])
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def _config(tmp_path: Path, text: str, steps: int, finish: int = 0) -> Path:
    path = tmp_path / "tiny.train.toml"
    path.write_text(text + LOOP.format(steps=steps, finish=finish))
    return path


def _train(genkit: Run, task: str, *words: object) -> list[dict[str, Any]]:
    outcome = genkit("train", task, *words, "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.err
    return outcome.events


def test_published_features_stay_where_they_are_held(tmp_path: Path, data: Path, genkit: Run) -> None:
    torch.manual_seed(0)
    state = published()
    torch.save(state, tmp_path / "lite0.pth")
    config, out = _config(tmp_path, KNOWING, 5), tmp_path / "run"
    start = ("--set", f"start={tmp_path / 'lite0.pth'}")
    events = _train(genkit, "colorize", "--config", config, "--data", data, "--out", out, *start)
    assert all(np.isfinite(event["error"]) for event in events if "error" in event) and "error" in events[0]
    card = read_card(Path(events[-1]["card"]))
    assert card.params["size"] == 64 and card.trained_by is not None and str(tmp_path) not in card.trained_by
    kept = read_state_dict(Path(events[-1]["card"]).parent / "knowing-colour.safetensors")
    for name, tensor in lite.from_published(state, BLOCKS).items():
        row = tensor.abs().flatten(1).amax(1) if tensor.ndim > 1 else tensor.abs().amax()[None]
        assert ((kept[name] - tensor).abs().flatten(1 if tensor.ndim > 1 else 0).amax(-1) <= 0.01 * row + 1e-3).all(), name


def test_colours_are_learnt_and_the_card_colours_pictures(tmp_path: Path, data: Path, genkit: Run):
    config, out = _config(tmp_path, COLOUR, 60), tmp_path / "run"
    events = _train(genkit, "colorize", "--config", config, "--data", data, "--out", out, "--set", "loop.muon_rate=0.02")
    card = read_card(Path(events[-1]["card"]))
    assert card.metrics and card.metrics["gain_db"] > 3  # the pictures are far from grey
    grey = tmp_path / "grey.png"
    Image.open(data / "0.png").convert("L").save(grey)
    outcome = genkit("colorize", grey, "--model", card.toml, "--device", "cpu", "-o", tmp_path / "colour.png")
    assert outcome.code == 0, outcome.err
    result = np.asarray(Image.open(tmp_path / "colour.png")).astype(int)
    light, dark = result.sum(2) > 480, result.sum(2) < 240
    assert (result[..., 0] - result[..., 2])[light].mean() > 20
    assert (result[..., 2] - result[..., 0])[dark].mean() > 20

    outcome = genkit("eval", "colorize", "--data", data, "--model", card.toml, "--side", "32", "--device", "cpu", "--json")
    grey_row, row = outcome.events[0]["rows"]
    assert grey_row["gain"] == 0 and grey_row["colourfulness"] < 1
    assert row["gain"] > 3 and 0.3 < row["share"] < 1.5 and row["lightness_error"] <= 0.5


def test_holes_are_learnt_and_the_card_fills_them(tmp_path: Path, data: Path, genkit: Run):
    config, out = _config(tmp_path, HOLE, 60), tmp_path / "run"
    events = _train(genkit, "inpaint", "--config", config, "--data", data, "--out", out)
    scores = [event["psnr_hole_db"] for event in events if "psnr_hole_db" in event]
    assert scores[-1] > scores[0]
    card = read_card(Path(events[-1]["card"]))
    picture, filled = data / "1.png", tmp_path / "filled.png"
    words = ("--mask-box", "20,20,12,10", "--grow", "0", "--feather", "0", "--model", card.toml, "--device", "cpu")
    outcome = genkit("inpaint", picture, *words, "-o", filled)
    assert outcome.code == 0, outcome.err
    before, after = np.asarray(Image.open(picture)), np.asarray(Image.open(filled))
    inside = np.zeros(before.shape[:2], bool)
    inside[20:30, 20:32] = True
    assert np.array_equal(before[~inside], after[~inside])
    assert np.abs(before[inside].astype(int) - after[inside]).mean() < 40


def test_the_finish_adds_features_and_a_discriminator(tmp_path: Path, data: Path, genkit: Run):
    torch.manual_seed(0)
    features = tmp_path / "vgg.safetensors"
    save_file(vgg.Features().state_dict(), features)
    config, out = _config(tmp_path, HOLE, 20, finish=10), tmp_path / "run"
    words = ("--config", config, "--data", data, "--out", out, "--set", f'data.features="{features.as_posix()}"')
    words += ("--set", "data.perceptual=1.0", "--set", "data.adversarial=0.01", "--set", "loop.discriminator_rate=1e-3")
    before, *_, after = [event for event in _train(genkit, "inpaint", *words) if event["event"] == "progress"]
    assert "perceptual" not in before and "discriminator" not in before
    assert {"l1", "perceptual", "adversarial", "discriminator"} <= set(after)
    state = torch.load(out / "state.pt", weights_only=True)
    assert set(state["modules"]) == {"network", "discriminator"} and set(state["averages"]) == {"network"}
    assert len(state["optimizers"]) == 2


def test_a_perceptual_term_is_of_the_features_that_ship_where_vgg_is_not_here(tmp_path: Path, data: Path, genkit: Run):
    words = ("--config", _config(tmp_path, HOLE, 2), "--data", data, "--out", tmp_path / "run", "--set", "data.perceptual=1.0")
    outcome = genkit("train", "inpaint", *words, "--device", "cpu")
    assert outcome.code == 0 and "features: genkit-style's own encoder" in outcome.err, outcome.err
    assert (tmp_path / "run" / "features.txt").read_text() == "genkit-style's own encoder\n"
    features = tmp_path / "vgg.safetensors"
    save_file(vgg.Features().state_dict(), features)
    other = genkit("train", "inpaint", *words, "--device", "cpu", "--resume", "--set", f'data.features="{features.as_posix()}"')
    assert other.code == 2 and "would go on with VGG-19" in other.err


def test_eval_inpaint_sets_the_classical_methods_beside(tmp_path: Path, data: Path, genkit: Run):
    _train(genkit, "inpaint", "--config", _config(tmp_path, HOLE, 1), "--data", data, "--out", tmp_path / "run")
    sheet = tmp_path / "sheet.png"
    words = (
        "--data",
        data,
        "--model",
        tmp_path / "run" / "tiny-hole.toml",
        "--side",
        "32",
        "--sheet",
        sheet,
        "--device",
        "cpu",
    )
    outcome = genkit("eval", "inpaint", *words, "--json")
    rows = {row["model"]: row for row in outcome.events[0]["rows"]}
    assert {"smooth", "tiny-hole"} <= set(rows)
    assert all(row["unmasked_error"] == 0 and row["pictures"] == 6 for row in rows.values())
    assert Image.open(sheet).height == 3 * 32


def test_masks_of_another_number_are_refused(tmp_path: Path, data: Path, genkit: Run):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (32, 32), 255).save(masks / "0.png")
    _train(genkit, "inpaint", "--config", _config(tmp_path, HOLE, 1), "--data", data, "--out", tmp_path / "run")
    card = tmp_path / "run" / "tiny-hole.toml"
    outcome = genkit("eval", "inpaint", "--data", data, "--masks", masks, "--side", "32", "--model", card, "--device", "cpu")
    assert outcome.code == 2 and "1 masks for 6 pictures" in outcome.err


def test_sources_are_divided_and_patterns_left_out(tmp_path: Path, data: Path):
    holdout = tmp_path / "held.txt"
    holdout.write_text("3.png\n")
    other = tmp_path / "other"
    (other / "test").mkdir(parents=True)
    for name in ("a.png", "test/b.png"):
        Image.new("RGB", (8, 8)).save(other / name)
    first, second = split_sources([data, other], holdout, ["test/*"])
    assert first.held == ("3.png",) and "3.png" not in first.training
    assert second.training == ("a.png",) and second.held == ()


def test_colourfulness_of_known_pictures():
    grey = np.full((8, 8, 3), 90, np.uint8)
    assert colourfulness(grey) == 0
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    # one colour has no deviation: 0.3 * |(255, 127.5)|
    assert colourfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5))
    greyed = grey_of(red)
    assert int(np.ptp(greyed.astype(int), axis=2).max()) == 0 and abs(int(greyed[0, 0, 0]) - 127) <= 1  # L 53.2


def test_centre_square_reduces_by_area():
    pixels = np.zeros((600, 700, 3), np.uint8)
    pixels[:, 350:] = 200
    square = centre_square(pixels)
    assert square.shape == (256, 256, 3)
    assert square[0, 0, 0] == 0 and square[0, 255, 0] == 200
    assert centre_square(pixels[:100, :90]).shape == (256, 256, 3)


@pytest.mark.parametrize("side", [32, 128])
def test_masks_have_holes_of_the_share_asked_for(side: int):
    rng = np.random.default_rng(1)
    shares = [draw_mask(rng, side).mean() for _ in range(20)]
    assert all(0.1 <= share < 0.95 for share in shares)
    assert np.array_equal(draw_mask(np.random.default_rng(5), side), draw_mask(np.random.default_rng(5), side))


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (1, 9)])
def test_a_smooth_filling_keeps_what_is_known_and_stays_within_it(size: tuple[int, int]):
    torch.manual_seed(0)
    images = torch.rand(2, 3, *size)
    masks = (torch.rand(2, 1, *size) < 0.6).float()
    masks[..., 0, 0] = 0
    filled = fill_smoothly(images, masks)
    assert torch.equal(filled * (1 - masks), images * (1 - masks))
    assert float(filled.min()) >= 0 and float(filled.max()) <= 1
    flat = fill_smoothly(torch.full((1, 3, *size), 0.25), masks[:1])
    assert torch.allclose(flat, torch.full_like(flat, 0.25), atol=1e-6)


def test_vgg_features_have_their_shapes_and_no_distance_to_themselves():
    torch.manual_seed(0)
    network = vgg.load_features(vgg.Features().state_dict() | {"features.40.weight": torch.zeros(1)})
    features = network(torch.rand(1, 3, 16, 16))
    assert [tuple(one.shape[1:]) for one in features] == [(64, 16, 16), (128, 8, 8), (256, 4, 4)]
    assert float(vgg.distance(features, features)) == 0
    assert float(vgg.distance(features, network(torch.rand(1, 3, 16, 16)))) > 0
