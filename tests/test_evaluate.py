"""The measures against values known from elsewhere, and `genkit eval` on pairs and on single pictures."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genkit.errors import UsageError
from genkit.evaluate import fidelity
from genkit.evaluate import upscale as measure

DATA = Path(os.environ.get("GENKIT_DATA", Path(__file__).parents[2] / "shared" / "data"))


def _picture(rng: np.random.Generator, height: int = 48, width: int = 64) -> np.ndarray:
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def test_psnr_of_a_known_error():
    zeros = np.zeros((4, 4), np.uint8)
    assert fidelity.psnr(zeros, zeros) == float("inf")
    assert fidelity.psnr(zeros + 255, zeros) == pytest.approx(0.0)
    assert fidelity.psnr(zeros + 1, zeros) == pytest.approx(48.1308, abs=1e-4)


def test_luma_has_the_studio_range():
    black_and_white = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert fidelity.luma(black_and_white)[0] == pytest.approx([16.0, 235.0])


def test_ssim_agrees_with_scikit_image():
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(3)
    truth = _picture(rng)[..., 0]
    result = np.clip(truth + rng.normal(0, 12, truth.shape), 0, 255).astype(np.uint8)
    theirs, map_ = structural_similarity(
        truth, result, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert fidelity.ssim(result, truth) == pytest.approx(map_[5:-5, 5:-5].mean(), abs=1e-6)
    assert theirs == pytest.approx(fidelity.ssim(result, truth), abs=0.02)


def test_pairs_are_taken_from_a_zip_of_HR_and_LR_folders(tmp_path: Path):
    rng = np.random.default_rng(0)
    archive = tmp_path / "bench.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for number in range(2):
            sharp = Image.fromarray(_picture(rng))
            small = sharp.resize((32, 24), Image.Resampling.BICUBIC)
            for folder, picture in (("HR_x2", sharp), ("LR_x2", small)):
                with bundle.open(f"Tiny/{folder}/{number}.png", "w") as target:
                    picture.save(target, "PNG")
    assert measure.has_pairs(archive, 2)
    rows = measure.evaluate(archive, {"bicubic": measure.bicubic(2)}, 2)
    assert [(row["set"], row["pictures"]) for row in rows] == [("Tiny", 2)]
    assert 20 < rows[0]["psnr_y"] < 60
    with pytest.raises(UsageError, match="no HR_x4"):
        list(measure.pairs(archive, 4, "given"))


def test_web_photo_noise_is_the_same_every_time(tmp_path: Path):
    Image.fromarray(_picture(np.random.default_rng(1))).save(tmp_path / "a.png")
    first, second = (next(iter(measure.pairs(tmp_path, 4, "web-photo"))).small for _ in range(2))
    assert first.shape == (12, 16, 3)
    assert np.array_equal(first, second)


def test_eval_command_prints_bicubic_beside_the_model(tmp_path: Path, genkit: Callable[..., Any]):
    Image.fromarray(_picture(np.random.default_rng(2))).save(tmp_path / "a.png")
    outcome = genkit("eval", "upscale", "--data", tmp_path, "--model", "genkit-x2", "--device", "cpu", "--json")
    assert outcome.code == 0, outcome.err
    event = outcome.events[-1]
    assert [row["model"] for row in event["rows"]] == ["bicubic", "genkit-x2"]
    assert "x2" in event["protocol"]
    table = genkit("eval", "upscale", "--data", tmp_path, "--model", "genkit-x2", "--device", "cpu")
    assert table.code == 0
    assert "PSNR Y" in table.lines[0] and "border of 2" in table.lines[-1]


@pytest.mark.published
@pytest.mark.skipif(not (DATA / "sr_bench.zip").is_file(), reason="the benchmark pictures are not here")
def test_bicubic_reproduces_the_published_rows():
    rows = {row["set"]: row["psnr_y"] for row in measure.evaluate(DATA / "sr_bench.zip", {"b": measure.bicubic(4)}, 4)}
    assert rows["Set5"] == pytest.approx(28.42, abs=0.05)
    assert rows["Set14"] == pytest.approx(26.09, abs=0.05)
