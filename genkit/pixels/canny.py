"""Edges of photographs as ControlNets of the kind `canny` were taught with: white lines of one pixel on black.

Canny 1986, "A Computational Approach to Edge Detection" (IEEE PAMI 8(6)), in the form that those pictures were made with: no
blur, Sobel gradients in 8 bits, their length as the sum of both parts, of each pixel the channel that changes most, thresholds
100 and 200.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

LOW, HIGH = 100.0, 200.0  # gradients of pixels from 0 to 255: a step of 50 has 200
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
STEEP, FLAT = 2.414213562, 0.414213562  # tangents of 67.5 and 22.5 degrees
MAP_SHARE = 0.98  # of a map that somebody has made already, so much is black or white


def edge_map(pixels: np.ndarray, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """Edges of uint8 or uint16 (H, W, 1 or 3) as uint8 (H, W, 3), 255 on the edges."""
    shallow = pixels if pixels.dtype == np.uint8 else (pixels // 257).astype(np.uint8)
    with torch.inference_mode():
        ridges = _ridges(torch.from_numpy(shallow).permute(2, 0, 1)[None].float())[0, 0].numpy()
    edges = _joined(ridges > high, ridges > low)
    return np.repeat(edges.astype(np.uint8)[..., None] * 255, 3, axis=2)


def is_edge_map(pixels: np.ndarray) -> bool:
    """Whether a picture (H, W, 1 or 3) is white lines on black already."""
    peak = np.iinfo(pixels.dtype).max
    light = pixels.max(2)
    black, white = (light < peak * 0.06).mean(), (pixels.min(2) > peak * 0.94).mean()
    return bool(black + white >= MAP_SHARE and white < 0.5)


def _ridges(images: Tensor) -> Tensor:
    """Lengths (N, 1, H, W) of the gradients of (N, C, H, W) from 0 to 255 where they are longest, and 0 elsewhere."""
    kernel = images.new_tensor(SOBEL)
    flat = pad(images.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    gradients = conv2d(flat, torch.stack([kernel, kernel.T]).unsqueeze(1))
    across, down = gradients.unflatten(0, images.shape[:2]).unbind(2)  # (N, C, H, W) each
    strongest = (across.abs() + down.abs()).argmax(1, keepdim=True)
    across, down = across.gather(1, strongest), down.gather(1, strongest)  # (N, 1, H, W)
    length = across.abs() + down.abs()
    return torch.where(_on_ridge(length, across, down), length, 0.0)


def _on_ridge(length: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Whether a gradient is longer than its neighbours' along its own direction, in steps of 45 degrees."""
    around = pad(length, (1, 1, 1, 1))
    height, width = length.shape[-2:]

    def neighbour(right: int, below: int) -> Tensor:
        return around[..., 1 + below : 1 + below + height, 1 + right : 1 + right + width]

    # of two alike, the one on the left or above stays, so that a line is one pixel wide
    level = (length > neighbour(-1, 0)) & (length >= neighbour(1, 0))
    upright = (length > neighbour(0, -1)) & (length >= neighbour(0, 1))
    falling = (length > neighbour(-1, -1)) & (length > neighbour(1, 1))
    rising = (length > neighbour(1, -1)) & (length > neighbour(-1, 1))
    diagonal = torch.where((across < 0) == (down < 0), falling, rising)
    steep = down.abs() > STEEP * across.abs()
    return torch.where(down.abs() < FLAT * across.abs(), level, torch.where(steep, upright, diagonal))


def _joined(strong: np.ndarray, weak: np.ndarray) -> np.ndarray:
    """The strong edges (H, W) and the weak ones that lead to them, over any number of neighbours."""
    width = strong.shape[1] + 2
    edges, open_ = np.pad(strong, 1).ravel(), np.pad(weak & ~strong, 1).ravel()
    steps = np.array([-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1])
    front = np.flatnonzero(edges)
    while len(front):
        around = np.unique(front[:, None] + steps)
        front = around[open_[around]]
        edges[front], open_[front] = True, False
    return edges.reshape(-1, width)[1:-1, 1:-1]
