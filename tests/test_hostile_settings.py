"""Numbers that files say are held against their weights before anything is built: in bounded time, with a line that says so"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Run
from safetensors.torch import save_file

from genkit.errors import GenkitError, WeightsError
from genkit.models.bounds import bounded_parts, check_network, check_scheduler, window_of
from genkit.nets import vgg
from genkit.weights import read_state_dict

SECONDS = 4.0  # of the processor, where a sound folder of this size takes a fraction of one


def changed(folder: Path, target: Path, file: str, **values: Any) -> Path:
    shutil.copytree(folder, target)
    path = target / file
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return target


@pytest.mark.parametrize(
    ("file", "values", "word"),
    [
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**9}, "num_train_timesteps"),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": 0}, "num_train_timesteps"),
        ("scheduler/scheduler_config.json", {"num_train_timesteps": "many"}, "num_train_timesteps"),
        ("scheduler/scheduler_config.json", {"trained_betas": [0.1] * 20_000}, "trained_betas"),
        ("scheduler/scheduler_config.json", {"steps_offset": -(10**12)}, "steps_offset"),
        ("text_encoder/config.json", {"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ("text_encoder/config.json", {"num_hidden_layers": 3000}, "layers"),
        ("text_encoder/config.json", {"max_position_embeddings": 10**9}, "max_position_embeddings"),
        ("unet/config.json", {"layers_per_block": 10**6}, "layers_per_block"),
        ("unet/config.json", {"layers_per_block": 2000}, "layers"),
        ("unet/config.json", {"layers_per_block": [2, 10**7]}, "layers_per_block"),
        ("unet/config.json", {"transformer_layers_per_block": [1, 10**9]}, "transformer_layers_per_block"),
        ("vae/config.json", {"layers_per_block": 10**8}, "layers_per_block"),
        ("tokenizer/tokenizer_config.json", {"model_max_length": -5}, "model_max_length"),
        ("tokenizer/tokenizer_config.json", {"model_max_length": "seven"}, "tokenizer"),
    ],
)
def test_a_folder_whose_settings_ask_for_more_than_its_weights(
    pipeline_folder: Callable[[str], Path], tmp_path: Path, file: str, values: dict[str, Any], word: str
) -> None:
    from genkit.models.diffusers.loading import open_pipeline
    from genkit.models.diffusers.pipelines import DRAWING

    folder = changed(pipeline_folder("StableDiffusionPipeline"), tmp_path / "folder", file, **values)
    begun = time.process_time()
    with pytest.raises(WeightsError, match=word):
        open_pipeline(folder, DRAWING["StableDiffusionPipeline"], torch.float32)
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("length", [10**18, 10**30, 1e300])
def test_a_window_is_what_the_encoder_has_positions_for(
    pipeline_folder: Callable[[str], Path], tmp_path: Path, length: float
) -> None:
    from genkit.models.diffusers.loading import open_pipeline
    from genkit.models.diffusers.pipelines import DRAWING

    sound = pipeline_folder("StableDiffusionPipeline")
    positions = json.loads((sound / "text_encoder" / "config.json").read_text())["max_position_embeddings"]
    folder = changed(sound, tmp_path / "folder", "tokenizer/tokenizer_config.json", model_max_length=length)
    pipeline = open_pipeline(folder, DRAWING["StableDiffusionPipeline"], torch.float32)
    assert pipeline.tokenizer.model_max_length == positions
    assert len(pipeline.tokenizer("a", padding="max_length").input_ids) == positions


def test_windows_are_numbers() -> None:
    assert (window_of(77, None, "x"), window_of(77, 64, "x"), window_of(10**30, None, "x")) == (77, 64, 1 << 20)
    for wrong in (2, -5, "many", None, float("nan"), float("inf")):
        with pytest.raises(WeightsError, match="model_max_length"):
            window_of(wrong, 77, "x")


def test_what_is_published_is_in_bounds() -> None:
    check_scheduler({"num_train_timesteps": 1000, "beta_start": 0.00085, "max_image_seq_len": 4096, "trained_betas": None}, "x")
    sdxl = {"layers_per_block": 2, "transformer_layers_per_block": [1, 2, 10], "block_out_channels": [320, 640, 1280]}
    check_network(
        {**sdxl, "cross_attention_dim": 2048, "sample_size": 128, "projection_class_embeddings_input_dim": 2816}, 1680, "x"
    )
    qwen = {"num_hidden_layers": 28, "max_position_embeddings": 128_000, "vocab_size": 152_064, "rope_theta": 1000000}
    check_network({**qwen, "text_config": {"num_hidden_layers": 28, "eos_token_id": 151_645}}, 729, "x")
    with pytest.raises(WeightsError, match="num_hidden_layers"):
        check_network({"text_config": {"num_hidden_layers": 10**6}}, 729, "x")


def test_parts_are_counted_while_they_are_made_and_not_afterwards() -> None:
    with pytest.raises(WeightsError, match="far more layers"), bounded_parts(2, "x"):
        torch.nn.Sequential(*(torch.nn.ReLU() for _ in range(2000)))
    assert len(torch.nn.Sequential(*(torch.nn.ReLU() for _ in range(2000)))) == 2000


def nested() -> dict[str, Any]:
    """Forty levels, each of which holds the next twice: 2^40 tensors to whoever walks them all."""
    table: dict[str, Any] = {"a": torch.zeros(1)}
    for _ in range(40):
        table = {"left": table, "right": table}
    return table


def itself() -> dict[str, Any]:
    table: dict[str, Any] = {"a": torch.zeros(1)}
    table["self"] = table
    return table


def odd(**tensors: torch.Tensor) -> dict[str, torch.Tensor]:
    return vgg.Features().state_dict() | {key.replace("_", "."): value for key, value in tensors.items()}


HOSTILE: dict[str, Callable[[], Any]] = {
    "tables that hold one another": nested,
    "a table that holds itself": itself,
    "no memory": lambda: odd(features_0_weight=torch.zeros(64, 3, 3, 3, device="meta")),
    "one number many times": lambda: odd(features_0_weight=torch.zeros(1).expand(10**5, 10**5)),
    "sparse": lambda: odd(features_0_bias=torch.zeros(64).to_sparse()),
    "another shape": lambda: odd(features_0_weight=torch.zeros(8, 3, 3, 3)),
    "whole numbers": lambda: odd(features_0_weight=torch.zeros(64, 3, 3, 3, dtype=torch.long)),
    "another network": lambda: {f"layer{place}.weight": torch.zeros(4, 4) for place in range(100)},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_features_from_a_file_that_is_something_else(kind: str, genkit: Run, tmp_path: Path) -> None:
    from PIL import Image

    torch.save(HOSTILE[kind](), tmp_path / "odd.pth")
    Image.new("RGB", (64, 64), (9, 120, 30)).save(tmp_path / "a.png")
    data = ("--data", tmp_path, "--styles", tmp_path)
    begun = time.process_time()
    done = genkit("eval", "style", *data, "--features", tmp_path / "odd.pth", "--device", "cpu")
    assert done.code == 3 and "odd.pth" in done.err and "bug" not in done.err, done.err
    assert time.process_time() - begun < 2 * SECONDS


@pytest.mark.parametrize("verb", ["style", "gan", "txt2img", "inpaint", "translate"])
def test_a_features_file_that_is_not_there_is_a_mistake_in_the_line(verb: str, genkit: Run, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64), (9, 120, 30)).save(tmp_path / "a.png")
    further = ("--styles", tmp_path) if verb == "style" else ()
    done = genkit("eval", verb, "--data", tmp_path, *further, "--features", "gone.pth", "--device", "cpu")
    assert done.code == 2 and "gone.pth: no such file" in done.err, done.err


def test_tied_tensors_are_read(tmp_path: Path) -> None:
    """Two names of one tensor, as checkpoints of transformers have them, are no fault."""
    shared = torch.arange(6.0).view(2, 3)
    torch.save({"first": shared, "second": shared, "part": shared[1:]}, tmp_path / "tied.pth")
    assert torch.equal(read_state_dict(tmp_path / "tied.pth")["part"], shared[1:])
    save_file({"a": torch.zeros(0, 4), "b": torch.ones(())}, tmp_path / "small.safetensors")
    assert set(read_state_dict(tmp_path / "small.safetensors")) == {"a", "b"}


def test_a_vocoder_of_a_million_layers(tmp_path: Path) -> None:
    from genkit.models.tts import vocos

    sizes = {"bands": 4, "width": 4, "hidden": 4, "layers": 1, "window": 16, "hop": 4}
    save_file(vocos.build(**sizes).state_dict(), tmp_path / "vocoder.safetensors")
    begun = time.process_time()
    with pytest.raises(GenkitError, match="far more layers"):
        vocos.read(tmp_path / "vocoder.safetensors", sizes | {"layers": 10**6})
    assert time.process_time() - begun < SECONDS
