"""Train the colour network: cross-entropy on the ab bins of reduced pictures, rare colours weighing more.

After Zhang et al. 2016 (arXiv 1603.08511): the truth of a place is a soft distribution over the bins (a Gaussian of sigma 5 Lab
units), and each place counts by how rare its colour is. Their weights make every colour equal by half; here they are the
probability of a colour to the power of `-rebalance`, which can be set as low as a small network needs.
With `error` the loss has besides what PSNR is of: the logarithm of each picture's mean squared error, so that a picture nearly
grey counts as much as a gaudy one. (A small network that begins with nothing learns the training pictures by heart from it.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from genkit.data.pictures import split_sources
from genkit.data.squares import centre_square, random_square
from genkit.data.tensors import stack, to_pixels, to_tensor
from genkit.errors import UsageError
from genkit.evaluate.colour import colourfulness, grey_of
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.sheets import grid
from genkit.models.colorize import colorizer, lite
from genkit.models.colorize.bins import CEILING, bins, thinned
from genkit.nets.efficientnet import BLOCKS
from genkit.nets.lab import lab_to_rgb, rgb_to_lab
from genkit.train.config import TrainConfig, options_of
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, built, figures_of

SIGMA = 5.0  # of the soft truth, in Lab units
LEAST_ERROR = 10.0  # squared Lab units: what is nearer to the truth counts as right


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square in pixels; `largest` the shorter side at which pictures are kept; `shares` how often
    each source is drawn from, in the order of `--data`; `least_crop` the smallest part of a picture's shorter side that is
    cut out; `least_chroma` the mean chroma (Lab units) below which a picture teaches only that things are grey and is left
    out; `gamma` the deviation of the logarithm of the lightness curve that a square is bent by. `error` weighs the logarithm of
    a picture's squared error, its colours read at `temperature`; the loss is taken in every `thin`th row and column alone,
    from others each time, since the many bins take much of the time. `temperature`, `saturation`, `ceiling` and `views` are
    what the card will say of how colours are read from the network, `size` the side at which it is to see pictures, 0 for
    `validate_side`. Of a published encoder `frozen` stages stay as they began, and its stem; 0 lets all of it learn."""

    side: int = 96
    batch: int = 32
    largest: int = 224
    shares: tuple[float, ...] = ()
    least_crop: float = 0.6
    least_chroma: float = 3.0
    gamma: float = 0.15
    rebalance: float = 0.25
    error: float = 0.0
    thin: int = 1
    temperature: float = 0.5
    saturation: float = 1.0
    ceiling: float = CEILING
    views: int = 1
    validate: int = 100
    validate_side: int = 128
    size: int = 0
    leave_out: tuple[str, ...] = ()
    frozen: int = 0


