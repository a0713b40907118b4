"""Train a network that gives a thing another colour, by name: the colour's domain is found in each picture, nobody labels
anything.

StarGAN's task (Choi et al. 2018, arXiv 1711.09020) with a surer teacher than its cycle: where the thing is and what colour it
has is found by `data/colours.py`, and its colours are moved to those of the asked domain by their mean and deviation
(Reinhard et al. 2001, "Color Transfer between Images"), prints left as they are. The network learns to do that from the
picture and the name alone; what is found badly in one picture it has seen found well in a hundred others. A discriminator with
StarGAN's domain classifier (its equations 1 and 3) can be added for the finish, so that results look like photographs of
things of that colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from genkit.data import colours
from genkit.data.pictures import read_pictures, split_sources
from genkit.errors import UsageError
from genkit.nets.lab import lab_to_rgb, rgb_to_lab
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.translate.discriminators import PatchRival, hinge
from genkit.train.translate.networks import Pictures, matrices, network_of

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
    picture must be to learn from it; `masking`, `adversarial` and `naming` weigh the terms beside the absolute error, the last
    two in the finish only."""

    side: int = 128
    batch: int = 8
    least_certain: float = 0.78
    masking: float = 0.1
    adversarial: float = 0.0
    naming: float = 0.0
    validate: int = 48
    leave_out: tuple[str, ...] = ()


