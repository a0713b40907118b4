"""Training and measuring translation: every job for a few steps, on tiny pictures."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Run, save_picture
from on_tensors import OnTensors

from genkit.data import colours
from genkit.data.pairs import folder_pairs, made_pairs, sketch
from genkit.errors import UsageError
from genkit.models.translate import sketcher, unet
from genkit.pixels.edges import LineOptions, edge_map, lines
from genkit.train.config import parse_config

STEPS = {"steps": 2, "finish_steps": 1, "log_every": 1, "eval_every": 1, "save_every": 2, "sheet_every": 2, "warmup": 1}


def garment(seed: int, colour: tuple[int, int, int], width: int = 48, height: int = 64) -> np.ndarray:
    """A block of one colour on a speckled floor."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(185, 215, (height, width, 3)).astype(np.uint8)
    pixels[height // 5 : -height // 5, width // 4 : -width // 4] = colour
    return pixels


@pytest.fixture
def clothes(tmp_path: Path) -> Path:
    from PIL import Image

    folder = tmp_path / "clothes"
    for kind, colour in (("red", (200, 20, 30)), ("blue", (30, 60, 190))):
        (folder / kind).mkdir(parents=True)
        for number in range(3):
            Image.fromarray(garment(number, colour)).save(folder / kind / f"{number}.png")
    return folder


def write_config(path: Path, **tables: Any) -> Path:
    lines_ = [f"{key} = {_toml(value)}" for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines_ += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines_) + "\n")
    return path


def _toml(value: Any) -> str:
    import json

    return json.dumps(value)


def test_lines_follow_an_edge_and_leave_an_even_picture_blank() -> None:
    images = torch.ones(1, 3, 40, 40) * 0.8
    images[..., 20:] = 0.2
    drawn = lines(images)
    assert drawn.shape == (1, 1, 40, 40)
    assert float(drawn[..., 18:23].amin()) < 0.3
    assert float(drawn[..., :12].amin()) > 0.99
    assert float(lines(torch.full((1, 3, 24, 24), 0.5)).amin()) > 0.99


def test_edges_between_colours_of_one_lightness_are_found() -> None:
    images = torch.full((1, 3, 32, 32), 0.4)
    images[:, 0, :, 16:], images[:, 1, :, 16:] = 0.9, 0.4 - 0.5 * 0.299 / 0.587
    seen = LineOptions(colours=True)
    assert float(lines(images, seen).amin()) < 0.3 < float(lines(images).amin())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_edge_map_keeps_size_and_type(dtype: Any) -> None:
    pixels = garment(0, (200, 20, 30)).astype(dtype) * (1 if dtype == np.uint8 else 257)
    drawn = edge_map(pixels)
    assert drawn.shape == pixels.shape and drawn.dtype == dtype
    assert drawn.max() == np.iinfo(dtype).max and drawn.min() < np.iinfo(dtype).max // 3
    assert (drawn[..., 0] == drawn[..., 1]).all()


def test_a_sketch_is_darker_where_the_picture_is() -> None:
    images = torch.full((1, 3, 48, 48), 0.9)
    images[..., 24:] = 0.1
    drawn = sketch(images)
    assert float(drawn[..., 40:].mean()) < float(drawn[..., :8].mean()) - 0.2


def test_the_thing_and_its_colour_are_found() -> None:
    for colour, name in (((200, 20, 30), "red"), ((30, 60, 190), "blue"), ((15, 15, 16), "black"), ((30, 120, 40), "green")):
        found, mask, certain = colours.find(garment(1, colour))
        assert found == name
        assert mask[32, 24] > 0.8 > 0.2 > mask[2, 2]
        assert certain > 0.7


