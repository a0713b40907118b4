"""Folders that the diffusers family opens and refuses, and repositories that it pulls, on tiny random pipelines."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Run
from hub import COMMIT, FakeHub, serving
from loaded_pipelines import card_for
from on_tensors import OnTensors
from PIL import Image
from tiny_pipelines import age, build

from genkit import cards
from genkit.errors import UsageError, WeightsError
from genkit.models import diffusers as family
from genkit.models.diffusers import loading as opening

SD = "StableDiffusionInpaintPipeline"
CPU, FULL = torch.device("cpu"), torch.float32
Load, Folders = Callable[[str], Any], Callable[[str], Path]


def scene(count: int = 1, height: int = 70, width: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(5))
    masks = torch.zeros(count, 1, height, width)
    masks[..., 20:50, 30:60] = 1
    return images, masks


def test_the_layout_of_2022_loads_and_gives_the_same_picture(
    pipeline_folder: Folders, load_pipeline: Load, tmp_path: Path
) -> None:
    painter = OnTensors(
        family.load(card_for(SD), {"root": age(shutil.copytree(pipeline_folder(SD), tmp_path / "old"))}, CPU, FULL)
    )
    short = {"steps": 2, "prompt": "a cat"}
    assert torch.allclose(painter(*scene(), **short), OnTensors(load_pipeline(SD))(*scene(), **short), atol=1e-5)


def test_a_text_encoder_saved_with_its_head_is_the_same(pipeline_folder: Folders, load_pipeline: Load, tmp_path: Path) -> None:
    """Z-Image's is published as the language model that it was taken from, whose names have a prefix."""
    from tiny_pipelines import qwen_config
    from transformers import Qwen3ForCausalLM

    name = "ZImageInpaintPipeline"
    folder = shutil.copytree(pipeline_folder(name), tmp_path / "headed")
    whole = Qwen3ForCausalLM(qwen_config(layers=2))
    whole.model.load_state_dict(load_pipeline(name).pipeline.text_encoder.state_dict())
    whole.save_pretrained(folder / "text_encoder")
    painter = OnTensors(family.load(card_for(name), {"root": folder}, CPU, FULL))
    short = {"steps": 1, "prompt": "a cat"}
    assert torch.allclose(painter(*scene(), **short), OnTensors(load_pipeline(name))(*scene(), **short), atol=1e-5)


def test_the_variant_is_taken_where_there_is_one(tmp_path: Path) -> None:
    folder = build(SD, tmp_path / "half", variant="fp16")
    assert (folder / "unet/diffusion_pytorch_model.fp16.safetensors").is_file()
    (folder / "vae/diffusion_pytorch_model.fp16.safetensors").rename(folder / "vae/diffusion_pytorch_model.safetensors")
    (folder / "unet/diffusion_pytorch_model.bin").write_bytes(b"never opened")
    sizes = opening.weight_bytes(folder, torch.float16, "fp16")
    assert set(sizes) == {"unet", "vae", "text_encoder", "safety_checker"}
    painter = OnTensors(family.load(card_for(SD), {"root": folder}, CPU, FULL))
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
def test_a_damaged_folder_is_refused_by_name(pipeline_folder: Folders, tmp_path: Path, case: str) -> None:
    damage, message = DAMAGES[case]
    folder = shutil.copytree(pipeline_folder(SD), tmp_path / "damaged")
    damage(folder)
    with pytest.raises(WeightsError, match=message) as caught:
        family.load(card_for(SD, params={"pipeline": SD}), {"root": folder}, CPU, FULL)
    assert str(folder) in caught.value.message


def test_what_a_card_may_not_say(pipeline_folder: Folders) -> None:
    files = {"root": pipeline_folder(SD)}
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
    assert wrong.code == 2 and "--steps 0" in wrong.err
