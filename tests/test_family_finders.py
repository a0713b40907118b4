"""CLIPSeg and SAM 3 with tiny random weights, through a hub, their cards and `--mask WORD`; and words that no model knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_finders
import torch
from conftest import Run
from hub import COMMIT, FakeHub, serving
from on_tensors import OnTensors
from PIL import Image
from red_subject import red_card, red_picture
from test_cli_inpaint import filler, inpaint_weights  # noqa: F401 - fixtures
from tiny_voices import publish

from genkit import cards, weights
from genkit.errors import UsageError, WeightsError
from genkit.media.recipe import read_recipe
from genkit.models import load_model

CPU, FULL = torch.device("cpu"), torch.float32


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def card(home: Path, hub: FakeHub, like: str, folder: Path) -> str:
    """A published card under another name, of a repository on the test's hub."""
    published = cards.find(like, "mask")
    assert published.hub is not None
    lines = [
        line
        for line in published.toml.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("aliases", "recommended", "gated", "commercial", "size = 352"))
    ]
    text = "\n".join(lines).replace(f'name = "{like}"', f'name = "tiny-{like}"\ncommercial = true')
    text = text.replace(published.hub.repo, f"maker/{like}").replace(published.hub.revision, COMMIT)
    text = text.replace("[params]", "[params]\nsize = 32")
    place = home / "cards" / "mask"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"tiny-{like}.toml").write_text(text, encoding="utf-8")
    publish(hub, f"maker/{like}", folder)
    return f"tiny-{like}"


def loaded(name: str) -> Any:
    found = cards.find(name, "mask")
    return OnTensors(load_model(found, weights.resolve(found, announce=lambda text: None), CPU, FULL))


def test_clipseg_is_what_transformers_makes(hub: FakeHub, own_folders: Path, tmp_path: Path) -> None:
    from transformers import CLIPSegForImageSegmentation, CLIPSegProcessor, CLIPTokenizer, ViTImageProcessor

    folder = tiny_finders.clipseg(tmp_path / "clipseg")
    model = loaded(card(own_folders, hub, "clipseg", folder))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    looks = ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=model.mean, image_std=model.std)
    processor = CLIPSegProcessor(looks, CLIPTokenizer.from_pretrained(folder))
    inputs = processor(text=["a sky"], images=[Image.fromarray(pixels)], return_tensors="pt")
    with torch.no_grad():
        wanted = CLIPSegForImageSegmentation.from_pretrained(folder).eval()(**inputs).logits.sigmoid().reshape(1, 1, 32, 32)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    assert torch.allclose(model(images, "a sky"), wanted, atol=1e-4) and float(wanted.std()) > 1e-3
    assert not torch.allclose(model(images, "tree"), wanted, atol=1e-3), "words count"
    mask = model(torch.rand(2, 3, 50, 41), "sky")
    assert mask.shape == (2, 1, 50, 41) and mask.dtype == torch.float32 and 0 <= float(mask.min()) <= float(mask.max()) <= 1
    with pytest.raises(UsageError, match=r"26 tokens, and the model reads 24"):
        model(images, "so very many words of one mask")


@pytest.mark.parametrize("with_tracker", [True, False])
def test_sam3_is_what_transformers_makes(hub: FakeHub, own_folders: Path, tmp_path: Path, with_tracker: bool) -> None:
    from transformers import CLIPTokenizer, Sam3ImageProcessor, Sam3Model, Sam3Processor

    alone = tiny_finders.sam3(tmp_path / "alone", with_tracker=False)
    folder = tiny_finders.sam3(tmp_path / "sam3", with_tracker=with_tracker)
    model = loaded(card(own_folders, hub, "sam3", folder))
    pixels = np.random.default_rng(0).integers(0, 256, (56, 56, 3), np.uint8)
    processor = Sam3Processor(Sam3ImageProcessor(size={"height": 56, "width": 56}), CLIPTokenizer.from_pretrained(folder))
    inputs = processor(images=Image.fromarray(pixels), text="red car", return_tensors="pt")
    with torch.no_grad():
        found = Sam3Model.from_pretrained(alone).eval()(
            **{key: value for key, value in inputs.items() if key in ("pixel_values", "input_ids", "attention_mask")}
        )
    wanted = torch.nn.functional.interpolate(found.semantic_seg, (56, 56), mode="bilinear", antialias=True).sigmoid()
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    assert model.size == 56 and torch.allclose(model(images, "red car"), wanted, atol=1e-4) and float(wanted.std()) > 1e-3
    assert not torch.allclose(model(images, "dog"), wanted, atol=1e-4), "words count"
    assert model(torch.rand(2, 3, 30, 70), "sky").shape == (2, 1, 30, 70)


