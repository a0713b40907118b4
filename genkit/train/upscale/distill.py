"""Train the compact network towards what a large published one makes of worn pictures (distillation, Hinton et al. 2015,
arXiv 1503.02531): the teacher's result is a function of the small picture, so that it can be learnt where the sharp original,
of which the small one tells too little, leads to the blurred mean of all that it may have been.

The loss is the mean absolute error from the teacher's result and that of its gradients, and LPIPS (Zhang et al. 2018,
arXiv 1801.03924) towards that and towards the original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.data.pictures import Source
from genkit.data.tensors import stack
from genkit.errors import WeightsError
from genkit.evaluate.instruments import instrument
from genkit.evaluate.lpips import CARD, lpips
from genkit.train.config import TrainConfig
from genkit.train.feed import Batch
from genkit.train.job import Figures, Modules, figures_of
from genkit.train.translate.networks import gradient_loss
from genkit.train.upscale.job import DataOptions, UpscaleJob
from genkit.train.upscale.triples import prepare, read_triples


@dataclass(frozen=True)
class DistillOptions(DataOptions):
    """`teacher` is a model, whose results for `count` crops of `crop` small pixels a side are kept in the run's folder, or were
    made before and lie in the folder `triples` (`genkit.train.upscale.triples`). Beside the absolute error from the teacher's
    result weigh `gradient` the error of its gradients, `taught_lpips` LPIPS towards it and `sharp_lpips` LPIPS towards the
    original. LPIPS falls soonest to a fine weave over everything, which people mind and it does not: more than some tenths of
    it, and without gradients, is worse to look at the better its figure."""

    degradation: str = "photo"
    teacher: str = ""
    triples: str = ""
    crop: int = 72
    count: int = 2000
    gradient: float = 1.0
    taught_lpips: float = 0.15
    sharp_lpips: float = 0.05


class DistillJob(UpscaleJob):
    kind = DistillOptions
    options: DistillOptions

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, folder: Path):
        self._folder = folder
        judge = instrument(CARD)
        if judge is None:
            raise WeightsError(f"{CARD}, by which results are judged, is not here", f"genkit models pull {CARD}", code="absent")
        self._judge = judge
        super().__init__(config, data, holdout)

    def _read(self, sources: Sequence[Source]) -> None:
        chosen = self.options
        folder = Path(chosen.triples) if chosen.triples else self._folder / "triples"
        if not chosen.triples:
            prepare(folder, sources, chosen.teacher, self.scale, chosen.crop, chosen.count)
        self._triples = read_triples(folder, self.scale, chosen.patch)

    def batch(self, rng: np.random.Generator) -> Batch:
        small, taught, sharp = self._triples.lr, self._triples.sr, self._triples.hr
        patch, scale = self.options.patch, self.scale
        cuts: list[list[np.ndarray]] = []
        for _ in range(self.options.batch):
            number = int(rng.integers(len(small)))
            top, left = (int(rng.integers(small.shape[axis] - patch + 1)) for axis in (1, 2))
            large = slice(top * scale, (top + patch) * scale), slice(left * scale, (left + patch) * scale)
            places = ((small, (slice(top, top + patch), slice(left, left + patch))), (taught, large), (sharp, large))
            turn, mirror = int(rng.integers(4)), bool(rng.integers(2))
            turned = [np.rot90(pictures[number][place], turn) for pictures, place in places]
            cuts.append([pixels[:, ::-1] if mirror else pixels for pixels in turned])
        # LPIPS looks at every fourth place, which must not be the same ones of the pixel shuffle each time
        shift = torch.from_numpy(rng.integers(scale, size=2))
        return {
            **{name: stack([cut[n] for cut in cuts]) for n, name in enumerate(("small", "taught", "sharp"))},
            "shift": shift,
        }

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        small, taught, sharp = (
            batch[name].to(memory_format=torch.channels_last).float() / 255 for name in ("small", "taught", "sharp")
        )
        result = modules["network"](small)  # (N, 3, scale*P, scale*P)
        losses = {"l1": (result - taught).abs().mean(), "gradient": gradient_loss(result, taught)}
        loss, judge = losses["l1"] + self.options.gradient * losses["gradient"], self._judge.to(result.device)
        down, right = batch["shift"].tolist()
        seen = judge.features(result[..., down:, right:])
        for name, weight, target in (
            ("taught_lpips", self.options.taught_lpips, taught),
            ("sharp_lpips", self.options.sharp_lpips, sharp),
        ):
            if weight:
                with torch.no_grad():
                    wanted = judge.features(target[..., down:, right:])
                losses[name] = judge.between(seen, wanted).mean()
                loss = loss + weight * losses[name]
        return loss, figures_of(losses)

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        """PSNR on luma and LPIPS over the held-out pictures' centres."""
        distances = [lpips(self._enlarge(modules["network"], small), sharp) for sharp, small in self._held]
        return {**super().evaluate(modules), "lpips": float(np.mean([np.mean(each) for each in distances]))}


def make_job(config: TrainConfig, data: Sequence[Path], holdout: Path | None, folder: Path) -> UpscaleJob:
    """The training that a configuration describes: towards a teacher if it names one."""
    return DistillJob(config, data, holdout, folder) if config.data.get("teacher") else UpscaleJob(config, data, holdout)