class ColorizeJob(Job):
    averaged = ("network",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = options_of(DataOptions, config.data)
        self.network_params = dict(config.network)
        network = built(colorizer.build, config.network)
        if isinstance(network, lite.LiteColorizer) and self.options.frozen:
            network.encoder.hold(self.options.frozen)
        self.modules: Modules = {"network": network}
        self.averaged, self.discriminators = ("network",), ()
        side = self.options.validate_side
        self.protocol = (
            f"held-out pictures, centre square of 512 reduced to {side}; RGB PSNR of the result less that of the grey picture, "
            "and colourfulness against the originals' (Hasler and Suesstrunk), at temperature "
            f"{self.options.temperature:g}, saturation {self.options.saturation:g} and ceiling {self.options.ceiling:g}"
        )
        sources = split_sources(data, holdout, self.options.leave_out)
        self._pictures = [[kept for pixels in source.training_pictures() for kept in self._keep(pixels)] for source in sources]
        if not all(self._pictures):
            empty = next(source.path for source, kept in zip(sources, self._pictures, strict=True) if not kept)
            raise UsageError(f"{empty}: no picture in it has colours to learn from", "lower data.least_chroma")
        shares = self.options.shares or tuple(len(pictures) ** 0.5 for pictures in self._pictures)
        if len(shares) != len(sources):
            raise UsageError(
                f"data.shares has {len(shares)} numbers for {len(sources)} sources (--data)",
                "--set data.shares=[] draws each by the root of how many pictures it has",
            )
        self._shares = np.array(shares) / sum(shares)
        held = [pixels for source in sources for pixels in source.held_pictures(self.options.validate)]
        squares = [centre_square(pixels, side, 512 // side) for pixels in held]
        # a photograph without colour has no error to gain on
        self._held = [pixels for pixels in squares if np.isfinite(psnr(grey_of(pixels), pixels))]
        self._centres = bins()  # (bins, 2)
        self._weights = self._rarity()

    def _keep(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        from PIL import Image

        ratio = self.options.largest / min(pixels.shape[:2])
        if ratio < 1:
            size = (max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio)))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        if float(rgb_to_lab(to_tensor(pixels[::4, ::4]))[:, 1:].norm(dim=1).mean()) >= self.options.least_chroma:
            yield pixels

    def _rarity(self) -> Tensor:
        """Weights of the bins (bins,), 1 on average over the colours of the training pictures."""
        rng = np.random.default_rng(0)
        chances = torch.zeros(len(self._centres))
        for _ in range(16):
            chances += self._truth(self._planes(self.batch(rng))[1]).mean((0, 2, 3))
        chances = 0.99 * chances / chances.sum() + 0.01 / len(chances)
        weights = chances**-self.options.rebalance
        return weights / (weights * chances).sum()

    @staticmethod
    def _planes(batch: Batch) -> tuple[Tensor, Tensor]:
        """Lightness (N, 1, H, W) and ab (N, 2, H/4, W/4) of a batch's pictures."""
        lab = rgb_to_lab(batch["images"].float() / 255)
        return lab[:, :1], avg_pool2d(lab[:, 1:], 4)

    def _truth(self, ab: Tensor) -> Tensor:
        """The soft truth (N, bins, h, w)."""
        centres = self._centres.to(ab)
        # |ab - c|^2 without the part that is the same for every bin
        nearness = torch.einsum("nchw,qc->nqhw", ab, centres) - 0.5 * centres.square().sum(1).view(1, -1, 1, 1)
        return (nearness / SIGMA**2).softmax(1)

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return lite.from_published(state, BLOCKS) or state

    def matrices(self) -> list[Tensor]:
        return self.modules["network"].learnt_matrices()  # type: ignore[operator]

    def batch(self, rng: np.random.Generator) -> Batch:
        squares = []
        for _ in range(self.options.batch):
            pictures = self._pictures[int(rng.choice(len(self._shares), p=self._shares))]
            pixels = pictures[int(rng.integers(len(pictures)))]
            edge = min(pixels.shape[:2]) * rng.uniform(self.options.least_crop, 1.0)
            squares.append(random_square(pixels, self.options.side, edge, rng))
        gamma = np.exp(rng.normal(0, self.options.gamma, (len(squares), 1, 1, 1))).astype(np.float32)
        first = rng.integers(self.options.thin, size=2) if self.options.thin > 1 else np.zeros(2, np.int64)
        return {"images": stack(squares), "gamma": torch.from_numpy(gamma), "first": torch.from_numpy(first)}

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        lightness, ab = self._planes(batch)
        places = (self.options.thin, *batch["first"].tolist())
        ab = thinned(ab, *places)
        truth = self._truth(ab)
        bent = (lightness / 100).clamp(0, 1) ** batch["gamma"] * 100
        logits = modules["network"](bent, *places).float()
        rarity = torch.einsum("nqhw,q->nhw", truth, self._weights.to(truth))
        losses = {"loss": (-(truth * logits.log_softmax(1)).sum(1) * rarity).mean()}
        if self.options.error:
            read = self.modules["network"].ab(logits, self.options.temperature)  # type: ignore[operator]
            squared = (read - ab).square().sum(1).mean((1, 2))
            losses["error"] = (squared + LEAST_ERROR).log().mean()
        return losses["loss"] + self.options.error * losses.get("error", 0), figures_of(losses)

    def _colour(self, network: Any, pixels: np.ndarray) -> np.ndarray:
        lightness = rgb_to_lab(to_tensor(pixels, next(network.parameters()).device))[:, :1]
        chosen = self.options
        ab = network.ab(network(lightness), chosen.temperature, chosen.saturation, chosen.ceiling)
        ab = interpolate(ab, scale_factor=4, mode="bilinear")
        return to_pixels(lab_to_rgb(torch.cat([lightness, ab], 1)))

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        gains, vivid, true = [], [], []
        for pixels in self._held:
            result = self._colour(modules["network"], pixels)
            gains.append(psnr(result, pixels) - psnr(grey_of(pixels), pixels))
            vivid.append(colourfulness(result))
            true.append(colourfulness(pixels))
        return {"gain_db": float(np.mean(gains)), "colourfulness": float(np.mean(vivid)) / max(float(np.mean(true)), 1e-6)}

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of two times (grey, result, original), uint8 (H, W, 3)."""
        rows = [np.concatenate([grey_of(p), self._colour(modules["network"], p), p], 1) for p in self._held[:16]]
        return grid(rows, 2)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {
            **self.network_params,
            "temperature": self.options.temperature,
            "saturation": self.options.saturation,
            "ceiling": self.options.ceiling,
            "views": self.options.views,
            "size": self.options.size or self.options.validate_side,
        }

    def card_fields(self) -> dict[str, Any]:
        meaning = "Below 1 the likelier colours gain: more decided, less brownish."
        temperature = {"type": "float", "default": self.options.temperature, "minimum": 0.05, "maximum": 1.0, "help": meaning}
        return {"dtypes": ["float32", "bfloat16"], "options": {"temperature": temperature}}
