"""A stage before the denoiser: a text-to-latent prior, by which the text encoder learns what the latents of a picture are.

A network that takes noise off learns to take noise off long before it learns what words mean, and does both together slowly.
Where there is nothing but noise, what it is to predict is the mean of the latents that a caption allows; that much a text
encoder with one matrix learns alone, in a small part of the time, and the denoiser begins with words that hold the picture.
(Priors that predict an image's code from its caption: Ramesh et al. 2022, arXiv 2204.06125; here the code is only the target,
and the matrix is left behind.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of


@dataclass(frozen=True)
class PriorOptions:
    """`augmented` is the share of augmented pictures in a batch."""

    batch: int = 256
    augmented: float = 0.3


class TextToLatentPrior(nn.Module):
    """A text encoder, and latents (N, size) out of the mean of its states from the first end token on."""

    def __init__(self, encoder: Any, end: int, mean: Tensor):
        super().__init__()
        self.encoder, self.end = encoder, end
        self.latents = nn.Linear(encoder.config.hidden_size, len(mean))
        nn.init.zeros_(self.latents.weight)
        with torch.no_grad():
            self.latents.bias.copy_(mean)

    def forward(self, tokens: Tensor) -> Tensor:
        ends = (tokens == self.end).to(self.latents.weight.dtype)[..., None]
        return self.latents((self.encoder(tokens)[0] * ends).sum(1) / ends.sum(1))


class PriorJob(Job):
    """`draw(rng, count, augmented)` gives places of pictures and their captions' tokens (count, window), which end in `end`;
    `latents` (N, C, h, w) are theirs, `names` the places and tokens to measure on, and `show` makes a sheet of latents."""

    averaged = ("prior",)
    protocol = "prior_error: mean squared error of the latents that words alone predict, over names of trained pictures"

    def __init__(
        self,
        options: PriorOptions,
        encoder: Any,
        end: int,
        latents: Tensor,
        draw: Callable[[np.random.Generator, int, float], tuple[np.ndarray, Tensor]],
        names: tuple[np.ndarray, Tensor],
        show: Callable[[Tensor], np.ndarray],
    ):
        self.options, self.latents, self._draw, self._names, self._show = options, latents, draw, names, show
        mean = latents[torch.from_numpy(names[0])].float().flatten(1).mean(0)
        self.modules: Modules = {"prior": TextToLatentPrior(encoder, end, mean)}

    def matrices(self) -> list[Tensor]:
        weights = self.modules["prior"].named_parameters(prefix="prior")
        return [w for name, w in weights if w.ndim == 2 and "embed" not in name and ".latents." not in name]

    def batch(self, rng: np.random.Generator) -> Batch:
        places, tokens = self._draw(rng, self.options.batch, self.options.augmented)
        return {"tokens": tokens, "latents": self.latents[torch.from_numpy(places)].float().flatten(1)}

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        loss = (modules["prior"](batch["tokens"]).float() - batch["latents"]).square().mean()
        return loss, figures_of({"loss": loss})

    def evaluate(self, modules: Modules) -> Figures:
        truth = self.latents[torch.from_numpy(self._names[0])].float()
        return {"prior_error": float((self._predicted(modules) - truth).square().mean())}

    @torch.inference_mode()
    def _predicted(self, modules: Modules) -> Tensor:
        device = next(modules["prior"].parameters()).device
        parts = [modules["prior"](part.to(device)).float().cpu() for part in self._names[1].split(self.options.batch)]
        return torch.cat(parts).unflatten(1, self.latents.shape[1:])

    def sheet(self, modules: Modules) -> np.ndarray:
        """What the words of 48 names predict, as pictures, uint8 (H, W, 3)."""
        latents = self._predicted(modules)
        return self._show(latents[:: max(1, len(latents) // 48)][:48])
