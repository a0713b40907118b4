"""`genkit train cutout` through the real command: on composites and on a teacher's masks, and what comes out is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run
from PIL import Image
from red_subject import GREEN, RED, red_card, red_picture, red_truth

from genkit.cards import read_card
from genkit.data import composites
from genkit.data.composites import Manner, composite, is_held, measured_composites, overlap, read_subjects, subject_of
from genkit.errors import UsageError
from genkit.train.config import parse_config
from genkit.train.cutout.job import CutoutJob, transparent

NETWORK = {"widths": [4, 4, 6, 6, 8, 8], "blocks": [1, 1, 1, 1, 1, 1], "rises": [8, 8, 8, 8], "stem": 4, "expansion": 2}
DATA = {"side": 32, "batch": 4, "teacher": "red", "teacher_side": 48, "frozen": 0, "validate": 4, "validate_scenes": 2}
LOOP = {"steps": 160, "learning_rate": 1e-2, "muon_rate": 0.03, "warmup": 5, "ema": 0.9, "log_every": 40, "eval_every": 80}


def config(**data: object) -> dict[str, object]:
    rates = {"save_every": 80, "sheet_every": 160}
    return {
        "name": "tiny-cutout",
        "task": "cutout",
        "family": "cutter",
        "bits": 8,
        "network": NETWORK,
        "data": {**DATA, **data},
        "loop": {**LOOP, **rates},
    }


def icon(path: Path, colour: tuple[int, int, int] = RED) -> None:
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[10:50, 14:54] = (*colour, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def places(tmp_path: Path, own_folders: Path) -> tuple[Path, Path]:
    """Photographs in which what is red is the subject, icons of which two names are held out, and the teacher."""
    red_card(own_folders / "cards")
    for number in range(6):
        red_picture(tmp_path / "photos" / f"{number}.png", 120, 90)
    names = [str(number) for number in range(200)]
    for name in [*[name for name in names if not is_held(name)][:6], *[name for name in names if is_held(name)][:2]]:
        icon(tmp_path / "icons" / f"{name}.png")
    return tmp_path / "photos", tmp_path / "icons"


def as_toml(table: dict[str, object]) -> str:
    import json

    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    text = "".join(f"{key} = {json.dumps(value)}\n" for key, value in plain.items())
    for key, value in table.items():
        if isinstance(value, dict):
            text += f"[{key}]\n" + "".join(f"{name} = {json.dumps(one)}\n" for name, one in value.items())
    return text


def test_what_is_trained_finds_what_the_teacher_and_the_composites_show(
    genkit: Run, places: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.train.toml").write_text(as_toml(config(targets="runs/tiny-cutout/targets.npz")))
    photos, icons = places
    shared = ("--config", "tiny.train.toml", "--data", photos, "--data", icons, "--device", "cpu")
    done = genkit("train", "cutout", *shared)
    assert done.code == 0, done.err
    card = read_card(tmp_path / "runs/tiny-cutout/tiny-cutout.toml")
    assert card.family == "cutter" and card.params["size"] == 32
    assert card.metrics["iou"] > 0.35 and card.metrics["iou_scenes"] > 0.6  # 0.16 and 0.11 at first
    assert (tmp_path / "runs/tiny-cutout/sheet-0000160.png").exists()
    kept = np.load(tmp_path / "runs/tiny-cutout/targets.npz")
    assert int(kept["begun"]) == len(kept["masks"]) == 6
    used = genkit("cutout", photos / "0.png", "--model", "tiny-cutout", "--mask-only", "-o", "mask.png")
    assert used.code == 0, used.err
    with Image.open(tmp_path / "mask.png") as mask:
        assert overlap(np.array(mask) / np.float32(255), red_truth(120, 90).astype(np.float32)) > 0.6
    again = genkit("train", "cutout", *shared, "--resume", "--set", "loop.steps=161")
    assert again.code == 0 and "step 161/161" in again.err, again.err


def test_icons_alone_have_nothing_to_stand_before(places: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="no pictures without transparency"):
        CutoutJob(parse_config(config(), "test"), [places[1]], None)
    assert transparent(places[1]) and not transparent(places[0])


def test_photographs_alone_are_enough(places: tuple[Path, Path]) -> None:
    job = CutoutJob(parse_config(config(), "test"), [places[0]], None)
    batch = job.batch(np.random.default_rng(0))
    assert batch["images"].shape == (4, 3, 32, 32) and batch["images"].dtype == torch.uint8
    assert batch["masks"].shape == (4, 1, 32, 32) and 0 <= float(batch["masks"].min()) <= float(batch["masks"].max()) <= 1
    assert job.evaluate(job.modules)["iou_scenes"] >= 0


def test_published_features_begin_the_way_down_and_stay_where_they_are_frozen(places: tuple[Path, Path]) -> None:
    job = CutoutJob(parse_config(config(frozen=2), "test"), list(places), None)
    network = job.modules["network"]
    still = {name for name, each in network.named_parameters() if not each.requires_grad}
    assert still and all(name.startswith(("stem.", "stages.0.", "stages.1.")) for name in still)
    assert job.adapt({"x": torch.zeros(1)}).keys() == {"x"}
    assert all(matrix.requires_grad for matrix in job.matrices())


def test_targets_of_other_pictures_are_refused(places: tuple[Path, Path], tmp_path: Path) -> None:
    kept = tmp_path / "targets.npz"
    np.savez(kept, masks=np.zeros((2, 48, 48), np.uint8), begun=2)
    with pytest.raises(UsageError, match="masks of other pictures"):
        CutoutJob(parse_config(config(targets=str(kept)), "test"), [places[0]], None)


def test_a_composite_is_its_subject_over_its_background() -> None:
    subject = np.zeros((40, 30, 4), np.uint8)
    subject[:] = (*RED, 255)
    behind = np.empty((64, 64, 3), np.uint8)
    behind[:] = GREEN
    plain = Manner(sizes=(0.5, 0.5), beyond=0.0, shadow=0.0, turned=0.0, blurred=0.0, worse=0.0)
    for seed in range(6):
        picture, mask = composite(subject, behind, np.random.default_rng(seed), plain)
        assert picture.shape == (64, 64, 3) and mask.shape == (64, 64) and mask.dtype == np.float32
        assert mask.sum() == pytest.approx(32 * 24, rel=0.1)
        redder = picture[..., 0].astype(int) > picture[..., 1]
        assert overlap(redder.astype(np.float32), mask) > 0.95
    wild = Manner(beyond=0.3, shadow=1.0, turned=1.0, blurred=1.0, worse=1.0)
    assert all(composite(subject, behind, np.random.default_rng(seed), wild)[0].shape == (64, 64, 3) for seed in range(6))


def test_subjects_are_cut_to_what_shows_and_divided_by_name(tmp_path: Path) -> None:
    names = [str(number) for number in range(60)]
    for name in names:
        icon(tmp_path / f"{name}.png")
    held, training = read_subjects(tmp_path, held=True), read_subjects(tmp_path, held=False)
    assert len(held) == sum(map(is_held, names)) >= 1 and len(held) + len(training) == 60
    assert held[0].shape == (40, 40, 4) and len(read_subjects(tmp_path, held=False, most=3)) == 3
    assert is_held("Red  Apple") == is_held("red apple")
    assert subject_of(np.full((64, 64, 4), 255, np.uint8)) is None, "opaque as a whole"
    assert subject_of(np.zeros((64, 64, 4), np.uint8)) is None


def test_measured_composites_are_always_the_same() -> None:
    subjects = [np.full((40, 40, 4), 255, np.uint8)]
    scenes = [np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)]
    first, second = (measured_composites(subjects, scenes, 3, 48) for _ in range(2))
    for (one, mask), (other, same) in zip(first, second, strict=True):
        assert np.array_equal(one, other) and np.array_equal(mask, same) and one.shape == (48, 48, 3)


def test_overlap() -> None:
    empty, half = np.zeros((4, 4)), np.zeros((4, 4))
    half[:2] = 1
    assert overlap(empty, empty) == 1 and overlap(half, half) == 1 and overlap(half, empty) == 0
    assert overlap(half, np.ones((4, 4))) == 0.5
    assert composites.HELD_ONE_IN == 20
