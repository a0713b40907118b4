"""Train a network that draws pictures, against a discriminator that tells drawn from real ones.

Goodfellow et al. 2014 (arXiv 1406.2661), with the non-saturating logistic loss; a penalty on the discriminator's slope at real
pictures (R1: Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406), made every few steps as in StyleGAN2 (Karras et al. 2020,
arXiv 1912.04958, appendix B), whose regulariser of path lengths and mixing of styles are here too; pictures are changed before
the discriminator sees them (`augment.py`), so that a few thousand suffice; a collapse ends the run (`collapse.py`).

Where this differs from the papers: the drawn pictures that teach the generator teach the discriminator in the same step, the
penalty joins its loss, and it looks at the pictures as they were changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genkit.data.labels import Preparation, opaque
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, frechet, pooled
from genkit.models import family_module
from genkit.models.gan import style_dcgan
from genkit.runtime import noise
from genkit.train.config import TrainConfig
from genkit.train.feed import feed
from genkit.train.gan.adversaries import Adversaries, adversaries_of, opinion_of
from genkit.train.gan.augment import augment
from genkit.train.gan.collapse import Ledger, difference
from genkit.train.gan.data import options_of, read_sources
from genkit.train.perceptual import load_judge

SHEET_COLUMNS, SHEET_ROWS = 10, 12
WATCHED = 128  # pictures of fixed seeds, by whose variety a collapse is told
CHUNK = 64
PATH_EVERY, PATH_MEMORY = 4, 0.99


class GanJob:
    """What the loop asks of a task: its modules, its batches, its losses, its metric and its sheet."""

    averaged: tuple[str, ...] = ("generator",)
    rivals: tuple[str, ...] = ("rival",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError("genkit train gan runs on one device", "start it without accelerate launch")
        self.options = chosen = options_of(config)
        self.family, self.network_params = config.family, dict(config.network)
        self.preparation = Preparation(chosen.side, chosen.squeeze, chosen.pixel_art, chosen.alpha, chosen.covered)
        self.pictures = read_sources(data, holdout, chosen, self.preparation)
        self.classes = self.pictures.classes
        channels = 4 if chosen.alpha else 3
        self.pair: Adversaries = adversaries_of(
            config.family, chosen.side, channels, len(self.classes), config.network, chosen.rival or {}
        )
        self.ledger = Ledger(0.0 if chosen.adapt else 1.0)
        self.modules: dict[str, nn.Module] = {
            "generator": self.pair.generator,
            "rival": self.pair.rival,
            "ledger": self.ledger,
        }
        self._learnt = [one for one in self.pair.rival.parameters() if one.requires_grad]
        self._by_class = [np.flatnonzero(self.pictures.labels == label) for label in range(max(1, len(self.classes)))]
        shares = np.array([len(members) for members in self._by_class], np.float64) ** (1 - chosen.balance)
        self._shares = shares / shares.sum()
        self._made: tuple[Tensor, Tensor | None] | None = None
        self._random = torch.Generator()
        self._real_spread = self._spread_of_real()
        self._judge = Features(load_judge(chosen.features, "the Fréchet distance")) if chosen.features else None
        self._real_features: np.ndarray | None = None

    @property
    def protocol(self) -> str:
        """How `evaluate` measures."""
        told = (
            f"spread: mean distance of {WATCHED} drawn pictures of fixed seeds from others of their class, at 16 x 16, in "
            "shares of the real ones' own"
        )
        if self._judge is None:
            return told
        return f"{told}; frechet: of {self.options.count} drawn pictures to all training pictures, {pooled.__doc__}".rstrip(".")

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if not isinstance(self.pair.generator, style_dcgan.Generator):
            return state
        drawing = {key: one for key, one in state.items() if key.startswith("main.")}
        return state | style_dcgan.from_dcgan(drawing, self.pair.generator)

    def matrices(self) -> list[Tensor]:
        return []

    # --- batches ------------------------------------------------------------------------------------------------------

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]:
        return feed(self._batch, seed)

    def _labels(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.choice(len(self._by_class), count, p=self._shares)

    def _batch(self, rng: np.random.Generator) -> dict[str, Tensor]:
        count = self.options.batch
        labels, wanted = self._labels(count, rng), self._labels(count, rng)
        chosen = [int(rng.choice(self._by_class[label])) for label in labels]
        mirrored = rng.random(count) < (0.5 if self.options.flip else 0.0)
        pixels = self.pictures.pixels[chosen]
        pixels = np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)
        return {
            "real": torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))),
            "labels": torch.from_numpy(labels),
            "wanted": torch.from_numpy(wanted),
            "z": torch.from_numpy(rng.standard_normal((2, count, self.pair.latent), np.float32)),
            "seed": torch.tensor(int(rng.integers(1 << 62))),  # whatever else is drawn on the device
        }

    # --- losses -------------------------------------------------------------------------------------------------------

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]:
        z, rival = batch["z"], modules["rival"]
        self._random = torch.Generator(z.device).manual_seed(int(batch["seed"]))
        labels = batch["wanted"] if self.classes else None
        made = self.pair.draw(modules["generator"], self._styles(modules["generator"], z, labels), self._random)
        self._made = made.detach(), labels
        for one in self._learnt:  # the discriminator's own gradients are not needed here
            one.requires_grad_(False)
        opinion, misnamed = opinion_of(rival, self._change(made), labels)
        for one in self._learnt:
            one.requires_grad_(True)
        loss = softplus(-opinion).mean()
        figures = {"generator": float(loss.detach())}
        if self._naming and misnamed.requires_grad:
            loss = loss + misnamed
            figures["misnamed"] = float(misnamed.detach())
        if self.options.path_length and self.pair.mixes and int(self.ledger.steps) % PATH_EVERY == 0:
            penalty = self._path_penalty(modules["generator"], z[0], labels)
            loss = loss + self.options.path_length * PATH_EVERY * penalty
            figures["path"] = float(penalty.detach())
        return loss, figures

    @property
    def _naming(self) -> bool:
        return int(self.ledger.steps) >= self.options.naming_from

    def _styles(self, generator: nn.Module, z: Tensor, labels: Tensor | None) -> Tensor:
        """w (N, L, D), for a share of pictures from two latents, one for the first layers and one for the others."""
        w = self.pair.styles(generator, z[0], labels)
        if not self.pair.mixes or self.options.mixing <= 0:
            return w
        other = self.pair.styles(generator, z[1], labels)
        count, layers = w.shape[:2]
        draw = partial(torch.rand, (count, 1, 1), generator=self._random, device=w.device)
        cut = (1 + draw() * (layers - 1)).floor()
        cut = torch.where(draw() < self.options.mixing, cut, layers)
        return torch.where(torch.arange(layers, device=w.device)[None, :, None] < cut, w, other)

    def _path_penalty(self, generator: nn.Module, z: Tensor, labels: Tensor | None) -> Tensor:
        """How much the length of a step in w varies in the picture (equation 4 of StyleGAN2), over half of a batch."""
        half = max(1, len(z) // 2)
        with torch.autocast(z.device.type, enabled=False):
            w = self.pair.styles(generator, z[:half], None if labels is None else labels[:half])
            images = self.pair.draw(generator, w, self._random)
            weight = torch.randn(images.shape, generator=self._random, device=images.device) / images[0, 0].numel() ** 0.5
            (slope,) = torch.autograd.grad((images * weight).sum(), w, create_graph=True)
        lengths = (slope.square().sum(2).mean(1) + 1e-8).sqrt()
        self.ledger.path.lerp_(lengths.detach().double().mean().to(self.ledger.path.device), 1 - PATH_MEMORY)
        return (lengths - float(self.ledger.path)).square().mean()

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        assert self._made is not None
        rival, (made, wanted), chosen = modules["rival"], self._made, self.options
        labels = batch["labels"] if self.classes else None
        real = self._change(_real(batch)).detach()
        (true, misnamed), (false, _) = opinion_of(rival, real, labels), opinion_of(rival, self._change(made), wanted)
        loss = softplus(-true).mean() + softplus(false).mean()
        figures = {"discriminator": float(loss.detach()), "sign": float(true.detach().sign().mean())}
        if self._naming:
            loss = loss + misnamed
        if chosen.penalty and int(self.ledger.steps) % chosen.r1_every == 0:
            slope = self._slope(rival, real, labels)
            loss = loss + chosen.penalty / 2 * chosen.r1_every * slope
            figures["r1"] = float(slope.detach())
        told = {"target": chosen.adapt, "images": chosen.adapt_images, "patience": chosen.patience}
        self.ledger.follow(true, figures["discriminator"], **told)  # type: ignore[arg-type]
        if chosen.adapt:
            figures["augment"] = float(self.ledger.probability)
        return loss, figures

    @staticmethod
    def _slope(rival: nn.Module, real: Tensor, labels: Tensor | None) -> Tensor:
        """The mean squared norm of the discriminator's gradient at real pictures, in full precision."""
        with torch.autocast(real.device.type, enabled=False):
            images = real.float().requires_grad_(True)
            (slope,) = torch.autograd.grad(opinion_of(rival, images, labels)[0].sum(), images, create_graph=True)
        return slope.square().sum((1, 2, 3)).mean()

    def _change(self, images: Tensor) -> Tensor:
        return augment(images.float(), self.options.augment, float(self.ledger.probability), self._random)

    # --- what is told of it -------------------------------------------------------------------------------------------

    def _spread_of_real(self) -> float:
        """The `difference` of up to 200 pictures of each class."""
        chosen = np.concatenate([members[:: max(1, len(members) // 200)] for members in self._by_class])
        images = torch.from_numpy(self.pictures.pixels[chosen]).permute(0, 3, 1, 2)
        return difference(images / 127.5 - 1, torch.from_numpy(self.pictures.labels[chosen]))

    @torch.inference_mode()
    def _draw(self, generator: nn.Module, seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        """Pictures (N, C, H, W), -1 to 1, of seeds and classes; with the network's constant noise."""
        device = next(generator.parameters()).device
        found = []
        for first in range(0, len(seeds), CHUNK):
            z = torch.stack([noise(seed, (self.pair.latent,)) for seed in seeds[first : first + CHUNK]]).to(device)
            wanted = torch.tensor(labels[first : first + CHUNK], device=device) if self.classes else None
            made = self.pair.draw(generator, self.pair.styles(generator, z, wanted), None)
            found.append(made.float().clamp(-1, 1).cpu())
        return torch.cat(found)

    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]:
        """Raises:
        RunError: the generator has collapsed.
        """
        generator = modules["generator"]
        kinds = len(self._by_class)
        few = [number % min(kinds, WATCHED // 8) for number in range(WATCHED)]
        made = self._draw(generator, range(WATCHED), few)
        found = {"spread": difference(made, torch.tensor(few)) / max(1e-6, self._real_spread)}
        if self._judge is not None:
            found["frechet"] = self._frechet(generator)
        if self.options.grace:
            self.ledger.judge(found["spread"], self.options.grace)
        return found

    def _frechet(self, generator: nn.Module) -> float:
        assert self._judge is not None
        device = next(generator.parameters()).device
        if self._real_features is None:
            self._real_features = self._judge.of(opaque(self.pictures.pixels), device)
        labels = self._labels(self.options.count, np.random.default_rng(0))
        pixels = self._pixels(self._draw(generator, range(self.options.count), labels.tolist()))
        return frechet(self._judge.of(opaque(pixels), device), self._real_features)

    @staticmethod
    def _pixels(images: Tensor) -> np.ndarray:
        """uint8 (N, H, W, C)."""
        return ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray:
        """A row for each class, the same seeds in each, uint8 (H, W, 3); rows of further seeds where there are no classes."""
        rows = min(len(self.classes), SHEET_ROWS) or SHEET_COLUMNS
        seeds = [number if not self.classes else number % SHEET_COLUMNS for number in range(rows * SHEET_COLUMNS)]
        labels = [number // SHEET_COLUMNS if self.classes else 0 for number in range(len(seeds))]
        pixels = opaque(self._pixels(self._draw(modules["generator"], seeds, labels)))
        return np.concatenate(
            [np.concatenate(list(pixels[row * SHEET_COLUMNS : (row + 1) * SHEET_COLUMNS]), 1) for row in range(rows)]
        )

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]:
        state = {key: one for key, one in modules["generator"].state_dict().items() if not key.endswith("num_batches_tracked")}
        family = family_module(self.family)
        found = family.recognise(state)
        if found is None:
            raise UsageError(f"family {self.family} has no file for this network", "three channels, or family stylegan2")
        told = {key: value for key, value in self.network_params.items() if key in getattr(family, "OF_CARD", ())}
        params = {**found, **told, **self.preparation.params()}
        if self.classes:
            params |= {"labels": list(self.classes)} | ({"centre": "class"} if self.pair.mixes else {})
        return state, params

    def card_fields(self) -> dict[str, Any]:
        family = family_module(self.family)
        options = family.options_of({"c_dim": len(self.classes), "classes": len(self.classes)})
        fields: dict[str, Any] = {"dtypes": list(family.DTYPES)}
        return fields | ({"options": options} if options else {})


def _real(batch: dict[str, Tensor]) -> Tensor:
    """Real pictures (N, C, H, W), -1 to 1."""
    return batch["real"].float() / 127.5 - 1
