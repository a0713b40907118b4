"""Train the inpainting network: absolute and squared error inside the hole, then features and a discriminator's opinion.

The main part learns what is likely (Pathak et al. 2016, arXiv 1604.07379, section 3.2: reconstruction); the finish adds a
feature loss (Johnson et al. 2016, arXiv 1603.08155) and an adversarial one (hinge, spectral normalisation, patches, as
SN-PatchGAN in Yu et al. 2019, arXiv 1806.03589), which bring back the texture that a mean cannot have. As in LaMa (Suvorov et
al. 2021, arXiv 2109.07161, section 2.3.2) only patches that touch the hole count as made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from genkit.data.masks import draw_mask
from genkit.data.pictures import read_pictures, split_sources
from genkit.data.squares import centre_square
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.models.inpaint import inpainter
from genkit.nets import vgg
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.perceptual import load_judge


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square in pixels; `reductions` the bounds of how far a picture is reduced before it is cut;
    `squared`, `perceptual` and `adversarial` weigh the terms beside the absolute error, the last two in the finish only.
    `features` is a file of VGG-19 weights, or the model vgg19, for the perceptual term; `views` is what the card will say."""

    side: int = 128
    batch: int = 8
    reductions: tuple[float, ...] = (1.2, 2.4)
    squared: float = 4.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    features: str = ""
    views: int = 1
    validate: int = 40
    validate_side: int = 256


class Discriminator(nn.Module):
    """Five convolutions under spectral normalisation: RGB (N, 3, H, W) to one opinion for each patch (N, 1, H/8, W/8)."""

    def __init__(self, width: int = 32):
        super().__init__()
        sides = ((3, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1))
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, after, 5, stride, 2)) for before, after, stride in sides
        )
        self.opinion = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        features = images * 2 - 1
        for layer in self.layers:
            features = nn.functional.leaky_relu(layer(features), 0.2)
        return self.opinion(features)


class InpaintJob:
    """What the loop asks of a task: its modules, its batches, its losses, its held-out metric and its sheet."""

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
        self.options = DataOptions(**given)
        self.network_params = dict(config.network)
        self.modules: dict[str, nn.Module] = {"network": inpainter.build(**config.network)}
        self.averaged: tuple[str, ...] = ("network",)
        self.rivals: tuple[str, ...] = ()
        if self.options.adversarial:
            self.modules["discriminator"] = Discriminator()
            self.rivals = ("discriminator",)
        self._features: nn.Module | None = None
        if self.options.features or self.options.perceptual:
            self._features = load_judge(self.options.features, "data.perceptual")
        self._made: Tensor | None = None
        side = self.options.validate_side
        self.protocol = (
            f"PSNR over the masked pixels, RGB, mean over held-out pictures: centre square of 512 reduced to {side}; "
            "masks drawn from seed 0"
        )
        sources = split_sources(data, holdout)
        least = round(self.options.side * self.options.reductions[0])
        self._pictures = [
            pixels for s in sources for _, pixels in read_pictures(s.path, s.training) if min(pixels.shape[:2]) >= least
        ]
        if not self._pictures:
            raise UsageError(
                f"{', '.join(map(str, data))}: no picture to train on has {least} pixels on its shorter side",
                "smaller squares: --set data.side=64",
            )
        rng = np.random.default_rng(0)
        held = [pixels for s in sources for _, pixels in read_pictures(s.path, s.held[: self.options.validate])]
        self._held = [(centre_square(pixels, side, 512 // side), draw_mask(rng, side)) for pixels in held]

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        """The convolutions but for the first and the last."""
        found = [m.weight for m in self.modules["network"].modules() if isinstance(m, nn.Conv2d)]
        return found[1:-1]

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        from PIL import Image

        side, (low, high) = self.options.side, self.options.reductions
        squares, masks = [], []
        for _ in range(self.options.batch):
            pixels = self._pictures[int(rng.integers(len(self._pictures)))]
            height, width = pixels.shape[:2]
            edge = side * min(float(np.exp(rng.uniform(np.log(low), np.log(high)))), min(height, width) / side)
            left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
            cut = Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX, box=(left, top, left + edge, top + edge))
            square = np.rot90(np.asarray(cut), int(rng.choice([0, 0, 0, 1, 2, 3])))
            squares.append(square[:, ::-1] if rng.integers(2) else square)
            masks.append(draw_mask(rng, side))
        images = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).contiguous()
        return {"images": images, "masks": torch.from_numpy(np.stack(masks))[:, None]}

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        images = batch["images"].to(memory_format=torch.channels_last).float() / 255  # (N, 3, S, S)
        masks = batch["masks"].float()  # (N, 1, S, S)
        made = modules["network"](images * (1 - masks), masks)
        error, area = (made - images) * masks, 3 * masks.sum()
        figures = {"l1": error.abs().sum() / area}
        loss = figures["l1"] + self.options.squared * error.square().sum() / area
        self._made = None
        if finishing and self._features is not None and self.options.perceptual:
            self._features.to(images.device)
            figures["vgg"] = vgg.distance(self._features(made), self._features(images))
            loss = loss + self.options.perceptual * figures["vgg"]
        if finishing and self.rivals:
            touched = interpolate(masks, scale_factor=1 / 8, mode="area")
            figures["adversarial"] = -(modules["discriminator"](made) * touched).sum() / touched.sum()
            loss = loss + self.options.adversarial * figures["adversarial"]
            self._made = made.detach()
        return loss, {name: float(figure.detach()) for name, figure in figures.items()}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        """Hinge loss: real patches above 1, patches that touch the hole below -1, the others of a made picture real too."""
        if self._made is None:
            return None
        images, masks = batch["images"].float() / 255, batch["masks"].float()
        touched = (interpolate(masks, scale_factor=1 / 8, mode="area") > 0).float()
        real, made = modules["discriminator"](images), modules["discriminator"](self._made)
        loss = relu(1 - real).mean() + (touched * relu(1 + made)).sum() / touched.sum()
        return loss, {"discriminator": float(loss.detach())}

    @staticmethod
    def _fill(network: nn.Module, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        device = next(network.parameters()).device
        images = torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255
        masks = torch.from_numpy(mask).to(device)[None, None].float()
        made = network(images * (1 - masks), masks).clamp(0, 1)[0].permute(1, 2, 0) * 255
        return np.where(mask[..., None], made.round().byte().cpu().numpy(), pixels)

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        scores = []
        for pixels, mask in self._held:
            scores.append(psnr(self._fill(modules["network"], pixels, mask)[mask], pixels[mask]))
        return {"psnr_hole_db": float(np.mean(scores))}

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of (input, result, original), uint8 (H, W, 3)."""
        rows = []
        for pixels, mask in self._held[:8]:
            shown = np.where(mask[..., None], np.uint8(255), pixels)
            rows.append(np.concatenate([shown, self._fill(modules["network"], pixels, mask), pixels], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {
            **self.network_params,
            "size": self.options.validate_side,
            "views": self.options.views,
        }

    def card_fields(self) -> dict[str, Any]:
        return {"dtypes": ["float32"]}  # the smooth filling is the result wherever it is right: half formats would band it
