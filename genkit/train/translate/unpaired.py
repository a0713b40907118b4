"""Train a translation between two folders of pictures that show nothing twice: CycleGAN.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (arXiv 1703.10593): two
generators, there and back, and two discriminators with least-squares losses; what went there and back shall be what it was
(equation 2), and a picture that is of the wanted kind already shall stay (section 5.2). Only the generator there is exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.data.names import split_names
from genkit.data.pictures import list_pictures, read_pictures
from genkit.data.squares import centre_square
from genkit.data.tensors import stack, to_pixels
from genkit.errors import UsageError
from genkit.train.config import TrainConfig, options_of
from genkit.train.discriminators import PictureDiscriminator, least_squares_loss
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of, hidden_convolutions
from genkit.train.translate.networks import Pictures, call, cut_square, network_of, to_device


@dataclass(frozen=True)
class DataOptions:
    """`unpaired` are the two folders or zips; `side` that of a training square, cut from pictures at up to `reduction` times
    it; `cycle` and `identity` weigh the terms beside the adversarial one."""

    unpaired: tuple[str, ...] = ()
    side: int = 128
    batch: int = 2
    reduction: float = 1.5
    cycle: float = 10.0
    identity: float = 5.0
    validate: int = 8


class UnpairedJob(Job):
    protocol = "mean absolute difference, in 8-bit steps, of held-out pictures of the first kind that went there and back"
    averaged = ("there", "back")
    dtypes = ("float32", "bfloat16")
    discriminators = ("first", "second")

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = chosen = options_of(DataOptions, config.data)
        if len(chosen.unpaired) != 2:
            raise UsageError("data.unpaired: expected two folders or zips", "genkit train translate --unpaired A B")
        self.network_params = dict(config.network)
        self.modules: Modules = {"there": network_of(config), "back": network_of(config)}
        self.modules |= {"first": PictureDiscriminator(), "second": PictureDiscriminator()}
        self._call = partial(call, config.family)
        self._pictures: list[Pictures] = []
        self._held: Pictures = []
        for source in map(Path, chosen.unpaired):
            training, held = split_names(list_pictures(source), None if self._pictures else holdout)
            if not self._pictures:
                self._held = [centre_square(p, chosen.side, 1) for _, p in read_pictures(source, held[: chosen.validate])]
            self._pictures.append([pixels for _, pixels in read_pictures(source, training) if min(pixels.shape[:2]) >= 16])
            if not self._pictures[-1]:
                raise UsageError(f"{source}: no picture that can be read")
        self._fake: dict[str, Tensor] = {}

    def matrices(self) -> list[Tensor]:
        return hidden_convolutions(self.modules["there"]) + hidden_convolutions(self.modules["back"])

    def batch(self, rng: np.random.Generator) -> Batch:
        def squares(pictures: Pictures) -> Tensor:
            drawn = [pictures[int(rng.integers(len(pictures)))] for _ in range(self.options.batch)]
            return stack([cut_square(pixels, self.options.side, self.options.reduction, rng) for pixels in drawn])

        return {"first": squares(self._pictures[0]), "second": squares(self._pictures[1])}

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        first, second = batch["first"].float() / 255, batch["second"].float() / 255
        there, back = partial(self._call, modules["there"]), partial(self._call, modules["back"])
        fake_second, fake_first = there(first), back(second)
        logits = modules["second"](fake_second), modules["first"](fake_first)
        losses = {
            "adversarial": (logits[0] - 1).square().mean() + (logits[1] - 1).square().mean(),
            "cycle": (back(fake_second) - first).abs().mean() + (there(fake_first) - second).abs().mean(),
        }
        loss = losses["adversarial"] + self.options.cycle * losses["cycle"]
        if self.options.identity:
            losses["identity"] = (there(second) - second).abs().mean() + (back(first) - first).abs().mean()
            loss = loss + self.options.identity * losses["identity"]
        self._fake = {"first": fake_first.detach(), "second": fake_second.detach()}
        return loss, figures_of(losses)

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures]:
        logits = [(modules[kind](batch[kind].float() / 255), modules[kind](fake)) for kind, fake in self._fake.items()]
        loss = torch.stack([least_squares_loss(real, fake) for real, fake in logits]).sum()
        return loss, figures_of({"discriminators": loss})

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        errors = []
        for pixels in self._held:
            again = to_pixels(self._there_and_back(modules, pixels)[1])
            errors.append(np.abs(again.astype(np.int16) - pixels).mean())
        return {"cycle_error": float(np.mean(errors))}

    def _there_and_back(self, modules: Modules, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        fake = self._call(modules["there"], to_device(pixels, modules["there"])).clamp(0, 1)
        return fake, self._call(modules["back"], fake)

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of (first kind, fake second, there and back), uint8 (H, W, 3)."""
        each = [[pixels, *map(to_pixels, self._there_and_back(modules, pixels))] for pixels in self._held]
        return np.concatenate([np.concatenate(row, 1) for row in each], 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["there"].state_dict()), self.network_params
