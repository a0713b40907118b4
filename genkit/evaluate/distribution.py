"""How far two sets of pictures are apart, by features of a network: as wholes, and one by one.

- Fréchet distance of two normal distributions: Heusel et al. 2017 (arXiv 1706.08500, equation 6);
- kernel distance, the unbiased squared maximum mean discrepancy with a cubic kernel: Bińkowski et al. 2018 (arXiv 1801.01401);
- precision and recall by nearest neighbours: Kynkäänniemi et al. 2019 (arXiv 1904.06991, equations 1 and 2).

With the features that are taken here (`genkit.evaluate.perceptual`) the figures are of another scale than with those of
Inception, and than with one another's; they must not be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

NEIGHBOURS = 3  # of precision and recall, as in the paper
PARTS = 4
CHUNK = 64
Vectors = np.ndarray  # float64 or float32 (N, D)


class Features:
    """Pictures to vectors by a network that gives maps of RGB [0, 1], of which the last is taken (`load_perceptual`)."""

    def __init__(self, network: Any):
        self.network = network

    @property
    def title(self) -> str:
        """What a protocol calls the features."""
        return f"{self.network.title}, {self.network.layers[-1]}"

    def pooled(self, pixels: np.ndarray, device: Any = "cpu") -> Vectors:
        """Pictures (N, H, W, 3), uint8, as wholes: the means (N, C) of each channel."""
        return self._each(pixels, _pool, device)

    def spatial(self, pixels: np.ndarray, device: Any = "cpu") -> Vectors:
        """What pictures show where: unit vectors (N, 16 C) of the channels averaged over 4 x 4 parts."""
        return self._each(pixels, _pool_parts, device)

    def both(self, pixels: np.ndarray, device: Any = "cpu") -> tuple[Vectors, Vectors]:
        """`pooled` and `spatial` at once."""
        vectors = self._each(pixels, lambda maps: np.concatenate([_pool(maps), _pool_parts(maps)], 1), device)
        width = vectors.shape[1] // (1 + PARTS * PARTS)
        return vectors[:, :width], vectors[:, width:]

    def _each(self, pixels: np.ndarray, pool: Callable[[Any], Vectors], device: Any) -> Vectors:
        import torch

        network, chunks = self.network.to(device), []
        with torch.inference_mode():
            for first in range(0, len(pixels), CHUNK):
                images = torch.from_numpy(np.ascontiguousarray(pixels[first : first + CHUNK])).to(device)
                chunks.append(pool(network(images.permute(0, 3, 1, 2).float() / 255)[-1]))
        return np.concatenate(chunks)


def _pool(maps: Any) -> Vectors:
    return maps.mean((2, 3)).float().cpu().numpy()


def _pool_parts(maps: Any) -> Vectors:
    from torch.nn.functional import adaptive_avg_pool2d

    vectors = adaptive_avg_pool2d(maps, PARTS).flatten(1)
    return (vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-8)).float().cpu().numpy()


def frechet(first: Vectors, second: Vectors) -> float:
    """The squared Fréchet distance of the normal distributions that have the means and covariances of (N, D) and (M, D)."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    cov_a, cov_b = (np.atleast_2d(np.cov(vectors, rowvar=False)) for vectors in (a, b))
    root = _root(cov_a)
    # tr sqrt(AB) = tr sqrt(sqrt(A) B sqrt(A)), which is symmetric
    shared = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(0)).sum()
    means = np.square(a.mean(0) - b.mean(0)).sum()
    return max(0.0, float(means + np.trace(cov_a) + np.trace(cov_b) - 2 * shared))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def kernel_distance(first: Vectors, second: Vectors) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x . y / D + 1)^3; it can be a little below 0.

    Features are first brought to a root mean square of one over both sets: those of VGG are in the hundreds, and the kernel's
    constant, without which it sees only third moments, would be nothing beside them.
    """
    a, b = first.astype(np.float64), second.astype(np.float64)
    scale = np.sqrt((np.square(a).mean() + np.square(b).mean()) / 2) or 1.0
    a, b = a / scale, b / scale

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x: np.ndarray) -> float:
        values = kernel(x, x)
        return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))

    return within(a) + within(b) - 2 * float(kernel(a, b).mean())


def precision_recall(fake: Vectors, real: Vectors, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """The share of fake vectors that lie no farther from a real one than its k-th neighbour, and the same the other way."""
    across = distances(fake, real)
    return (
        float((across <= radii(real, neighbours)[None]).any(1).mean()),
        float((across <= radii(fake, neighbours)[:, None]).any(0).mean()),
    )


def radii(vectors: Vectors, neighbours: int) -> np.ndarray:
    """The distance of each vector to its k-th nearest among the others."""
    others = distances(vectors, vectors)
    np.fill_diagonal(others, np.inf)
    place = min(neighbours, len(vectors) - 1) - 1
    return np.partition(others, place, 1)[:, place]


def distances(first: Vectors, second: Vectors) -> np.ndarray:
    """Euclidean distances (N, M)."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = np.square(a).sum(1)[:, None] + np.square(b).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(squares.clip(0))
