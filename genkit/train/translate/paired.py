"""Train a translation from pairs: absolute error, features, and a discriminator that sees the source beside the result.

After pix2pix (Isola et al. 2017, arXiv 1611.07004) with a feature loss (Johnson et al. 2016, arXiv 1603.08155) beside. The
adversarial term belongs to the finish, from a network that already draws. A network with domains (`colours = true`) gets the
colour of the thing too, in all but `unsaid` of the examples, so that it need not paint the grey mean of all colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data import colours
from genkit.data.pairs import folder_pairs, made_pairs
from genkit.data.squares import centre_square
from genkit.data.tensors import stack, to_pixels
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.perceptual import load_perceptual
from genkit.evaluate.sheets import grid
from genkit.nets import vgg
from genkit.train.config import TrainConfig, options_of
from genkit.train.discriminators import PictureDiscriminator, hinge_loss
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of, hidden_convolutions
from genkit.train.translate.networks import call, gradient_loss, network_of, to_device


@dataclass(frozen=True)
class DataOptions:
    """`make` names pairs that are made from photographs, `pairs` folders that hold them. `side` is that of a training square
    and, but for sketches, of pictures on the shorter side; `reduction` the largest by which a square is reduced before;
    `noise` and `blur` how much worse than the truth the source may be made (deviation in 8-bit steps and in pixels);
    `turn` allows quarter turns. `gradient`, `perceptual` and `adversarial` weigh the terms beside the absolute error;
    `features` is a file of VGG-19 weights or a model (`genkit.evaluate.perceptual`), and `patch` the part of a square whose
    features are compared. With `colours` the network gets the thing's colour but in the share `unsaid`, and
    pairs of a colour of n pairs are drawn in proportion to n to the power of `-balance`."""

    make: str = ""
    pairs: str = ""
    side: int = 128
    batch: int = 8
    reduction: float = 1.0
    noise: float = 0.0
    blur: float = 0.0
    turn: bool = False
    gradient: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    features: str = ""
    patch: int = 64
    colours: bool = False
    unsaid: float = 0.35
    balance: float = 0.0
    validate: int = 40
    validate_side: int = 128
    leave_out: tuple[str, ...] = ()


class PairedJob(Job):
    averaged = ("network",)
    dtypes = ("float32", "bfloat16")

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = chosen = options_of(DataOptions, config.data)
        self.network_params, self._call = dict(config.network), partial(call, config.family)
        if chosen.colours and list(config.network.get("domains", ())) != list(colours.NAMES):
            raise UsageError("data.colours needs network.domains", f"domains = {list(colours.NAMES)}")
        self.modules: Modules = {"network": network_of(config)}
        if chosen.adversarial:
            self.modules["discriminator"] = PictureDiscriminator(6)
            self.discriminators = ("discriminator",)
        self._features: nn.Module | None = None
        if chosen.features or chosen.perceptual:
            perceptual = load_perceptual(chosen.features)
            self._features, self.judge = perceptual, perceptual.title
        self.protocol = (
            f"RGB PSNR of the translation of held-out pictures, mean; squares of {chosen.validate_side} pixels from the middle"
        )
        if chosen.pairs:
            self._pairs, held = folder_pairs(chosen.pairs, holdout, chosen.side)
        elif chosen.make:
            self._pairs, held = made_pairs(
                chosen.make, data, holdout, chosen.side, chosen.leave_out, chosen.validate, chosen.colours
            )
        else:
            raise UsageError("no pairs to learn from", "genkit train translate --pairs DIR, or --pairs A:B")
        self._pairs = [pair for pair in self._pairs if min(pair[0].shape[:2]) >= chosen.side]
        if not self._pairs:
            raise UsageError(f"no pair has {chosen.side} pixels on its shorter side", "smaller squares: --set data.side=64")
        numbers = [colour for *_, colour in self._pairs]
        shares = np.bincount(numbers)[numbers] ** -chosen.balance
        self._shares = shares / shares.sum()
        side = chosen.validate_side
        held = held[:: max(1, len(held) // chosen.validate)][: chosen.validate]
        self._held = [(centre_square(a, side, 1), centre_square(b, side, 1), code) for a, b, code in held]
        self._fake: tuple[Tensor, Tensor] | None = None

    def matrices(self) -> list[Tensor]:
        return hidden_convolutions(self.modules["network"])

    def batch(self, rng: np.random.Generator) -> Batch:
        chosen, sources, targets, codes = self.options, [], [], []
        for _ in range(chosen.batch):
            *pair, colour = self._pairs[int(rng.choice(len(self._pairs), p=self._shares))]
            source, target = self._square(pair, rng)
            sources.append(self._worse(source, rng))
            targets.append(target)
            codes.append(0 if rng.random() < chosen.unsaid else colour)
        return {"source": stack(sources), "target": stack(targets), "codes": torch.tensor(codes)}

    def _square(self, pair: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """The same square of both, mirrored and turned the same way."""
        from PIL import Image

        side, (height, width) = self.options.side, pair[0].shape[:2]
        edge = min(round(side * rng.uniform(1, self.options.reduction)), height, width)
        top, left = int(rng.integers(height - edge + 1)), int(rng.integers(width - edge + 1))
        turns, mirrored = int(rng.integers(4)) if self.options.turn else 0, bool(rng.integers(2))
        squares = []
        for pixels in pair:
            cut = pixels[top : top + edge, left : left + edge]
            if edge != side:
                cut = np.asarray(Image.fromarray(cut).resize((side, side), Image.Resampling.BOX))
            cut = np.rot90(cut, turns)
            squares.append(cut[:, ::-1] if mirrored else cut)
        return squares

    def _worse(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The source as a worse camera would give it, half of the time, so that its faults are not drawn."""
        if not (self.options.noise or self.options.blur) or rng.integers(2):
            return pixels
        from PIL import Image, ImageFilter

        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, self.options.blur)))
        noisy = np.asarray(picture) + rng.normal(0, 1, pixels.shape).astype(np.float32) * rng.uniform(0, self.options.noise)
        return noisy.round().clip(0, 255).astype(np.uint8)

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        source, target = batch["source"].float() / 255, batch["target"].float() / 255
        result = self._call(modules["network"], source, batch["codes"] if self.options.colours else None)
        if result.shape[1] == 1:
            target = target[:, :1]
        losses = {"l1": (result - target).abs().mean()}
        loss = losses["l1"]
        if self.options.gradient:
            losses["gradient"] = gradient_loss(result, target)
            loss = loss + self.options.gradient * losses["gradient"]
        if self._features is not None and self.options.perceptual:
            losses["perceptual"] = self._perceptual_loss(result, target)
            loss = loss + self.options.perceptual * losses["perceptual"]
        self._fake = None
        if finishing and self.discriminators:
            fake = result.expand_as(source)
            losses["adversarial"] = -modules["discriminator"](torch.cat([source, fake], 1)).mean()
            loss = loss + self.options.adversarial * losses["adversarial"]
            self._fake = source, fake.detach()
        return loss, figures_of(losses)

    def _perceptual_loss(self, result: Tensor, target: Tensor) -> Tensor:
        """Of the features of one patch, at the same place in all pictures of the batch."""
        assert self._features is not None
        features = self._features.to(result.device)
        patch = min(self.options.patch, result.shape[2])
        top, left = (int(torch.randint(result.shape[2] - patch + 1, ())) for _ in range(2))
        both = (images[..., top : top + patch, left : left + patch].expand(-1, 3, -1, -1) for images in (result, target))
        result, target = both
        with torch.no_grad():
            truth = features(target)
        return vgg.distance(features(result), truth)

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures] | None:
        if self._fake is None:
            return None
        source, fake = self._fake
        real, discriminator = batch["target"].float() / 255, modules["discriminator"]
        loss = hinge_loss(discriminator(torch.cat([source, real], 1)), discriminator(torch.cat([source, fake], 1)))
        return loss, figures_of({"discriminator": loss})

    def _translate(self, network: nn.Module, pixels: np.ndarray, code: int = 0) -> np.ndarray:
        codes = torch.tensor([code], device=next(network.parameters()).device) if self.options.colours else None
        return to_pixels(self._call(network, to_device(pixels, network), codes))

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        network = modules["network"]
        scores = [psnr(self._translate(network, source, code), target) for source, target, code in self._held]
        return {"psnr_db": float(np.mean(scores))}

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Two a row of (source, result, target), and with colours the result without the name before the target; uint8
        (H, W, 3)."""
        rows = []
        for source, target, code in self._held[:24]:
            results = [self._translate(modules["network"], source, each) for each in ([code, 0] if code else [0])]
            rows.append(np.concatenate([source, *results, target], 1))
        return grid(rows, 2)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        params = dict(self.network_params)
        if self.options.make != "sketch":
            params["size"] = self.options.side
        if self.options.make == "edges":
            params["edges"] = True
        if self.options.colours:
            params["domain_optional"] = True
        return dict(modules["network"].state_dict()), params
