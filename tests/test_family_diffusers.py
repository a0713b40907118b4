"""The diffusers family as `inpaint` calls it, on tiny random pipelines: filling, options, memory, the published sizes."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from loaded_pipelines import EDITING, FILLING, card_for
from on_tensors import OnTensors

from genkit import cards
from genkit.errors import InputError, RunError, UsageError
from genkit.models import diffusers as family
from genkit.models.diffusers import fill as painting
from genkit.models.diffusers import offload as placing
from genkit.models.diffusers.pipelines import KINDS

SD = "StableDiffusionInpaintPipeline"
CPU, FULL = torch.device("cpu"), torch.float32
Load, Folders = Callable[[str], Any], Callable[[str], Path]


def scene(count: int = 1, height: int = 70, width: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(5))
    masks = torch.zeros(count, 1, height, width)
    masks[..., 20:50, 30:60] = 1
    return images, masks


@pytest.mark.parametrize("name", FILLING)
def test_a_pipeline_fills_by_the_shape(load_pipeline: Load, name: str) -> None:
    painter = OnTensors(load_pipeline(name))
    images, masks = scene(2)
    short = {"steps": 2, "prompt": "a red cat"}
    both = painter(images, masks, seeds=[1, 2], **short)
    assert both.shape == images.shape and both.dtype == torch.float32 and 0 <= both.min() < both.max() <= 1
    assert painter.stochastic and painter.size == (512 if name == SD else 1024) and painter.options[0] == "prompt"
    alone = painter(images[1:], masks[1:], seeds=[2], **short)
    assert (alone - both[1:]).abs().max() < 1 / 255, "one seed is one picture, whatever the batch"
    assert torch.equal(painter(images[1:], masks[1:], seeds=[2], **short), alone)
    assert (painter(images[1:], masks[1:], seeds=[3], **short) - alone).abs().max() > 0.1
    assert (painter(images[1:], masks[1:], seeds=[2], steps=2, prompt="nothing") - alone).abs().max() > 1 / 255


@pytest.mark.parametrize("name", FILLING)
def test_what_is_under_the_mask_counts_only_below_the_default_denoise(load_pipeline: Load, name: str) -> None:
    painter = OnTensors(load_pipeline(name))
    images, masks = scene()
    other = torch.where(masks > 0, 1 - images, images)

    def differ(**options: Any) -> float:
        return float((painter(images, masks, **options) - painter(other, masks, **options)).abs().max())

    assert differ(steps=2) == 0
    assert differ(steps=4, denoise=0.5) > 2 / 255


def test_steps_can_be_watched(load_pipeline: Load) -> None:
    painter = OnTensors(load_pipeline("ZImageInpaintPipeline"))
    seen: list[tuple[int, int]] = []
    painter.progress = lambda done, of: seen.append((done, of))
    try:
        painter(*scene(), steps=3)
    finally:
        painter.progress = None
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_guidance_and_negative_work_and_are_refused_where_they_would_not(load_pipeline: Load) -> None:
    painter = OnTensors(load_pipeline("ZImageInpaintPipeline"))
    plain = painter(*scene(), steps=2, guidance=3.0)
    assert (painter(*scene(), steps=2, guidance=3.0, negative="ugly") - plain).abs().max() > 0
    with pytest.raises(UsageError, match="does not look at the negative prompt") as caught:
        painter(*scene(), steps=2, negative="ugly")
    assert "--guidance above 0" in str(caught.value.hint)
    with pytest.raises(UsageError, match="has no option guidance"):
        OnTensors(load_pipeline("Flux2KleinInpaintPipeline"))(*scene(), guidance=3.0)
    with pytest.raises(UsageError, match="less than one step"):
        OnTensors(load_pipeline(SD))(*scene(), steps=3, denoise=0.1)


@pytest.mark.parametrize("name", FILLING)
def test_a_prompt_that_would_be_cut_is_refused(load_pipeline: Load, name: str) -> None:
    room = 77 if name.startswith("Stable") else 512
    with pytest.raises(UsageError, match=rf"--prompt is \d+ tokens long, and .* reads {room}"):
        OnTensors(load_pipeline(name))(*scene(), steps=2, prompt="x " * room)


def test_a_picture_that_the_pipeline_would_shrink_comes_back_at_its_size(
    load_pipeline: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = OnTensors(load_pipeline("Flux2KleinInpaintPipeline"))
    monkeypatch.setattr(painter.runner, "kind", dataclasses.replace(painter.runner.kind, most_pixels=128 * 128))
    images, masks = scene(1, 150, 300)
    assert painter(images, masks, steps=1).shape == images.shape


def test_the_safety_checker_withholds_and_can_be_turned_off(pipeline_folder: Folders, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(pipeline_folder(SD), tmp_path / "strict")
    weights_file = folder / "safety_checker/model.safetensors"
    state = load_file(weights_file)
    state["concept_embeds_weights"].fill_(-2)  # below any cosine: everything is flagged
    save_file(state, weights_file, metadata={"format": "pt"})
    painter = OnTensors(family.load(card_for(SD), {"root": folder}, CPU, FULL))
    with pytest.raises(InputError, match="safety checker of sd15-inpaint withheld") as caught:
        painter(*scene(), steps=2)
    assert caught.value.code == "withheld" and "safety=no" in str(caught.value.hint)
    assert painter(*scene(), steps=2, safety=False).std() > 0
    with pytest.raises(InputError):
        painter(*scene(), steps=2, safety=True)


def test_hidden_holes_take_the_colour_around_them() -> None:
    images, masks = torch.full((1, 3, 40, 60), 0.25), torch.zeros(1, 1, 40, 60)
    masks[..., 5:35, 10:50] = 1
    assert torch.allclose(painting.hide(torch.where(masks > 0, 0.9, images), masks), images, atol=1e-6)
    assert painting.hide(images, torch.ones_like(masks)).eq(0.5).all()
    assert torch.equal(painting.hide(images, torch.zeros_like(masks)), images)


# --- memory -------------------------------------------------------------------------------------------------------------


def test_the_quickest_placement_that_fits_is_taken() -> None:
    gib = placing.GIB
    sdxl = [5 * gib, gib, gib // 4]
    assert placing.choose_placement(sdxl, 1024, 24 * gib) == "whole"
    assert placing.choose_placement(sdxl, 1024, 10 * gib) == "model"
    assert placing.choose_placement(sdxl, 1024, 6 * gib) == "sequential"
    assert placing.choose_placement(sdxl, 512, int(7.5 * gib)) == "whole", "small pictures need less room"


def test_weights_that_do_not_fit_are_refused_before_they_are_read(
    pipeline_folder: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing.runtime, "free_memory", lambda device: 1000)
    with pytest.raises(RunError, match=r"its weights take .* in float32") as caught:
        family.load(card_for(SD), {"root": pipeline_folder(SD)}, CPU, FULL)
    assert "bfloat16" in str(caught.value.hint)


def test_a_loaded_pipeline_moves_to_another_format(pipeline_folder: Folders) -> None:
    name = "ZImageInpaintPipeline"
    painter = OnTensors(family.load(card_for(name), {"root": pipeline_folder(name)}, CPU, torch.bfloat16))
    assert painter(*scene(), steps=1).dtype == torch.float32 and painter.dtype == torch.bfloat16
    painter.to("cpu", "float32")
    assert painter.pipeline.transformer.dtype == torch.float32 and painter(*scene(), steps=1).std() > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("placement", ["whole", "model", "sequential"])
def test_a_gpu_gives_nearly_the_same_picture(
    pipeline_folder: Folders, load_pipeline: Load, placement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "choose_placement", lambda sizes, side, free: placement)
    painter = OnTensors(family.load(card_for(SD), {"root": pipeline_folder(SD)}, torch.device("cuda"), FULL))
    assert painter.runner.placement == placement
    there = painter(*scene(), steps=2, prompt="a cat", seeds=[1])
    assert painter.device.type == "cuda"
    assert (there - OnTensors(load_pipeline(SD))(*scene(), steps=2, prompt="a cat", seeds=[1])).abs().mean() < 0.01
    painter.to("cpu", "float32")
    assert painter.device.type == "cpu" and painter(*scene(), steps=1).std() > 0


def test_the_family_costs_nothing_until_it_loads() -> None:
    script = "import sys, genkit.models.diffusers; print({'torch', 'diffusers', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- the published sizes ------------------------------------------------------------------------------------------------


def test_networks_at_full_size_are_as_large_as_the_published_files() -> None:
    """Parameters, built without memory, against the bytes of the files, which hold some more for names."""
    from diffusers import Flux2Transformer2DModel, UNet2DConditionModel, ZImageTransformer2DModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(sample_size=64, in_channels=9, cross_attention_dim=768, attention_head_dim=8)
        zimage = ZImageTransformer2DModel()
        klein = Flux2Transformer2DModel(
            num_layers=5, num_single_layers=20, num_attention_heads=24, joint_attention_dim=7680, guidance_embeds=False
        )
    assert unet.conv_in.weight.shape == (320, 9, 3, 3)
    for network, bytes_each, published in (
        (unet, 4, 3_438_412_325),
        (zimage, 4, 9_973_693_184 + 9_973_714_824 + 4_672_282_880),
        (klein, 2, 7_751_109_744),
    ):
        size = sum(value.numel() for value in network.parameters()) * bytes_each
        assert 0 < published - size < 300_000


def test_every_card_names_a_pipeline_that_is_there() -> None:
    import diffusers

    for name, shipped in (FILLING | EDITING).items():
        card = cards.find(shipped)
        assert card.params["pipeline"] == name in KINDS and hasattr(diffusers, name)
        assert card.hub is not None and (len(card.hub.revision) == 40 or not card.verified)
        assert not any(pattern.endswith((".bin", ".ckpt", "*")) for pattern in card.hub.patterns), "weights by name"
