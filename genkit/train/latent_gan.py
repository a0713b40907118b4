"""Train a GAN that draws the latents of an autoencoder: the autoencoder first, then a generator against a discriminator.

Generator and discriminator see an eighth of the side, say, where a step costs a tenth of one on pictures. The first stage is
that of latent diffusion (`autoencoder.py`, `genkit.nets.codec`); its decoder becomes the generator's end and is not trained
any more. A configuration without [stages.autoencoder] is trained on pictures themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.errors import UsageError
from genkit.evaluate.labelled import Preparation
from genkit.nets.codec import Codec
from genkit.train.autoencoder import AutoencoderJob, AutoencoderOptions
from genkit.train.autoencoder import options_of as table_of
from genkit.train.config import TrainConfig, read_config
from genkit.train.gan import CHUNK, GanJob
from genkit.train.gan_data import Latents, options_of, read_sources
from genkit.train.loop import Report, train
from genkit.train.run import Request
from genkit.train.run import run as run_one
from genkit.train.stages import minutes_of, stage_of

STAGE = "autoencoder"


def run(request: Request, report: Report) -> dict[str, Any]:
    """Train what is left of both stages, or of the one, within `max_minutes`, and return the loop's outcome.

    No card is written while the autoencoder is unfinished.

    Raises:
        UsageError: a configuration that does not hold together; a run folder in use.
    """
    config = read_config(request.config, request.overrides)
    if config.task != request.task or not config.stages:
        make: Any = GanJob
        return run_one(request, make, report)
    stage, folder = stage_of(config, STAGE, str(request.config)), request.out / STAGE
    begun = (folder / "state.pt").exists()
    if begun and not request.resume:
        raise UsageError(f"{request.out}: holds a run already", "continue it with --resume, or give another --out")
    chosen = options_of(config)
    how = Preparation(chosen.side, chosen.squeeze, chosen.pixel_art, chosen.alpha, chosen.covered)
    pictures = read_sources(request.data, request.holdout, chosen, how)
    codec = _codec(config, 4 if chosen.alpha else 3)
    job = AutoencoderJob(
        table_of(stage.data, AutoencoderOptions, f"[stages.{STAGE}.data]"), codec, _read, _drawn, pictures.pixels
    )
    before = minutes_of(folder)
    outcome = train(
        stage,
        job,
        folder,
        max_minutes=request.max_minutes,
        resume=begun,
        cpu=request.cpu,
        report=lambda event: report({"stage": STAGE, **event}),
    )
    if not outcome["finished"]:
        return {**outcome, "stage": STAGE, "card": None}
    left = None if request.max_minutes is None else max(0.0, request.max_minutes - (outcome["minutes"] - before))
    figures = {f"{STAGE}_{key}": value for key, value in outcome["metrics"].items()}
    figures[f"{STAGE}_minutes"] = outcome["minutes"]
    codec.eval().requires_grad_(False)
    learnt = Latents(pictures, latents_of(codec, pictures.pixels, "cpu" if request.cpu else None), codec, figures)
    make = partial(GanJob, drawn_in=learnt)
    return run_one(replace(request, max_minutes=left), make, lambda event: report({"stage": "generator", **event}))


def _codec(config: TrainConfig, channels: int) -> Codec:
    sizes = config.network.get("decoder")
    try:
        return Codec(channels=channels, **(sizes if isinstance(sizes, Mapping) else {}))
    except (TypeError, ValueError) as error:
        raise UsageError(f"network.decoder: {error}", "{latents = 16, widths = [96, 64, 48, 24]}") from error


def _read(codec: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor] = codec.encoder(images)
    return found


def _drawn(codec: Any, latents: Tensor) -> Tensor:
    images: Tensor = codec.decoder(latents)
    return images


@torch.inference_mode()
def latents_of(codec: Codec, pixels: np.ndarray, device: str | None = None) -> Tensor:
    """Latents (2, N, C, h, w) of unit spread, half precision, of uint8 (N, side, side, C) and of their mirror images; the
    decoder learns of the spread."""
    codec.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    place = next(codec.parameters()).device
    found = []
    for way in (1, -1):
        for first in range(0, len(pixels), CHUNK):
            part = np.ascontiguousarray(pixels[first : first + CHUNK, :, ::way].transpose(0, 3, 1, 2))
            found.append(codec.encoder(torch.from_numpy(part).to(place).float() / 127.5 - 1)[0].cpu())
    codec.cpu()
    both = codec.normalise(torch.cat(found)).half()
    return both.reshape(2, len(pixels), *both.shape[1:])
