"""Take the palette of a reference picture: the chroma's mean and covariance, at every lightness.

The map between two sets of colours is the linear Monge-Kantorovich one (Pitié and Kokaram 2007, "The linear Monge-Kantorovitch
linear colour mapping for example-based colour transfer"): of all linear maps that give the reference's mean and covariance it
moves colours least. Ours differs in two ways. It works on ab alone, in soft bands of lightness, so that skies take from the
reference's lights and shadows from its shadows, and L is not touched. And each band leans on the whole picture's statistics
where it has few pixels. Every picture of a folder gets the same means, so a folder comes out in the same colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

BANDS = (15.0, 40.0, 65.0, 90.0)  # centres in L; a pixel between two belongs to both in proportion
PRIOR = 0.05  # of all pixels: what the whole picture's statistics weigh in each band
NOISE = 1.0  # variance added to both covariances, so that a nearly grey band is not blown up
LARGEST_GAIN = 4.0
SIDE = 256  # the reference is reduced to this; statistics need no more
GREY = 1.5  # mean chroma below which a reference has no palette to give


@dataclass(frozen=True)
class Palette:
    """`means` (bands, 2) and `covariances` (bands, 2, 2) of ab."""

    means: Tensor
    covariances: Tensor

    @classmethod
    def of(cls, pixels: np.ndarray, alpha: np.ndarray | None, name: str) -> Palette:
        """Take it from sRGB pixels (H, W, 1 or 3) uint8 or uint16; what is transparent does not count.

        Raises:
            UsageError: the picture has no colours.
        """
        from genkit.nets.lab import rgb_to_lab
        from genkit.pixels.resample import resize

        scale = min(1.0, SIDE / max(pixels.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        if pixels.shape[2] == 3:
            small = resize(pixels, width, height).astype(np.float32) / np.iinfo(pixels.dtype).max
            lab = rgb_to_lab(torch.from_numpy(small).permute(2, 0, 1)[None])
            cover = torch.ones(1, 1, height, width)
            if alpha is not None:
                visible = resize(alpha[..., None], width, height)[..., 0] / np.float32(np.iinfo(alpha.dtype).max)
                cover = torch.from_numpy(visible.astype(np.float32))[None, None]
            if float((lab[:, 1:].norm(dim=1, keepdim=True) * cover).sum() / cover.sum().clamp_min(1)) >= GREY:
                return cls(*_statistics(lab[:, :1], lab[:, 1:], cover))
        raise UsageError(f"{name}: has no colours to take a palette from", "give a picture in colour")

    def apply(self, lightness_map: np.ndarray, chroma: np.ndarray) -> np.ndarray:
        """ab (1, 2, h, w) at L (1, 1, h, w) with this palette."""
        lightness, ab = torch.from_numpy(lightness_map), torch.from_numpy(chroma)
        means, covariances = _statistics(lightness, ab, torch.ones_like(lightness))
        shares = _shares(lightness)
        result = torch.zeros_like(ab)
        for band in range(len(BANDS)):
            matrix = _transport(covariances[band], self.covariances[band])
            moved = torch.einsum("rc,nchw->nrhw", matrix, ab - means[band].view(1, 2, 1, 1))
            result += shares[:, band : band + 1] * (moved + self.means[band].view(1, 2, 1, 1))
        return result.numpy()


def _shares(lightness: Tensor, centres: Sequence[float] = BANDS) -> Tensor:
    """How much of each pixel belongs to each band (N, bands, H, W): they sum to one."""
    centre = lightness.new_tensor(centres)
    place = (lightness - centre[0]) / (centre[1] - centre[0])  # the centres are evenly spaced
    places = torch.arange(len(centres)).to(lightness).view(1, -1, 1, 1)
    return (1 - (place.clamp(0, len(centres) - 1) - places).abs()).clamp_min(0)


def _statistics(lightness: Tensor, ab: Tensor, cover: Tensor) -> tuple[Tensor, Tensor]:
    values = ab[0].flatten(1).double()  # (2, M)
    every = cover.flatten().double()
    shares = _shares(lightness)[0].flatten(1).double() * every  # (bands, M)
    weights = shares + PRIOR * shares.sum().clamp_min(1e-9) * every / every.sum().clamp_min(1e-9)
    weights = weights / weights.sum(1, keepdim=True).clamp_min(1e-9)
    means = weights @ values.T  # (bands, 2)
    from_mean = values.T[None] - means[:, None]  # (bands, M, 2)
    covariances = torch.einsum("bm,bmr,bmc->brc", weights, from_mean, from_mean)
    return means.float(), covariances.float()


def _transport(source: Tensor, target: Tensor) -> Tensor:
    """The linear Monge-Kantorovich map between two covariances (2, 2), its gain held."""
    eye = torch.eye(2) * NOISE
    root = _root(source + eye)
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _root(root @ (target + eye) @ root) @ inverse
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return vectors @ torch.diag(values.clamp(0, LARGEST_GAIN)) @ vectors.T


def _root(matrix: Tensor) -> Tensor:
    """The symmetric square root of a symmetric positive matrix."""
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
