"""Train a network that gives a thing another colour, by name: the colour's domain is found in each picture, nobody labels
anything.

StarGAN's task (Choi et al. 2018, arXiv 1711.09020) with a surer teacher than its cycle: where the thing is and what colour it
has is found by `data/colours.py`, and its colours are moved to those of the asked domain by their mean and deviation
(Reinhard et al. 2001, "Color Transfer between Images"), prints left as they are. The network learns to do that from the
picture and the name alone; what is found badly in one picture it has seen found well in a hundred others. A discriminator with
StarGAN's domain classifier (its equations 1 and 3) can be added for the finish, so that results look like photographs of
things of that colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from genkit.data import colours
from genkit.data.pictures import read_pictures, split_sources
from genkit.data.tensors import stack, to_tensor
from genkit.errors import UsageError
from genkit.nets.lab import lab_to_rgb, rgb_to_lab
from genkit.train.config import TrainConfig, options_of
from genkit.train.discriminators import PictureDiscriminator
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, figures_of, hidden_convolutions
from genkit.train.translate.domains import classifying_loss
from genkit.train.translate.networks import Pictures, network_of, to_device

PRINT = 26.0  # Lab units from the thing's own colour at which a place counts as a print on it
SPREADS = (0.6, 1.7)  # how much weaker or stronger the folds' light and shadow may become


@dataclass(frozen=True)
class Thing:
    """A picture uint8 (H, W, 3), the mask uint8 (H, W) of the thing in it, the number of its colour, and that colour in Lab
    with the deviation of its lightness."""

    pixels: np.ndarray
    mask: np.ndarray
    domain: int
    colour: np.ndarray
    spread: float


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of a training square and of pictures on the shorter side; `least_certain` how certain the mask of a
    picture must be to learn from it; `masking`, `adversarial` and `aux_classifier` weigh the terms beside the absolute error,
    the last two in the finish only. `recolour` chooses this job."""

    recolour: bool = True
    side: int = 128
    batch: int = 8
    least_certain: float = 0.78
    masking: float = 0.1
    adversarial: float = 0.0
    aux_classifier: float = 0.0
    validate: int = 48
    leave_out: tuple[str, ...] = ()