def test_pairs_of_two_folders_and_of_halves(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(2):
            save_picture(tmp_path / name / f"{number}.{'png' if name == 'a' else 'jpg'}", 40, 32, seed=number)
    training, held = folder_pairs(f"{tmp_path / 'a'}:{tmp_path / 'b'}", None, 32)
    assert len(training) + len(held) == 2 and training[0][0].shape == training[0][1].shape == (32, 40, 3)
    save_picture(tmp_path / "both" / "0.png", 80, 40)
    (given, wanted, _), *_ = folder_pairs(str(tmp_path / "both"), None, 32)[0]
    assert given.shape == wanted.shape == (32, 32, 3)
    save_picture(tmp_path / "a" / "lonely.png", 40, 32)
    with pytest.raises(UsageError, match="partner"):
        folder_pairs(f"{tmp_path / 'a'}:{tmp_path / 'b'}", None, 32)
    with pytest.raises(UsageError, match="not a folder"):
        folder_pairs("nowhere:neither", None, 32)


def test_pairs_are_made(clothes: Path) -> None:
    training, held = made_pairs("edges", [clothes], None, 32, (), 4, named=True)
    assert training[0][0].shape == (32, 32, 3) and len(held) == 1
    assert {code for *_, code in training} <= {1 + colours.NAMES.index(name) for name in ("red", "blue")}
    with pytest.raises(UsageError, match="not a kind"):
        made_pairs("dreams", [clothes], None, 32, (), 4)


def test_tiles_of_a_drawing_are_the_whole_drawing() -> None:
    from genkit.pixels.tiling import run_tiled

    network = sketcher.build([4, 6], [1, 2])
    model = sketcher.transform(network, torch.device("cpu"), torch.float32)
    pixels = np.random.default_rng(0).integers(0, 256, (150, 130, 3), np.uint8)
    whole, tiled = (run_tiled(model, pixels, tile=tile).astype(int) for tile in (0, 64))
    assert np.abs(whole - tiled).max() <= 1


def test_the_reach_of_the_sketcher_is_no_less_than_it_is() -> None:
    network = sketcher.build([4, 6], [1, 2])
    images = torch.rand(1, 3, 96, 96, requires_grad=True)
    for place in (48, 49, 50, 51):
        (slope,) = torch.autograd.grad(network(images)[0, 0, place, place], images)
        reach = (slope[0].abs().sum(0).nonzero() - place).abs().max()
        assert int(reach) <= network.receptive_radius


def test_unets_are_recognised_and_say_where_they_leave_a_picture(tmp_path: Path) -> None:
    network = unet.build([4, 6, 8, 8], 1, ["one", "two"], kept=True)
    assert unet.recognise(network.state_dict()) == {"widths": [4, 6, 8, 8], "blocks": 1, "kept": True}
    with torch.no_grad():
        network.leave.weight.zero_()
        network.leave.bias.zero_()  # type: ignore[union-attr]
    model = OnTensors(unet.transform(network, torch.device("cpu"), torch.float32, ["one", "two"], side=32))
    images = torch.rand(1, 3, 70, 90)
    assert torch.allclose(model(images, domain=1), images, atol=1e-4)


def test_recolouring_a_large_picture_keeps_its_detail() -> None:
    """The change is made on a small copy: an even change must come out even, with every pixel's own grain."""
    network = unet.build([4, 6, 8, 8], 1, ["one", "two"], kept=True)
    with torch.no_grad():
        network.leave.weight.zero_()
        network.leave.bias.copy_(torch.tensor([0.2] * 4 + [0.0] * 8 + [9.0] * 4))  # type: ignore[union-attr]
    model = OnTensors(unet.transform(network, torch.device("cpu"), torch.float32, ["one", "two"], side=32))
    images = torch.rand(1, 3, 80, 100) * 0.5
    change = model(images, domain=0) - images
    assert float((change[:, 0] - 0.2).abs().amax()) < 0.01 and float(change[:, 1:].abs().amax()) < 0.01


NETWORK = {"widths": [4, 6, 8, 8], "blocks": 1}


@pytest.mark.parametrize("kind", ["sketch", "edges", "recolour"])
def test_made_training_from_the_command_line(kind: str, clothes: Path, tmp_path: Path, genkit: Run) -> None:
    common = {"name": "tiny", "task": "translate", "loop": {**STEPS, "muon_rate": 0.01}}
    tables: dict[str, dict[str, Any]] = {
        "sketch": {"family": "sketcher", "network": {"widths": [4, 6], "dilations": [1]}, "data": {"make": "sketch"}},
        "edges": {
            "family": "unet",
            "network": {**NETWORK, "domains": list(colours.NAMES)},
            "data": {"make": "edges", "colours": True, "adversarial": 0.01},
        },
        "recolour": {
            "family": "unet",
            "network": {**NETWORK, "domains": ["red", "blue"], "kept": True},
            "data": {"recolour": True, "adversarial": 0.01, "aux_classifier": 0.1, "least_certain": 0.5},
        },
    }
    table = tables[kind]
    table["data"] |= {"side": 32, "batch": 2} | ({} if kind == "recolour" else {"validate_side": 32})
    config = write_config(tmp_path / "tiny.train.toml", **common, **table)
    out = tmp_path / "run"
    done = genkit("train", "translate", "--config", config, "--data", clothes, "--out", out, "--device", "cpu")
    assert done.code == 0, done.err
    card = tomllib.loads((out / "tiny.toml").read_text())
    assert card["metrics"]["steps"] == 2 and (out / "sheet-0000002.png").exists()
    save_picture(tmp_path / "in.png", 50, 40)
    further = ["--to", "red"] if kind == "recolour" else []
    made = genkit("translate", tmp_path / "in.png", "--model", out / "tiny.toml", "-o", tmp_path / "out.png", *further)
    assert made.code == 0, made.err
    if kind == "recolour":
        return
    names = tmp_path / "names.txt"
    names.write_text("red/0.png\nblue/1.png\n")
    sheet = tmp_path / "eval.png"
    words = ["--data", clothes, "--names", names, "--model", out / "tiny.toml", "--side", "32", "--sheet", sheet, "--json"]
    measured = genkit("eval", "translate", *words)
    assert measured.code == 0, measured.err
    rows = measured.events[-1]["rows"]
    assert len(rows) == (2 if kind == "edges" else 1) and all(row["pictures"] == 2 for row in rows)
    assert sheet.exists()


def _pairs(folder: Path) -> tuple[list[Any], str]:
    for name in ("a", "b"):
        for number in range(3):
            save_picture(folder / name / f"{number}.png", 40, 36, seed=number)
    return ["--pairs", f"{folder / 'a'}:{folder / 'b'}"], "pairs"


def _unpaired(folder: Path) -> tuple[list[Any], str]:
    _pairs(folder)
    return ["--unpaired", folder / "a", folder / "b"], "unpaired"


def _domains(folder: Path) -> tuple[list[Any], str]:
    _pairs(folder)
    return ["--domains", folder], "domains"


@pytest.mark.parametrize("make", [_pairs, _unpaired, _domains])
def test_a_users_own_data(make: Callable[[Path], tuple[list[Any], str]], tmp_path: Path, genkit: Run) -> None:
    words, kind = make(tmp_path / "data")
    small = {"pairs": ["widths=[4,6,8,8]"], "unpaired": ["ngf=4", "blocks=1"], "domains": ["width=4", "blocks=1"]}[kind]
    settings = [f"network.{one}" for one in small] + [f"loop.{key}={value}" for key, value in STEPS.items()]
    settings += ["data.side=32", "data.batch=2", "loop.eval_every=2"]
    out = tmp_path / "run"
    sets = [word for one in settings for word in ("--set", one)]
    done = genkit("train", "translate", *words, "--out", out, "--device", "cpu", *sets)
    assert done.code == 0, done.err
    card = out / f"my-{kind}.toml"
    told = tomllib.loads(card.read_text())
    assert str(tmp_path) not in told["trained_by"] and f"--{kind}" in told["trained_by"]
    again = genkit("train", "translate", *words, "--out", out, "--device", "cpu", *sets, "--set", "loop.steps=3", "--resume")
    assert again.code == 0, again.err
    further = ["--to", "b"] if kind == "domains" else []
    made = genkit("translate", tmp_path / "data/a/0.png", "--model", card, "-o", tmp_path / "out.png", *further)
    assert made.code == 0, made.err


def test_copies_of_training_pictures_are_noticed(clothes: Path) -> None:
    from genkit.evaluate import translate as measure
    from genkit.nets.vgg import Features

    features = Features().eval()
    seen = garment(0, (200, 20, 30))
    training = measure.training_features(features, clothes, [], 32)
    truth = garment(9, (30, 160, 60))[:32, :32]
    methods = {"copies": lambda given, colour: measure.whole_square(seen, 32), "does not": lambda given, colour: truth}
    rows = measure.evaluate([("one", truth, truth, 0)], methods, features=features, training=training)
    assert rows[0]["near_ratio"] < 0.2 < rows[1]["near_ratio"] == pytest.approx(1)


def test_what_to_learn_from_must_be_said(genkit: Run, tmp_path: Path) -> None:
    assert genkit("train", "translate").code == 2
    both = genkit("train", "translate", "--pairs", tmp_path, "--domains", tmp_path)
    assert both.code == 2 and "one of" in both.err


def test_a_configuration_that_asks_for_nothing() -> None:
    from genkit.train.translate.job import make_job

    config = parse_config({"name": "x", "task": "translate", "family": "unet"}, "here")
    with pytest.raises(UsageError, match="nothing to learn from"):
        make_job(config, [], None)
