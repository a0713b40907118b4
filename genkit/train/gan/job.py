"""Train a network that draws pictures, against a discriminator that tells drawn from real ones.

Goodfellow et al. 2014 (arXiv 1406.2661), with the non-saturating logistic loss; a penalty on the discriminator's gradient at
real pictures (R1: Mescheder, Geiger, Nowozin 2018, arXiv 1801.04406), every few steps as in StyleGAN2 (Karras et al. 2020,
arXiv 1912.04958, appendix B), whose regulariser of path lengths and mixing of styles are here too; pictures are changed before
the discriminator sees them (`augment.py`), so that a few thousand suffice; a collapse ends the run (`collapse.py`).

Where this differs from the papers: the drawn pictures that teach the generator teach the discriminator in the same step, the
penalty joins its loss, and it looks at the pictures as they were changed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genkit.data.labels import Preparation, opaque
from genkit.engine.noise import noise
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, frechet
from genkit.evaluate.perceptual import load_perceptual
from genkit.evaluate.sheets import grid
from genkit.models import family_module
from genkit.models.gan import style_dcgan
from genkit.train.config import TrainConfig
from genkit.train.feed import Batch
from genkit.train.gan.augment import augment
from genkit.train.gan.collapse import CollapseMonitor, difference
from genkit.train.gan.data import read_options, read_sources
from genkit.train.gan.networks import build_networks, discriminate
from genkit.train.job import Figures, Job, Modules

SHEET_COLUMNS, SHEET_ROWS = 10, 12
WATCHED = 128  # pictures of fixed seeds, by whose variety a collapse is noticed
CHUNK = 64
PATH_EVERY, PATH_MEMORY = 4, 0.99


class GanJob(Job):
    averaged = ("generator",)
    discriminators = ("discriminator",)

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None):
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise UsageError("genkit train gan runs on one device", "start it without accelerate launch")
        self.options = chosen = read_options(config)
        self.family, self.network_params = config.family, dict(config.network)
        self.preparation = Preparation(chosen.side, chosen.squeeze, chosen.pixel_art, chosen.alpha, chosen.covered)
        self.pictures = read_sources(data, holdout, chosen, self.preparation)
        self.classes = self.pictures.classes
        channels = 4 if chosen.alpha else 3
        self.networks = build_networks(
            config.family, chosen.side, channels, len(self.classes), config.network, chosen.discriminator or {}
        )
        self.monitor = CollapseMonitor(0.0 if chosen.adapt else 1.0)
        self.modules: Modules = {
            "generator": self.networks.generator,
            "discriminator": self.networks.discriminator,
            "training_state": self.monitor,
        }
        self._discriminator_weights = [p for p in self.networks.discriminator.parameters() if p.requires_grad]
        self._by_class = [np.flatnonzero(self.pictures.labels == label) for label in range(max(1, len(self.classes)))]
        shares = np.array([len(members) for members in self._by_class], np.float64) ** (1 - chosen.balance)
        self._shares = shares / shares.sum()
        self._fake: tuple[Tensor, Tensor | None] | None = None
        self._random = torch.Generator()
        self._real_spread = self._spread_of_real()
        self.protocol = (
            f"spread: mean distance of {WATCHED} drawn pictures of fixed seeds from others of their class, at 16 x 16, in "
            "shares of the real ones' own"
        )
        self._features: Features | None = None
        if chosen.features:
            self._features = Features(load_perceptual(chosen.features))
            self.protocol += (
                f"; frechet: of {chosen.count} drawn pictures to all training pictures, {self._features.title}, averaged over "
                "the picture"
            )
        self._real_features: np.ndarray | None = None

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """A style DCGAN takes the layers that draw from a DCGAN."""
        if not isinstance(self.networks.generator, style_dcgan.Generator):
            return state
        layers = {key: tensor for key, tensor in state.items() if key.startswith("main.")}
        return state | style_dcgan.from_dcgan(layers, self.networks.generator)

    # --- batches ------------------------------------------------------------------------------------------------------

    def _labels(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.choice(len(self._by_class), count, p=self._shares)

    def batch(self, rng: np.random.Generator) -> Batch:
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
            "z": torch.from_numpy(rng.standard_normal((2, count, self.networks.latent), np.float32)),
            "seed": torch.tensor(int(rng.integers(1 << 62))),  # whatever else is drawn on the device
        }

    # --- losses -------------------------------------------------------------------------------------------------------

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        generator, z = modules["generator"], batch["z"]
        self._random = torch.Generator(z.device).manual_seed(int(batch["seed"]))
        labels = batch["wanted"] if self.classes else None
        fake = self.networks.synthesis(generator, self._styles(generator, z, labels), self._random)
        self._fake = fake.detach(), labels
        for weight in self._discriminator_weights:  # whose gradients are not needed here
            weight.requires_grad_(False)
        gen_logits, aux_classifier_loss = discriminate(modules["discriminator"], self._augment(fake), labels)
        for weight in self._discriminator_weights:
            weight.requires_grad_(True)
        loss = softplus(-gen_logits).mean()
        figures = {"generator": float(loss.detach())}
        if self._classifies and aux_classifier_loss.requires_grad:
            loss = loss + aux_classifier_loss
            figures["aux_classifier"] = float(aux_classifier_loss.detach())
        if self.options.path_length and self.networks.mixes and int(self.monitor.steps) % PATH_EVERY == 0:
            penalty = self._path_length_penalty(generator, z[0], labels)
            loss = loss + self.options.path_length * PATH_EVERY * penalty
            figures["path"] = float(penalty.detach())
        return loss, figures

    @property
    def _classifies(self) -> bool:
        return int(self.monitor.steps) >= self.options.aux_classifier_from

    def _styles(self, generator: nn.Module, z: Tensor, labels: Tensor | None) -> Tensor:
        """w (N, L, D), for a share of pictures from two latents, one for the first layers and one for the others."""
        w = self.networks.mapping(generator, z[0], labels)
        if not self.networks.mixes or self.options.mixing <= 0:
            return w
        other = self.networks.mapping(generator, z[1], labels)
        count, layers = w.shape[:2]
        draw = partial(torch.rand, (count, 1, 1), generator=self._random, device=w.device)
        cut = (1 + draw() * (layers - 1)).floor()
        cut = torch.where(draw() < self.options.mixing, cut, layers)
        return torch.where(torch.arange(layers, device=w.device)[None, :, None] < cut, w, other)

    def _path_length_penalty(self, generator: nn.Module, z: Tensor, labels: Tensor | None) -> Tensor:
        """How much the length of a step in w varies in the picture (equation 4 of StyleGAN2), over half of a batch."""
        half = max(1, len(z) // 2)
        with torch.autocast(z.device.type, enabled=False):
            w = self.networks.mapping(generator, z[:half], None if labels is None else labels[:half])
            images = self.networks.synthesis(generator, w, self._random)
            noise = torch.randn(images.shape, generator=self._random, device=images.device) / images[0, 0].numel() ** 0.5
            (gradients,) = torch.autograd.grad((images * noise).sum(), w, create_graph=True)
        lengths = (gradients.square().sum(2).mean(1) + 1e-8).sqrt()
        mean = self.monitor.path.lerp_(lengths.detach().double().mean().to(self.monitor.path.device), 1 - PATH_MEMORY)
        return (lengths - float(mean)).square().mean()

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures]:
        assert self._fake is not None
        discriminator, (fake, fake_labels), chosen = modules["discriminator"], self._fake, self.options
        labels = batch["labels"] if self.classes else None
        real = self._augment(_real(batch)).detach()
        real_logits, aux_classifier_loss = discriminate(discriminator, real, labels)
        gen_logits, _ = discriminate(discriminator, self._augment(fake), fake_labels)
        loss = softplus(-real_logits).mean() + softplus(gen_logits).mean()
        figures = {"discriminator": float(loss.detach()), "sign": float(real_logits.detach().sign().mean())}
        if self._classifies:
            loss = loss + aux_classifier_loss
        if chosen.penalty and int(self.monitor.steps) % chosen.r1_every == 0:
            r1_penalty = self._r1_penalty(discriminator, real, labels)
            loss = loss + chosen.penalty / 2 * chosen.r1_every * r1_penalty
            figures["r1"] = float(r1_penalty.detach())
        self.monitor.follow(
            real_logits, figures["discriminator"], target=chosen.adapt, images=chosen.adapt_images, patience=chosen.patience
        )
        if chosen.adapt:
            figures["augment"] = float(self.monitor.probability)
        return loss, figures

    @staticmethod
    def _r1_penalty(discriminator: nn.Module, real: Tensor, labels: Tensor | None) -> Tensor:
        """The mean squared norm of the discriminator's gradient at real pictures, in full precision."""
        with torch.autocast(real.device.type, enabled=False):
            images = real.float().requires_grad_(True)
            (gradients,) = torch.autograd.grad(discriminate(discriminator, images, labels)[0].sum(), images, create_graph=True)
        return gradients.square().sum((1, 2, 3)).mean()

    def _augment(self, images: Tensor) -> Tensor:
        return augment(images.float(), self.options.augment, float(self.monitor.probability), self._random)

    # --- what is measured and shown -------------------------------------------------------------------------------------------

    def _spread_of_real(self) -> float:
        """The `difference` of up to 200 pictures of each class."""
        chosen = np.concatenate([members[:: max(1, len(members) // 200)] for members in self._by_class])
        images = torch.from_numpy(self.pictures.pixels[chosen]).permute(0, 3, 1, 2)
        return difference(images / 127.5 - 1, torch.from_numpy(self.pictures.labels[chosen]))

    @torch.inference_mode()
    def _draw(self, generator: nn.Module, seeds: Sequence[int], labels: Sequence[int]) -> Tensor:
        """Pictures (N, C, H, W), -1 to 1, of seeds and classes; with the network's constant noise."""
        device = next(generator.parameters()).device
        chunks = []
        for first in range(0, len(seeds), CHUNK):
            rows = np.stack([noise(seed, (self.networks.latent,)) for seed in seeds[first : first + CHUNK]])
            z = torch.from_numpy(rows).to(device)
            classes = torch.tensor(labels[first : first + CHUNK], device=device) if self.classes else None
            images = self.networks.synthesis(generator, self.networks.mapping(generator, z, classes), None)
            chunks.append(images.float().clamp(-1, 1).cpu())
        return torch.cat(chunks)

    def evaluate(self, modules: Modules) -> Figures:
        """Raises:
        RunError: the generator has collapsed.
        """
        generator = modules["generator"]
        labels = [number % min(len(self._by_class), WATCHED // 8) for number in range(WATCHED)]
        images = self._draw(generator, range(WATCHED), labels)
        figures = {"spread": difference(images, torch.tensor(labels)) / max(1e-6, self._real_spread)}
        if self._features is not None:
            figures["frechet"] = self._frechet(generator, self._features)
        if self.options.grace:
            self.monitor.check_spread(figures["spread"], self.options.grace)
        return figures

    def _frechet(self, generator: nn.Module, features: Features) -> float:
        device = next(generator.parameters()).device
        if self._real_features is None:
            self._real_features = features.pooled(opaque(self.pictures.pixels), device)
        labels = self._labels(self.options.count, np.random.default_rng(0))
        pixels = self._pixels(self._draw(generator, range(self.options.count), labels.tolist()))
        return frechet(features.pooled(opaque(pixels), device), self._real_features)

    @staticmethod
    def _pixels(images: Tensor) -> np.ndarray:
        """uint8 (N, H, W, C)."""
        return ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()

    def sheet(self, modules: Modules) -> np.ndarray:
        """A row for each class, the same seeds in each, uint8 (H, W, 3); rows of further seeds where there are no classes."""
        rows = min(len(self.classes), SHEET_ROWS) or SHEET_COLUMNS
        seeds = [number if not self.classes else number % SHEET_COLUMNS for number in range(rows * SHEET_COLUMNS)]
        labels = [number // SHEET_COLUMNS if self.classes else 0 for number in range(len(seeds))]
        pixels = opaque(self._pixels(self._draw(modules["generator"], seeds, labels)))
        return grid(list(pixels), SHEET_COLUMNS)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = modules["generator"].state_dict()
        state = {key: tensor for key, tensor in tensors.items() if not key.endswith("num_batches_tracked")}
        family = family_module(self.family)
        sizes = family.recognise(state)
        if sizes is None:
            raise UsageError(f"family {self.family} has no file for this network", "three channels, or family stylegan2")
        further = {key: value for key, value in self.network_params.items() if key in getattr(family, "OF_CARD", ())}
        params = {**sizes, **further, **self.preparation.params()}
        if self.classes:
            params |= {"labels": list(self.classes)} | ({"centre": "class"} if self.networks.mixes else {})
        return state, params

    def card_fields(self) -> dict[str, Any]:
        family = family_module(self.family)
        options = family.options_of({"c_dim": len(self.classes), "classes": len(self.classes)})
        fields: dict[str, Any] = {"dtypes": list(family.DTYPES)}
        return fields | ({"options": options} if options else {})


def _real(batch: Batch) -> Tensor:
    """Real pictures (N, C, H, W), -1 to 1."""
    return batch["real"].float() / 127.5 - 1