class RecolourJob(Job):
    averaged = ("network",)
    dtypes = ("float32", "bfloat16")
    protocol = (
        "held-out pictures whose thing is found for certain, recoloured to each domain: share of results whose thing, found in "
        "the input, has the asked colour's name; mean absolute difference outside of it, in 8-bit steps"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        self.options = chosen = options_of(DataOptions, config.data)
        self.names = list(config.network["domains"])
        unknown = [name for name in self.names if name not in colours.NAMES]
        if unknown:
            raise UsageError(f"{unknown[0]} is no colour that is found", f"there are {', '.join(colours.NAMES)}")
        self.network_params = dict(config.network)
        self.modules: Modules = {"network": network_of(config)}
        if chosen.adversarial:
            self.modules["discriminator"] = PictureDiscriminator(classes=len(self.names))
            self.discriminators = ("discriminator",)
        self._things, self._held = self._find(data, holdout)
        self._own = np.stack([self._typical(domain) for domain in range(len(self.names))])  # (domains, 4): Lab and spread
        self._fake: Tensor | None = None

    def _find(self, data: Sequence[Path], holdout: Path | None) -> tuple[list[Thing], list[Thing]]:
        sources = split_sources(data, holdout, self.options.leave_out)
        training = [pixels for source in sources for pixels in source.training_pictures()]
        held = [p for s in sources for _, p in read_pictures(s.path, s.held[:: max(1, len(s.held) // self.options.validate)])]
        things, kept = ([thing for thing in map(self._thing, part) if thing is not None] for part in (training, held))
        if not things:
            raise UsageError(f"{', '.join(map(str, data))}: no picture of one thing of a known colour")
        return things, kept

    def _thing(self, pixels: np.ndarray) -> Thing | None:
        name, mask, certain = colours.find(pixels)
        return self.thing(pixels, name, (mask * 255).round().astype(np.uint8), certain)

    def thing(self, pixels: np.ndarray, name: str, mask: np.ndarray, certain: float) -> Thing | None:
        """The thing in a picture, or None where it teaches nothing."""
        inside = mask > 150
        if certain < self.options.least_certain or name not in self.names or inside.mean() < 0.06:
            return None
        if min(pixels.shape[:2]) < self.options.side:
            return None
        lab = rgb_to_lab(torch.from_numpy(pixels[inside].astype(np.float32) / 255).T[None, :, :, None])[0, :, :, 0].numpy()
        colour = np.median(lab, 1)
        plain = np.abs(lab - colour[:, None]).sum(0) < PRINT
        spread = float(lab[0, plain].std()) if plain.sum() > 20 else 8.0
        return Thing(pixels, mask, self.names.index(name), colour, spread)

    def _typical(self, domain: int) -> np.ndarray:
        """A domain's colour and spread: the mean of the more vivid half of its things, as who asks for red wants red; of the
        paler half where the name says so little of hue."""
        things = [thing for thing in self._things if thing.domain == domain]
        if not things:
            raise UsageError(f"no picture shows a thing that is {self.names[domain]}", "leave it out of network.domains")
        things.sort(key=lambda thing: float(np.hypot(*thing.colour[1:])))
        half = len(things) // 2
        pale = self.names[domain] in ("black", "white", "grey", "brown")
        typical = things[: half + 1] if pale else things[half:]
        colour, spread = np.mean([thing.colour for thing in typical], 0), np.mean([thing.spread for thing in things])
        return np.array([*colour, spread], np.float32)

    def matrices(self) -> list[Tensor]:
        return hidden_convolutions(self.modules["network"])

    def batch(self, rng: np.random.Generator) -> Batch:
        things, pixels, masks, wanted = [], [], [], []
        for _ in range(self.options.batch):
            thing = self._things[int(rng.integers(len(self._things)))]
            square, mask = self._square(thing, rng, self.options.side)
            things.append(thing)
            pixels.append(square)
            masks.append(mask)
            wanted.append(int(rng.integers(len(self.names))))
        colour = np.stack([[*thing.colour, thing.spread] for thing in things]).astype(np.float32)
        return {
            "images": stack(pixels),
            "masks": torch.from_numpy(np.stack(masks))[:, None],
            "colours": torch.from_numpy(colour),
            "wanted": torch.from_numpy(self._own[wanted]),
            "domains": torch.tensor([thing.domain for thing in things]),
            "codes": torch.tensor(wanted),
        }

    @staticmethod
    def _square(thing: Thing, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A square of the picture and of its mask, brought to `side`, half of them mirrored."""
        from PIL import Image

        height, width = thing.mask.shape
        edge = min(height, width) * rng.uniform(0.8, 1.0)
        left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
        box, way = (left, top, left + edge, top + edge), Image.Resampling.BILINEAR
        cut = [np.asarray(Image.fromarray(each).resize((side, side), way, box=box)) for each in (thing.pixels, thing.mask)]
        mirrored = bool(rng.integers(2))
        first, second = (each[:, ::-1].copy() if mirrored else each for each in cut)
        return first, second

    @staticmethod
    def _truth(images: Tensor, masks: Tensor, own: Tensor, wanted: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
        """What shall come of pictures, and the mask (N, 1, H, W) of where; `own` and `wanted` (N, 4) are colours and
        spreads."""
        lab = rgb_to_lab(images)
        first, second = own[:, :3, None, None], wanted[:, :3, None, None]
        away = (lab - first) * lab.new_tensor([0.5, 1.0, 1.0]).view(1, 3, 1, 1)
        plain = torch.exp(-(away.square().sum(1, keepdim=True) / PRINT**2).square())
        share = masks * plain * (~same).view(-1, 1, 1, 1)
        ratio = (wanted[:, 3:] / own[:, 3:].clamp_min(1)).clamp(*SPREADS)[:, :, None, None]
        lightness = second[:, :1] + (lab[:, :1] - first[:, :1]) * ratio
        chroma = second[:, 1:] * (lightness.clamp(1, 100) / second[:, :1]).clamp(0.4, 1.3) ** 0.6 + 0.4 * (lab - first)[:, 1:]
        moved = lab_to_rgb(torch.cat([lightness.clamp(2, 98), chroma], 1)).clamp(0, 1)
        return images + share * (moved - images), share

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        images, masks = batch["images"].float() / 255, batch["masks"].float() / 255
        same = batch["codes"] == batch["domains"]
        truth, share = self._truth(images, masks, batch["colours"], batch["wanted"], same)
        network: Any = modules["network"]
        parts = network.parts(images, batch["codes"] + 1).float()
        result = images + torch.sigmoid(parts[:, 3:]) * parts[:, :3]
        losses = {"l1": (result - truth).abs().mean(), "mask": binary_cross_entropy_with_logits(parts[:, 3:], share)}
        loss = losses["l1"] + self.options.masking * losses["mask"]
        self._fake = None
        if finishing and self.discriminators:
            discriminator: Any = modules["discriminator"]
            fake_logits, class_logits = discriminator.classified(result)
            losses["adversarial"], losses["aux_classifier"] = -fake_logits.mean(), cross_entropy(class_logits, batch["codes"])
            loss = loss + self.options.adversarial * losses["adversarial"]
            loss = loss + self.options.aux_classifier * losses["aux_classifier"]
            self._fake = result.detach()
        return loss, figures_of(losses)

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures] | None:
        if self._fake is None:
            return None
        return classifying_loss(modules["discriminator"], batch["images"].float() / 255, self._fake, batch["domains"])

    def _recolour(self, network: nn.Module, pixels: np.ndarray, domains: Sequence[int]) -> np.ndarray:
        """One result (D, H, W, 3) for each domain."""
        images = to_device(pixels, network).expand(len(domains), -1, -1, -1)
        results = network(images, torch.tensor(domains, device=images.device) + 1).clamp(0, 1)
        return (results.permute(0, 2, 3, 1) * 255).round().byte().cpu().numpy()

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        right, outside = [], []
        for number, thing in enumerate(self._held):
            pixels, mask = self._middle(thing)
            domain = number % len(self.names)
            result = self._recolour(modules["network"], pixels, [domain])[0]
            lab = rgb_to_lab(to_tensor(result))[0]
            name = colours.name_of(lab[:, torch.from_numpy(mask > 200)].median(1).values)
            right.append(name == self.names[domain])
            outside.append(np.abs(result.astype(np.int16) - pixels)[mask < 20].mean() if (mask < 20).any() else 0.0)
        return {"right": float(np.mean(right)), "outside": float(np.mean(outside))} if right else {}

    def _middle(self, thing: Thing) -> tuple[np.ndarray, np.ndarray]:
        side, (height, width) = self.options.side, thing.mask.shape
        top, left = (height - side) // 2, (width - side) // 2
        return thing.pixels[top : top + side, left : left + side], thing.mask[top : top + side, left : left + side]

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """Rows of (input, every domain), uint8 (H, W, 3)."""
        rows: Pictures = []
        for thing in self._held[:10]:
            pixels = self._middle(thing)[0]
            results = self._recolour(modules["network"], pixels, list(range(len(self.names))))
            rows.append(np.concatenate([pixels, *results], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {**self.network_params, "size": self.options.side}
