"""Alpha matting in closed form: soft edges out of what is surely the subject and what is surely not.

Levin et al. 2008, "A Closed-Form Solution to Natural Image Matting" (IEEE TPAMI 30(2)): alpha is about a line in the colours in
every small window, which makes a quadratic form of it, the matting Laplacian L; what is known is held by a weight, and
(L + weight D) alpha = weight D known is solved by conjugate gradients. L is never written down: its product is a few window
sums (He et al. 2010, "Fast Matting Using Large Kernel Matting Laplacian Matrices", CVPR), so windows may be large, which lets
alpha reach through the gaps of hair in few steps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

RADIUS, EPSILON = 3, 1e-5  # of windows, in pixels; variance of colours in [0, 1] below which a window is even
HELD = 100.0  # weight of what is known
STEPS, TOLERANCE = 40, 3e-3
SURE = 0.9  # of a mask: from here on the subject, and as near to 0 what is not


def matted(colours: np.ndarray, mask: np.ndarray, band: int) -> np.ndarray:
    """Alpha (1, 1, h, w) of colours (1, C, h, w) in [0, 1] by a mask (1, 1, h, w), in doubt `band` pixels around its edge."""
    with torch.inference_mode():
        given = torch.from_numpy(np.ascontiguousarray(mask))
        return closed_form(torch.from_numpy(colours), given, unknown_band(given, band)).numpy()


def unknown_band(mask: Tensor, radius: int) -> Tensor:
    """Where (1, 1, h, w) leaves room for doubt: between the two, and `radius` pixels around; bool."""
    doubtful = ((mask > 1 - SURE) & (mask < SURE)).float()
    edge = max_pool2d(mask, 3, 1, 1) - -max_pool2d(-mask, 3, 1, 1)
    return max_pool2d(torch.maximum(doubtful, (edge > 0.5).float()), 2 * radius + 1, 1, radius) > 0


class Laplacian:
    """The matting Laplacian of colours (1, C, h, w) in [0, 1], as a product."""

    def __init__(self, colours: Tensor, radius: int = RADIUS, epsilon: float = EPSILON):
        self.radius, self.colours = radius, colours
        count = colours.shape[1]
        self.windows = self._sum(torch.ones_like(colours[:, :1]))  # pixels in each window, and windows over each pixel
        self.mean = self._sum(colours) / self.windows
        products = (colours[:, :, None] * colours[:, None]).flatten(1, 2)
        covariance = self._sum(products) / self.windows - (self.mean[:, :, None] * self.mean[:, None]).flatten(1, 2)
        system = covariance.unflatten(1, (count, count)).permute(0, 3, 4, 1, 2)
        scale = epsilon + epsilon / self.windows.permute(0, 2, 3, 1)[..., None]
        self.inverse = torch.linalg.inv(system + scale * torch.eye(count).to(colours)).permute(0, 3, 4, 1, 2)  # (1, C, C, h, w)

    def _sum(self, planes: Tensor) -> Tensor:
        """Sums over windows, which end at the border."""
        side, radius = 2 * self.radius + 1, self.radius
        rows = avg_pool2d(planes, (1, side), 1, (0, radius))
        return avg_pool2d(rows, (side, 1), 1, (radius, 0)) * side**2

    def __matmul__(self, alpha: Tensor) -> Tensor:
        """L alpha, (1, 1, h, w): what the lines of all windows over a pixel leave of it (He et al. 2010, algorithm 1)."""
        mean = self._sum(alpha) / self.windows
        across = self._sum(self.colours * alpha) / self.windows - self.mean * mean
        slope = (self.inverse * across[:, None]).sum(2)  # (1, C, h, w)
        level = mean - (slope * self.mean).sum(1, keepdim=True)
        lines = self._sum(torch.cat([slope, level], 1))
        return self.windows * alpha - (lines[:, :-1] * self.colours).sum(1, keepdim=True) - lines[:, -1:]


def closed_form(colours: Tensor, mask: Tensor, unknown: Tensor) -> Tensor:
    """Alpha (1, 1, h, w) of colours (1, C, h, w) in [0, 1] where `unknown` is; elsewhere the mask (1, 1, h, w), cut at a half.

    Conjugate gradients with the diagonal as preconditioner, from the mask."""
    known = (mask >= 0.5).float()
    if not unknown.any() or unknown.all():
        return mask if unknown.any() else known
    laplacian = Laplacian(colours)
    held = HELD * (~unknown).float()
    diagonal = laplacian.windows + held
    alpha = torch.where(unknown, mask, known)

    def product(values: Tensor) -> Tensor:
        return laplacian @ values + held * values

    residual = held * known - product(alpha)
    first = float(residual.norm()) or 1.0
    preconditioned = residual / diagonal
    direction, strength = preconditioned, (residual * preconditioned).sum()
    for _ in range(STEPS):
        applied = product(direction)
        step = strength / (direction * applied).sum().clamp_min(1e-20)
        alpha, residual = alpha + step * direction, residual - step * applied
        if float(residual.norm()) < TOLERANCE * first:
            break
        preconditioned = residual / diagonal
        before, strength = strength, (residual * preconditioned).sum()
        direction = preconditioned + strength / before * direction
    return torch.where(unknown, alpha.clamp(0, 1), known)
