"""The last stage of training a text-to-image network: a text encoder, and the network that takes noise off latents.

Latents of all pictures are made once. The encoder is trained from nothing with the network; a share of captions is left empty,
so that guidance (Ho and Salimans 2022, arXiv 2207.12598) has something to compare with.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data.captions import Caption, CaptionedPictures
from genkit.data.labels import opaque
from genkit.evaluate.distribution import Features, distances
from genkit.evaluate.txt2img import GROUND, names_to_draw, ranks
from genkit.media.atomic import temporary_beside
from genkit.models.txt2img.latent_diffusion import (
    TRAIN_STEPS,
    Parts,
    decoded,
    denoiser_of,
    moments,
    noisy,
    normalise,
    scheduler_of,
    text_encoder_of,
    tokenizer_of,
    tokens_of,
)
from genkit.train.config import TrainConfig
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of
from genkit.train.txt2img.autoencoder import before, lay_out
from genkit.train.txt2img.caption_augmentation import augment_caption, main_colour
from genkit.train.txt2img.text_to_latent import PriorJob, PriorOptions

CHUNK = 64


@dataclass(frozen=True)
class DenoiserOptions:
    """`empty` is the share of captions left out for guidance, `augmented` that of augmented pictures in a batch. Times are
    evenly spread numbers from 0 to 1 to the power of `time_power`: below 1, there is more of much noise. `steps` and `guidance`
    are those of sheets and of the card; `count` names are drawn for `retrieval`, if features are given."""

    batch: int = 64
    empty: float = 0.1
    augmented: float = 0.3
    time_power: float = 1.0
    steps: int = 20
    guidance: float = 3.0
    count: int = 100
    prompts: tuple[str, ...] = ()
    columns: int = 10


class DenoiserJob(Job):
    """`latents` (N + M, C, h, w) are those of `pictures` and of what was made of them, with `augmented` captions."""

    averaged = ("text_encoder", "denoiser")

    def __init__(
        self,
        config: TrainConfig,
        options: DenoiserOptions,
        pictures: CaptionedPictures,
        augmented: Sequence[Caption],
        autoencoder: nn.Module,
        latents: Tensor,
        perceptual: nn.Module | None,
    ):
        self.options, self.pictures, self.autoencoder = options, pictures, autoencoder
        self.latents, self.captions = latents, [*pictures.captions, *augmented]
        sizes = dict(config.network.get("text_encoder", {}))
        vocabulary, window = int(sizes.pop("vocabulary", 2048)), int(sizes.pop("window", 24))
        texts = [text for caption in self.captions for text in (caption.name, *caption.keywords, caption.style)]
        self.tokenizer = tokenizer_of([*texts, "a", "an", "and", "with", "wearing", "next", "to", "icon"], vocabulary, window)
        encoder = text_encoder_of(self.tokenizer, **sizes)
        width = encoder.config.hidden_size
        self.modules: Modules = {
            "text_encoder": encoder,
            "denoiser": denoiser_of(latents.shape[-1], latents.shape[1], width, **config.network.get("denoiser", {})),
        }
        self.scheduler = scheduler_of()
        self.kept = self.scheduler.alphas_cumprod.float()
        self.colours = [colour[0] if (colour := main_colour(pixels)) else None for pixels in pictures.pixels]
        self.protocol = "error: mean squared error of the velocity on one fixed batch of training pictures"
        self._features: Features | None = None
        if perceptual is not None:
            self._features = Features(perceptual)
            self.protocol += (
                f"; retrieval: of {options.count} trained names, drawn once each with {options.steps} steps at guidance "
                f"{options.guidance:g}, the share whose own picture is among the 5 nearest by "
                f"{self._features.title}, over 4 x 4 parts"
            )
        self._real: Any = None
        self.fixed = self.batch(np.random.default_rng(0))

    def parts(self, modules: Modules) -> Parts:
        return Parts(self.autoencoder, self.tokenizer, modules["text_encoder"], modules["denoiser"], self.scheduler)

    def matrices(self) -> list[Tensor]:
        """Hidden weights of both networks: neither the outermost layers nor the tables of tokens and places."""
        named = [pair for module in self.modules.values() for pair in module.named_parameters()]
        hidden = [weight for name, weight in named if not any(outer in name for outer in ("embed", "conv_in", "conv_out"))]
        return [weight for weight in hidden if weight.ndim in (2, 4) and min(weight.shape[:2]) > 16]

    def captioned(self, rng: np.random.Generator, count: int, augmented: float) -> tuple[np.ndarray, list[str]]:
        """Places of `count` pictures, a share `augmented` of them augmented ones, and words for each."""
        own = len(self.pictures.captions)
        others = round(count * augmented) if len(self.captions) > own else 0
        places = rng.choice(own, count - others, p=self.pictures.shares)
        places = np.concatenate([places, rng.integers(own, len(self.captions), others)]) if others else places
        return places, [augment_caption(self.captions[n], self.colours[n] if n < own else None, rng) for n in places]

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen = self.options
        places, texts = self.captioned(rng, chosen.batch, chosen.augmented)
        texts = ["" if rng.random() < chosen.empty else text for text in texts]
        # one time from each of `batch` equal parts: a steadier loss than times that may crowd
        times = ((np.arange(chosen.batch) + rng.random(chosen.batch)) / chosen.batch) ** chosen.time_power * TRAIN_STEPS
        latents = self.latents[torch.from_numpy(places)].float()
        return {
            "latents": latents,
            "tokens": tokens_of(self.tokenizer, texts),
            "times": torch.from_numpy(times.astype(np.int64)),
            "noise": torch.from_numpy(rng.standard_normal(latents.shape, np.float32)),
        }

    def prior_job(self, options: PriorOptions) -> PriorJob:
        """The stage before this one, on the same text encoder."""
        own = self.pictures.of_style("")
        names = tokens_of(self.tokenizer, [self.captions[place].name for place in own])

        def draw(rng: np.random.Generator, count: int, augmented: float) -> tuple[np.ndarray, Tensor]:
            places, texts = self.captioned(rng, count, augmented)
            return places, tokens_of(self.tokenizer, texts)

        def show(latents: Tensor) -> np.ndarray:
            device = next(self.autoencoder.parameters()).device
            with torch.inference_mode():
                images = decoded(self.autoencoder, latents.to(device)).float().clamp(-1, 1).cpu()
            return lay_out(before(images, torch.ones(3, 1, 1)), self.options.columns)

        end = self.tokenizer.eos_token_id
        return PriorJob(options, self.modules["text_encoder"], end, self.latents, draw, (own, names), show)

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        inputs, target = noisy(batch["latents"], batch["noise"], batch["times"], self.kept)
        states = modules["text_encoder"](batch["tokens"])[0]
        velocity = modules["denoiser"](inputs.to(memory_format=torch.channels_last), batch["times"], states).sample
        loss = (velocity.float() - target).square().mean()
        return loss, figures_of({"loss": loss})

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        device = next(modules["denoiser"].parameters()).device
        fixed = {key: value.to(device) for key, value in self.fixed.items()}
        figures = {"error": self.loss(modules, fixed, finishing=False)[1]["loss"]}
        if self._features is not None:
            figures["retrieval"] = self._retrieval(modules, self._features)
        return figures

    def _retrieval(self, modules: Modules, features: Features) -> float:
        drawn, members = names_to_draw(self.pictures, self.options.count), self.pictures.of_style("")
        device = next(modules["denoiser"].parameters()).device
        if self._real is None:
            self._real = features.spatial(opaque(self.pictures.pixels[members], GROUND), device)
        images = self._draw(modules, [self.pictures.captions[place].name for place in drawn])
        pixels = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
        away = distances(features.spatial(opaque(pixels, GROUND), device), self._real)
        return float((ranks(away, np.searchsorted(members, drawn)) <= 5).mean())

    def _draw(self, modules: dict[str, nn.Module], prompts: Sequence[str]) -> Tensor:
        device = next(modules["denoiser"].parameters()).device
        self.autoencoder.to(device)
        return self.parts(modules).draw(
            prompts, range(len(prompts)), steps=self.options.steps, guidance=self.options.guidance, batch=CHUNK
        )

    def sheet(self, modules: Modules) -> np.ndarray:
        """The fixed prompts in rows before white, uint8 (H, W, 3)."""
        prompts = self.options.prompts or tuple(caption.name for caption in self.pictures.captions[: self.options.columns])
        return lay_out(before(self._draw(modules, prompts) * 2 - 1, torch.ones(3, 1, 1)), self.options.columns)


@torch.inference_mode()
def latents_of(autoencoder: nn.Module, pixels: np.ndarray, device: Any) -> Tensor:
    """Latents (N, C, h, w), half precision on the CPU, of uint8 (N, side, side, 4)."""
    chunks = []
    for first in range(0, len(pixels), CHUNK):
        part = np.ascontiguousarray(pixels[first : first + CHUNK].transpose(0, 3, 1, 2))
        images = torch.from_numpy(part).to(device).float() / 127.5 - 1
        chunks.append(moments(autoencoder, images)[0].float().cpu())
    return torch.cat(chunks)


def unit_latents(autoencoder: Any, pixels: np.ndarray, file: Path, device: Any) -> Tensor:
    """Bring the autoencoder's latents to unit spread, for good, and return those of all pictures; from `file` if it holds those
    of this very autoencoder and these pictures."""
    mark = hashlib.sha256(pixels.tobytes())
    for tensor in autoencoder.state_dict().values():
        mark.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    if file.exists():
        kept = torch.load(file, map_location="cpu", weights_only=True)
        if kept["mark"] == mark.hexdigest():
            normalise(autoencoder, kept["mean"].to(device), kept["spread"].to(device))
            return kept["latents"]
    latents = latents_of(autoencoder, pixels, device)
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp_min(1e-4)
    normalise(autoencoder, mean.to(device), spread.to(device))
    latents = ((latents - mean[:, None, None]) / spread[:, None, None]).half()
    with temporary_beside(file) as partial:
        torch.save({"mark": mark.hexdigest(), "mean": mean, "spread": spread, "latents": latents}, partial)
    return latents