class RecolourJob:
    """What the loop asks of a task: its modules, its batches, its losses, its held-out metric and its sheet."""

    protocol = (
        "held-out pictures whose thing is found for certain, recoloured to each domain: share of results whose thing, found in "
        "the input, has the asked colour's name; mean absolute difference outside of it, in 8-bit steps"
    )

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
        given.pop("recolour", None)
        self.options = chosen = DataOptions(**given)
        self.names = list(config.network["domains"])
        unknown = [name for name in self.names if name not in colours.NAMES]
        if unknown:
            raise UsageError(f"{unknown[0]} is no colour that is found", f"there are {', '.join(colours.NAMES)}")
        self.network_params = dict(config.network)
        self.modules: dict[str, nn.Module] = {"network": network_of(config)}
        self.averaged: tuple[str, ...] = ("network",)
        self.rivals: tuple[str, ...] = ()
        if chosen.adversarial:
            self.modules["discriminator"] = PatchRival(3, domains=len(self.names))
            self.rivals = ("discriminator",)
        self._things, self._held = self._find(data, holdout)
        self._own = np.stack([self._typical(domain) for domain in range(len(self.names))])  # (domains, 4): Lab and spread
        self._made: Tensor | None = None

    def _find(self, data: Sequence[Path], holdout: Path | None) -> tuple[list[Thing], list[Thing]]:
        sources = split_sources(data, holdout, self.options.leave_out)
        training = [p for s in sources for _, p in read_pictures(s.path, s.training)]
        held = [p for s in sources for _, p in read_pictures(s.path, s.held[:: max(1, len(s.held) // self.options.validate)])]
        things, kept = ([one for one in map(self._thing, each) if one is not None] for each in (training, held))
        if not things:
            raise UsageError(f"{', '.join(map(str, data))}: no picture of one thing of a known colour")
        return things, kept

    def _thing(self, pixels: np.ndarray) -> Thing | None:
        name, mask, certain = colours.find(pixels)
        return self.thing(pixels, name, (mask * 255).round().astype(np.uint8), certain)

    def thing(self, pixels: np.ndarray, name: str, mask: np.ndarray, certain: float) -> Thing | None:
        """What was found in a picture, or None where it teaches nothing."""
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
        found = [one for one in self._things if one.domain == domain]
        if not found:
            raise UsageError(f"no picture shows a thing that is {self.names[domain]}", "leave it out of network.domains")
        found.sort(key=lambda one: float(np.hypot(*one.colour[1:])))
        half = len(found) // 2
        pale = self.names[domain] in ("black", "white", "grey", "brown")
        chosen = found[: half + 1] if pale else found[half:]
        return np.array([*np.mean([one.colour for one in chosen], 0), np.mean([one.spread for one in found])], np.float32)

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return state

    def matrices(self) -> list[Tensor]:
        return matrices(self.modules["network"])

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        side, found = self.options.side, []
        for _ in range(self.options.batch):
            one = self._things[int(rng.integers(len(self._things)))]
            found.append((one, *self._square(one, rng, side), int(rng.integers(len(self.names)))))
        pixels = torch.from_numpy(np.stack([each[1] for each in found])).permute(0, 3, 1, 2).contiguous()
        masks = torch.from_numpy(np.stack([each[2] for each in found]))[:, None]
        colour = np.stack([[*each[0].colour, each[0].spread] for each in found]).astype(np.float32)
        wanted = torch.tensor([each[3] for each in found])
        return {
            "images": pixels,
            "masks": masks,
            "colours": torch.from_numpy(colour),
            "wanted": torch.from_numpy(self._own[wanted.numpy()]),
            "domains": torch.tensor([each[0].domain for each in found]),
            "codes": wanted,
        }

    @staticmethod
    def _square(one: Thing, rng: np.random.Generator, side: int) -> tuple[np.ndarray, np.ndarray]:
        """A square of the picture and of its mask, brought to `side`, half of them mirrored."""
        from PIL import Image

        height, width = one.mask.shape
        edge = min(height, width) * rng.uniform(0.8, 1.0)
        left, top = rng.uniform(0, width - edge), rng.uniform(0, height - edge)
        box, way = (left, top, left + edge, top + edge), Image.Resampling.BILINEAR
        cut = [np.asarray(Image.fromarray(each).resize((side, side), way, box=box)) for each in (one.pixels, one.mask)]
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

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        images, masks = batch["images"].float() / 255, batch["masks"].float() / 255
        same = batch["codes"] == batch["domains"]
        truth, share = self._truth(images, masks, batch["colours"], batch["wanted"], same)
        network: Any = modules["network"]
        parts = network.parts(images, batch["codes"] + 1).float()
        made = images + torch.sigmoid(parts[:, 3:]) * parts[:, :3]
        figures = {"l1": (made - truth).abs().mean(), "mask": binary_cross_entropy_with_logits(parts[:, 3:], share)}
        loss = figures["l1"] + self.options.masking * figures["mask"]
        self._made = None
        if finishing and self.rivals:
            rival: Any = modules["discriminator"]
            opinions, logits = rival.both(made)
            figures["adversarial"], figures["naming"] = -opinions.mean(), cross_entropy(logits, batch["codes"])
            loss = loss + self.options.adversarial * figures["adversarial"] + self.options.naming * figures["naming"]
            self._made = made.detach()
        return loss, {name: float(figure.detach()) for name, figure in figures.items()}

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        if self._made is None:
            return None
        rival: Any = modules["discriminator"]
        real, logits = rival.both(batch["images"].float() / 255)
        naming = cross_entropy(logits, batch["domains"])
        loss = hinge(real, rival(self._made)) + naming
        return loss, {"discriminator": float(loss.detach()), "naming_real": float(naming.detach())}

    def _recolour(self, network: nn.Module, pixels: np.ndarray, domains: Sequence[int]) -> np.ndarray:
        """One result (D, H, W, 3) for each domain."""
        device = next(network.parameters()).device
        images = torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255
        made = network(images.expand(len(domains), -1, -1, -1), torch.tensor(domains, device=device) + 1).clamp(0, 1)
        return (made.permute(0, 2, 3, 1) * 255).round().byte().cpu().numpy()

    @torch.inference_mode()
    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        right, outside = [], []
        for number, one in enumerate(self._held):
            pixels, mask = self._middle(one)
            domain = number % len(self.names)
            made = self._recolour(modules["network"], pixels, [domain])[0]
            lab = rgb_to_lab(torch.from_numpy(made.astype(np.float32) / 255).permute(2, 0, 1)[None])[0]
            name = colours.name_of(lab[:, torch.from_numpy(mask > 200)].median(1).values)
            right.append(name == self.names[domain])
            outside.append(np.abs(made.astype(np.int16) - pixels)[mask < 20].mean() if (mask < 20).any() else 0.0)
        return {"right": float(np.mean(right)), "outside": float(np.mean(outside))} if right else {}

    def _middle(self, one: Thing) -> tuple[np.ndarray, np.ndarray]:
        side, (height, width) = self.options.side, one.mask.shape
        top, left = (height - side) // 2, (width - side) // 2
        return one.pixels[top : top + side, left : left + side], one.mask[top : top + side, left : left + side]

    @torch.inference_mode()
    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """Rows of (input, every domain), uint8 (H, W, 3)."""
        rows: Pictures = []
        for one in self._held[:10]:
            pixels = self._middle(one)[0]
            made = self._recolour(modules["network"], pixels, list(range(len(self.names))))
            rows.append(np.concatenate([pixels, *made], 1))
        return np.concatenate(rows, 0)

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return dict(modules["network"].state_dict()), {**self.network_params, "size": self.options.side}

    def card_fields(self) -> dict[str, Any]:
        return {"dtypes": ["float32", "bfloat16"]}
