"""Train a small text-to-image network of your own from nothing: an autoencoder first, then a text-to-latent prior, then a
denoiser with the prior's text encoder.

The stages (`autoencoder.py`, `text_to_latent.py`, `denoiser.py`) run through the one loop, each in a folder of its own below
the run's, and each resumes. The prior may be left out: the denoiser trains the encoder too, only much more slowly. What comes
out is an ordinary diffusers folder with a card beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from genkit.data.captions import Caption, CaptionedPictures, Selection, read_captioned
from genkit.errors import UsageError
from genkit.models.txt2img.latent_diffusion import autoencoder_of, decoded, moments
from genkit.train.config import TrainConfig, options_of
from genkit.train.finish import checksum, write_card
from genkit.train.former import stage_folder
from genkit.train.loop import Report, refuse_begun, train
from genkit.train.perceptual import load_perceptual
from genkit.train.run import Request, command_of, config_of
from genkit.train.stages import minutes_of, stage_of
from genkit.train.txt2img.autoencoder import AutoencoderJob, AutoencoderOptions
from genkit.train.txt2img.caption_augmentation import AugmentationOptions, augment_pictures
from genkit.train.txt2img.denoiser import DenoiserJob, DenoiserOptions, unit_latents
from genkit.train.txt2img.text_to_latent import PriorOptions

STAGES = ("autoencoder", "prior", "denoiser")
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
    wanted = [name for name in STAGES if name != OPTIONAL or name in config.stages]
    stages = {name: stage_of(config, name, str(request.config)) for name in wanted}
    folders = {name: stage_folder(request.out, name) for name in wanted}
    refuse_begun(request.out, request.resume, *(folder / "state.pt" for folder in folders.values()))
    data = _read(config, request, captions)

    spent = 0.0
    minutes: dict[str, float] = {}
    metrics: dict[str, Any] = {}

    def go(stage: str, job: Any) -> dict[str, Any]:
        nonlocal spent
        config, folder, earlier = stages[stage], folders[stage], minutes_of(folders[stage])
        left = None if request.max_minutes is None else max(0.0, request.max_minutes - spent)
        outcome = train(
            config, job, folder, max_minutes=left, resume=True, cpu=request.cpu,
            report=lambda event: report({"stage": stage, **event}),
        )  # fmt: skip
        minutes[stage] = outcome["minutes"]
        spent += outcome["minutes"] - earlier
        prefix = "autoencoder_" if stage == "autoencoder" else ""
        metrics.update({f"{prefix}{key}": value for key, value in outcome["metrics"].items()})
        return {**outcome, "stage": stage, "card": None}

    first = AutoencoderJob(
        options_of(AutoencoderOptions, stages["autoencoder"].data, "[stages.autoencoder.data]"),
        autoencoder_of(**{**stages["autoencoder"].network, "side": data.pictures.pixels.shape[1]}),
        moments,
        decoded,
        data.pictures.pixels,
        shares=data.pictures.shares,
        augmented=data.augmented,
        perceptual=data.perceptual,
    )
    outcome = go("autoencoder", first)
    if not outcome["finished"]:
        return outcome
    last = _denoiser_job(stages["denoiser"], data, first, folders["denoiser"], request.cpu)
    if cut := too_long(last.tokenizer, last.captions):
        notice = f"{cut} of {len(last.captions)} captions have more than the {last.tokenizer.model_max_length} tokens"
        print(f"{notice} of stages.denoiser.network.text_encoder.window: what is beyond is not learnt", file=sys.stderr)
    protocols = [first.protocol]
    if OPTIONAL in wanted:
        prior = last.prior_job(options_of(PriorOptions, stages[OPTIONAL].data, f"[stages.{OPTIONAL}.data]"))
        outcome = go(OPTIONAL, prior)
        if not outcome["finished"]:
            return outcome
        protocols.append(prior.protocol)
    outcome = go("denoiser", last)
    metrics |= {
        "steps": outcome["step"],
        "train_minutes": round(sum(minutes.values()), 1),
        "protocol": "; ".join([*protocols, last.protocol]),
    }
    card = write_folder(request.out, config, last, command_of(request), metrics)
    return {**outcome, "card": str(card)}


def selection_of(config: TrainConfig) -> Selection:
    """Which pictures a configuration takes."""
    table = {key: value for key, value in config.data.items() if key not in ("augmentation", "features")}
    return options_of(Selection, table)


def _read(config: TrainConfig, request: Request, captions: Path | None) -> Data:
    options = options_of(AugmentationOptions, config.data.get("augmentation", {}), "[data.augmentation]")
    features = str(config.data.get("features", ""))
    pictures = read_captioned(request.data, captions, selection_of(config))
    augmented, augmented_captions = augment_pictures(pictures, options)
    perceptual = load_perceptual(features, "retrieval") if features else None
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
