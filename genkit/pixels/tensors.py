"""Pixels as torch's tensors and back, for what works on them with torch itself: optimisation and features with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.pixels.arrays import store as store_array
from genkit.pixels.arrays import to_images as to_arrays


def to_images(window: np.ndarray, device: Any) -> Tensor:
    """(H, W, C) uint8 or uint16 to (1, C, H, W) float32 [0, 1] on the device."""
    return torch.from_numpy(to_arrays(window)).to(device)


def store(patch: Tensor, target: np.ndarray, peak: int) -> None:
    """Round (C, h, w) float [0, 1] into (h, w, C) uint8 or uint16."""
    store_array(patch.float().cpu().numpy(), target, peak)
