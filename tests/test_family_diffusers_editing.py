"""Editing and image-to-image pipelines as `translate` calls them, on tiny random ones in the published folder layout."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Run
from hub import COMMIT, FakeHub, serving
from loaded_pipelines import EDITING, card_for
from on_tensors import OnTensors
from PIL import Image

from genkit import cards, models
from genkit.errors import InputError, UsageError, WeightsError
from genkit.models.diffusers import edit as editing
from genkit.models.diffusers import load as load_family

PIX2PIX, KLEIN, QWEN = "StableDiffusionInstructPix2PixPipeline", "Flux2KleinPipeline", "QwenImageEditPlusPipeline"
LONGCAT = "LongCatImageEditPipeline"
IMG2IMG = [name for name in EDITING if "Img2Img" in name]
SIDE = 128  # what the tiny ones work at, in place of 512 and 1024

CPU, FULL = torch.device("cpu"), torch.float32
Load, Folders = Callable[[str], Any], Callable[[str], Path]


@pytest.fixture(scope="session")
def load_editor(pipeline_folder: Folders) -> Iterator[Load]:
    """As `load_pipeline`, with cards and a pipeline that work at small pictures."""
    from diffusers.pipelines.longcat_image import pipeline_longcat_image_edit as longcat
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as qwen

    before, sides_of = qwen.VAE_IMAGE_SIZE, longcat.calculate_dimensions
    qwen.VAE_IMAGE_SIZE = SIDE**2
    longcat.calculate_dimensions = lambda area, ratio: sides_of(SIDE**2, ratio)
    made: dict[str, Any] = {}

    def editor(name: str) -> Any:
        if name not in made:
            card = card_for(name, limits={"size": SIDE})
            made[name] = models.load_model(card, {"root": pipeline_folder(name)}, CPU, FULL)
            runner = made[name].runner
            if runner.kind.area:
                runner.kind = dataclasses.replace(runner.kind, area=SIDE**2)
        return OnTensors(made[name])

    yield editor
    qwen.VAE_IMAGE_SIZE, longcat.calculate_dimensions = before, sides_of


def scene(count: int = 1, height: int = 110, width: int = 141) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", EDITING)
def test_a_pipeline_edits_by_the_shape(load_editor: Load, name: str) -> None:
    editor = load_editor(name)
    images = scene(2)
    short = {"steps": 3, "prompt": "a red cat"}
    both = editor(images, seeds=[1, 2], **short)
    assert both.shape == images.shape and both.dtype == torch.float32 and 0 <= both.min() < both.max() <= 1
    assert editor.stochastic and editor.whole and editor.size == SIDE and editor.options[0] == "prompt" and not editor.fallback
    alone = editor(images[1:], seeds=[2], **short)
    assert (alone - both[1:]).abs().max() < 1 / 255, "one seed is one picture, whatever the batch"
    assert torch.equal(editor(images[1:], seeds=[2], **short), alone)
    assert (editor(images[1:], seeds=[3], **short) - alone).abs().max() > 2 / 255
    # networks of random weights hardly mix what they see beside the noise into it
    assert (editor(images[1:], seeds=[2], steps=3, prompt="nothing") - alone).abs().max() > 1e-4
    assert (editor(1 - images[1:], seeds=[2], **short) - alone).abs().max() > 1e-4, "it sees the picture"


@pytest.mark.parametrize("name", IMG2IMG)
def test_denoise_says_how_far_to_go(load_editor: Load, name: str) -> None:
    editor = load_editor(name)
    near, far = (editor(scene(), steps=10, denoise=denoise) for denoise in (0.1, 0.9))
    again = editor(1 - scene(), steps=10, denoise=0.9)
    assert (near - far).abs().max() > 2 / 255
    assert (editor(1 - scene(), steps=10, denoise=0.1) - near).abs().mean() > (again - far).abs().mean()
    with pytest.raises(UsageError, match="less than one step"):
        editor(scene(), steps=3, denoise=0.1)


@pytest.mark.parametrize("name", [PIX2PIX, KLEIN])
def test_steps_can_be_watched(load_editor: Load, name: str) -> None:
    editor = load_editor(name)
    seen: list[tuple[int, int]] = []
    editor.progress = lambda done, of: seen.append((done, of))
    try:
        editor(scene(2), steps=2)
    finally:
        editor.progress = None
    # a pipeline that edits one picture in a call goes on counting with the second; the scheduler of the other takes a third
    steps = 3 if name == PIX2PIX else 4
    assert seen == [(step, steps) for step in range(1, steps + 1)]


def test_options_that_only_some_have(load_editor: Load) -> None:
    pix2pix = load_editor(PIX2PIX)
    plain = pix2pix(scene(), steps=2)
    assert (pix2pix(scene(), steps=2, image_guidance=4.0) - plain).abs().max() > 0
    for option in ("image_guidance", "guidance", "negative", "denoise"):
        with pytest.raises(UsageError, match=f"has no option {option}"):
            load_editor(KLEIN)(scene(), **{option: 2.0})
    with pytest.raises(UsageError, match="does not look at the negative prompt"):
        pix2pix(scene(), steps=2, guidance=1.0, negative="ugly")


def test_guidance_of_two_passes_needs_no_negative_prompt(load_editor: Load) -> None:
    qwen = load_editor(QWEN)
    one, two = (qwen(scene(), steps=2, prompt="a cat", guidance=guidance) for guidance in (1.0, 4.0))
    assert (one - two).abs().max() > 1e-4
    assert (qwen(scene(), steps=2, prompt="a cat", guidance=4.0, negative="blue") - two).abs().max() > 0


@pytest.mark.parametrize("name", [PIX2PIX, KLEIN, QWEN, LONGCAT])
@pytest.mark.parametrize("sides", [(300, 420), (20, 30), (9, 400), (1, 1)])
def test_pictures_of_any_size_keep_it(load_editor: Load, name: str, sides: tuple[int, int]) -> None:
    editor = load_editor(name)
    result = editor(scene(1, *sides), steps=2)
    assert result.shape[-2:] == sides and result.isfinite().all()


def test_the_size_to_work_at() -> None:
    assert editing.working_sides(512, 640, 512) == (512, 640), "near enough: not one pixel is resized"
    assert editing.working_sides(4000, 6000, 1024) == (836, 1254)
    assert editing.working_sides(100, 100, 512) == (512, 512)
    height, width = editing.working_sides(10, 10000, 512)
    assert height == 1 and width == round(7**0.5 * 512)
    assert editing.sides_of_area(1024 * 1024, 3000, 4000) == (896, 1184)


def test_the_safety_checker_withholds(pipeline_folder: Folders, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(pipeline_folder(PIX2PIX), tmp_path / "strict")
    path = folder / "safety_checker/model.safetensors"
    state = load_file(path)
    state["concept_embeds_weights"].fill_(-2)  # below any cosine: everything is flagged
    save_file(state, path, metadata={"format": "pt"})
    editor = OnTensors(load_family(card_for(PIX2PIX, limits={"size": SIDE}), {"root": folder}, CPU, FULL))
    with pytest.raises(InputError, match="safety checker of instruct-pix2pix withheld"):
        editor(scene(), steps=1)
    assert editor(scene(), steps=1, safety=False).std() > 0


def test_another_folder_is_refused_by_name(pipeline_folder: Folders, tmp_path: Path) -> None:
    for name, other in ((PIX2PIX, IMG2IMG[0]), (KLEIN, PIX2PIX), (QWEN, KLEIN), (IMG2IMG[0], PIX2PIX)):
        with pytest.raises(WeightsError, match=f"which {name} cannot run") as caught:
            load_family(card_for(name), {"root": pipeline_folder(other)}, CPU, FULL)
        assert str(pipeline_folder(other)) in caught.value.message
    folder = shutil.copytree(pipeline_folder(QWEN), tmp_path / "wordless")
    for path in (folder / "processor").glob("*token*"):
        path.unlink()
    with pytest.raises(WeightsError, match=r"processor lacks tokenizer\.json, or vocab\.json and merges\.txt"):
        load_family(card_for(QWEN), {"root": folder}, CPU, FULL)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


CARD = f"""
name = "tiny-edit"
tasks = ["translate"]
family = "diffusers"
summary = "For tests."
licence = "MIT"
commercial = true
source = "https://example.org"
verified = false
params = {{ pipeline = "{PIX2PIX}" }}
limits = {{ size = {SIDE} }}
options.prompt = {{ type = "str", default = "" }}
options.steps = {{ type = "int", default = 2, minimum = 1, maximum = 9 }}
hub = {{ repo = "maker/tiny", revision = "{COMMIT}", patterns = ["model_index.json", "*/*.json", "*/*.safetensors"] }}
"""


def test_genkit_translate_edits_as_told(
    hub: FakeHub, pipeline_folder: Folders, genkit: Run, tmp_path: Path, picture: Callable[..., Path]
) -> None:
    folder = pipeline_folder(PIX2PIX)
    files = [path for path in folder.rglob("*") if path.is_file()]
    hub.add_repo("maker/tiny", {path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    path = cards.user_folder() / "translate" / "tiny-edit.toml"
    path.parent.mkdir(parents=True)
    path.write_text(CARD, encoding="utf-8")
    photo = picture(tmp_path / "photo.png", 190, 140)
    words = ("translate", photo, "--model", "tiny-edit", "--prompt", "make it winter", "--device", "cpu")
    made = {}
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        done = genkit(*words, "--seed", seed, "-o", tmp_path / f"{name}.png", terminals="stderr")
        assert done.code == 0, done.err
        made[name] = np.asarray(Image.open(tmp_path / f"{name}.png"))
    assert made["a"].shape == (140, 190, 3) and (made["a"] == made["b"]).all() and (made["a"] != made["c"]).any()
    shown = genkit("show", tmp_path / "c.png").out
    assert "--seed 8" in shown and "prompt=make it winter" in shown.replace("'", "")
    refused = genkit(*words, "--denoise", "0.5", "-o", tmp_path / "d.png")
    assert refused.code == 2 and "sd15-img2img" in refused.err, "it names the models that have it"
