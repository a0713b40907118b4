"""LoRA: a few steps on a tiny pipeline of each class change what it draws, and what is saved loads again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_pipelines import stable_diffusion, stable_diffusion_xl

from genkit.cards import find
from genkit.models import load_model
from genkit.weights import resolve

STEPS = ("--set", "loop.steps=3", "--set", "loop.log_every=1", "--set", "loop.sheet_every=100", "--set", "loop.save_every=1")
RATE = ("--set", "loop.learning_rate=0.1", "--set", "loop.warmup=0", "--set", "data.side=64", "--set", "data.rank=2")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (80, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"my toy {number}")
    return folder


def drawn(folder: Path, lora: Path | None) -> np.ndarray:
    card = find(str(folder), "txt2img")
    model = load_model(card, resolve(card, announce=lambda text: None), torch.device("cpu"), torch.float32)
    model.configure(loras=[] if lora is None else [(lora, 1.0)])
    return model(["my toy"], [1], steps=2, width=64, height=64)


@pytest.mark.parametrize("build", [stable_diffusion, stable_diffusion_xl])
def test_adapters_change_the_picture_and_load_again(
    build: Any, pictures: Path, tmp_path: Path, genkit: Callable[..., Any]
) -> None:
    base, run = tmp_path / "base", tmp_path / "run"
    name = "StableDiffusionPipeline" if build is stable_diffusion else "StableDiffusionXLPipeline"
    torch.manual_seed(0)
    pipeline = build(name, 4)
    if build is stable_diffusion:
        pipeline.safety_checker = None
        pipeline.register_to_config(requires_safety_checker=False)
    pipeline.save_pretrained(base)
    told = ("train", "lora", "--model", base, "--data", pictures, "--out", run, "--device", "cpu", *STEPS, *RATE)
    outcome = genkit(*told)
    assert outcome.code == 0, outcome.err
    lora = run / "my-lora.safetensors"
    assert str(lora) in outcome.stdout.decode() and lora.stat().st_size < 200_000
    plain, adapted = drawn(base, None), drawn(base, lora)
    assert plain.shape == adapted.shape and float(np.abs(plain - adapted).max()) > 1 / 255

    refused = genkit(*told)
    assert refused.code == 2 and "--resume" in refused.err
    longer = genkit(*told, "--resume", "--set", "loop.steps=5")
    assert longer.code == 0 and "step 4/5" in longer.err and "step 3/5" not in longer.err, longer.err
    assert not np.array_equal(drawn(base, lora), adapted)
