"""Train the colour network: cross-entropy on the ab bins of reduced pictures, rare colours weighing more.

After Zhang et al. 2016 (arXiv 1603.08511): the truth of a place is a soft distribution over the bins (a Gaussian of sigma 5 Lab
units), and each place counts by how rare its colour is. Their weights make every colour equal by half; here they are the
probability of a colour to the power of `-rebalance`, which can be set as low as a small network needs.
(A finish that added the error of the mean colour made held-out pictures worse: it learnt the training pictures by heart.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from genkit.data.pictures import read_pictures, split_sources
from genkit.data.squares import centre_square
from genkit.errors import UsageError
from genkit.evaluate.colour import colourfulness, grey_of
from genkit.evaluate.fidelity import psnr
from genkit.models.colorize import colorizer
from genkit.nets.lab import lab_to_rgb, rgb_to_lab
from genkit.train.config import TrainConfig
from genkit.train.feed import feed

SIGMA = 5.0  # of the soft truth, in Lab units


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square in pixels; `largest` the shorter side at which pictures are kept; `shares` how often
    each source is drawn from, in the order of `--data`; `least_crop` the smallest part of a picture's shorter side that is
    cut out; `least_chroma` the mean chroma (Lab units) below which a picture teaches only that things are grey and is left
    out; `gamma` the deviation of the logarithm of the lightness curve that a square is bent by. `temperature`, `saturation`,
    `ceiling` and `views` are what the card will say of how colours are read from the network."""

    side: int = 96
    batch: int = 32
    largest: int = 224
    shares: tuple[float, ...] = ()
    least_crop: float = 0.6
    least_chroma: float = 3.0
    gamma: float = 0.15
    rebalance: float = 0.25
    temperature: float = 0.5
    saturation: float = 1.0
    ceiling: float = colorizer.CEILING
    views: int = 1
    validate: int = 100
    validate_side: int = 128
    leave_out: tuple[str, ...] = ()


