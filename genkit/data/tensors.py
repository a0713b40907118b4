"""Pictures as arrays, uint8 (H, W, 3), and as tensors, float32 (1, 3, H, W) in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def to_tensor(pixels: np.ndarray, device: Any = "cpu") -> Tensor:
    """uint8 (H, W, C) to float32 (1, C, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).to(device).permute(2, 0, 1)[None].float() / 255


def to_pixels(images: Tensor) -> np.ndarray:
    """The first of (N, 1 or 3, H, W), clipped to [0, 1], to uint8 (H, W, 3)."""
    return (images[:1].clamp(0, 1).expand(-1, 3, -1, -1)[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()


def stack(pictures: Sequence[np.ndarray]) -> Tensor:
    """uint8 (H, W, C) each to uint8 (N, C, H, W)."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
