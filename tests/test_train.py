"""The training loop through the real command: it learns, resumes, holds out, refuses, and ends with a usable card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.cards import read_card
from genkit.data.degradation import random_web_photo, web_photo
from genkit.data.names import split_names
from genkit.data.pictures import list_pictures
from genkit.errors import UsageError
from genkit.train.config import LoopConfig, read_config
from genkit.train.loop import learning_rate

Run = Callable[..., Any]

CONFIG = """
name = "tiny-x2"
task = "upscale"
family = "compact"
summary = "A tiny one."
[network]
num_feat = 8
num_conv = 1
scale = 2
[data]
patch = 12
batch = 4
validate_side = 32
[loop]
steps = {steps}
learning_rate = 2e-3
warmup = 2
ema = 0.5
log_every = 5
eval_every = 10
save_every = 10
sheet_every = 10
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def _config(tmp_path: Path, steps: int) -> Path:
    path = tmp_path / "tiny.train.toml"
    path.write_text(CONFIG.format(steps=steps))
    return path


def _train(genkit: Run, *words: object) -> tuple[int, list[dict]]:
    outcome = genkit("train", "upscale", *words, "--device", "cpu", "--json")
    return outcome.code, outcome.events


def test_a_run_learns_and_ends_with_a_card_that_upscale_takes(tmp_path: Path, data: Path, genkit: Run):
    out = tmp_path / "run"
    code, events = _train(genkit, "--config", _config(tmp_path, 40), "--data", data, "--out", out)
    assert code == 0
    scores = [event["psnr_y_db"] for event in events if event["event"] == "progress" and "psnr_y_db" in event]
    assert scores[-1] > scores[0]
    card = read_card(Path(events[-1]["card"]))
    assert card.params["scale"] == 2
    assert card.metrics and card.metrics["steps"] == 40
    assert card.trained_by == "genkit train upscale --config tiny.train.toml --data pictures"
    assert (out / "sheet-0000040.png").is_file()
    outcome = genkit("upscale", data / "0.png", "--model", card.toml, "--device", "cpu", "-o", tmp_path / "out.png")
    assert outcome.code == 0, outcome.err
    assert Image.open(tmp_path / "out.png").size == (128, 128)


def test_a_stopped_run_resumes_where_it_was(tmp_path: Path, data: Path, genkit: Run):
    out = tmp_path / "run"
    words = ("--config", _config(tmp_path, 20), "--data", data, "--out", out)
    code, events = _train(genkit, *words, "--max-minutes", "0.00001")
    assert code == 0 and not events[-1]["finished"]
    stopped_at = events[-1]["step"]
    code, _ = _train(genkit, *words)
    assert code == 2  # a run is there already
    code, events = _train(genkit, *words, "--resume")
    assert code == 0 and events[-1]["finished"]
    assert events[0]["step"] > stopped_at
    assert torch.load(out / "state.pt", weights_only=True)["step"] == 20


def test_start_takes_the_tensors_that_fit(tmp_path: Path, data: Path, genkit: Run):
    first = tmp_path / "first"
    _train(genkit, "--config", _config(tmp_path, 10), "--data", data, "--out", first)
    weights = first / "tiny-x2.safetensors"
    code, _ = _train(
        genkit,
        *("--config", _config(tmp_path, 1), "--data", data, "--out", tmp_path / "second"),
        *("--set", f'start="{weights.as_posix()}"', "--set", "loop.learning_rate=0.0"),
    )
    assert code == 0
    from genkit.weights import read_state_dict

    before, after = read_state_dict(weights), read_state_dict(tmp_path / "second" / "tiny-x2.safetensors")
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_config_with_an_unknown_field_is_refused_by_name(tmp_path: Path):
    path = _config(tmp_path, 1)
    with pytest.raises(UsageError, match="stepz"):
        read_config(path, ["loop.stepz=1"])
    with pytest.raises(UsageError, match="expected key=value"):
        read_config(path, ["loop.steps"])


