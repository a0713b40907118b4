"""Train style networks: any style in one pass (family `stylizer`), or one style alone (family `johnson`).

Both learn from the same two terms, on features of VGG-19 or of another network (`genkit.evaluate.perceptual`; Gatys et al.
2015, arXiv 1508.06576; Johnson et al. 2016, arXiv 1603.08155): the result's deepest layer should be the photograph's, its Gram
matrices at all three the style's.
Each term is relative to the size of what it aims at, so that a loud painting does not outweigh a quiet one. The features of
photographs and styles are worked out once, for a pool of crops of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit.data.pictures import list_pictures, read_pictures, split_sources
from genkit.data.squares import centre_square, random_square
from genkit.data.tensors import stack, to_pixels, to_tensor
from genkit.errors import UsageError
from genkit.evaluate.perceptual import load_perceptual
from genkit.evaluate.style import content_loss, grams, style_loss
from genkit.train.config import TrainConfig, options_of
from genkit.train.feed import Batch
from genkit.train.job import Figures, Job, Modules, built, figures_of


@dataclass(frozen=True)
class DataOptions:
    """`side` is that of the photographs' crops in pixels, `style_side` that of the styles'; `reductions` the bounds of the
    shorter side to which a photograph is reduced before it is cut, `style_reductions` those of a style. `crops` and
    `style_crops` are how many of each are drawn from a picture. `borrowed` is the share of steps' styles that are photographs,
    which teach the network that a style may be anything. `content` and `style` weigh the two terms, `smooth` the total
    variation. `features` is a file of VGG-19 weights or a model, see `genkit.evaluate.perceptual`."""

    side: int = 128
    style_side: int = 160
    batch: int = 6
    reductions: tuple[float, ...] = (160, 384)
    style_reductions: tuple[float, ...] = (192, 384)
    crops: int = 6
    style_crops: int = 32
    borrowed: float = 0.3
    content: float = 1.0
    style: float = 1.0
    smooth: float = 0.0
    features: str = ""
    validate: int = 8
    validate_side: int = 256


@dataclass(frozen=True)
class Pool:
    """Crops uint8 (K, 3, S, S) and what the features say of them, in half precision."""

    images: Tensor
    features: list[Tensor]

    def __len__(self) -> int:
        return len(self.images)


class StyleJob(Job):
    """`styles` are the pictures to learn the style of; one for the family `johnson`."""

    averaged = ("network",)
    dtypes = ("float32", "bfloat16")

    def __init__(self, config: TrainConfig, data: Sequence[Path], holdout: Path | None, *, styles: Sequence[Path]):
        self.options = options_of(DataOptions, config.data)
        self.network_params = dict(config.network)
        self._single = config.family == "johnson"
        self.modules: Modules = {"network": _build(config)}
        self._features = load_perceptual(self.options.features)
        self.judge = self._features.title
        options = self.options
        self.protocol = (
            f"held-out photographs, centre square of 512 reduced to {options.validate_side}, each with a style; "
            f"{self._features.title} {self._features.layers[-1]} for content, Gram matrices of "
            f"{', '.join(self._features.layers)} for style, each relative to the size of the truth's own"
        )
        sources = split_sources(data, holdout)
        rng = np.random.default_rng(0)
        most = int(max(options.reductions[1], options.style_reductions[1]))  # what no crop can be sharper than
        photos = [_at_most(pixels, most) for source in sources for pixels in source.training_pictures()]
        paintings = [pixels for source in styles for pixels in _read_styles(source)]
        if self._single and len(paintings) != 1:
            raise UsageError(f"{len(paintings)} style pictures for a network of one style", 'family = "stylizer" takes many')
        crops = self._crops(rng, photos, options.crops, options.side, options.reductions)
        self._photos = Pool(crops, [layer.half() for layer in self._features_of(crops, content_only=True)])
        parts = [self._crops(rng, [p], options.style_crops, options.style_side, options.style_reductions) for p in paintings]
        if options.borrowed and not self._single:
            count = round(options.borrowed / (1 - options.borrowed) * options.style_crops * len(paintings))
            picked = [photos[int(i)] for i in rng.integers(len(photos), size=count)]
            parts.append(self._crops(rng, picked, 1, options.style_side, options.style_reductions))
        crops = torch.cat(parts)
        self._styles = Pool(crops, self._features_of(crops))
        held = [pixels for source in sources for pixels in source.held_pictures(options.validate)]
        self._held = [centre_square(pixels, options.validate_side, 512 // options.validate_side) for pixels in held]
        self._held_styles = [_reduced(pixels, options.validate_side) for pixels in paintings]

    @staticmethod
    def _crops(rng: np.random.Generator, pictures: list[np.ndarray], count: int, side: int, bounds: Sequence[float]) -> Tensor:
        """`count` squares (K, 3, side, side) of every picture, each reduced to a shorter side within `bounds` first."""
        squares = []
        for pixels in pictures:
            shorter = min(pixels.shape[:2])
            for _ in range(count):
                reduced = float(np.exp(rng.uniform(*np.log(bounds))))
                edge = min(side * shorter / max(reduced, side), shorter)
                squares.append(random_square(pixels, side, edge, rng, gap=3.0))
        return stack(squares)

    @torch.inference_mode()
    def _features_of(self, images: Tensor, *, content_only: bool = False) -> list[Tensor]:
        """Of crops: the deepest layer for photographs, Gram matrices for styles."""
        parts = []
        for chunk in images.split(8):
            features = self._features(chunk.float() / 255)
            parts.append([features[2].half()] if content_only else grams(features))
        return [torch.cat(layer) for layer in zip(*parts, strict=True)]

    def matrices(self) -> list[Tensor]:
        """The convolutions but for those from and to RGB."""
        weights = [m.weight for m in self.modules["network"].modules() if isinstance(m, nn.Conv2d)]
        return [weight for weight in weights if 3 not in weight.shape[:2]]

    def batch(self, rng: np.random.Generator) -> Batch:
        """Half as many styles as photographs, each for two of them: a style costs an encoding of its own."""
        photos = torch.from_numpy(rng.integers(len(self._photos), size=self.options.batch))
        styles = torch.from_numpy(rng.integers(len(self._styles), size=-(-self.options.batch // 2)))
        return {
            "photos": self._photos.images[photos],
            "content": self._photos.features[0][photos],
            "styles": self._styles.images[styles],
            **{f"gram{place}": layer[styles] for place, layer in enumerate(self._styles.features)},
        }

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        photos = batch["photos"].to(memory_format=torch.channels_last).float() / 255
        styles = batch["styles"].to(memory_format=torch.channels_last).float() / 255
        whose = torch.arange(len(photos), device=photos.device) // 2
        network: Any = modules["network"]
        result = network(photos) if self._single else network(photos, styles, whose)
        features = self._features.to(result.device)(result)
        style_grams = [batch[f"gram{place}"].float()[whose] for place in range(3)]
        losses = {
            "content": content_loss(features[2], batch["content"].float(), relative=True),
            "style": style_loss(grams(features), style_grams, relative=True),
        }
        loss = self.options.content * losses["content"] + self.options.style * losses["style"]
        if self.options.smooth:
            variation = result.diff(dim=3).abs().mean() + result.diff(dim=2).abs().mean()
            loss = loss + self.options.smooth * variation
        return loss, figures_of(losses)

    def _stylise(self, network: Any, photo: Tensor, style: Tensor) -> Tensor:
        return (network(photo) if self._single else network(photo, style)).clamp(0, 1)

    @torch.inference_mode()
    def evaluate(self, modules: Modules) -> Figures:
        content, style = [], []
        device = next(modules["network"].parameters()).device
        perceptual = self._features.to(device)
        for place, pixels in enumerate(self._held):
            photo = to_tensor(pixels, device)
            painting = to_tensor(self._held_styles[place % len(self._held_styles)], device)
            features = perceptual(self._stylise(modules["network"], photo, painting))
            content.append(float(content_loss(features[2], perceptual(photo)[2], relative=True)))
            style.append(float(style_loss(grams(features), grams(perceptual(painting)), relative=True)))
        return {"held_content": float(np.mean(content)), "held_style": float(np.mean(style))}

    @torch.inference_mode()
    def sheet(self, modules: Modules) -> np.ndarray:
        """A row for each of six styles: the style, then four photographs in its manner, uint8 (H, W, 3)."""
        rows = []
        device = next(modules["network"].parameters()).device
        for painting in self._held_styles[:6]:
            cells = [centre_square(painting, self.options.validate_side, 1)]
            for photo in self._held[:4]:
                result = self._stylise(modules["network"], to_tensor(photo, device), to_tensor(painting, device))
                cells.append(to_pixels(result))
            rows.append(np.concatenate(cells, 1))
        return np.concatenate(rows, 0)

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        params = {**self.network_params, "own_style": True} if self._single else self.network_params
        return dict(modules["network"].state_dict()), params


def _build(config: TrainConfig) -> nn.Module:
    from genkit.models import family_module

    if config.family not in ("stylizer", "johnson"):
        raise UsageError(f"family {config.family} cannot be trained for style", "stylizer (any style) or johnson (one style)")
    network: nn.Module = built(family_module(config.family).build, config.network)
    return network


def _read_styles(source: Path) -> list[np.ndarray]:
    if source.is_file() and source.suffix.lower() != ".zip":
        source, names = source.parent, [source.name]
    else:
        names = list_pictures(source)
    styles = [pixels for _, pixels in read_pictures(source, names)]
    if not styles:
        raise UsageError(f"{source}: no style picture that can be read")
    return styles


def _at_most(pixels: np.ndarray, side: int) -> np.ndarray:
    return _reduced(pixels, side) if min(pixels.shape[:2]) > side else pixels


def _reduced(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture with its shorter side at `side` pixels."""
    from PIL import Image

    ratio = side / min(pixels.shape[:2])
    size = (round(pixels.shape[1] * ratio), round(pixels.shape[0] * ratio))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0))
