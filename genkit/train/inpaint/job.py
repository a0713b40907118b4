"""Train the inpainting network: absolute and squared error inside the hole, then features and an adversarial loss.

The main part learns what is likely (Pathak et al. 2016, arXiv 1604.07379, section 3.2: reconstruction); the finish adds a
feature loss (Johnson et al. 2016, arXiv 1603.08155) and an adversarial one (hinge, spectral normalisation, patches, as
SN-PatchGAN in Yu et al. 2019, arXiv 1806.03589), which bring back the texture that a mean cannot have. As in LaMa (Suvorov et
al. 2021, arXiv 2109.07161, section 2.3.2) only patches that touch the hole count as made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from genkit.data.masks import draw_mask
from genkit.data.pictures import split_sources
from genkit.data.squares import centre_square
from genkit.data.tensors import stack, to_pixels, to_tensor
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.perceptual import load_perceptual
from genkit.models.inpaint import inpainter
from genkit.nets import vgg
from genkit.train.config import TrainConfig, options_of
from genkit.train.discriminators import PictureDiscriminator
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, built, figures_of, hidden_convolutions


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square in pixels; `reductions` the bounds of how far a picture is reduced before it is cut;
    `squared`, `perceptual` and `adversarial` weigh the terms beside the absolute error, the last two in the finish only.
    `features` is a file of VGG-19 weights or a model (`genkit.evaluate.perceptual`), for the perceptual term; `views` is what
    the card will say."""

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


class InpaintJob(Job):
    averaged = ("network",)
    dtypes = ("float32",)  # the smooth filling is the result wherever it is right: half formats would band it

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = options_of(DataOptions, config.data)
        self.network_params = dict(config.network)
        self.modules: Modules = {"network": built(inpainter.build, config.network)}
        if self.options.adversarial:
            self.modules["discriminator"] = PictureDiscriminator(kernels=(5, 5))
            self.discriminators = ("discriminator",)
        self._features: nn.Module | None = None
        if self.options.features or self.options.perceptual:
            perceptual = load_perceptual(self.options.features)
            self._features, self.judge = perceptual, perceptual.title
        self._fake: Tensor | None = None
        side = self.options.validate_side
        self.protocol = (
            f"PSNR over the masked pixels, RGB, mean over held-out pictures: centre square of 512 reduced to {side}; "
            "masks drawn from seed 0"
        )
        sources = split_sources(data, holdout)
        least = round(self.options.side * self.options.reductions[0])
        training = [pixels for source in sources for pixels in source.training_pictures()]
        self._pictures = [pixels for pixels in training if min(pixels.shape[:2]) >= least]
        if not self._pictures:
            raise UsageError(
                f"{', '.join(map(str, data))}: no picture to train on has {least} pixels on its shorter side",
                "smaller squares: --set data.side=64",
            )
        rng = np.random.default_rng(0)
        held = [pixels for source in sources for pixels in source.held_pictures(self.options.validate)]
        self._held = [(centre_square(pixels, side, 512 // side), draw_mask(rng, side)) for pixels in held]

    def matrices(self) -> list[Tensor]:
        return hidden_convolutions(self.modules["network"])

    def batch(self, rng: np.random.Generator) -> Batch:
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
        return {"images": stack(squares), "masks": torch.from_numpy(np.stack(masks))[:, None]}

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        images = batch["images"].to(memory_format=torch.channels_last).float() / 255  # (N, 3, S, S)
        masks = batch["masks"].float()  # (N, 1, S, S)
        result = modules["network"](images * (1 - masks), masks)
        error, area = (result - images) * masks, 3 * masks.sum()
        losses = {"l1": error.abs().sum() / area}
        loss = losses["l1"] + self.options.squared * error.square().sum() / area
        self._fake = None
        if finishing and self._features is not None and self.options.perceptual:
            self._features.to(images.device)
            losses["perceptual"] = vgg.distance(self._features(result), self._features(images))
            loss = loss + self.options.perceptual * losses["perceptual"]
        if finishing and self.discriminators:
            touched = interpolate(masks, scale_factor=1 / 8, mode="area")
            losses["adversarial"] = -(modules["discriminator"](result) * touched).sum() / touched.sum()
            loss = loss + self.options.adversarial * losses["adversarial"]
            self._fake = result.detach()
        return loss, figures_of(losses)

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures] | None:
        """Hinge loss: real patches above 1, patches that touch the hole below -1, the others of a made picture real too."""
        if self._fake is None:
            return None
        images, masks = batch["images"].float() / 255, batch["masks"].float()
        touched = (interpolate(masks, scale_factor=1 / 8, mode="area") > 0).float()
        real_logits, fake_logits = modules["discriminator"](images), modules["discriminator"](self._fake)
        loss = relu(1 - real_logits).mean() + (touched * relu(1 + fake_logits)).sum() / touched.sum()
        return loss, figures_of({"discriminator": loss})

    @staticmethod
    def _fill(network: nn.Module, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        images = to_tensor(pixels, next(network.parameters()).device)
        masks = torch.from_numpy(mask).to(images.device)[None, None].float()
        return np.where(mask[..., None], to_pixels(network(images * (1 - masks), masks)), pixels)

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        scores = []
        for pixels, mask in self._held:
            scores.append(psnr(self._fill(modules["network"], pixels, mask)[mask], pixels[mask]))
        return {"psnr_hole_db": float(np.mean(scores))}

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of (input, result, original), uint8 (H, W, 3)."""
        rows = []
        for pixels, mask in self._held[:8]:
            masked = np.where(mask[..., None], np.uint8(255), pixels)
            rows.append(np.concatenate([masked, self._fill(modules["network"], pixels, mask), pixels], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {
            **self.network_params,
            "size": self.options.validate_side,
            "views": self.options.views,
        }