class ColorizeJob:
    """What the loop asks of a task: its modules, its batches, its loss, its held-out metric and its sheet."""

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
        self.options = DataOptions(**given)
        self.network_params = dict(config.network)
        self.modules: dict[str, nn.Module] = {"network": colorizer.build(**config.network)}
        self.averaged, self.rivals = ("network",), ()
        side = self.options.validate_side
        self.protocol = (
            f"held-out pictures, centre square of 512 reduced to {side}; RGB PSNR of the result less that of the grey picture, "
            "and colourfulness against the originals' (Hasler and Suesstrunk), at temperature "
            f"{self.options.temperature:g}, saturation {self.options.saturation:g} and ceiling {self.options.ceiling:g}"
        )
        sources = split_sources(data, holdout, self.options.leave_out)
        self._pictures = [[one for _, each in read_pictures(s.path, s.training) for one in self._keep(each)] for s in sources]
        if not all(self._pictures):
            empty = next(s.path for s, found in zip(sources, self._pictures, strict=True) if not found)
            raise UsageError(f"{empty}: no picture in it has colours to learn from", "lower data.least_chroma")
        shares = self.options.shares or tuple(len(found) ** 0.5 for found in self._pictures)
        if len(shares) != len(sources):
            raise UsageError(f"data.shares has {len(shares)} numbers for {len(sources)} sources (--data)")
        self._shares = np.array(shares) / sum(shares)
        held = [pixels for s in sources for _, pixels in read_pictures(s.path, s.held[: self.options.validate])]
        squares = [centre_square(pixels, side, 512 // side) for pixels in held]
        # a photograph without colour has no error to gain on
        self._held = [pixels for pixels in squares if np.isfinite(psnr(grey_of(pixels), pixels))]
        self._centres = colorizer.bins()  # (bins, 2)
        self._weights = self._rarity()

    def _keep(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        from PIL import Image

        ratio = self.options.largest / min(pixels.shape[:2])
        if ratio < 1:
            size = (max(1, round(pixels.shape[1] * ratio)), max(1, round(pixels.shape[0] * ratio)))
            pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        small = torch.from_numpy(pixels[::4, ::4].copy()).permute(2, 0, 1)[None].float() / 255
        if float(rgb_to_lab(small)[:, 1:].norm(dim=1).mean()) >= self.options.least_chroma:
            yield pixels

    def _rarity(self) -> Tensor:
        """Weights of the bins (bins,), 1 on average over the colours of the training pictures."""
        rng = np.random.default_rng(0)
        chances = torch.zeros(len(self._centres))
        for _ in range(16):
            chances += self._truth(self._batch(rng)["images"].float() / 255)[1].mean((0, 2, 3))
        chances = 0.99 * chances / chances.sum() + 0.01 / len(chances)
        weights = chances**-self.options.rebalance
        return weights / (weights * chances).sum()

    def _truth(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Lightness (N, 1, H, W) and the soft truth (N, bins, H/4, W/4) of pictures."""
        lab = rgb_to_lab(images)
        ab = avg_pool2d(lab[:, 1:], 4)
        centres = self._centres.to(ab)
        # |ab - c|^2 without the part that is the same for every bin
        nearness = torch.einsum("nchw,qc->nqhw", ab, centres) - 0.5 * centres.square().sum(1).view(1, -1, 1, 1)
        return lab[:, :1], (nearness / SIGMA**2).softmax(1)

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        """The convolutions that mix channels, but for the first and the last."""
        found = [m.weight for m in self.modules["network"].modules() if isinstance(m, nn.Conv2d) and m.groups == 1]
        return found[1:-1]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        from PIL import Image

        side, squares = self.options.side, []
        for _ in range(self.options.batch):
            pictures = self._pictures[int(rng.choice(len(self._shares), p=self._shares))]
            pixels = pictures[int(rng.integers(len(pictures)))]
            height, width = pixels.shape[:2]
            edge = min(height, width) * rng.uniform(self.options.least_crop, 1.0)
            left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
            cut = Image.fromarray(pixels).resize(
                (side, side), Image.Resampling.BICUBIC, box=(left, top, left + edge, top + edge), reducing_gap=2.0
            )
            square = np.asarray(cut)
            squares.append(square[:, ::-1] if rng.integers(2) else square)
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()
        gamma = np.exp(rng.normal(0, self.options.gamma, (len(squares), 1, 1, 1))).astype(np.float32)
        return {"images": images, "gamma": torch.from_numpy(gamma)}

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        lightness, truth = self._truth(batch["images"].float() / 255)
        bent = (lightness / 100).clamp(0, 1) ** batch["gamma"] * 100
        guesses = modules["network"](bent).float().log_softmax(1)
        weights = self._weights.to(truth)
        rarity = torch.einsum("nqhw,q->nhw", truth, weights)
        loss = (-(truth * guesses).sum(1) * rarity).mean()
        return loss, {"loss": float(loss.detach())}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> None:
        return None

    def _colour(self, network: Any, pixels: np.ndarray) -> np.ndarray:
        images = torch.from_numpy(pixels.copy()).to(next(network.parameters()).device).permute(2, 0, 1)[None].float() / 255
        lightness = rgb_to_lab(images)[:, :1]
        chosen = self.options
        ab = network.ab(network(lightness), chosen.temperature, chosen.saturation, chosen.ceiling)
        ab = interpolate(ab, scale_factor=4, mode="bilinear")
        rgb = lab_to_rgb(torch.cat([lightness, ab], 1)).clamp(0, 1)
        return (rgb[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        gains, vivid, true = [], [], []
        for pixels in self._held:
            result = self._colour(modules["network"], pixels)
            gains.append(psnr(result, pixels) - psnr(grey_of(pixels), pixels))
            vivid.append(colourfulness(result))
            true.append(colourfulness(pixels))
        return {"gain_db": float(np.mean(gains)), "colourfulness": float(np.mean(vivid)) / max(float(np.mean(true)), 1e-6)}

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of two times (grey, result, original), uint8 (H, W, 3)."""
        cells = [np.concatenate([grey_of(p), self._colour(modules["network"], p), p], 1) for p in self._held[:16]]
        cells += [cells[-1] * 0] * (len(cells) % 2)
        return np.concatenate([np.concatenate(cells[i : i + 2], 1) for i in range(0, len(cells), 2)], 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {
            **self.network_params,
            "temperature": self.options.temperature,
            "saturation": self.options.saturation,
            "ceiling": self.options.ceiling,
            "views": self.options.views,
            "size": self.options.validate_side,
        }

    def card_fields(self) -> dict[str, Any]:
        meaning = "Below 1 the likelier colours gain: more decided, less brownish."
        temperature = {"type": "float", "default": self.options.temperature, "minimum": 0.05, "maximum": 1.0, "help": meaning}
        return {"dtypes": ["float32", "bfloat16"], "options": {"temperature": temperature}}