def test_what_is_missing_is_named(hub: FakeHub, own_folders: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_finders.sam3(tmp_path / "sam3")
    state = load_file(folder / "model.safetensors")
    state.pop("detector_model.text_projection.weight")
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack text_projection\.weight"):
        loaded(card(own_folders, hub, "sam3", folder))


def test_a_word_repaints_what_it_names(
    hub: FakeHub,
    own_folders: Path,
    tmp_path: Path,
    genkit: Run,
    filler: tuple[str, str],  # noqa: F811
) -> None:
    photo = red_picture(tmp_path / "photo.png")
    folder = tiny_finders.clipseg(tmp_path / "clipseg")
    before = np.array(Image.open(photo))
    first = loaded(card(own_folders, hub, "clipseg", folder))(torch.from_numpy(before).permute(2, 0, 1)[None] / 255, "sky")
    weights.remove(cards.find("tiny-clipseg"))
    name = card(own_folders, hub, "clipseg", tiny_finders.lowered(folder, float(first.logit().median())))
    (tmp_path / "sky").mkdir()  # no folder, where a model is named that knows the word
    words = ("inpaint", photo, "--mask", "sky", "--mask-model", name, "--grow", 0, "--feather", 0, *filler)
    done = genkit(*words, "-o", "out.png")
    assert done.code == 0, done.err
    after = np.array(Image.open("out.png"))
    changed = (before != after).any(2)
    from genkit.pixels.subject import find_subject

    model = loaded(name)
    found = find_subject(lambda images: model.model(images, "sky"), before, None).alpha > 127  # type: ignore[arg-type]
    assert 0 < found.mean() < 1 and not changed[~found].any() and changed[found].mean() > 0.9
    recipe = read_recipe(Path("out.png"))
    assert recipe is not None and recipe["options"]["mask"] == "sky" and recipe["options"]["mask_model"] == name
    replayed = genkit("replay", "out.png", "-o", "again.png")
    assert replayed.code == 0 and np.array_equal(np.array(Image.open("again.png")), after), replayed.err
    Image.effect_noise((64, 64), 80).convert("RGB").save("style.png")
    styled = genkit("style", photo, "--style", "style.png", "--mask", "sky", "--mask-model", name, "-o", "styled.png")
    assert styled.code == 0 and not (np.array(Image.open("styled.png")) != before).any(2)[~found].any(), styled.err
    empty = genkit(*words[:2], "--mask", "subject", "--mask-model", name, *filler)
    assert empty.code == 2 and f"--mask subject: {name} finds what words name, and no subject" in empty.err
    assert "genkit-cutout" in empty.err and "u2netp" in empty.err


def test_words_that_the_model_does_not_know_are_refused_once(
    own_folders: Path,
    tmp_path: Path,
    genkit: Run,
    filler: tuple[str, str],  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    photo = red_picture(tmp_path / "photo.png")
    red = red_card(own_folders / "cards")
    for further, model in (((), "genkit-cutout"), (("--mask-model", red), red)):
        done = genkit("inpaint", photo, "--mask", "the sky", *further, *filler)
        assert done.code == 2, done.err
        assert f"--mask the sky: {model} finds subject and background alone, and no file has that name" in done.err
        assert "models with it: clipseg, sam3" in done.err and done.err.count("\n") <= 2
    done = genkit("style", photo, "--style", photo, "--mask", "sky")
    assert done.code == 2 and "models with it: clipseg, sam3" in done.err
    missing = genkit("inpaint", photo, "--mask", "sky.png", *filler)
    assert missing.code == 2 and "not found" in missing.err
    cut = genkit("cutout", photo, "--model", "clipseg")
    assert cut.code == 2 and "clipseg finds what words name, and is no model for cutout" in cut.err
    assert "--mask WORD --mask-model clipseg" in cut.err
