"""The diffusers family on tiny random pipelines in the published folder layout: opening, filling, refusing, pulling."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Run
from hub import COMMIT, FakeHub, serving
from PIL import Image
from tiny_pipelines import BUILDERS, age, build

from genkit import cards, models
from genkit.errors import InputError, RunError, UsageError, WeightsError
from genkit.models import diffusers as family
from genkit.models.diffusers import opening, painting, placing
from genkit.models.diffusers.pipelines import KINDS

SHIPPED = {
    "StableDiffusionInpaintPipeline": "sd15-inpaint",
    "StableDiffusionXLInpaintPipeline": "sdxl-inpaint",
    "ZImageInpaintPipeline": "zimage-inpaint",
    "Flux2KleinInpaintPipeline": "flux2-klein-inpaint",
}
CPU, FULL = torch.device("cpu"), torch.float32
SD = "StableDiffusionInpaintPipeline"
Load = Callable[..., painting.Painter]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders of tiny pipelines, each built once."""
    made: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in made:
            made[name] = build(name, tmp_path_factory.mktemp("pipelines") / name)
        return made[name]

    return folder


@pytest.fixture(scope="session")
def load(tiny: Callable[[str], Path]) -> Load:
    """Load a tiny pipeline by the card of the real one, through the family's own entrance; each once."""
    made: dict[str, painting.Painter] = {}

    def painter(name: str) -> painting.Painter:
        if name not in made:
            made[name] = models.load_model(card_for(name), {"root": tiny(name)}, CPU, FULL)
        return made[name]

    return painter


def card_for(name: str, **changes: Any) -> cards.Card:
    return dataclasses.replace(cards.find(SHIPPED[name], "inpaint"), **changes)


def scene(count: int = 1, height: int = 70, width: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(5))
    masks = torch.zeros(count, 1, height, width)
    masks[..., 20:50, 30:60] = 1
    return images, masks


@pytest.mark.parametrize("name", BUILDERS)
def test_a_pipeline_fills_by_the_shape(load: Load, name: str) -> None:
    painter = load(name)
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


@pytest.mark.parametrize("name", BUILDERS)
def test_what_is_under_the_mask_counts_only_below_the_default_denoise(load: Load, name: str) -> None:
    painter = load(name)
    images, masks = scene()
    other = torch.where(masks > 0, 1 - images, images)

    def differ(**options: Any) -> float:
        return float((painter(images, masks, **options) - painter(other, masks, **options)).abs().max())

    assert differ(steps=2) == 0
    assert differ(steps=4, denoise=0.5) > 2 / 255


def test_steps_can_be_watched(load: Load) -> None:
    painter = load("ZImageInpaintPipeline")
    seen: list[tuple[int, int]] = []
    painter.progress = lambda done, of: seen.append((done, of))
    try:
        painter(*scene(), steps=3)
    finally:
        painter.progress = None
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_guidance_and_negative_work_and_are_refused_where_they_would_not(load: Load) -> None:
    painter = load("ZImageInpaintPipeline")
    plain = painter(*scene(), steps=2, guidance=3.0)
    assert (painter(*scene(), steps=2, guidance=3.0, negative="ugly") - plain).abs().max() > 0
    with pytest.raises(UsageError, match="does not look at the negative prompt") as caught:
        painter(*scene(), steps=2, negative="ugly")
    assert "--guidance above 0" in str(caught.value.hint)
    with pytest.raises(UsageError, match="has no option guidance"):
        load("Flux2KleinInpaintPipeline")(*scene(), guidance=3.0)
    with pytest.raises(UsageError, match="less than one step"):
        load(SD)(*scene(), steps=3, denoise=0.1)


@pytest.mark.parametrize("name", BUILDERS)
def test_a_prompt_that_would_be_cut_is_refused(load: Load, name: str) -> None:
    room = 77 if name.startswith("Stable") else 512
    with pytest.raises(UsageError, match=rf"--prompt is \d+ tokens long, and .* reads {room}"):
        load(name)(*scene(), steps=2, prompt="x " * room)


