"""Train a small text-to-image network of your own from nothing: an autoencoder first, then words, then a denoiser with them.

The stages (`autoencoder.py`, `words.py`, `denoiser.py`) run through the one loop, each in a folder of its own below the run's,
and each resumes. That of the words alone may be left out: the denoiser trains them too, only much more slowly. What comes out
is an ordinary diffusers folder with a card beside it.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from genkit.cards import card_text
from genkit.data.captions import Caption, CaptionedPictures, Choice, read_captioned
from genkit.errors import UsageError
from genkit.models.txt2img.latent_diffusion import autoencoder_of, decoded, moments
from genkit.train.config import TrainConfig, read_config
from genkit.train.loop import Report, train
from genkit.train.perceptual import load_judge
from genkit.train.run import Request, command_of
from genkit.train.stages import minutes_of, stage_of
from genkit.train.txt2img.autoencoder import AutoencoderJob, AutoencoderOptions, options_of
from genkit.train.txt2img.caption_augmentation import further
from genkit.train.txt2img.denoiser import DenoiserJob, DenoiserOptions, settle
from genkit.train.txt2img.text_to_latent import WordsOptions

STAGES = ("autoencoder", "words", "denoiser")
OPTIONAL = "words"


@dataclass(frozen=True)
class MadeOptions:
    """Pictures made of others before training (see `wording.further`): up to `recoloured` of each with none of the keywords
    `kept`, `pairs` of two, and `hats`: things of the keywords `worn_by` in one of `hat_names`."""

    recoloured: int = 0
    kept: tuple[str, ...] = ()
    pairs: int = 0
    hats: int = 0
    worn_by: tuple[str, ...] = ()
    hat_names: tuple[str, ...] = ()


@dataclass
class Data:
    """What both stages learn from."""

    pictures: CaptionedPictures
    made: np.ndarray
    captions: list[Caption]
    judge: nn.Module | None

    @property
    def everything(self) -> np.ndarray:
        return np.concatenate([self.pictures.pixels, self.made]) if len(self.made) else self.pictures.pixels


def run(request: Request, captions: Path | None, report: Report) -> dict[str, Any]:
    """Train what is left of the stages within `max_minutes`, write the folder and its card, and return the loop's outcome.

    Nothing is written before the last stage has begun.

    Raises:
        UsageError: the configuration is for another task, or has no stages; data without words; a run folder in use.
    """
    config = read_config(request.config, request.overrides)
    if config.task != request.task:
        raise UsageError(f"{request.config}: trains {config.task}, not {request.task}", f"genkit train {config.task} …")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("genkit train txt2img runs on one device", "start it without accelerate launch")
    if config.bits != 16:
        raise UsageError(f"{request.config}: bits = {config.bits}", "a folder for diffusers is in half precision: bits = 16")
    wanted = [name for name in STAGES if name != OPTIONAL or name in config.stages]
    stages = {name: stage_of(config, name, str(request.config)) for name in wanted}
    folders = {name: request.out / name for name in wanted}
    begun = any((folder / "state.pt").exists() for folder in folders.values())
    if begun and not request.resume:
        raise UsageError(f"{request.out}: holds a run already", "continue it with --resume, or give another --out")
    data = _read(config, request, captions)

    spent = 0.0
    minutes: dict[str, float] = {}
    metrics: dict[str, Any] = {}

    def go(stage: str, job: Any) -> dict[str, Any]:
        nonlocal spent
        config, folder, earlier = stages[stage], folders[stage], minutes_of(folders[stage])
        left = None if request.max_minutes is None else max(0.0, request.max_minutes - spent)
        resume = (folder / "state.pt").exists()
        outcome = train(
            config, job, folder, max_minutes=left, resume=resume, cpu=request.cpu,
            report=lambda event: report({"stage": stage, **event}),
        )  # fmt: skip
        minutes[stage] = outcome["minutes"]
        spent += outcome["minutes"] - earlier
        metrics.update({f"{stage}_{key}" if stage == "autoencoder" else key: one for key, one in outcome["metrics"].items()})
        return {**outcome, "stage": stage, "card": None}

    pixels = data.pictures.pixels
    first = AutoencoderJob(
        options_of(stages["autoencoder"].data, AutoencoderOptions, "[stages.autoencoder.data]"),
        autoencoder_of(**{**dict(stages["autoencoder"].network), "side": pixels.shape[1]}),
        moments,
        decoded,
        pixels,
        shares=data.pictures.shares,
        made=data.made,
        judge=data.judge,
    )
    outcome = go("autoencoder", first)
    if not outcome["finished"]:
        return outcome
    second = _second(stages["denoiser"], data, first, folders["denoiser"], request.cpu)
    if cut := too_long(second.tokenizer, second.captions):
        told = f"{cut} of {len(second.captions)} captions have more than the {second.tokenizer.model_max_length} tokens"
        print(f"{told} of stages.denoiser.network.words.window: what is beyond is not learnt", file=sys.stderr)
    protocols = [first.protocol]
    if OPTIONAL in wanted:
        words = second.words_job(options_of(stages["words"].data, WordsOptions, "[stages.words.data]"))
        outcome = go("words", words)
        if not outcome["finished"]:
            return outcome
        protocols.append(words.protocol)
    outcome = go("denoiser", second)
    metrics |= {
        "steps": outcome["step"],
        "train_minutes": round(sum(minutes.values()), 1),
        "protocol": "; ".join([*protocols, second.protocol]),
    }
    card = write_folder(request.out, config, second, command_of(request), metrics)
    return {**outcome, "card": str(card)}


def choice_of(config: TrainConfig) -> Choice:
    """Which pictures a configuration takes."""
    given = {key: one for key, one in config.data.items() if key not in ("made", "features")}
    return options_of(given, Choice, "[data]")


def _read(config: TrainConfig, request: Request, captions: Path | None) -> Data:
    made = options_of(config.data.get("made", {}), MadeOptions, "[data.made]")
    features = str(config.data.get("features", ""))
    pictures = read_captioned(request.data, captions, choice_of(config))
    pixels, words = further(
        pictures,
        recoloured=made.recoloured,
        pairs=made.pairs,
        hats=made.hats,
        worn_by=made.worn_by,
        hat_names=made.hat_names,
        kept=made.kept,
        seed=0,
    )
    judge = load_judge(features, "retrieval") if features else None
    return Data(pictures, np.stack(pixels) if pixels else pictures.pixels[:0], words, judge)


def _second(config: TrainConfig, data: Data, first: AutoencoderJob, folder: Path, cpu: bool) -> DenoiserJob:
    device = "cuda" if torch.cuda.is_available() and not cpu else "cpu"
    autoencoder = first.modules["autoencoder"].to(device).eval().requires_grad_(False)
    folder.mkdir(parents=True, exist_ok=True)
    latents = settle(autoencoder, data.everything, folder / "latents.pt", device)
    options = options_of(config.data, DenoiserOptions, "[stages.denoiser.data]")
    return DenoiserJob(config, options, data.pictures, data.captions, autoencoder, latents, data.judge)


def too_long(tokenizer: Any, captions: Sequence[Caption]) -> int:
    """How many captions lose words, even without their keywords, because they have more tokens than are read at once."""
    texts = [f"{one.name}, {one.style}" if one.style else one.name for one in captions]
    read = tokenizer(texts, truncation=False, verbose=False).input_ids if texts else []
    return sum(len(one) > tokenizer.model_max_length for one in read)


def write_folder(out: Path, config: TrainConfig, job: DenoiserJob, command: list[str], metrics: Mapping[str, Any]) -> Path:
    """Write `<name>/` (a diffusers folder, half precision) and `<name>.toml` into `out` and return the card's path."""
    from genkit.models.txt2img.latent_diffusion import save

    files = save(job.parts(job.modules), out / config.name)
    side, chosen = job.pictures.pixels.shape[1], job.options
    card: dict[str, Any] = {
        "name": config.name,
        "tasks": [config.task],
        "family": "diffusers",
        "summary": config.summary or "Trained with genkit: txt2img.",
        "licence": config.licence,
        "commercial": config.commercial,
        "source": "trained with genkit",
        "trained_by": " ".join(command),
        "data": config.data_note,
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
        "folder": {"path": config.name, "files": {name: _pinned(path) for name, path in files.items()}},
    }
    target = out / f"{config.name}.toml"
    target.write_text(card_text(card), encoding="utf-8")
    return target


def _pinned(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"hash": f"sha256:{hashlib.sha256(raw).hexdigest()}", "size": len(raw)}
