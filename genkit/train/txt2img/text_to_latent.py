"""A stage before the denoiser: words learn to say what the latents of their picture are.

A network that takes noise off learns to take noise off long before it learns what words mean, and does both together slowly.
Where there is nothing but noise, what it is to say is the mean of the latents that a caption allows; that much a text encoder
with one matrix learns alone, in a small part of the time, and the denoiser begins with words that hold the picture. (Priors
that predict an image's code from its caption: Ramesh et al. 2022, arXiv 2204.06125; here the code is only the target, and the
matrix is left behind.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.train.feed import feed

PROTOCOL = "words_error: mean squared error of the latents that words alone foretell, over names of trained pictures"


@dataclass(frozen=True)
class WordsOptions:
    """`further` is the share of made pictures in a batch."""

    batch: int = 256
    further: float = 0.3


class Foretelling(nn.Module):
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


class WordsJob:
    """What the loop asks of a task. `draw(rng, count, further)` gives places of pictures and their captions' tokens (count,
    window), which end in `end`; `latents` (N, C, h, w) are theirs, `names` the places and tokens to measure on, and `show`
    makes a sheet of latents."""

    averaged: tuple[str, ...] = ("words",)
    rivals: tuple[str, ...] = ()
    protocol = PROTOCOL

    def __init__(
        self,
        options: WordsOptions,
        encoder: Any,
        end: int,
        latents: Tensor,
        draw: Callable[[np.random.Generator, int, float], tuple[np.ndarray, Tensor]],
        names: tuple[np.ndarray, Tensor],
        show: Callable[[Tensor], np.ndarray],
    ):
        self.options, self.latents, self._draw, self._names, self._show = options, latents, draw, names, show
        mean = latents[torch.from_numpy(names[0])].float().flatten(1).mean(0)
        self.modules: dict[str, nn.Module] = {"words": Foretelling(encoder, end, mean)}

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        found = self.modules["words"].named_parameters(prefix="words")
        return [one for name, one in found if one.ndim == 2 and "embed" not in name and ".latents." not in name]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        places, tokens = self._draw(rng, self.options.batch, self.options.further)
        return {"tokens": tokens, "latents": self.latents[torch.from_numpy(places)].float().flatten(1)}

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        loss = (modules["words"](batch["tokens"]).float() - batch["latents"]).square().mean()
        return loss, {"loss": float(loss.detach())}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> None:
        return None

    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        truth = self.latents[torch.from_numpy(self._names[0])].float()
        return {"words_error": float((self._foretold(modules) - truth).square().mean())}

    @torch.inference_mode()
    def _foretold(self, modules: dict[str, nn.Module]) -> Tensor:
        device = next(modules["words"].parameters()).device
        found = [modules["words"](part.to(device)).float().cpu() for part in self._names[1].split(self.options.batch)]
        return torch.cat(found).unflatten(1, self.latents.shape[1:])

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """What the words of 48 names foretell, as pictures, uint8 (H, W, 3)."""
        foretold = self._foretold(modules)
        return self._show(foretold[:: max(1, len(foretold) // 48)][:48])

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {}, {}

    def card_fields(self) -> dict[str, Any]:
        return {}