def test_a_picture_that_the_pipeline_would_shrink_comes_back_at_its_size(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = load("Flux2KleinInpaintPipeline")
    monkeypatch.setattr(painter, "kind", dataclasses.replace(painter.kind, most_pixels=128 * 128))
    images, masks = scene(1, 150, 300)
    assert painter(images, masks, steps=1).shape == images.shape


def test_the_safety_checker_withholds_and_can_be_turned_off(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(tiny(SD), tmp_path / "strict")
    weights_file = folder / "safety_checker/model.safetensors"
    state = load_file(weights_file)
    state["concept_embeds_weights"].fill_(-2)  # below any cosine: everything is flagged
    save_file(state, weights_file, metadata={"format": "pt"})
    painter = family.load(card_for(SD), {"root": folder}, CPU, FULL)
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


# --- folders ------------------------------------------------------------------------------------------------------------


def test_the_layout_of_2022_loads_and_gives_the_same_picture(tiny: Callable[[str], Path], load: Load, tmp_path: Path) -> None:
    painter = family.load(card_for(SD), {"root": age(shutil.copytree(tiny(SD), tmp_path / "old"))}, CPU, FULL)
    short = {"steps": 2, "prompt": "a cat"}
    assert torch.allclose(painter(*scene(), **short), load(SD)(*scene(), **short), atol=1e-5)


def test_a_text_encoder_saved_with_its_head_is_the_same(tiny: Callable[[str], Path], load: Load, tmp_path: Path) -> None:
    """Z-Image's is published as the language model that it was taken from, whose names have a prefix."""
    from tiny_pipelines import qwen_config
    from transformers import Qwen3ForCausalLM

    name = "ZImageInpaintPipeline"
    folder = shutil.copytree(tiny(name), tmp_path / "headed")
    whole = Qwen3ForCausalLM(qwen_config(layers=2))
    whole.model.load_state_dict(load(name).pipeline.text_encoder.state_dict())
    whole.save_pretrained(folder / "text_encoder")
    painter = family.load(card_for(name), {"root": folder}, CPU, FULL)
    short = {"steps": 1, "prompt": "a cat"}
    assert torch.allclose(painter(*scene(), **short), load(name)(*scene(), **short), atol=1e-5)


def test_the_variant_is_taken_where_there_is_one(tmp_path: Path) -> None:
    folder = build(SD, tmp_path / "half", variant="fp16")
    assert (folder / "unet/diffusion_pytorch_model.fp16.safetensors").is_file()
    (folder / "vae/diffusion_pytorch_model.fp16.safetensors").rename(folder / "vae/diffusion_pytorch_model.safetensors")
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"never opened")
    sizes = opening.weight_bytes(folder, torch.float16, "fp16")
    assert set(sizes) == {"unet", "vae", "text_encoder", "safety_checker"}
    painter = family.load(card_for(SD), {"root": folder}, CPU, FULL)
    assert painter.pipeline.unet.dtype == painter.pipeline.text_encoder.dtype == torch.float32
    assert sizes["unet"] == 2 * sum(value.numel() for value in painter.pipeline.unet.state_dict().values())
    with pytest.raises(WeightsError, match="no weights as safetensors"):
        family.load(card_for(SD, params={"pipeline": SD}), {"root": folder}, CPU, FULL)


def edit_state(path: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(path)
    change(state)
    save_file(state, path, metadata={"format": "pt"})


def edit_json(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


UNET, TEXT = "unet/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"
NORM = "encoder.layers.0.layer_norm1.weight"
DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a weight missing": (
        lambda f: edit_state(f / UNET, lambda s: s.pop("conv_in.bias")),
        r"unet: its weights lack conv_in\.bias",
    ),
    "a text weight missing": (
        lambda f: edit_state(f / TEXT, lambda s: s.pop(NORM)),
        r"text_encoder: its weights lack .*layer_norm1",
    ),
    "a weight too many": (
        lambda f: edit_state(f / UNET, lambda s: s.update(extra=torch.zeros(1))),
        r"unet: its weights hold an unknown extra",
    ),
    "a text weight too many": (
        lambda f: edit_state(f / TEXT, lambda s: s.update(extra=torch.zeros(1))),
        r"text_encoder: its weights hold an unknown extra",
    ),
    "a weight of another shape": (
        lambda f: edit_state(f / UNET, lambda s: s.update({"conv_in.weight": torch.zeros(8, 4, 3, 3)})),
        r"unet.*conv_in",
    ),
    "a text weight of another shape": (
        lambda f: edit_state(f / TEXT, lambda s: s.update({NORM: torch.zeros(3)})),
        "text_encoder",
    ),
    "a file cut short": (lambda f: (f / UNET).write_bytes((f / UNET).read_bytes()[:-999]), "unet: damaged"),
    "a text file cut short": (lambda f: (f / TEXT).write_bytes((f / TEXT).read_bytes()[:-999]), "text_encoder: damaged"),
    "a file that is text": (lambda f: (f / UNET).write_text("version https://git-lfs"), "unet: damaged"),
    "a pickle instead": (
        lambda f: (f / UNET).rename(f / "unet/diffusion_pytorch_model.bin"),
        "unet has no weights as safetensors",
    ),
    "a text pickle instead": (lambda f: (f / TEXT).rename(f / "text_encoder/pytorch_model.bin"), "no weights as safetensors"),
    "no folder of a part": (lambda f: shutil.rmtree(f / "vae"), "has no folder vae"),
    "no tokenizer": (
        lambda f: [path.unlink() for path in (f / "tokenizer").iterdir()],
        r"tokenizer lacks tokenizer\.json, or vocab\.json and merges\.txt",
    ),
    "no configuration": (lambda f: (f / "vae/config.json").unlink(), r"vae/config\.json: is not there"),
    "no index": (lambda f: (f / "model_index.json").unlink(), r"model_index\.json: is not there"),
    "an index that is no JSON": (lambda f: (f / "model_index.json").write_text("{"), r"model_index\.json: damaged"),
    "another pipeline": (
        lambda f: edit_json(f / "model_index.json", lambda i: i.update(_class_name="FluxPipeline")),
        "holds a FluxPipeline",
    ),
    "a part not named": (lambda f: edit_json(f / "model_index.json", lambda i: i.pop("unet")), "names no unet"),
    "code of its own": (
        lambda f: edit_json(f / "model_index.json", lambda i: i.update(unet=["my_module", "Unet"])),
        r"unet is of the class my_module\.Unet",
    ),
    "a function for a class": (
        lambda f: edit_json(f / "model_index.json", lambda i: i.update(unet=["transformers", "pipeline"])),
        r"unet is of the class transformers\.pipeline",
    ),
    "quantised": (
        lambda f: edit_json(f / "unet/config.json", lambda c: c.update(quantization_config={"quant_method": "x"})),
        "unet is quantised",
    ),
    "a shard missing": (
        lambda f: (
            (f / UNET).rename(f / "unet/part.safetensors"),
            (f / f"{UNET}.index.json").write_text('{"weight_map": {"a": "part.safetensors", "b": "gone.safetensors"}}'),
        ),
        r"unet lacks gone\.safetensors",
    ),
    "a shard from elsewhere": (
        lambda f: (f / f"{UNET}.index.json").write_text('{"weight_map": {"a": "../../x.safetensors"}}'),
        r"index\.json: damaged",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_folder_is_refused_by_name(tiny: Callable[[str], Path], tmp_path: Path, case: str) -> None:
    damage, message = DAMAGES[case]
    folder = shutil.copytree(tiny(SD), tmp_path / "damaged")
    damage(folder)
    with pytest.raises(WeightsError, match=message) as caught:
        family.load(card_for(SD, params={"pipeline": SD}), {"root": folder}, CPU, FULL)
    assert str(folder) in caught.value.message


def test_what_a_card_may_not_say(tiny: Callable[[str], Path]) -> None:
    files = {"root": tiny(SD)}
    for name in ("DiffusionPipeline", "os.system", 3, None):
        with pytest.raises(WeightsError, match=r"params\.pipeline"):
            family.load(card_for(SD, params={"pipeline": name}), files, CPU, FULL)
    with pytest.raises(WeightsError, match="takes no option colour"):
        family.load(card_for(SD, options=(cards.Option("colour", "str"),)), files, CPU, FULL)
    with pytest.raises(UsageError, match="does not run in float16"):
        family.load(card_for(SD, dtypes=("float32",)), files, CPU, torch.float16)
    with pytest.raises(WeightsError, match="names no repository"):
        family.load(card_for(SD), {}, CPU, FULL)
    assert family.recognise({"conv_in.weight": torch.zeros(1)}) is None


# --- memory -------------------------------------------------------------------------------------------------------------


def test_the_quickest_placement_that_fits_is_taken() -> None:
    gib = placing.GIB
    sdxl = [5 * gib, gib, gib // 4]
    assert placing.choose_placement(sdxl, 1024, 24 * gib) == "whole"
    assert placing.choose_placement(sdxl, 1024, 10 * gib) == "model"
    assert placing.choose_placement(sdxl, 1024, 6 * gib) == "sequential"
    assert placing.choose_placement(sdxl, 512, int(7.5 * gib)) == "whole", "small pictures need less room"


def test_weights_that_do_not_fit_are_refused_before_they_are_read(
    tiny: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing.runtime, "free_memory", lambda device: 1000)
    with pytest.raises(RunError, match=r"its weights take .* in float32") as caught:
        family.load(card_for(SD), {"root": tiny(SD)}, CPU, FULL)
    assert "bfloat16" in str(caught.value.hint)


def test_a_loaded_pipeline_moves_to_another_format(tiny: Callable[[str], Path]) -> None:
    painter = family.load(card_for("ZImageInpaintPipeline"), {"root": tiny("ZImageInpaintPipeline")}, CPU, torch.bfloat16)
    assert painter(*scene(), steps=1).dtype == torch.float32 and painter.dtype == torch.bfloat16
    painter.to(CPU, torch.float32)
    assert painter.pipeline.transformer.dtype == torch.float32 and painter(*scene(), steps=1).std() > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("placement", ["whole", "model", "sequential"])
def test_a_gpu_gives_nearly_the_same_picture(
    tiny: Callable[[str], Path], load: Load, placement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "choose_placement", lambda sizes, side, free: placement)
    painter = family.load(card_for(SD), {"root": tiny(SD)}, torch.device("cuda"), FULL)
    assert painter.placement == placement
    there = painter(*scene(), steps=2, prompt="a cat", seeds=[1])
    assert there.device.type == "cuda"
    assert (there.cpu() - load(SD)(*scene(), steps=2, prompt="a cat", seeds=[1])).abs().mean() < 0.01
    assert painter.to(CPU, FULL)(*scene(), steps=1).device.type == "cpu"


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

    for name, shipped in SHIPPED.items():
        card = cards.find(shipped)
        assert card.params["pipeline"] == name in KINDS and hasattr(diffusers, name)
        assert card.hub is not None and len(card.hub.revision) == 40
        assert not any(pattern.endswith((".bin", ".ckpt", "*")) for pattern in card.hub.patterns), "weights by name"


# --- from a hub ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def test_a_repository_is_pulled_by_its_patterns_and_fills(
    hub: FakeHub, tmp_path: Path, genkit: Run, monkeypatch: pytest.MonkeyPatch, picture: Callable[..., Path]
) -> None:
    folder = build(SD, tmp_path / "half", variant="fp16")
    repository = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    unwanted = {"sd-v1-5-inpainting.ckpt": b"large", "unet/diffusion_pytorch_model.bin": b"pickle", "README.md": b"text"}
    hub.add_repo("maker/tiny", {**repository, **unwanted})
    text = cards.find("sd15-inpaint").toml.read_text(encoding="utf-8")
    text = text.replace('"sd15-inpaint"', '"tiny-inpaint"', 1).replace('"sd-inpaint"', '"tiny-sd"')
    text = text.replace('"stable-diffusion-inpainting"', '"tiny-sd-inpainting"').replace("size = 512", "size = 64")
    text = text.replace("stable-diffusion-v1-5/stable-diffusion-inpainting", "maker/tiny")
    text = text.replace("8a4288a76071f7280aedbdb3253bdb9e9d5d84bb", COMMIT)
    text = text.replace('    "tokenizer/merges.txt",\n', "")  # newer folders keep all in tokenizer.json
    path = cards.user_folder() / "inpaint" / "tiny-inpaint.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")

    pulled = genkit("models", "pull", "tiny-inpaint")
    assert pulled.code == 0, pulled.err
    root = Path(pulled.lines[-1])
    assert {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()} == set(repository)
    assert not any(path.rpartition("/")[2] in unwanted for _, path, _ in hub.requests if path in hub.files)
    asked = len(hub.requests)
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    photo = picture(tmp_path / "photo.png", 120, 100)
    words = ("--mask-box", "40,30,20,20", "--model", "tiny-sd", "--prompt", "a cat", "--steps", "2", "--candidates", "2")
    done = genkit("inpaint", photo, *words, "--seed", "7", "-o", tmp_path / "out/", "--device", "cpu")
    assert done.code == 0 and len(done.lines) == 2, done.err
    assert len(done.err.splitlines()) == 1, "the libraries are silent"
    before, first, second = (np.asarray(Image.open(one)).astype(int) for one in (photo, *done.lines))
    changed = np.zeros(before.shape[:2], bool)
    changed[30 - 8 : 50 + 8, 40 - 8 : 60 + 8] = True
    for after in (first, second):
        assert (after == before)[~changed].all() and (after != before)[30:50, 40:60].mean() > 0.5
    assert np.abs(first - second).max() > 10, "another seed for each"
    assert len(hub.requests) == asked, "nothing is asked again"
    shown = genkit("show", done.lines[1])
    assert "--seed 8" in shown.out and "prompt=a cat" in shown.out.replace("'", "")
    wrong = genkit("inpaint", photo, *words[:4], "--steps", "0", "-o", tmp_path / "out2/")
    assert wrong.code == 2 and "steps=0" in wrong.err
