"""Text to image: every pipeline class on tiny folders, what each option changes, and that a batch changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from on_tensors import OnTensors

from genkit import cards, models
from genkit.errors import UsageError, WeightsError
from genkit.models.diffusers.pipelines import DRAWING

PUBLISHED = {
    "StableDiffusionPipeline": "sd15",
    "StableDiffusionXLPipeline": "sdxl",
    "FluxPipeline": "flux1-schnell",
    "ZImagePipeline": "zimage-turbo",
    "Flux2KleinPipeline": "flux2-klein-4b",
    "QwenImagePipeline": "qwen-image-2512",
}
SD, XL, FLUX = "StableDiffusionPipeline", "StableDiffusionXLPipeline", "FluxPipeline"
CPU = torch.device("cpu")
Folders = Callable[[str], Path]


@pytest.fixture
def draw(pipeline_folder: Folders) -> Callable[..., Any]:
    def load(name: str = SD, **changes: Any) -> Any:
        card = cards.find(PUBLISHED[name])
        card = dataclasses.replace(
            card, limits={**card.limits, "size": 64}, params={"pipeline": name, **changes}, dtypes=("float32",)
        )
        return OnTensors(models.load_model(card, {"root": pipeline_folder(name)}, CPU, torch.float32))

    return load


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_pipeline_draws_the_same_alone_and_in_a_batch(draw: Callable[..., Any], name: str) -> None:
    model = draw(name)
    prompts, seeds = ["a cat", "a much longer prompt than the others have", "dog"], [1, 2, 3]
    together = model(prompts, seeds, steps=2)
    assert together.shape == (3, 3, 64, 64) and together.dtype == torch.float32 and together.isfinite().all()
    assert together.min() >= 0 and together.max() <= 1 and together.std() > 0.01
    for place in (1, 2):
        alone = model(prompts[place : place + 1], seeds[place : place + 1], steps=2)
        assert (alone[0] - together[place]).abs().max() <= 1 / 255
    assert (together[0] - together[2]).abs().mean() > 0.01, "another prompt and seed, another picture"
    assert model(["x"], [1], steps=1, width=70, height=100).shape == (1, 3, 100, 70)
    if model.starts:
        start = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        assert model(["a cat"], [1], steps=4, init=start, denoise=0.5).shape == (1, 3, 64, 64)
    else:
        with pytest.raises(UsageError, match="cannot start from a picture"):
            model(["a cat"], [1], init=torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_sampler_of_every_pipeline_makes_a_picture(draw: Callable[..., Any], name: str) -> None:
    model = draw(name)
    steps = 2 if name == SD else 4  # of fewer, samplers that go the same way make the same picture
    plain = model(["a cat"], [1], steps=steps)
    changed = 0
    # the two noise models have the same samplers; one of them is asked for those that draw noise as they go
    for scheduler in model.schedulers() if name != XL else ("euler-a", "dpmpp-2m-sde-karras"):
        model.configure(scheduler=scheduler)
        made = model(["a dog", "a cat"], [2, 1], steps=steps)
        assert made.isfinite().all(), scheduler
        assert (model(["a cat"], [1], steps=steps)[0] - made[1]).abs().max() <= 1 / 255, f"{scheduler} in a batch"
        changed += bool((made[1] - plain[0]).abs().max() > 1 / 255)
    assert changed >= 1
    model.use_scheduler(None)
    assert torch.equal(model(["a cat"], [1], steps=steps), plain), "and back to its own"
    with pytest.raises(UsageError, match="no scheduler"):
        model.configure(scheduler="eulr")
    if name not in (SD, XL):
        with pytest.raises(UsageError, match="a flow model and does not sample with ddim"):
            model.configure(scheduler="ddim")


@pytest.mark.parametrize("name", PUBLISHED)
def test_steps_are_told_and_shown(draw: Callable[..., Any], name: str) -> None:
    model = draw(name)
    told: list[tuple[int, int]] = []
    seen: list[tuple[int, np.ndarray]] = []
    model.progress = lambda done, of: told.append((done, of))
    model.watch = lambda done, images: seen.append((done, images))
    made = model(["a cat", "dog"], [1, 2], steps=3)
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1)) and [done for done, _ in seen] == [
        one for one, _ in told
    ]
    last = seen[-1][1]
    assert last.shape[:2] == (2, 3) and last.shape[-1] < made.shape[-1] and np.isfinite(last).all()
    assert last.min() >= 0 and last.max() <= 1


def test_a_preview_is_near_the_picture_of_an_autoencoder_that_is_linear(draw: Callable[..., Any]) -> None:
    """Random autoencoders are not; here latents are block means, so that the preview must be what is decoded."""
    from types import SimpleNamespace

    from torch.nn.functional import avg_pool2d, interpolate

    from genkit.models.diffusers.previews import Preview

    class Means(torch.nn.Module):
        config = SimpleNamespace(scaling_factor=0.5, in_channels=3)

        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def encode(self, images: torch.Tensor) -> Any:
            return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: avg_pool2d(images, 8)))

    model = draw()
    model.configure(scheduler="euler")
    model(["a"], [1], steps=2)
    preview = Preview(model.pipeline, Means(), 8)
    picture = torch.rand(1, 3, 8, 8)
    shown = preview((picture * 2 - 1) * 0.5, 1, 64, 64)
    assert shown.shape == (1, 3, 16, 16)
    assert (avg_pool2d(shown, 2) - picture).abs().max() < 0.1 and interpolate(picture, (16, 16)).shape == shown.shape


# --- prompts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [SD, XL])
def test_clip_reads_long_prompts_in_pieces_and_weighs_them(draw: Callable[..., Any], name: str) -> None:
    model = draw(name)
    assert model.window == 77 and model.chunks and model.weighting
    short, long = "a cat", "a cat " + "and a very long list of other things " * 4
    assert model.count_tokens(long) > 77 > model.count_tokens(short)
    cut = long[:70]
    first, other = model([long], [1], steps=2), model([cut], [1], steps=2)
    assert (first - other).abs().max() > 1 / 255, "what is behind the window is read, too"
    both = model([short, long], [1, 1], steps=2)
    assert (both[1] - first[0]).abs().max() <= 1 / 255
    assert (both[0] - model([short], [1], steps=2)[0]).abs().max() <= 1 / 255, "a long neighbour changes nothing"
    against = model([short], [1], steps=2, negative=long, guidance=5.0)
    assert (against - model([short], [1], steps=2, guidance=5.0)).abs().max() > 1 / 255
    weighted = model([[("a ", 1.0), ("cat", 1.6)]], [1], steps=2)
    assert (weighted - model([short], [1], steps=2)).abs().max() > 1 / 255
    assert (model([[("a ", 1.0), ("cat", 1.0)]], [1], steps=2) - model([short], [1], steps=2)).abs().max() < 1e-4


@pytest.mark.parametrize("name", [SD, XL])
def test_what_we_read_is_what_the_pipeline_reads(draw: Callable[..., Any], name: str) -> None:
    from genkit.models.diffusers.prompts import encode

    model = draw(name)
    own = encode(model.pipeline, "a red bicycle", 1)
    theirs = model.pipeline.encode_prompt(
        "a red bicycle", device=CPU, num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    assert torch.allclose(own.states, theirs[0], atol=1e-5)
    if name == XL:
        assert own.pooled is not None and torch.allclose(own.pooled, theirs[2], atol=1e-5)


@pytest.mark.parametrize("name", [FLUX, "ZImagePipeline", "Flux2KleinPipeline", "QwenImagePipeline"])
def test_others_refuse_what_they_would_cut(draw: Callable[..., Any], name: str) -> None:
    model = draw(name)
    assert not model.chunks and not model.weighting
    long = "word " * model.window
    with pytest.raises(UsageError, match=rf"is {model.count_tokens(long)} tokens long, and .* reads {model.window}"):
        model([long], [1])
    with pytest.raises(UsageError, match="takes no weights"):
        model([[("cat", 1.5)]], [1])
    with pytest.raises(UsageError, match=r"no negative prompt|does not look at the negative|tokens long"):
        model(["cat"], [1], negative="dog " if model.name != "qwen-image-2512" else long)


def test_options_that_do_not_go_together_are_refused(draw: Callable[..., Any]) -> None:
    model = draw()
    for wrong, message in (
        ({"negative": "x", "guidance": 1.0}, "does not look at the negative"),
        ({"denoise": 0.5}, "--denoise"),
        ({"init": torch.zeros(1, 3, 64, 64), "denoise": 0.1, "steps": 5}, "less than one step"),
        ({"init": torch.zeros(1, 3, 64, 64), "denoise": 1.5}, "above 0 and at most 1"),
        ({"control": [("canny", torch.zeros(1, 3, 64, 64))]}, "was not loaded"),
        ({"colour": 1}, "no option colour"),
    ):
        with pytest.raises(UsageError, match=message):
            model(["cat"], [1], **wrong)
    for wrong, message in (
        ({"offload": "some"}, "expected one of"),
        ({"offload": "model"}, "no GPU memory"),
        ({"attention": "flash"}, "no such attention"),
        ({"cache": "first-block"}, "has none"),
        ({"controls": ["pose"]}, "no network for it"),
        ({"loras": [("sd15", 1.0)]}, "is a whole model"),
        ({"loras": [("missing.safetensors", 1.0)]}, "no such file"),
        ({"vae": "vae-sdxl-fp16"}, "goes with sdxl"),
    ):
        with pytest.raises(UsageError, match=message):
            model.configure(**wrong)
    assert model.cheaper() == "decoding in tiles" and model.cheaper() is None
    assert model.batch_limit(64, 64) >= 1 and model.batch_limit(512, 512) == 1
    assert set(model.controls) == {"canny", "depth", "lines"}


# --- other parts --------------------------------------------------------------------------------------------------------


def make_lora(model: Any, path: Path, part: str) -> Path:
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    network = getattr(model.pipeline, part)
    torch.manual_seed(0)
    network.add_adapter(LoraConfig(r=2, lora_alpha=2, init_lora_weights=False, target_modules=["to_q", "to_v"]))
    state = {f"{part}.{key}": 3 * value for key, value in get_peft_model_state_dict(network).items()}
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


@pytest.mark.parametrize(
    ("name", "part"), [(SD, "unet"), (XL, "unet"), (FLUX, "transformer"), ("ZImagePipeline", "transformer")]
)
def test_an_adapter_changes_the_picture_by_its_weight(draw: Callable[..., Any], name: str, part: str, tmp_path: Path) -> None:
    file = make_lora(draw(name), tmp_path / "own.safetensors", part)
    plain = draw(name)(["a cat"], [1], steps=2)
    drawn = {}
    for weight in (0.0, 0.5, 1.0):
        model = draw(name)
        model.configure(loras=[(file, weight)])
        drawn[weight] = model(["a cat"], [1], steps=2)
    assert (drawn[0.0] - plain).abs().max() < 1e-4
    assert (drawn[1.0] - plain).abs().max() > 1 / 255 and (drawn[1.0] - drawn[0.5]).abs().max() > 1 / 255
    two = draw(name)
    two.configure(loras=[(file, 0.5), (str(tmp_path), 0.5)])
    assert (two(["a cat"], [1], steps=2) - drawn[1.0]).abs().max() < 1e-3, "two halves are a whole"


def test_adapters_of_other_models_and_pickles_are_refused(draw: Callable[..., Any], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"some.weight": torch.zeros(2, 2)}, tmp_path / "foreign.safetensors")
    (tmp_path / "old.bin").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsError, match=r"does not fit|changes nothing"):
        draw().configure(loras=[(tmp_path / "foreign.safetensors", 1.0)])
    with pytest.raises(WeightsError, match="pickles are not opened"):
        draw().configure(loras=[(tmp_path / "old.bin", 1.0)])


@pytest.mark.parametrize("name", [SD, XL])
def test_guiding_pictures_change_what_is_drawn(draw: Callable[..., Any], name: str, tmp_path: Path) -> None:
    from diffusers import ControlNetModel

    model = draw(name)
    torch.manual_seed(0)
    network = ControlNetModel.from_unet(model.pipeline.unet)
    for layer in (*network.controlnet_down_blocks, network.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight, std=0.2)
    network.save_pretrained(tmp_path / "guide")
    guide = str(tmp_path / "guide")
    plain = model(["a cat"], [1], steps=2)
    model.configure(controls=[guide])
    lines = torch.zeros(1, 3, 64, 64)
    lines[..., 20:40, :] = 1
    guided = model(["a cat", "a dog"], [1, 2], steps=2, control=[(guide, lines)])
    assert (guided[0] - plain[0]).abs().max() > 1 / 255
    assert (model(["a cat"], [1], steps=2, control=[(guide, lines)])[0] - guided[0]).abs().max() <= 1 / 255
    weak = model(["a cat"], [1], steps=2, control=[(guide, lines)], control_strength=0.0)
    assert (weak - plain).abs().max() <= 1 / 255
    start = torch.rand(1, 3, 64, 64)
    assert model(["a cat"], [1], steps=4, init=start, denoise=0.5, control=[(guide, lines)]).shape == (1, 3, 64, 64)
    assert (model(["a cat"], [1], steps=2) - plain).abs().max() <= 1 / 255, "and back to none"
    two = model(["a cat"], [1], steps=2, control=[(guide, lines), (guide, 1 - lines)], control_strength=[1.0, 0.5])
    assert (two[0] - guided[0]).abs().max() > 1 / 255


def test_another_autoencoder_decodes_otherwise(draw: Callable[..., Any], tmp_path: Path) -> None:
    from tiny_pipelines import autoencoder

    torch.manual_seed(5)
    autoencoder().save_pretrained(tmp_path / "vae")
    autoencoder(8).save_pretrained(tmp_path / "wide")
    model = draw()
    plain = model(["a cat"], [1], steps=2)
    model.configure(vae=tmp_path / "vae")
    folder = model(["a cat"], [1], steps=2)
    assert (folder - plain).abs().max() > 1 / 255
    model = draw()
    model.configure(vae=tmp_path / "vae/diffusion_pytorch_model.safetensors")
    assert (model(["a cat"], [1], steps=2) - folder).abs().max() < 1e-5
    with pytest.raises(WeightsError, match="channels"):
        draw().configure(vae=tmp_path / "wide")


def test_caches_and_attention(draw: Callable[..., Any]) -> None:
    plain = draw(FLUX)(["a cat"], [1], steps=4)
    model = draw(FLUX)
    model.configure(attention="math", cache="first-block")
    assert model.batch_limit(64, 64) == 1
    both = model(["a cat", "dog"], [1, 2], steps=4)
    assert both.isfinite().all() and plain.shape == both[:1].shape
    assert (model(["dog"], [2], steps=4)[0] - both[1]).abs().max() <= 1 / 255, "nothing is kept from the picture before"
    model = draw(SD)
    before = model(["a cat"], [1], steps=2)
    model.configure(attention="sliced")
    assert (model(["a cat"], [1], steps=2) - before).abs().max() < 1e-3


def test_an_autoencoder_of_four_channels_makes_alpha(tmp_path: Path) -> None:
    from tiny_pipelines import autoencoder, build

    folder = build(SD, tmp_path / "icons")
    torch.manual_seed(1)
    autoencoder(4, in_channels=4, out_channels=4).save_pretrained(folder / "vae")
    model = OnTensors(models.load_model(cards.find(str(folder), "txt2img"), {"root": folder}, CPU, torch.float32))
    assert model.channels == 4 and model(["cat"], [1], steps=2, safety=False).shape == (1, 4, 64, 64)
    for channels in (3, 4):
        start = torch.rand(1, channels, 64, 64)
        made = model(["cat", "dog"], [1, 2], steps=4, init=start, denoise=0.5, safety=False)
        assert made.shape == (2, 4, 64, 64)
        assert (model(["dog"], [2], steps=4, init=start, denoise=0.5, safety=False)[0] - made[1]).abs().max() <= 1 / 255
    seen: list[np.ndarray] = []
    model.watch = lambda done, images: seen.append(images)
    model(["cat"], [1], steps=2, safety=False)
    assert seen[-1].shape[1] == 4


def test_a_half_precision_autoencoder_that_overflows_decodes_in_float32(draw: Callable[..., Any]) -> None:
    model = draw(XL)
    vae, seen = model.pipeline.vae, []
    model.pipeline.to(dtype=torch.float16)
    assert vae.config.force_upcast
    plain = vae.decode
    vae.decode = lambda latents, **options: (
        seen.append((latents.dtype, vae.decoder.conv_in.weight.dtype)) or plain(latents, **options)
    )
    assert model(["cat"], [1], steps=1).isfinite().all()
    assert seen == [(torch.float32, torch.float32)]


def test_every_card_names_a_pipeline_or_a_part() -> None:
    import diffusers

    for card in cards.all_cards("txt2img"):
        if card.params.get("part"):
            assert card.params["part"] in ("lora", "vae", "controlnet") and card.params["fits"]
            continue
        assert card.params["pipeline"] in DRAWING and hasattr(diffusers, card.params["pipeline"])
        patterns = card.hub.patterns if card.hub else ()
        assert not any(pattern.endswith((".bin", ".ckpt", "*")) for pattern in patterns), "weights by name"
