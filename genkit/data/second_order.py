"""Pictures that were blurred, reduced, made noisy and compressed twice, as much of the web has been: the second-order model of
Wang et al. 2021 ("Real-ESRGAN", arXiv 2107.10833, sections 3.1 to 3.4), in its ranges, nearly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from genkit.data.degradation import jpeg
from genkit.data.tensors import to_pixels, to_tensor

SIDES = (7, 9, 11, 13, 15, 17, 19, 21)  # of blur kernels, in pixels
FEWEST_LEVELS = 32  # of shot noise: where a crop is flat the count of its levels would leave nothing of it
SMALLEST = 8  # pixels a side that a picture may be reduced to on the way


@dataclass(frozen=True)
class Order:
    """How one of the two passes draws: the chance of a blur, the chances of enlarging, reducing and neither with their bounds,
    and the largest deviation of noise (of 255) and scale of shot noise."""

    blur: float
    chances: tuple[float, float, float]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    gauss: float
    poisson: float


FIRST = Order(1.0, (0.2, 0.7, 0.1), ((1.0, 1.5), (0.25, 1.0)), 20, 2.0)
SECOND = Order(0.8, (0.3, 0.4, 0.3), ((1.0, 1.2), (0.3, 1.0)), 15, 1.5)
QUALITY = (30, 96)


def random_web_photo_twice(sharp: np.ndarray, scale: int, rng: np.random.Generator) -> np.ndarray:
    """Degrade uint8 (scale*H, scale*W, 3) to uint8 (H, W, 3), at random."""
    height, width = sharp.shape[0] // scale, sharp.shape[1] // scale
    image = to_tensor(sharp[: height * scale, : width * scale])
    image = _saved(_worse(image, FIRST, (height * scale, width * scale), rng), rng)
    image = _worse(image, SECOND, (height, width), rng)
    saved_last = rng.random() < 0.5
    if not saved_last:
        image = _saved(image, rng)
    image = _resized(image, (height, width), rng)
    if rng.random() < 0.6:
        image = _blurred(image, _sinc(rng))
    return to_pixels(_saved(image, rng) if saved_last else image)


def _worse(image: Tensor, order: Order, size: tuple[int, int], rng: np.random.Generator) -> Tensor:
    if rng.random() < order.blur:
        image = _blurred(image, _sinc(rng) if rng.random() < 0.1 else _gaussian(rng))
    kind = int(rng.choice(3, p=order.chances))
    factor = 1.0 if kind == 2 else float(rng.uniform(*order.bounds[kind]))
    image = _resized(image, (max(SMALLEST, int(size[0] * factor)), max(SMALLEST, int(size[1] * factor))), rng)
    return _noisy(image, order, rng)


def _saved(image: Tensor, rng: np.random.Generator) -> Tensor:
    return to_tensor(jpeg(to_pixels(image), int(rng.integers(*QUALITY))))


def _resized(image: Tensor, size: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """By areas, linear or cubic, the last two without anti-aliasing, as many programs do it."""
    mode = ("area", "bilinear", "bicubic")[rng.integers(3)]
    return interpolate(image, size, mode=mode, align_corners=None if mode == "area" else False)


def _noisy(image: Tensor, order: Order, rng: np.random.Generator) -> Tensor:
    """Gaussian or shot noise, grey two times in five."""
    grey = rng.random() < 0.4
    pixels = image[0].numpy()  # (3, H, W)
    if rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(1, order.gauss) / 255, (1 if grey else 3, *pixels.shape[1:]))
    else:
        clean = pixels.clip(0, 1).mean(0, keepdims=True) if grey else pixels.clip(0, 1)
        found = len(np.unique((clean * 255).astype(np.uint8)))
        levels = max(FEWEST_LEVELS, 2 ** math.ceil(math.log2(found)))
        noise = (rng.poisson(clean * levels) / levels - clean) * rng.uniform(0.05, order.poisson)
    return image + torch.from_numpy(noise.astype(np.float32))


def _blurred(image: Tensor, kernel: np.ndarray) -> Tensor:
    weights = torch.from_numpy((kernel / kernel.sum()).astype(np.float32)).expand(3, 1, *kernel.shape)
    around = kernel.shape[0] // 2
    mode = "reflect" if min(image.shape[-2:]) > around else "replicate"
    return conv2d(pad(image, [around] * 4, mode=mode), weights, groups=3)


def _gaussian(rng: np.random.Generator) -> np.ndarray:
    """Round or drawn out in some direction, mostly Gaussian, at times flatter or with a plateau (section 3.1)."""
    x, y = _places(int(rng.choice(SIDES)))
    wide = float(rng.uniform(0.2, 3.0))
    narrow = wide if rng.random() < 0.5 else float(rng.uniform(0.2, 3.0))
    turn = rng.uniform(-math.pi, math.pi)
    along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    squared = (along / wide) ** 2 + (across / narrow) ** 2
    kind = rng.random()
    if kind < 0.15:
        return np.exp(-0.5 * squared ** rng.uniform(0.5, 4.0))
    return np.exp(-0.5 * squared) if kind < 0.85 else 1 / (1 + squared ** rng.uniform(1.0, 2.0))


def _sinc(rng: np.random.Generator) -> np.ndarray:
    """The circular low-pass filter, which rings as sharpened and compressed pictures do (section 3.4)."""
    cutoff = float(rng.uniform(math.pi / 3, math.pi))
    radius = torch.from_numpy(np.hypot(*_places(int(rng.choice(SIDES))))).clamp(min=1e-6)
    return (cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius)).numpy()


def _places(side: int) -> tuple[np.ndarray, np.ndarray]:
    middle = np.arange(side) - (side - 1) / 2
    x, y = np.meshgrid(middle, middle)
    return x, y
