"""The shipped voice and icons run on our own networks: equal to the libraries', open to export, and without the libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genkit import cards, weights
from genkit.engine.torch_runner import TorchRunner
from genkit.models import load_model
from genkit.models.diffusers.loading import open_pipeline
from genkit.models.diffusers.pipelines import DRAWING
from genkit.models.tts import vocos
from genkit.models.tts.conformer import Conformer, Sizes
from genkit.models.tts.fastspeech2_voice import durations
from genkit.models.txt2img import autoencoder, dpm_solver, latent_diffusion, unet
from genkit.models.txt2img.latent_draw import LatentDraw
from genkit.models.txt2img.own_folder import is_own, is_own_part
from genkit.nets.spectrum import inverse

CPU, FULL = torch.device("cpu"), torch.float32
LIBRARIES = {"transformers", "diffusers", "librosa", "accelerate", "peft", "scipy", "sklearn", "numba", "huggingface_hub"}
KIND = DRAWING["StableDiffusionPipeline"]


def shipped(name: str) -> tuple[Any, Any]:
    card = cards.find(name)
    return card, weights.resolve(card, announce=lambda text: None)


@pytest.fixture(scope="module")
def voice() -> Any:
    return load_model(*shipped("genkit-kathleen"), CPU, FULL)


@pytest.fixture(scope="module")
def icons() -> LatentDraw:
    return load_model(*shipped("genkit-icons"), CPU, FULL)


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return open_pipeline(shipped("genkit-icons")[1]["root"], KIND, FULL)


@pytest.fixture(scope="module")
def quick_icons() -> LatentDraw:
    return load_model(*shipped("genkit-icons"), CPU, FULL, engine="openvino")


def near(first: Any, second: Any, most: float = 2e-5) -> None:
    first, second = (one.detach().numpy() if isinstance(one, Tensor) else one for one in (first, second))
    assert first.shape == second.shape and np.abs(first - second).max() <= most


def test_neither_library_is_imported(tmp_path: Path) -> None:
    for words in (["tts", "Hello there.", "-o", "x.wav"], ["txt2img", "a cat", "--steps", "1", "--seed", "1", "-o", "x.png"]):
        program = (
            "import sys; from genkit.cli.app import run; sys.argv[0] = 'genkit'\n"
            "try: run()\nexcept SystemExit as ended: assert not ended.code, ended.code\n"
            f"print(sorted({LIBRARIES} & {{name.split('.')[0] for name in sys.modules}}))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, *words, "--engine", "torch"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


# --- the voice ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 0.7])
def test_the_voice_is_the_librarys(voice: Any, speed: float) -> None:
    from transformers import FastSpeech2ConformerModel

    from genkit.models.tts.folders import build_strictly
    from genkit.weights import read_state_dict

    card, files = shipped("genkit-kathleen")
    path = files["acoustic"]
    library = build_strictly(FastSpeech2ConformerModel, card.params["acoustic"], read_state_dict(path), path, CPU, FULL)
    ids = np.arange(1, 40)[None] * 7 % 78 + 1
    with torch.inference_mode():
        wanted = library(torch.from_numpy(ids), return_dict=True)
        rows, logarithms = voice.runner.run("symbols", ids, np.zeros(1, np.float32))
        frames = durations(logarithms[0], 1.0)
        assert frames.tolist() == wanted.duration_outputs[0].tolist()
        near(voice.runner.run("frames", np.repeat(rows, frames, 1))[0], wanted.spectrogram)
    assert durations(logarithms[0], speed).sum() == pytest.approx(frames.sum() / speed, abs=1)


@pytest.mark.parametrize("how", [{}, {"speed": 1.3, "pitch": 2.0}])
def test_the_voice_is_the_same_on_both_engines(voice: Any, how: dict[str, float]) -> None:
    quick = load_model(*shipped("genkit-kathleen"), CPU, FULL, engine="openvino")
    assert quick.runner.engine == "openvino"
    text = "Hello there. Doctor Smith paid $12.50 on the 3rd of May, didn't he?"
    for (ours, marks), (sound, wanted) in zip(quick(text, **how), voice(text, **how), strict=True):
        assert marks == wanted and ours.shape == sound.shape
        assert np.square(ours - sound).mean() <= 1e-6 * np.square(sound).mean(), "-60 dB"


@pytest.mark.parametrize(
    "further",
    [
        {"encoder_normalize_before": True, "num_speakers": 3},
        {"decoder_concat_after": True, "use_macaron_style_in_conformer": False, "pitch_embed_kernel_size": 3},
    ],
)
def test_any_size_of_voice_is_the_librarys(further: dict[str, Any]) -> None:
    from transformers import FastSpeech2ConformerConfig, FastSpeech2ConformerModel

    torch.manual_seed(0)
    small = {"hidden_size": 16, "vocab_size": 9, "num_mel_bins": 6, "encoder_layers": 1, "decoder_layers": 2}
    sizes = small | {"encoder_linear_units": 12, "decoder_linear_units": 20, "speech_decoder_postnet_layers": 2} | further
    library = FastSpeech2ConformerModel(FastSpeech2ConformerConfig(**sizes)).eval()
    with torch.no_grad():
        library.duration_predictor.linear.bias.fill_(1.5)
    own = Conformer(Sizes.of(sizes)).eval()
    own.load_state_dict(library.state_dict())
    ids = torch.tensor([[3, 5, 8, 1]])
    speaker = [torch.tensor([2])] if "num_speakers" in sizes else []
    with torch.inference_mode():
        wanted = library(ids, speaker_ids=speaker[0] if speaker else None, return_dict=True)
        rows, logarithms = own.symbols()(ids, torch.zeros(1), *speaker)
        frames = torch.from_numpy(durations(logarithms[0].numpy(), 1.0))
        near(own.frames()(rows.repeat_interleave(frames, 1)), wanted.spectrogram)


def test_the_inverse_transform_is_that_of_torch() -> None:
    torch.manual_seed(0)
    network = vocos.build(bands=8, width=16, hidden=24, layers=1, window=64, hop=16).eval()
    features = torch.randn(1, 30, 8)
    real, imaginary = TorchRunner(vocos.Spectrum(network), {"run": lambda network, rows: network(rows)}, CPU, FULL).run(
        "run", features.numpy()
    )
    with torch.inference_mode():
        near(inverse(real[0], imaginary[0], 16), network(features.transpose(1, 2))[0], 1e-5)


# --- icons ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attention", "layers", "pooled"), [([True, False], 2, False), ([False, True], 1, True)])
def test_any_size_of_icons_is_the_librarys(attention: list[bool], layers: int, pooled: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    denoiser = latent_diffusion.denoiser_of(8, 4, 8, [8, 16], attention, layers, groups=4, heads=2, pooled=pooled).eval()
    whole = latent_diffusion.autoencoder_of([8, 16, 16], 4, layers).eval()
    for part, library, network_class in (("unet", denoiser, unet.Unet), ("vae", whole, autoencoder.Autoencoder)):
        library.save_config(tmp_path)
        settings = json.loads((tmp_path / "config.json").read_text())
        assert is_own_part(part, settings)
        own = network_class(settings).eval()
        own.load_state_dict(library.state_dict())
        with torch.inference_mode():
            if part == "unet":
                given = torch.randn(2, 4, 7, 8), torch.tensor([5, 900]), torch.randn(2, 3, 8)
                near(own(*given), library(*given).sample)
            else:
                pictures, latents = torch.randn(1, 4, 32, 24), torch.randn(1, 4, 8, 6)
                near(own.encoding()(pictures), library.encode(pictures).latent_dist.mode())
                near(own.decoding()(latents), library.decode(latents).sample)


@pytest.mark.parametrize(("steps", "begin"), [(1, 0), (2, 0), (20, 0), (20, 7)])
def test_the_sampler_is_the_librarys(steps: int, begin: int) -> None:
    library, own = latent_diffusion.scheduler_of(), dpm_solver.DpmSolver(steps, begin)
    library.set_timesteps(steps)
    library.set_begin_index(begin)
    assert library.timesteps.tolist() == own.times.tolist()
    random = torch.Generator().manual_seed(0)
    latents, noise, velocity = torch.randn(3, 2, 4, 3, 3, generator=random)
    near(own.noisy(latents.numpy(), noise.numpy()), library.add_noise(latents, noise, library.timesteps[begin:][:1]))
    ours = latents.numpy()
    for time in library.timesteps[begin:]:
        ours, latents = own.step(ours, velocity.numpy()), library.step(velocity, time, latents).prev_sample
    near(ours, latents)


def test_words_are_read_as_the_library_reads_them(icons: LatentDraw, pipeline: Any) -> None:
    texts = ["A cat,  with a\tcrown!", "naïve Café №5 🐈", "it's 10:30 o'clock", "x" * 90, "", "<|endoftext|> it"]
    texts += shipped("genkit-icons")[1]["root"].joinpath("words.txt").read_text().splitlines()[::50]
    for text in texts:
        assert icons.count_tokens(text) == len(pipeline.tokenizer(text).input_ids)
        rows, _ = icons._words.rows(text, 1)
        assert rows.tolist() == latent_diffusion.tokens_of(pipeline.tokenizer, [text]).tolist()


HOW = [
    {"prompts": ["a cat", "a red heart"], "seeds": [3, 4]},
    {"prompts": ["a cat"], "seeds": [3], "guidance": 1.0, "width": 72, "height": 40},
    {"prompts": [[("a blue", 1.4), (" dog", 1.0)]], "seeds": [2**40], "negative": "red"},
    {"prompts": ["one " * 30, "a fish"], "seeds": [1, 2], "negative": ["", "a boat"]},
    {
        "prompts": ["a tree"],
        "seeds": [9],
        "init": np.linspace(0, 1, 3 * 50 * 70, dtype=np.float32).reshape(1, 3, 50, 70),
        "denoise": 0.7,
    },
]


@pytest.mark.parametrize("how", HOW)
def test_icons_are_the_librarys(icons: LatentDraw, how: dict[str, Any]) -> None:
    seen: list[tuple[int, int]] = []
    try:
        icons.progress = lambda done, of: seen.append((done, of))
        ours = icons(**how, steps=4)
        assert icons._library is None and seen[-1][0] == seen[-1][1] == len(seen)
        near(ours, icons._open()(**how, steps=4), 1 / 255)
    finally:
        icons.progress = None


@pytest.mark.parametrize("how", HOW)
def test_icons_are_the_same_on_both_engines(icons: LatentDraw, quick_icons: LatentDraw, how: dict[str, Any]) -> None:
    near(quick_icons(**how, steps=4), icons(**how, steps=4), 1 / 255)
    assert quick_icons.runner.engine == "openvino" and quick_icons._library is None


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_what_the_library_alone_does_is_left_to_it(engine: str) -> None:
    model = load_model(*shipped("genkit-icons"), CPU, FULL, engine=engine)
    model.use_scheduler(None)
    assert isinstance(model, LatentDraw) and model._library is None
    model.use_scheduler("euler")
    drawn = model(["a cat"], [1], steps=2)
    assert model._library is not None and not np.array_equal(drawn, _fresh()(["a cat"], [1], steps=2))
    watched, seen = _fresh(), []
    watched.watch = lambda step, images: seen.append(step)
    watched(["a cat"], [1], steps=2)
    assert seen == [1, 2]
    assert not isinstance(load_model(*shipped("genkit-icons"), CPU, torch.bfloat16), LatentDraw)


def _fresh() -> LatentDraw:
    return load_model(*shipped("genkit-icons"), CPU, FULL)


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("unet/config.json", {"use_linear_projection": True}),
        ("vae/config.json", {"scaling_factor": 0.18}),
        ("text_encoder/config.json", {"hidden_act": "gelu"}),
        ("scheduler/scheduler_config.json", {"solver_order": 3}),
    ],
)
def test_other_folders_are_the_librarys(tmp_path: Path, file: str, changed: dict[str, Any]) -> None:
    import shutil

    folder = shutil.copytree(shipped("genkit-icons")[1]["root"], tmp_path / "icons")
    assert is_own(folder)
    settings = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(settings | changed))
    assert not is_own(folder)


# --- export ---------------------------------------------------------------------------------------------------------------


def test_every_stage_can_be_traced(voice: Any, icons: LatentDraw) -> None:
    """A graph that was recorded at one size is right at another: nothing in it was decided by the data."""
    random = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    def ids(*shape: int) -> Tensor:
        return torch.randint(1, 79, shape, generator=random)

    inputs = {
        "symbols": [(ids(1, 9), torch.zeros(1)), (ids(1, 30), torch.ones(1))],
        "frames": [(noise(1, 9, 128),), (noise(1, 50, 128),)],
        "spectrum": [(noise(1, 9, 80),), (noise(1, 50, 80),)],
        "text": [(ids(1, 24),), (ids(3, 24),)],
        "denoise": [(noise(2, 16, size, size), ids(2), noise(2, words, 128)) for size, words in ((8, 24), (10, 48))],
        "decode": [(noise(1, 16, 8, 8),), (noise(1, 16, 10, 12),)],
        "encode": [(noise(1, 4, 64, 64),), (noise(1, 4, 80, 96),)],
    }
    modules: dict[str, nn.Module] = {**voice.network, **icons.network}
    assert set(inputs) == set(modules)
    for name, (first, second) in inputs.items():
        with torch.inference_mode():
            graph = torch.jit.trace(modules[name], first, check_trace=False)
            results, wanted = graph(*second), modules[name](*second)
        for one, other in zip(*((each if isinstance(each, tuple) else (each,)) for each in (results, wanted)), strict=True):
            near(one, other, 1e-4)
