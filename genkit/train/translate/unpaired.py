"""Train a translation between two folders of pictures that show nothing twice: CycleGAN.

Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks" (arXiv 1703.10593): two
generators, there and back, and two discriminators with least-squares losses; what went there and back shall be what it was
(equation 2), and a picture that is of the wanted kind already shall stay (section 5.2). Only the generator there is exported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data.pictures import list_pictures, read_pictures, split_names
from genkit.data.squares import centre_square
from genkit.errors import UsageError
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.translate.discriminators import PatchRival, squared
from genkit.train.translate.networks import Pictures, adapt, cut_square, matrices, network_of, to_pixels, to_tensor


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


class UnpairedJob:
    """What the loop asks of a task: its modules, its batches, its losses, its held-out metric and its sheet."""

    protocol = "mean absolute difference, in 8-bit steps, of held-out pictures of the first kind that went there and back"
    averaged: tuple[str, ...] = ("there", "back")
    rivals: tuple[str, ...] = ("second", "first")

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
        self.options = chosen = DataOptions(**given)
        if len(chosen.unpaired) != 2:
            raise UsageError("data.unpaired: expected two folders or zips", "genkit train translate --unpaired A B")
        self.family, self.network_params = config.family, dict(config.network)
        self.modules: dict[str, nn.Module] = {"there": network_of(config), "back": network_of(config)}
        self.modules |= {"second": PatchRival(3), "first": PatchRival(3)}
        self._pictures: list[Pictures] = []
        self._held: list[Pictures] = []
        for source in map(Path, chosen.unpaired):
            training, held = split_names(list_pictures(source), holdout if not self._pictures else None)
            self._pictures.append([pixels for _, pixels in read_pictures(source, training) if min(pixels.shape[:2]) >= 16])
            side = chosen.side
            self._held.append([centre_square(p, side, 1) for _, p in read_pictures(source, held[: chosen.validate])])
            if not self._pictures[-1]:
                raise UsageError(f"{source}: no picture that can be read")
        self._made: dict[str, Tensor] = {}

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return matrices(self.modules["there"]) + matrices(self.modules["back"])

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        def some(pictures: Pictures) -> Tensor:
            drawn = [pictures[int(rng.integers(len(pictures)))] for _ in range(self.options.batch)]
            squares = [cut_square(one, self.options.side, self.options.reduction, rng) for one in drawn]
            return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()

        return {"first": some(self._pictures[0]), "second": some(self._pictures[1])}

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        first, second = batch["first"].float() / 255, batch["second"].float() / 255
        there, back = modules["there"], modules["back"]
        made_second, made_first = adapt(self.family, there, first), adapt(self.family, back, second)
        figures = {
            "adversarial": (modules["second"](made_second) - 1).square().mean()
            + (modules["first"](made_first) - 1).square().mean(),
            "cycle": (adapt(self.family, back, made_second) - first).abs().mean()
            + (adapt(self.family, there, made_first) - second).abs().mean(),
        }
        loss = figures["adversarial"] + self.options.cycle * figures["cycle"]
        if self.options.identity:
            figures["identity"] = (adapt(self.family, there, second) - second).abs().mean()
            figures["identity"] = figures["identity"] + (adapt(self.family, back, first) - first).abs().mean()
            loss = loss + self.options.identity * figures["identity"]
        self._made = {"first": made_first.detach(), "second": made_second.detach()}
        return loss, {name: float(figure.detach()) for name, figure in figures.items()}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        losses = [squared(modules[kind](batch[kind].float() / 255), modules[kind](made)) for kind, made in self._made.items()]
        loss = torch.stack(losses).sum()
        return loss, {"discriminators": float(loss.detach())}

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        errors = []
        for pixels in self._held[0]:
            made = adapt(self.family, modules["there"], to_tensor(pixels, modules["there"])).clamp(0, 1)
            again = to_pixels(adapt(self.family, modules["back"], made))
            errors.append(np.abs(again.astype(np.int16) - pixels).mean())
        return {"cycle_error": float(np.mean(errors))}

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of (first kind, made second, there and back), uint8 (H, W, 3)."""
        rows: Pictures = []
        for pixels in self._held[0]:
            made = adapt(self.family, modules["there"], to_tensor(pixels, modules["there"])).clamp(0, 1)
            rows.append(np.concatenate([pixels, to_pixels(made), to_pixels(adapt(self.family, modules["back"], made))], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["there"].state_dict()), self.network_params

    def card_fields(self) -> dict[str, Any]:
        return {"dtypes": ["float32", "bfloat16"]}