def test_learning_rate_warms_up_holds_and_falls():
    loop = LoopConfig(steps=100, learning_rate=1.0, warmup=10, decay=0.5)
    assert learning_rate(0, loop) == pytest.approx(0.1)
    assert learning_rate(30, loop) == 1.0
    assert learning_rate(75, loop) == pytest.approx(0.505)
    assert learning_rate(100, loop) == pytest.approx(0.01)
    loop = LoopConfig(steps=150, learning_rate=1.0, warmup=10, decay=0.5, finish_steps=50, finish_rate=0.2)
    assert learning_rate(75, loop) == pytest.approx(0.505)
    assert learning_rate(100, loop) == pytest.approx(0.2)
    assert learning_rate(150, loop) == pytest.approx(0.002)


def test_held_out_names_are_never_trained_on(tmp_path: Path, data: Path):
    names = list_pictures(data)
    assert names == ["0.png", "1.png", "2.png", "3.png"]
    holdout = tmp_path / "held.txt"
    holdout.write_text("2.png\n")
    training, held = split_names(names, holdout)
    assert held == ["2.png"] and "2.png" not in training
    training, held = split_names(names, None)
    assert held and not set(held) & set(training)
    holdout.write_text("nine.png\n")
    with pytest.raises(UsageError, match="none of its names"):
        split_names(names, holdout)


def test_degradations_keep_size_and_type():
    sharp = np.full((32, 48, 3), 200, np.uint8)
    rng = np.random.default_rng(0)
    for small in [random_web_photo(sharp, 4, rng) for _ in range(20)] + [web_photo(sharp, 4, rng)]:
        assert small.shape == (8, 12, 3)
        assert small.dtype == np.uint8
        assert abs(float(small.mean()) - 200) < 12


def test_muon_makes_every_update_orthogonal():
    from genkit.train.muon import Muon

    weight = torch.nn.Parameter(torch.zeros(6, 2, 3, 3))
    optimizer = Muon([weight], lr=0.5)
    weight.grad = torch.randn_like(weight) * torch.tensor([9.0, 1, 0.5, 1, 1, 4]).view(6, 1, 1, 1)
    optimizer.step()
    singular = torch.linalg.svdvals(weight.detach().reshape(6, -1)) / 0.5
    assert 0.3 < float(singular.min()) <= float(singular.max()) < 1.3


def test_muon_takes_the_hidden_convolutions(tmp_path: Path, data: Path, genkit: Run):
    words = ("--config", _config(tmp_path, 12), "--data", data, "--out", tmp_path / "run", "--set", "loop.muon_rate=0.02")
    code, events = _train(genkit, *words, "--max-minutes", "0.00001")
    assert code == 0 and not events[-1]["finished"]
    code, events = _train(genkit, *words, "--resume")
    assert code == 0 and events[-1]["finished"]
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert [len(one["param_groups"][0]["params"]) for one in state["optimizers"]] == [7, 1]


def test_a_shallow_network_grows_and_hardly_changes():
    from genkit.models.upscale import compact

    torch.manual_seed(0)
    small = compact.build(num_feat=8, num_conv=3, scale=2)
    state = compact.grow(small.state_dict(), 5)
    assert compact.recognise(state) == {"num_feat": 8, "num_conv": 5, "scale": 2}
    deep = compact.build(num_feat=8, num_conv=5, scale=2)
    deep.load_state_dict(state)
    images = torch.rand(1, 3, 12, 12)
    assert (deep(images) - small(images)).abs().max().item() < 0.1
    again = compact.grow(state, 5)
    assert all(torch.equal(again[key], state[key]) for key in state)


def test_pictures_too_small_to_cut_from_are_refused(tmp_path: Path, data: Path, genkit: Run):
    outcome = genkit(
        *("train", "upscale", "--config", _config(tmp_path, 2), "--data", data, "--out", tmp_path / "run"),
        *("--set", "data.patch=60", "--device", "cpu"),
    )
    assert outcome.code == 2
    assert "124 pixels on its shorter side" in outcome.err
