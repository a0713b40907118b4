"""Fill holes smoothly from what is around them: averages of the known pixels, over ever larger neighbourhoods.

The pull-push scheme of Gortler et al. 1996 ("The Lumigraph", section 3.4): halve the picture with weights until no hole is
left, then come back up, taking at each level what is known there and the level below for the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad


def fill_smoothly(images: Tensor, masks: Tensor) -> Tensor:
    """Images (N, C, H, W) with the places of masks (N, 1, H, W), 1 = unknown, filled; the known ones unchanged.

    A picture without a known pixel comes back as zeros.
    """
    known = 1 - masks
    levels = [(images * known, known)]
    while max(levels[-1][1].shape[-2:]) > 1 and not bool((levels[-1][1] > 0).all()):
        values, weights = levels[-1]
        bottom, right = values.shape[-2] % 2, values.shape[-1] % 2
        values, weights = pad(values, (0, right, 0, bottom)), pad(weights, (0, right, 0, bottom))
        values, weights = avg_pool2d(values, 2), avg_pool2d(weights, 2)
        share = (4 * weights).clamp(max=1)  # one known pixel of four is enough to speak for them
        levels.append((values * (share / weights.clamp_min(1e-6)), share))
    values, weights = levels.pop()
    result = values / weights.clamp_min(1e-6)
    while levels:
        values, weights = levels.pop()
        coarse = interpolate(result, scale_factor=2, mode="bilinear")[..., : values.shape[-2], : values.shape[-1]]
        result = values + (1 - weights) * coarse
    return torch.where(masks > 0, result, images) if not bool(((masks > 0) & (masks < 1)).any()) else result
