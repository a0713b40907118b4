"""`genkit train upscale` towards a teacher: what it makes is kept and gone on with, and the network comes nearer to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.data.second_order import random_web_photo_twice
from genkit.evaluate import lpips
from genkit.models.measure.lpips import Lpips
from genkit.models.upscale import compact
from genkit.train.upscale import distill, triples

Run = Callable[..., Any]

CONFIG = """
name = "tiny-taught"
task = "upscale"
family = "compact"
start = "genkit-x4"
[network]
num_feat = 50
num_conv = 13
scale = 4
[data]
teacher = "genkit-x4"
patch = 10
crop = 12
batch = 2
count = 30
validate_side = 48
[loop]
steps = 3
log_every = 1
eval_every = 3
save_every = 1
sheet_every = 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photographs, a configuration, and a measure with random features."""
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(tmp_path / "photos" / f"{number}.png")
    (tmp_path / "taught.train.toml").write_text(CONFIG)
    torch.manual_seed(0)
    judge = Lpips().eval().requires_grad_(False)
    for weight in judge.lin:
        weight.fill_(0.1)
    for module in (distill, lpips):
        monkeypatch.setattr(module, "instrument", lambda name: judge)
    monkeypatch.setattr(triples, "SHARD", 10)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line(*more: object) -> tuple[object, ...]:
    shared = ("--config", "taught.train.toml", "--data", "photos", "-o", "run", "--device", "cpu", "--json")
    return ("train", "upscale", *shared, *more)


def told(done: Any) -> str:
    return " ".join(event["message"] + (event.get("hint") or "") for event in done.events if event["event"] == "error")


def test_the_teachers_results_are_made_once_and_learnt_from(folder: Path, genkit: Run) -> None:
    done = genkit(*line("--max-minutes", "0.00001"))
    assert done.code == 0, done.err
    assert "the teacher's results: 3 of 3 files" in done.err
    shards = sorted((folder / "run" / "triples").iterdir())
    assert [path.name for path in shards] == ["00000.npz", "00001.npz", "00002.npz"]
    kept = triples.read_triples(folder / "run" / "triples", 4, 10)
    assert kept.lr.shape == (30, 12, 12, 3) and kept.sr.shape == kept.hr.shape == (30, 48, 48, 3)
    first, third = shards[0].read_bytes(), shards[2].stat().st_mtime_ns
    shards[0].unlink()  # as if it had been stopped: the others stay, and a shard depends on its number alone
    done = genkit(*line("--resume"))
    assert done.code == 0 and shards[0].read_bytes() == first and shards[2].stat().st_mtime_ns == third
    event = done.events[-2]
    assert {"l1", "gradient", "taught_lpips", "sharp_lpips", "psnr_y_db", "lpips"} <= set(event)
    assert event["l1"] < 0.1, "it began as its own teacher, grown"
    used = genkit("upscale", "photos/0.png", "--model", "run/tiny-taught.toml", "-o", "large.png", "--device", "cpu")
    assert used.code == 0 and Image.open(folder / "large.png").size == (256, 256)


def test_a_folder_of_triples_is_read_and_checked(folder: Path, genkit: Run) -> None:
    assert genkit(*line("--steps", 1)).code == 0
    (folder / "run" / "triples").rename(folder / "made")
    elsewhere = ("--set", "data.triples=made", "--steps", 1, "-o", "second")
    done = genkit(*line(*elsewhere))
    assert done.code == 0 and "teacher's results" not in done.err
    for wrong, message in (("data.patch=13", "do not suit patches of 13"), ("data.triples=photos", "no triples in it")):
        done = genkit(*line("--set", "data.triples=made", "--set", wrong, "-o", "third"))
        assert done.code == 2 and message in told(done)
    (folder / "made" / "00001.npz").write_bytes(b"no archive")
    done = genkit(*line("--set", "data.triples=made", "-o", "third"))
    assert done.code == 2 and "00001.npz: no triples of a teacher" in told(done)


def test_what_cannot_be_taught_is_refused(folder: Path, genkit: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = genkit(*line("--set", "data.crop=40", "-o", "large"))
    assert done.code == 2 and "no picture has 160 pixels" in told(done)
    done = genkit(*line("--set", "data.teacher=genkit-x2", "-o", "other"))
    assert done.code == 2 and "genkit-x2 enlarges x2, the network of this configuration x4" in told(done)
    monkeypatch.setattr(distill, "instrument", lambda name: None)
    done = genkit(*line("-o", "unjudged"))
    assert done.code != 0 and "genkit models pull lpips-alex" in told(done)


def test_pictures_worn_twice_keep_size_and_level() -> None:
    rng = np.random.default_rng(0)
    for sharp in (np.full((64, 96, 3), 150, np.uint8), np.tile(np.linspace(60, 240, 96, dtype=np.uint8)[:, None], (64, 1, 3))):
        worn = [random_web_photo_twice(sharp, 4, rng) for _ in range(40)]
        assert all(small.shape == (16, 24, 3) and small.dtype == np.uint8 for small in worn)
        assert abs(float(np.mean(worn)) - 150) < 4 and float(np.std(np.array(worn) - np.mean(worn, 0))) > 3


def test_a_network_grows_in_width_too_and_hardly_changes() -> None:
    torch.manual_seed(0)
    small = compact.build(num_feat=8, num_conv=3, scale=2)
    state = compact.grow(small.state_dict(), 5, 12)
    assert compact.recognise(state) == {"num_feat": 12, "num_conv": 5, "scale": 2}
    large = compact.build(num_feat=12, num_conv=5, scale=2)
    large.load_state_dict(state)
    images = torch.rand(1, 3, 12, 12)
    assert (large(images) - small(images)).abs().max().item() < 0.1
    alone = compact.grow(small.state_dict(), 3, 12)
    assert compact.recognise(alone) == {"num_feat": 12, "num_conv": 3, "scale": 2}
    wide = compact.build(num_feat=12, num_conv=3, scale=2)
    wide.load_state_dict(alone)
    assert torch.allclose(wide(images), small(images), atol=1e-5)
