"""Training text-to-image from nothing, and LoRA: words, made pictures, a few steps on tiny ones through the real command."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.data.captions import Caption, Selection, read_captioned, read_captions
from genkit.data.squares import icon_square
from genkit.errors import UsageError
from genkit.evaluate.distribution import distances
from genkit.evaluate.txt2img import names_to_draw, ranks
from genkit.train.txt2img import caption_augmentation as augmentation

CONFIG = """
name = "tiny-icons"
task = "txt2img"
family = "diffusers"
data_note = "squares"
licence = "CC-BY-NC-4.0"
commercial = false

[data]
side = 16
[data.augmentation]
recoloured = 1
pairs = 2
hats = 2
hat_wearers = ["shape"]
hat_names = ["flat hat"]

[stages.autoencoder.network]
channels = [8, 16]
latents = 4
groups = 4
[stages.autoencoder.data]
batch = 4
[stages.autoencoder.loop]
steps = 4
log_every = 2
eval_every = 4
save_every = 4
sheet_every = 4

[stages.denoiser.network.text_encoder]
vocabulary = 560
window = 12
width = 16
layers = 1
heads = 2
[stages.denoiser.network.denoiser]
channels = [16, 16]
attention = [true, false]
groups = 8
heads = 2
[stages.denoiser.data]
batch = 4
steps = 2
columns = 2
prompts = ["red square", "blue disc"]
[stages.denoiser.loop]
steps = 4
log_every = 2
eval_every = 4
save_every = 4
sheet_every = 4
"""
COLOURS = {"red": (220, 30, 40), "blue": (40, 80, 220), "green": (40, 180, 60), "yellow": (240, 210, 40)}


@pytest.fixture
def icons(tmp_path: Path) -> Path:
    """Squares and a hat, transparent around, with captions.tsv."""
    folder = tmp_path / "icons"
    folder.mkdir()
    lines = ["file\tname\tkeywords\tskin_tone"]
    for number, (word, colour) in enumerate(COLOURS.items()):
        pixels = np.zeros((24, 24, 4), np.uint8)
        pixels[4 : 16 + number, 5:19] = (*colour, 255)
        Image.fromarray(pixels).save(folder / f"{word}.png")
        lines.append(f"{word}.png\t{word} square\tshape; box\t{int(word == 'yellow')}")
    hat = np.zeros((24, 24, 4), np.uint8)
    hat[8:12, 2:22] = (30, 30, 30, 255)
    Image.fromarray(hat).save(folder / "hat.png")
    lines.append("hat.png\tflat hat\tclothes\t0")
    (folder / "captions.tsv").write_text("\n".join(lines))
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.train.toml"
    path.write_text(CONFIG)
    return path


def test_the_command_ends_with_a_folder_that_draws(
    icons: Path, recipe: Path, tmp_path: Path, genkit: Callable[..., Any]
) -> None:
    run = tmp_path / "run"
    told = ("train", "txt2img", "--config", recipe, "--data", icons, "--out", run, "--device", "cpu")
    stopped = genkit(*told, "--max-minutes", "0")
    assert stopped.code == 0 and not (run / "tiny-icons").exists(), stopped.err
    refused = genkit(*told)
    assert refused.code == 2 and "--resume" in refused.err
    outcome = genkit(*told, "--resume")
    assert outcome.code == 0, outcome.err
    assert "autoencoder: step 4/4" in outcome.err and "denoiser: step 4/4" in outcome.err
    assert outcome.err.count("captions have more than the 12 tokens") == 1, outcome.err
    assert (run / "denoiser" / "sheet-0000004.png").exists() and (run / "autoencoder" / "sheet-0000004.png").exists()

    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    card = find(str(run / "tiny-icons.toml"), "txt2img")
    assert card.commercial is False and card.licence == "CC-BY-NC-4.0"
    assert card.metrics is not None and {"autoencoder_psnr", "error", "protocol"} <= set(card.metrics)
    files = resolve(card, announce=lambda text: None)
    model = load_model(card, files, torch.device("cpu"), torch.float32)
    model.configure()
    made = model(["a red square", "a blue square"], [3, 3], steps=2)
    assert made.shape == (2, 4, 16, 16) and not (made[0] == made[1]).all()
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    drawn = genkit("txt2img", "a red zebra", "--model", run / "tiny-icons.toml", "--dry-run")
    assert drawn.code == 0 and "tiny-icons has never seen zebra" in drawn.err and "red" not in drawn.err.partition("seen")[2], (
        drawn.err
    )

    longer = genkit(*told, "--resume", "--set", "stages.denoiser.loop.steps=6")
    assert longer.code == 0 and "denoiser: step 6/6" in longer.err and "autoencoder: step" not in longer.err, longer.err


def test_autoencoder_latents_are_brought_to_unit_spread() -> None:
    from genkit.models.txt2img.latent_diffusion import autoencoder_of, moments, normalise

    torch.manual_seed(0)
    autoencoder: Any = autoencoder_of([8, 16], 4, groups=4, side=16).eval()
    images = torch.rand(6, 4, 16, 16) * 2 - 1
    with torch.no_grad():
        latents = moments(autoencoder, images)[0]
        before = autoencoder.decode(latents).sample
        mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
        normalise(autoencoder, mean, spread)
        again = moments(autoencoder, images)[0]
        assert torch.allclose(again.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
        assert torch.allclose(again.std((0, 2, 3)), torch.ones(4), atol=1e-4)
        assert torch.allclose(autoencoder.decode(again).sample, before, atol=1e-4)


def test_a_network_that_says_the_velocity_gets_the_picture_back() -> None:
    from genkit.models.txt2img.latent_diffusion import noisy, scheduler_of

    kept = scheduler_of().alphas_cumprod
    latents, noise = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    times = torch.tensor([10, 900])
    inputs, velocity = noisy(latents, noise, times, kept)
    share = kept[times][:, None, None, None]
    assert torch.allclose(share.sqrt() * inputs - (1 - share).sqrt() * velocity, latents, atol=1e-4)
    assert float(kept[-1]) < 1e-6  # it starts from noise alone


def test_a_tokenizer_knows_every_letter_and_reads_back_the_same(tmp_path: Path) -> None:
    from transformers import CLIPTokenizer

    from genkit.models.txt2img.latent_diffusion import tokenizer_of, tokens_of

    made = tokenizer_of(["a blue heart", "a blue house"] * 3, 600, 12)
    assert len(made) <= 600
    made.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    texts = ["A blue heart", "zebra é 7"]
    assert torch.equal(tokens_of(made, texts), tokens_of(again, texts))
    assert made.decode(made("zebra é 7").input_ids, skip_special_tokens=True).strip() == "zebra é 7"
    assert tokens_of(made, ["word " * 40]).shape == (1, 12)


def test_words_come_from_tables_and_from_texts(icons: Path, tmp_path: Path) -> None:
    found = read_captions(icons, None, Selection(skip={"skin_tone": "1"}, styles={"icons": "flat"}))
    assert found["red.png"] == Caption("red square", ("shape", "box"), "flat") and "yellow.png" not in found
    table = tmp_path / "own.csv"
    table.write_text('file,text\nred.png,"a box, red"\n')
    assert read_captions(icons, table, Selection()) == {"red.png": Caption("a box, red")}
    (icons / "captions.tsv").unlink()
    with pytest.raises(UsageError, match="no words"):
        read_captions(icons, None, Selection())
    (icons / "blue.txt").write_text("the blue\none")
    assert read_captions(icons, None, Selection()) == {"blue.png": Caption("the blue one")}
    table.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="columns"):
        read_captions(icons, table, Selection())


def test_sources_are_drawn_as_often_as_told(icons: Path, tmp_path: Path) -> None:
    other = tmp_path / "tiles"
    other.mkdir()
    Image.new("RGBA", (8, 8), (1, 2, 3, 255)).save(other / "x.png")
    (other / "x.txt").write_text("stone")
    found = read_captioned([icons, other], None, Selection(side=16, shares={"tiles": 0.25}))
    assert found.shares[-1] == pytest.approx(0.25) and found.shares[:-1].sum() == pytest.approx(0.75)


def test_pixel_art_keeps_its_pixels_and_transparency_its_shape() -> None:
    tile = np.zeros((8, 8, 4), np.uint8)
    tile[2, 3] = (200, 100, 50, 255)
    made = icon_square(tile, 32)
    assert (made[8:12, 12:16] == tile[2, 3]).all() and made[..., 3].sum() == 16 * 255
    wide = icon_square(np.full((10, 20, 4), 255, np.uint8), 10)
    assert (wide == 255).all()  # an opaque one is cut
    wide = np.full((10, 20, 4), 255, np.uint8)
    wide[0, 0, 3] = 0
    assert icon_square(wide, 20)[:5, :, 3].max() == 0  # another is kept whole


@pytest.mark.parametrize("word", [one for one in augmentation.COLOURS if one not in ("black", "white", "gray", "brown")])
def test_a_picture_in_another_colour_has_that_colour(word: str) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[2:14, 2:14] = (210, 40, 30, 255)
    hue = augmentation.main_hue(pixels)
    assert hue is not None
    made = augmentation.recolour(pixels, hue, word)
    found = augmentation.main_colour(made)
    assert found is not None and found[0] == word
    assert np.array_equal(made[..., 3], pixels[..., 3])


def test_hues_turn_into_colours_and_back() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (500, 3)).astype(np.uint8)
    assert np.abs(augmentation.from_hsv(augmentation.to_hsv(colours)) - colours).max() < 0.51


def test_made_pictures_have_true_words(icons: Path) -> None:
    pictures = read_captioned([icons], None, Selection(side=16))
    options = augmentation.AugmentationOptions(2, pairs=3, hats=3, hat_wearers=("shape",), hat_names=("flat hat",))
    pixels, captions = augmentation.augment_pictures(pictures, options)
    names = [caption.name for caption in captions]
    assert len(pixels) == len(names) and any("hat" in name and "square" in name for name in names)
    for made, name in zip(pixels[:8], names[:8], strict=True):
        colour = augmentation.main_colour(made)
        assert colour is None or colour[0] in name.split()[0] or colour[0] in ("black", "gray", "white", "brown", "orange")
    again, same = augmentation.augment_pictures(pictures, options)
    assert same == captions and all(np.array_equal(a, b) for a, b in zip(pixels, again, strict=True))
    assert augmentation.augment_pictures(pictures, augmentation.AugmentationOptions(2, kept=("shape",))) == ([], [])


def test_captions_are_worded_in_many_ways_and_keep_their_style() -> None:
    rng = np.random.default_rng(0)
    found = {
        augmentation.augment_caption(Caption("cat", ("animal", "pet", "face"), "pixel art"), "orange", rng) for _ in range(200)
    }
    assert "cat, pixel art" in found and "a cat, pixel art" in found and "orange cat, pixel art" in found
    assert all(one.endswith(", pixel art") for one in found) and len(found) > 15
    assert augmentation.without_colour(Caption("blue heart", ("blue", "love"))) == Caption("heart", ("love",))


def test_ranks_count_those_that_are_nearer(icons: Path) -> None:
    real = np.eye(4)
    made = np.array([[1.0, 0.1, 0, 0], [0.9, 0.2, 0, 0]])
    assert ranks(distances(made, real), np.array([0, 1])).tolist() == [1, 2]
    pictures = read_captioned([icons], None, Selection(side=16))
    assert len(names_to_draw(pictures, 3)) == 3


def test_words_predict_their_pictures_before_the_denoiser(
    icons: Path, recipe: Path, tmp_path: Path, genkit: Callable[..., Any]
) -> None:
    words = "[stages.prior.data]\nbatch = 16\n[stages.prior.loop]\nsteps = 60\nlearning_rate = 1e-2\nema = 0.9\n"
    words += "log_every = 30\neval_every = 1\nsheet_every = 60\n"
    recipe.write_text(CONFIG + words)
    run = tmp_path / "run"
    told = ("train", "txt2img", "--config", recipe, "--data", icons, "--out", run, "--device", "cpu")
    outcome = genkit(*told, "--set", "stages.prior.loop.steps=1", "--set", "stages.denoiser.network.denoiser.pooled=true")
    assert outcome.code == 0, outcome.err
    outcome = genkit(*told, "--resume", "--set", "stages.denoiser.network.denoiser.pooled=true")
    assert outcome.code == 0, outcome.err
    said = [json.loads(line)["prior_error"] for line in (run / "prior" / "log.jsonl").read_text().splitlines()]
    assert said[-1] < 0.7 * said[0], said
    assert (run / "prior" / "sheet-0000060.png").exists()
    metrics = tomllib.loads((run / "tiny-icons.toml").read_text())["metrics"]
    assert metrics["prior_error"] == pytest.approx(said[-1], rel=1e-2) and "prior_error:" in metrics["protocol"]
    assert json.loads((run / "tiny-icons" / "unet" / "config.json").read_text())["addition_embed_type"] == "text"
    drawn = genkit("txt2img", "a red square", "--model", run / "tiny-icons.toml", "--steps", "2", "-o", tmp_path / "a.png")
    assert drawn.code == 0 and (tmp_path / "a.png").exists(), drawn.err


def test_a_folder_in_eight_bits_is_refused(icons: Path, recipe: Path, tmp_path: Path, genkit: Callable[..., Any]) -> None:
    outcome = genkit("train", "txt2img", "--config", recipe, "--data", icons, "--out", tmp_path / "run", "--set", "bits=8")
    assert outcome.code == 2 and "bits = 8" in outcome.err and not (tmp_path / "run").exists()


def test_a_configuration_without_stages_is_told(icons: Path, recipe: Path, tmp_path: Path, genkit: Callable[..., Any]) -> None:
    recipe.write_text(CONFIG.partition("[stages")[0])
    outcome = genkit("train", "txt2img", "--config", recipe, "--data", icons, "--out", tmp_path / "run")
    assert outcome.code == 2 and "stages.autoencoder" in outcome.err
    assert json.dumps(outcome.err)


def test_words_of_a_zip_are_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zipfile

    from genkit.data import captions as captioned

    for name in ("table", "beside"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("a.png", b"x")
            text = "captions.tsv" if name == "table" else "a.txt"
            archive.writestr(text, "file\tname\na.png\ta cat\n" if name == "table" else "a cat")
        source = tmp_path / f"{name}.zip"
        assert captioned.read_captions(source, None, captioned.Selection())["a.png"].name == "a cat"
        monkeypatch.setattr(captioned, "LARGEST_TABLE", 4)
        monkeypatch.setattr(captioned, "LARGEST_TEXT", 4)
        with pytest.raises(UsageError, match="cannot be read as text"):
            captioned.read_captions(source, None, captioned.Selection())
        monkeypatch.undo()
