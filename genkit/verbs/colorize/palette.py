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

from genkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BANDS = (15.0, 40.0, 65.0, 90.0)  # centres in L; a pixel between two belongs to both in proportion
PRIOR = 0.05  # of all pixels: what the whole picture's statistics weigh in each band
NOISE = 1.0  # variance added to both covariances, so that a nearly grey band is not blown up
LARGEST_GAIN = 4.0
SIDE = 256  # the reference is reduced to this; statistics need no more
GREY = 1.5  # mean chroma below which a reference has no palette to give


@dataclass(frozen=True)
class Palette:
    """`means` (bands, 2) and `covariances` (bands, 2, 2) of ab."""

    means: np.ndarray
    covariances: np.ndarray

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
            lab = rgb_to_lab(np.ascontiguousarray(small.transpose(2, 0, 1))[None])
            cover = np.ones((1, 1, height, width), np.float32)
            if alpha is not None:
                visible = resize(alpha[..., None], width, height)[..., 0] / np.float32(np.iinfo(alpha.dtype).max)
                cover = visible.astype(np.float32)[None, None]
            chroma = np.linalg.norm(lab[:, 1:], axis=1, keepdims=True)
            if float((chroma * cover).sum() / max(1.0, float(cover.sum()))) >= GREY:
                return cls(*_statistics(lab[:, :1], lab[:, 1:], cover))
        raise UsageError(f"{name}: has no colours to take a palette from", "give a picture in colour")

    def apply(self, lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
        """ab (1, 2, h, w) at L (1, 1, h, w) with this palette."""
        means, covariances = _statistics(lightness, ab, np.ones_like(lightness))
        shares = _shares(lightness)
        result = np.zeros_like(ab)
        for band in range(len(BANDS)):
            matrix = _transport(covariances[band], self.covariances[band])
            moved = np.einsum("rc,nchw->nrhw", matrix, ab - means[band].reshape(1, 2, 1, 1))
            result += shares[:, band : band + 1] * (moved + self.means[band].reshape(1, 2, 1, 1))
        return result


def _shares(lightness: np.ndarray, centres: Sequence[float] = BANDS) -> np.ndarray:
    """How much of each pixel belongs to each band (N, bands, H, W): they sum to one."""
    place = (lightness - np.float32(centres[0])) / np.float32(centres[1] - centres[0])  # the centres are evenly spaced
    places = np.arange(len(centres), dtype=np.float32).reshape(1, -1, 1, 1)
    return np.maximum(1 - np.abs(np.clip(place, 0, len(centres) - 1) - places), 0)


def _statistics(lightness: np.ndarray, ab: np.ndarray, cover: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values = ab[0].reshape(2, -1).astype(np.float64)  # (2, M)
    every = cover.ravel().astype(np.float64)
    shares = _shares(lightness)[0].reshape(len(BANDS), -1).astype(np.float64) * every  # (bands, M)
    weights = shares + PRIOR * max(1e-9, shares.sum()) * every / max(1e-9, every.sum())
    weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-9)
    means = weights @ values.T  # (bands, 2)
    from_mean = values.T[None] - means[:, None]  # (bands, M, 2)
    covariances = np.einsum("bm,bmr,bmc->brc", weights, from_mean, from_mean)
    return means.astype(np.float32), covariances.astype(np.float32)


def _transport(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The linear Monge-Kantorovich map between two covariances (2, 2), its gain held."""
    eye = np.eye(2, dtype=np.float32) * np.float32(NOISE)
    root = _root(source + eye)
    inverse = np.linalg.inv(root)
    return _with_values(
        inverse @ _root(root @ (target + eye) @ root) @ inverse, lambda values: np.clip(values, 0, LARGEST_GAIN)
    )


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a symmetric positive matrix."""
    return _with_values(matrix, lambda values: np.sqrt(np.maximum(values, 0)))


def _with_values(matrix: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A symmetric matrix with other eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return vectors @ np.diag(change(values)) @ vectors.T
