"""The shipped generators on both engines: the same pictures, and without torch where the engine needs none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genkit import cards, models, weights
from genkit.models.shapes import SampleModel

SHIPPED = ("genkit-tiles", "genkit-clothes")
LAST = 1 / 255


def loaded(name: str, engine: str) -> SampleModel:
    card = cards.find(name, "gan")
    model: SampleModel = models.load_model(card, weights.resolve(card, announce=print), "cpu", "float32", engine=engine)
    assert vars(model)["runner"].engine == engine
    return model


@pytest.fixture(scope="module", params=SHIPPED)
def pair(request: pytest.FixtureRequest) -> tuple[SampleModel, SampleModel]:
    return loaded(request.param, "torch"), loaded(request.param, "openvino")


@pytest.mark.parametrize("options", [{}, {"truncation": 1.0}, {"truncation": 0.0}, {"label": 1, "truncation": 0.4}])
def test_a_seed_is_one_picture_on_both_engines(pair: tuple[SampleModel, SampleModel], options: dict[str, Any]) -> None:
    reference, model = pair
    wanted = reference(range(5), **options)
    together, alone = model(range(5), **options), model([3], **options)
    assert wanted.dtype == together.dtype == np.float32 and wanted.std() > 0.05
    assert np.abs(together - wanted).max() < LAST and np.abs(alone - wanted[3:4]).max() < LAST
    if options.get("truncation") != 0.0:
        assert np.abs(wanted[0] - wanted[3]).max() > 10 * LAST, "another seed, another picture"


def test_what_follows_gradients_is_torchs_on_both(pair: tuple[SampleModel, SampleModel]) -> None:
    reference, model = pair
    z, labels = model.latents([1, 2]), model.labels_for([1, 2])
    w, other = (one.mapping(z, labels, 1.0) for one in (reference, model))
    assert bool((w == other).all()) and np.abs(model.embed(z, labels, 1.0) - w.numpy()).max() < 1e-5
    assert bool((reference.synthesis(w) == model.synthesis(w)).all())
    rows, others = reference.modulation_weights(), model.modulation_weights()
    assert rows and others and all(np.array_equal(*both) for both in zip(rows, others, strict=True))


@pytest.mark.parametrize(
    "arguments", [["--seed", "3"], ["--grid", "2x2"], ["--mix", "3:7:2"], ["--walk", "3,7", "--frame", "2"]]
)
def test_drawing_imports_no_torch(tmp_path: Path, arguments: list[str]) -> None:
    code = "import sys; from genkit.cli.app import run\ntry: run()\nfinally: print('torch' in sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, "gan", *arguments, "--device", "cpu", "-o", str(tmp_path / "made.png")]
    result = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "made.png").is_file() and result.stderr.strip().endswith("False")
