"""How far two sets of pictures are apart, by features of a network: as wholes, and one by one.

- Fréchet distance of two normal distributions: Heusel et al. 2017 (arXiv 1706.08500, equation 6);
- kernel distance, the unbiased squared maximum mean discrepancy with a cubic kernel: Bińkowski et al. 2018 (arXiv 1801.01401);
- precision and recall by nearest neighbours: Kynkäänniemi et al. 2019 (arXiv 1904.06991, equations 1 and 2).

With features of VGG-19 the figures are of another scale than with those of Inception, and must not be compared with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

NEIGHBOURS = 3  # of precision and recall, as in the paper
PARTS = 4
CHUNK = 64
Vectors = np.ndarray  # float64 or float32 (N, D)


class Features:
    """Pictures to vectors by a network that gives [relu1_1, relu2_1, relu3_1] of RGB [0, 1], such as `genkit.nets.vgg`."""

    def __init__(self, network: Any):
        self.network = network

    def of(self, pixels: np.ndarray, device: Any = "cpu") -> Vectors:
        """What pictures (N, H, W, 3), uint8, are as a whole: (N, 256), see `pooled`."""
        return self._each(pixels, pooled, device)

    def places(self, pixels: np.ndarray, device: Any = "cpu") -> Vectors:
        """Where pictures lie among others: unit vectors (N, 4096), see `parted`."""
        return self._each(pixels, parted, device)

    def both(self, pixels: np.ndarray, device: Any = "cpu") -> tuple[Vectors, Vectors]:
        """`of` and `places` at once."""
        found = self._each(pixels, lambda maps: np.concatenate([pooled(maps), parted(maps)], 1), device)
        width = found.shape[1] // (1 + PARTS * PARTS)
        return found[:, :width], found[:, width:]

    def _each(self, pixels: np.ndarray, what: Any, device: Any) -> Vectors:
        import torch

        network = self.network.to(device)
        found = []
        with torch.inference_mode():
            for first in range(0, len(pixels), CHUNK):
                images = torch.from_numpy(np.ascontiguousarray(pixels[first : first + CHUNK])).to(device)
                found.append(what(network(images.permute(0, 3, 1, 2).float() / 255)[-1]))
        return np.concatenate(found)


def pooled(maps: Any) -> Vectors:
    """VGG-19 relu3_1, averaged over the picture (256 numbers)"""
    return maps.mean((2, 3)).float().cpu().numpy()


def parted(maps: Any) -> Vectors:
    """VGG-19 relu3_1, averaged over 4 x 4 parts, of unit length"""
    from torch.nn.functional import adaptive_avg_pool2d

    vectors = adaptive_avg_pool2d(maps, PARTS).flatten(1)
    return (vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-8)).float().cpu().numpy()


def frechet(first: Vectors, second: Vectors) -> float:
    """The squared Fréchet distance of the normal distributions that have the means and covariances of (N, D) and (M, D)."""
    one, two = (vectors.astype(np.float64) for vectors in (first, second))
    covariances = [np.atleast_2d(np.cov(vectors, rowvar=False)) for vectors in (one, two)]
    root = _root(covariances[0])
    # tr sqrt(AB) = tr sqrt(sqrt(A) B sqrt(A)), which is symmetric
    shared = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    apart = np.square(one.mean(0) - two.mean(0)).sum()
    return max(0.0, float(apart + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * shared))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def kernel_distance(first: Vectors, second: Vectors) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel (x . y / D + 1)^3; it can be a little below 0.

    Features are first brought to a root mean square of one over both sets: those of VGG are in the hundreds, and the kernel's
    constant, without which it sees only third moments, would be nothing beside them.
    """
    one, two = (vectors.astype(np.float64) for vectors in (first, second))
    width = one.shape[1]
    scale = np.sqrt((np.square(one).mean() + np.square(two).mean()) / 2) or 1.0
    one, two = one / scale, two / scale

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / width + 1) ** 3

    def within(a: np.ndarray) -> float:
        found = kernel(a, a)
        return float((found.sum() - np.trace(found)) / (len(a) * (len(a) - 1)))

    return within(one) + within(two) - 2 * float(kernel(one, two).mean())


def precision_recall(made: Vectors, real: Vectors, neighbours: int = NEIGHBOURS) -> tuple[float, float]:
    """The share of made vectors that lie no farther from a real one than its k-th neighbour, and the same the other way."""
    across = distances(made, real)
    return (
        float((across <= radii(real, neighbours)[None]).any(1).mean()),
        float((across <= radii(made, neighbours)[:, None]).any(0).mean()),
    )


def radii(vectors: Vectors, neighbours: int) -> np.ndarray:
    """The distance of each vector to its k-th nearest among the others."""
    found = distances(vectors, vectors)
    np.fill_diagonal(found, np.inf)
    place = min(neighbours, len(vectors) - 1) - 1
    return np.partition(found, place, 1)[:, place]


def distances(first: Vectors, second: Vectors) -> np.ndarray:
    """Euclidean distances (N, M)."""
    one, two = (vectors.astype(np.float64) for vectors in (first, second))
    squares = np.square(one).sum(1)[:, None] + np.square(two).sum(1)[None] - 2 * one @ two.T
    return np.sqrt(squares.clip(0))
