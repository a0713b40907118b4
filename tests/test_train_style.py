"""`genkit train style` and `genkit eval style` through the real commands: tiny networks of any style and of one, then used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from genkit.cards import read_card
from genkit.evaluate.style import content_loss, grams, style_loss
from genkit.nets import vgg

Run = Callable[..., Any]

LOOP = """
[data]
side = 32
style_side = 32
reductions = [32, 48]
style_reductions = [32, 48]
batch = 2
crops = 2
style_crops = 3
style = 5.0
validate = 2
validate_side = 32
[loop]
steps = 24
learning_rate = 5e-3
warmup = 2
ema = 0.5
log_every = 8
eval_every = 8
save_every = 24
sheet_every = 100
"""
ANY = 'name = "tiny-any"\ntask = "style"\nfamily = "stylizer"\n[network]\nwidths = [4, 8, 8]\n' + LOOP
ONE = 'name = "tiny-one"\ntask = "style"\nfamily = "johnson"\n[network]\nwidths = [4, 8, 8]\nblocks = 1\n' + LOOP


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`photos/` of smooth blobs, `styles/` of stripes, and `vgg.safetensors`, random features of VGG's layout."""
    folder = tmp_path_factory.mktemp("style")
    rng = np.random.default_rng(0)
    for kind, count, cells in (("photos", 5, 5), ("styles", 2, 24)):
        (folder / kind).mkdir()
        for number in range(count):
            small = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
            small.resize((64, 56), Image.Resampling.BICUBIC).save(folder / kind / f"{number}.png")
    torch.manual_seed(0)
    save_file(vgg.Features().state_dict(), folder / "vgg.safetensors")
    return folder


def _train(genkit: Run, made: Path, config: str, out: Path, *words: object, steps: int = 8) -> Any:
    path = out.parent / "tiny.train.toml"
    path.write_text(config, encoding="utf-8")
    features = f"data.features={made / 'vgg.safetensors'}"
    return genkit(
        "train",
        "style",
        "--config",
        path,
        "--data",
        made / "photos",
        "--out",
        out,
        "--set",
        features,
        "--set",
        f"loop.steps={steps}",
        *words,
    )


@pytest.mark.parametrize(
    ("config", "words", "name"), [(ANY, ("--styles", "styles"), "tiny-any"), (ONE, ("--style", "styles/0.png"), "tiny-one")]
)
def test_a_network_learns_and_is_used_by_its_card(
    genkit: Run, made: Path, tmp_path: Path, config: str, words: tuple[str, str], name: str
):
    out = tmp_path / "run"
    trained = _train(genkit, made, config, out, words[0], made / words[1], steps=48)
    assert trained.code == 0, trained.err
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert events[-1]["held_style"] < events[0]["held_style"]
    card = read_card(out / f"{name}.toml")
    quoted = f"--data photos {words[0]} {Path(words[1]).name} --set data.features=vgg.safetensors --set loop.steps=48"
    assert card.trained_by.endswith(quoted)
    given = ("--style", made / "styles" / "1.png") if name == "tiny-any" else ()
    styled = genkit("style", made / "photos" / "0.png", "--model", card.toml, *given, "-o", tmp_path / "out.png")
    assert styled.code == 0, styled.err
    assert Image.open(tmp_path / "out.png").size == (64, 56)


def test_what_cannot_be_trained_is_said(genkit: Run, made: Path, tmp_path: Path):
    both = _train(genkit, made, ANY, tmp_path / "run", "--style", made / "styles/0.png", "--styles", made / "styles")
    assert both.code == 2 and "--style PICTURE" in both.err
    many = _train(genkit, made, ONE, tmp_path / "run", "--styles", made / "styles")
    assert many.code == 2 and "2 style pictures for a network of one style" in many.err
    assert not (tmp_path / "run" / "state.pt").exists()


def test_a_style_is_learnt_and_measured_without_vgg(genkit: Run, made: Path, tmp_path: Path):
    out = tmp_path / "run"
    (tmp_path / "tiny.train.toml").write_text(ANY, encoding="utf-8")
    words = ("--config", tmp_path / "tiny.train.toml", "--data", made / "photos", "--styles", made / "styles", "-o", out)
    blind = genkit("train", "style", *words, "--steps", 2)
    assert blind.code == 0 and "features: genkit-style's own encoder, as vgg19 is not here" in blind.err, blind.err
    assert "genkit-style's own encoder block2 for content" in (out / "tiny-any.toml").read_text()
    data = ("--data", made / "photos", "--styles", made / "styles", "--side", 32, "--count", 1)
    measured = genkit("eval", "style", *data, "--model", out / "tiny-any.toml")
    assert measured.code == 0 and "features: genkit-style's own encoder; content" in measured.lines[-1], measured.err
    assert "must not be compared" in measured.err
    gone = genkit("eval", "style", *data, "--features", "gone.safetensors")
    assert gone.code == 2 and "no such file" in gone.err


def test_a_missing_perceptual_network_is_named(genkit: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words = ("--data", made / "photos", "--style", made / "styles/0.png", "--out", tmp_path / "run")
    gone = genkit("train", "style", *words, "--set", "data.features=gone.safetensors")
    assert gone.code == 2 and "gone.safetensors: no such file" in gone.err
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    absent = genkit("train", "style", *words, "--set", "data.features=vgg19")
    assert absent.code == 3 and "vgg19" in absent.err


def test_the_measure_knows_the_photograph_and_the_style(genkit: Run, made: Path, tmp_path: Path):
    out = tmp_path / "run"
    assert _train(genkit, made, ANY, out, "--styles", made / "styles").code == 0
    words = ("--data", made / "photos", "--styles", made / "styles", "--features", made / "vgg.safetensors", "--side", 32)
    model = ("--model", out / "tiny-any.toml", "--count", 2, "--sheet", tmp_path / "sheet.png")
    result = genkit("eval", "style", *words, *model, "--json")
    assert result.code == 0, result.err
    rows = {row["model"]: row for row in json.loads(result.out)["rows"]}
    assert rows["photograph"]["content"] == 0 and rows["photograph"]["style"] > 0
    assert rows["tiny-any"]["content"] > 0 and rows["tiny-any"]["pictures"] == 4
    assert Image.open(tmp_path / "sheet.png").size == (3 * 32, 5 * 32)


def test_losses_are_zero_for_the_thing_itself_and_relative_ones_do_not_mind_loudness():
    features = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    others = [torch.rand(2, channels, 8, 8) for channels in (3, 5)]
    assert float(style_loss(grams(features), grams(features))) == 0
    loud = style_loss(grams([3 * one for one in others]), grams([3 * one for one in features]), relative=True)
    assert float(loud) == pytest.approx(float(style_loss(grams(others), grams(features), relative=True)), rel=1e-5)
    assert float(content_loss(features[0], features[0])) == 0
