"""The second stage of training a text-to-image network: words, and the network that takes noise off latents.

Latents of all pictures are made once. Words are trained from nothing with the network; a share of captions is left empty, so
that guidance (Ho and Salimans 2022, arXiv 2207.12598) has something to compare with.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data.captions import Caption, CaptionedPictures
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
from genkit.train.feed import feed
from genkit.train.txt2img.autoencoder import before, lay_out
from genkit.train.txt2img.caption_augmentation import main_colour, worded
from genkit.train.txt2img.text_to_latent import WordsJob, WordsOptions

CHUNK = 64


@dataclass(frozen=True)
class DenoiserOptions:
    """`empty` is the share of captions left out for guidance, `further` that of made pictures in a batch. Times are evenly
    spread numbers from 0 to 1 to the power of `time_power`: below 1, there is more of much noise. `steps` and `guidance` are
    those of sheets and of the card; `count` names are drawn for `retrieval`, if features are given."""

    batch: int = 64
    empty: float = 0.1
    further: float = 0.3
    time_power: float = 1.0
    steps: int = 20
    guidance: float = 3.0
    count: int = 100
    prompts: tuple[str, ...] = ()
    columns: int = 10


class DenoiserJob:
    """What the loop asks of a task. `latents` (N + M, C, h, w) are those of `pictures` and of what was made of them, with
    `made` captions."""

    averaged: tuple[str, ...] = ("words", "denoiser")
    rivals: tuple[str, ...] = ()

    def __init__(
        self,
        config: TrainConfig,
        options: DenoiserOptions,
        pictures: CaptionedPictures,
        made: Sequence[Caption],
        autoencoder: nn.Module,
        latents: Tensor,
        judge: nn.Module | None,
    ):
        self.options, self.pictures, self.autoencoder = options, pictures, autoencoder
        self.latents, self.captions = latents, [*pictures.captions, *made]
        told = dict(config.network)
        words = dict(told.get("words", {}))
        vocabulary, window = int(words.pop("vocabulary", 2048)), int(words.pop("window", 24))
        texts = [text for one in self.captions for text in (one.name, *one.keywords, one.style)]
        self.tokenizer = tokenizer_of([*texts, "a", "an", "and", "with", "wearing", "next", "to", "icon"], vocabulary, window)
        encoder = text_encoder_of(self.tokenizer, **words)
        width = encoder.config.hidden_size
        self.modules: dict[str, nn.Module] = {
            "words": encoder,
            "denoiser": denoiser_of(latents.shape[-1], latents.shape[1], width, **dict(told.get("denoiser", {}))),
        }
        self.scheduler = scheduler_of()
        self.kept = self.scheduler.alphas_cumprod.float()
        self.colours = [found[0] if (found := main_colour(one)) else None for one in pictures.pixels]
        self._judge = judge
        self._real: Any = None
        self.fixed = self._batch(np.random.default_rng(0))

    @property
    def protocol(self) -> str:
        said = "error: mean squared error of the velocity on one fixed batch of training pictures"
        if self._judge is None:
            return said
        return (
            f"{said}; retrieval: of {self.options.count} trained names, drawn once each with {self.options.steps} steps at "
            f"guidance {self.options.guidance:g}, the share whose own picture is among the 5 nearest by VGG-19 relu3_1 over "
            "4 x 4 parts"
        )

    def parts(self, modules: dict[str, nn.Module]) -> Parts:
        return Parts(self.autoencoder, self.tokenizer, modules["words"], modules["denoiser"], self.scheduler)

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        """Hidden weights of both networks: neither the outermost layers nor the tables of tokens and places."""
        found: list[Tensor] = []
        for module in self.modules.values():
            for name, one in module.named_parameters():
                outer = "embed" in name or "conv_in" in name or "conv_out" in name
                if one.ndim in (2, 4) and min(one.shape[:2]) > 16 and not outer:
                    found.append(one)
        return found

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def captioned(self, rng: np.random.Generator, count: int, further: float) -> tuple[np.ndarray, list[str]]:
        """Places of `count` pictures, a share `further` of them made ones, and words for each."""
        own = len(self.pictures.captions)
        others = round(count * further) if len(self.captions) > own else 0
        places = rng.choice(own, count - others, p=self.pictures.shares)
        places = np.concatenate([places, rng.integers(own, len(self.captions), others)]) if others else places
        return places, [worded(self.captions[one], self.colours[one] if one < own else None, rng) for one in places]

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        chosen = self.options
        places, texts = self.captioned(rng, chosen.batch, chosen.further)
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

    def words_job(self, options: WordsOptions) -> WordsJob:
        """The stage before this one, on the same text encoder."""
        own = self.pictures.of_style("")
        names = tokens_of(self.tokenizer, [self.captions[one].name for one in own])

        def draw(rng: np.random.Generator, count: int, further: float) -> tuple[np.ndarray, Tensor]:
            places, texts = self.captioned(rng, count, further)
            return places, tokens_of(self.tokenizer, texts)

        def show(latents: Tensor) -> np.ndarray:
            device = next(self.autoencoder.parameters()).device
            with torch.inference_mode():
                images = decoded(self.autoencoder, latents.to(device)).float().clamp(-1, 1).cpu()
            return lay_out(before(images, torch.ones(3, 1, 1)), self.options.columns)

        end = self.tokenizer.eos_token_id
        return WordsJob(options, self.modules["words"], end, self.latents, draw, (own, names), show)

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        inputs, target = noisy(batch["latents"], batch["noise"], batch["times"], self.kept)
        said = modules["words"](batch["tokens"])[0]
        found = modules["denoiser"](inputs.to(memory_format=torch.channels_last), batch["times"], said).sample
        loss = (found.float() - target).square().mean()
        return loss, {"loss": float(loss.detach())}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> None:
        return None

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        device = next(modules["denoiser"].parameters()).device
        fixed = {key: one.to(device) for key, one in self.fixed.items()}
        found = {"error": self.loss(modules, fixed, finishing=False)[1]["loss"]}
        if self._judge is not None:
            found["retrieval"] = self._retrieval(modules)
        return found

    def _retrieval(self, modules: dict[str, nn.Module]) -> float:
        from genkit.evaluate.distribution import Features
        from genkit.evaluate.txt2img import names_to_draw, ranks, shown

        places = names_to_draw(self.pictures, self.options.count)
        features = Features(self._judge)
        device = next(modules["denoiser"].parameters()).device
        if self._real is None:
            self._real = features.places(shown(self.pictures.pixels[self.pictures.of_style("")]), device)
        names = [self.pictures.captions[one].name for one in places]
        drawn = self._draw(modules, names)
        pixels = (drawn * 255).round().byte().permute(0, 2, 3, 1).numpy()
        own = np.searchsorted(self.pictures.of_style(""), places)
        return float((ranks(features.places(shown(pixels), device), self._real, own) <= 5).mean())

    def _draw(self, modules: dict[str, nn.Module], prompts: Sequence[str]) -> Tensor:
        device = next(modules["denoiser"].parameters()).device
        self.autoencoder.to(device)
        return self.parts(modules).draw(
            prompts, range(len(prompts)), steps=self.options.steps, guidance=self.options.guidance, batch=CHUNK
        )

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """The fixed prompts in rows before white, uint8 (H, W, 3)."""
        prompts = self.options.prompts or tuple(one.name for one in self.pictures.captions[: self.options.columns])
        return lay_out(before(self._draw(modules, prompts) * 2 - 1, torch.ones(3, 1, 1)), self.options.columns)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    def card_fields(self) -> dict[str, Any]:
        return {}


@torch.inference_mode()
def latents_of(autoencoder: nn.Module, pixels: np.ndarray, device: Any) -> Tensor:
    """Latents (N, C, h, w), half precision on the CPU, of uint8 (N, side, side, 4)."""
    found = []
    for first in range(0, len(pixels), CHUNK):
        part = np.ascontiguousarray(pixels[first : first + CHUNK].transpose(0, 3, 1, 2))
        images = torch.from_numpy(part).to(device).float() / 127.5 - 1
        found.append(moments(autoencoder, images)[0].float().cpu())
    return torch.cat(found)


def settle(autoencoder: Any, pixels: np.ndarray, file: Path, device: Any) -> Tensor:
    """Bring the autoencoder's latents to unit spread, for good, and return those of all pictures; from `file` if it holds those
    of this very autoencoder and these pictures."""
    mark = hashlib.sha256(pixels.tobytes())
    for one in autoencoder.state_dict().values():
        mark.update(one.detach().cpu().contiguous().numpy().tobytes())
    if file.exists():
        kept = torch.load(file, map_location="cpu", weights_only=True)
        if kept["mark"] == mark.hexdigest():
            normalise(autoencoder, kept["mean"].to(device), kept["spread"].to(device))
            return kept["latents"]
    latents = latents_of(autoencoder, pixels, device)
    mean, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3)).clamp_min(1e-4)
    normalise(autoencoder, mean.to(device), spread.to(device))
    latents = ((latents - mean[:, None, None]) / spread[:, None, None]).half()
    partial = file.with_suffix(".part")
    torch.save({"mark": mark.hexdigest(), "mean": mean, "spread": spread, "latents": latents}, partial)
    os.replace(partial, file)
    return latents
