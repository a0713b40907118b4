"""Train a small text-to-image network of your own from nothing: an autoencoder first, then a text-to-latent prior, then a
denoiser with the prior's text encoder.

The stages (`autoencoder.py`, `text_to_latent.py`, `denoiser.py`) run through the one loop, each in a folder of its own below
the run's, and each resumes. The prior may be left out: the denoiser trains the encoder too, only much more slowly. What comes
out is an ordinary diffusers folder with a card beside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from genkit.data.captions import Caption, CaptionedPictures, Selection, read_captioned
from genkit.errors import UsageError
from genkit.evaluate.perceptual import load_perceptual
from genkit.models.txt2img.latent_diffusion import autoencoder_of, decoded, moments
from genkit.train.config import TrainConfig, options_of
from genkit.train.finish import checksum, write_card
from genkit.train.loop import Report
from genkit.train.run import Request, command_of, config_of
from genkit.train.stages import Stages
from genkit.train.txt2img.autoencoder import AutoencoderJob, AutoencoderOptions
from genkit.train.txt2img.caption_augmentation import AugmentationOptions, augment_pictures
from genkit.train.txt2img.denoiser import DenoiserJob, DenoiserOptions, unit_latents
from genkit.train.txt2img.text_to_latent import PriorOptions

STAGES = {
    "autoencoder": "pictures to latents and back",
    "prior": "from words to the latents of their pictures, as a start",
    "denoiser": "what draws, from words",
}
OPTIONAL = "prior"


@dataclass
class Data:
    """What the stages learn from: captioned pictures, and what was made of them with its captions."""

    pictures: CaptionedPictures
    augmented: np.ndarray
    captions: list[Caption]
    perceptual: nn.Module | None

    @property
    def pixels(self) -> np.ndarray:
        return np.concatenate([self.pictures.pixels, self.augmented])


def run(request: Request, captions: Path | None, report: Report) -> dict[str, Any]:
    """Train what is left of the stages within `max_minutes`, write the folder and its card, and return the loop's outcome.

    Nothing is written before the last stage has begun.

    Raises:
        UsageError: the configuration is for another task, or has no stages; data without words; a run folder in use.
    """
    config = config_of(request)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("genkit train txt2img runs on one device", "start it without accelerate launch")
    if config.bits != 16:
        raise UsageError(f"{request.config}: bits = {config.bits}", "a folder for diffusers is in half precision: bits = 16")
    wanted = {name: purpose for name, purpose in STAGES.items() if name != OPTIONAL or name in config.stages}
    stages = Stages(request, config, wanted, report)
    data = _read(config, request, captions)

    own = stages.configs["autoencoder"]
    first = AutoencoderJob(
        options_of(AutoencoderOptions, own.data, "[stages.autoencoder.data]"),
        autoencoder_of(**{**own.network, "side": data.pictures.pixels.shape[1]}),
        moments,
        decoded,
        data.pictures.pixels,
        shares=data.pictures.shares,
        augmented=data.augmented,
        perceptual=data.perceptual,
    )
    outcome = stages.go("autoencoder", first, "autoencoder_")
    if not outcome["finished"]:
        return outcome
    last = _denoiser_job(stages.configs["denoiser"], data, first, stages.folders["denoiser"], request.cpu)
    if cut := too_long(last.tokenizer, last.captions):
        notice = f"{cut} of {len(last.captions)} captions have more than the {last.tokenizer.model_max_length} tokens"
        stages.say(f"{notice} of stages.denoiser.network.text_encoder.window: what is beyond is not learnt")
    protocols = [first.protocol]
    if OPTIONAL in wanted:
        table = stages.configs[OPTIONAL].data
        prior = last.prior_job(options_of(PriorOptions, table, f"[stages.{OPTIONAL}.data]"))
        outcome = stages.go(OPTIONAL, prior)
        if not outcome["finished"]:
            return outcome
        protocols.append(prior.protocol)
    outcome = stages.go("denoiser", last)
    metrics = stages.metrics | {
        "steps": outcome["step"],
        "train_minutes": round(sum(stages.minutes.values()), 1),
        "protocol": "; ".join([*protocols, last.protocol]),
    }
    card = write_folder(request.out, config, last, command_of(request), metrics)
    return {**outcome, "card": str(card), "prompt": data.pictures.captions[0].name}


def selection_of(config: TrainConfig) -> Selection:
    """Which pictures a configuration takes."""
    table = {key: value for key, value in config.data.items() if key not in ("augmentation", "features")}
    return options_of(Selection, table)


def _read(config: TrainConfig, request: Request, captions: Path | None) -> Data:
    options = options_of(AugmentationOptions, config.data.get("augmentation", {}), "[data.augmentation]")
    features = str(config.data.get("features", ""))
    pictures = read_captioned(request.data, captions, selection_of(config))
    augmented, augmented_captions = augment_pictures(pictures, options)
    perceptual = load_perceptual(features) if features else None
    return Data(pictures, np.stack(augmented) if augmented else pictures.pixels[:0], augmented_captions, perceptual)


def _denoiser_job(config: TrainConfig, data: Data, first: AutoencoderJob, folder: Path, cpu: bool) -> DenoiserJob:
    device = "cuda" if torch.cuda.is_available() and not cpu else "cpu"
    autoencoder = first.modules["autoencoder"].to(device).eval().requires_grad_(False)
    folder.mkdir(parents=True, exist_ok=True)
    latents = unit_latents(autoencoder, data.pixels, folder / "latents.pt", device)
    options = options_of(DenoiserOptions, config.data, "[stages.denoiser.data]")
    return DenoiserJob(config, options, data.pictures, data.captions, autoencoder, latents, data.perceptual)


def too_long(tokenizer: Any, captions: Sequence[Caption]) -> int:
    """How many captions lose words, even without their keywords, because they have more tokens than are read at once."""
    texts = [f"{caption.name}, {caption.style}" if caption.style else caption.name for caption in captions]
    tokens = tokenizer(texts, truncation=False, verbose=False).input_ids if texts else []
    return sum(len(each) > tokenizer.model_max_length for each in tokens)


def write_folder(out: Path, config: TrainConfig, job: DenoiserJob, command: list[str], metrics: Mapping[str, Any]) -> Path:
    """Write `<name>/` (a diffusers folder, half precision) and `<name>.toml` into `out` and return the card's path."""
    from genkit.models.txt2img.latent_diffusion import save
    from genkit.train.txt2img.caption_augmentation import COLOURS
    from genkit.verbs.txt2img.known_words import FILE, write_words

    files = save(job.parts(job.modules), out / config.name)
    captions = job.pictures.captions
    others = [*COLOURS, *{caption.style for caption in captions}, "wearing next to icon with hat"]
    files[FILE] = write_words(out / config.name, [(caption.name, caption.keywords) for caption in captions], others)
    side, chosen = job.pictures.pixels.shape[1], job.options
    fields: dict[str, Any] = {
        "family": "diffusers",
        "dtypes": ["float32", "float16", "bfloat16"],
        "params": {"pipeline": "StableDiffusionPipeline"},
        "limits": {"size": side},
        "metrics": dict(metrics),
        "options": {
            "negative": {"type": "str", "default": "", "help": "what not to draw"},
            "steps": {
                "type": "int",
                "default": chosen.steps,
                "minimum": 1,
                "maximum": 1000,
                "help": "steps that take noise away",
            },
            "guidance": {
                "type": "float",
                "default": chosen.guidance,
                "minimum": 1.0,
                "maximum": 30.0,
                "help": "how closely the prompt is followed",
            },
        },
        "folder": {"path": config.name, "files": {name: checksum(path) for name, path in files.items()}},
    }
    return write_card(out, config, command, fields)
