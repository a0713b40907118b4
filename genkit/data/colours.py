"""Find the thing in a picture of one thing, and name its colour: what teaches colour domains without anybody's labels.

The thing is what differs from the border: colours are quantised into clusters (k-means in Lab), each cluster is as likely the
thing's as its share of pixels in the middle against that at the border, and the map is smoothed with the picture as its guide.
A garment on a bed or a floor is segmented well enough to learn from, and a poor mask shows in `certain`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from genkit.data.tensors import to_tensor
from genkit.nets.guided import lines_in, window_mean
from genkit.nets.lab import rgb_to_lab

NAMES = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
CLUSTERS, ROUNDS, SIDE = 12, 4, 64


def find(pixels: np.ndarray) -> tuple[str, np.ndarray, float]:
    """The name of the thing's colour, its soft mask float32 (H, W), and how certain the mask is, 0 to 1; uint8 (H, W, 3)."""
    lab = rgb_to_lab(to_tensor(pixels))
    mask, certain = _thing(lab)
    chosen = lab[0, :, mask[0, 0] > 0.6]
    middle = lab[0].flatten(1) if chosen.shape[1] < 20 else chosen
    return name_of(middle.median(1).values), mask[0, 0].numpy(), certain


def name_of(colour: Tensor) -> str:
    """Name a Lab colour (3,), by borders of lightness, chroma and hue that were set by eye on photographs of clothes."""
    lightness, a, b = (float(value) for value in colour)
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a))) % 360
    if (lightness < 26 and chroma < 12) or lightness < 14:
        return "black"
    if chroma < 9 or (chroma < 14 and 50 < hue < 130 and lightness > 60):
        return "white" if lightness > 68 else "grey" if lightness > 26 else "black"
    if hue < 40 or hue >= 345:
        return "pink" if lightness > 62 or (hue >= 345 and lightness > 40) else "red" if chroma > 24 else "brown"
    if hue < 100:
        if (lightness < 52 and chroma < 45) or chroma < 26:
            return "brown"
        return "red" if hue < 42 else "orange" if hue < 75 else "yellow"
    if hue < 200:
        return "yellow" if hue < 108 and lightness > 65 else "green"
    if hue < 298 or (hue < 309 and chroma > 45):  # the purest blue of a screen has a hue of 306
        return "blue"
    return "purple" if hue < 330 else "pink"


@lru_cache(maxsize=1)
def _prior() -> Tensor:
    """How likely a place shows the thing before its colour is looked at, (1, 1, SIDE, SIDE)."""
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, SIDE)] * 2, indexing="ij")
    return (0.95 / (1 + torch.exp((torch.sqrt(x * x + (0.85 * y) ** 2) - 0.72) * 9)) + 0.01)[None, None]


def _thing(lab: Tensor) -> tuple[Tensor, float]:
    """Soft mask (1, 1, H, W) and its certainty, of a picture (1, 3, H, W)."""
    small = interpolate(lab, (SIDE, SIDE), mode="area")
    pixels = (small * torch.tensor([0.6, 1.0, 1.0]).view(1, 3, 1, 1)).flatten(2)[0].T  # (P, 3); shading counts less than colour
    near = _clusters(pixels)  # (P, K)
    belief = _prior().flatten()[:, None]
    for _ in range(ROUNDS):
        inside, outside = (near * belief).sum(0) + 4, (near * (1 - belief)).sum(0) + 4
        ratio = (inside / inside.sum()) / (inside / inside.sum() + outside / outside.sum())
        evidence = (near @ ratio).clamp(0.02, 0.98)
        belief = torch.sigmoid(1.6 * torch.logit(evidence) + torch.logit(_prior().flatten().clamp(0.02, 0.95)))
        plane = belief.view(1, 1, SIDE, SIDE)
        smooth = window_mean(window_mean(plane.numpy(), 1), 1)
        belief = torch.from_numpy(smooth).flatten()[:, None]
    plane = belief.view(1, 1, SIDE, SIDE)
    certain = float((2 * plane - 1).abs().mean())
    scale = torch.tensor([1 / 100, 1 / 60, 1 / 60]).view(1, 3, 1, 1)
    slope, level = map(torch.from_numpy, lines_in((small * scale).numpy(), plane.numpy(), radius=2, epsilon=1e-3))
    slope, level = (interpolate(plane, lab.shape[-2:], mode="bilinear") for plane in (slope[:, 0], level))
    mask = ((slope * lab * scale).sum(1, keepdim=True) + level).clamp(0, 1)
    return mask, certain


def _clusters(pixels: Tensor) -> Tensor:
    """Soft membership (P, K) of colours (P, 3) in k-means clusters begun far from each other."""
    centres = pixels[:1]
    for _ in range(CLUSTERS - 1):
        distance = torch.cdist(pixels, centres).amin(1)
        centres = torch.cat([centres, pixels[distance.argmax()][None]])
    for _ in range(8):
        near = torch.nn.functional.one_hot(torch.cdist(pixels, centres).argmin(1), CLUSTERS).to(pixels)
        centres = (near.T @ pixels + 1e-3 * centres) / (near.sum(0)[:, None] + 1e-3)
    return (-torch.cdist(pixels, centres).square() / (2 * 5.0**2)).softmax(1)
