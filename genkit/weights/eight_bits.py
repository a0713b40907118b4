"""Matrices in eight bits: half the size of half precision, for weights that ship.

Each row (output channel) of a tensor of two dimensions or more has a scale of its own, so that its largest number is 127
(symmetric quantisation, Jacob et al. 2017, arXiv 1712.05877, without zero points). In a file `NAME` holds int8 and `NAME|scale`
(rows,) float16; reading gives float32 under `NAME`, and what loads the weights knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genkit.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

SCALE = "|scale"
SMALLEST = 1024  # numbers; below, the scales and the loss are not worth it


def packed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What to write: large matrices in eight bits with their scales, all else as it is."""
    import torch

    found: dict[str, Tensor] = {}
    for name, one in tensors.items():
        if one.ndim < 2 or one.numel() < SMALLEST or not one.is_floating_point():
            found[name] = one
            continue
        rows = one.detach().float().flatten(1)
        scale = (rows.abs().amax(1).clamp_min(1e-4) / 127).half().float()
        found[name] = (rows / scale[:, None]).round().clamp(-127, 127).to(torch.int8).reshape(one.shape)
        found[name + SCALE] = scale.half()
    return found


def unpacked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What was written, with float32 in place of eight bits.

    Raises:
        WeightsError: a scale that fits no matrix.
    """
    import torch

    scales = {name.removesuffix(SCALE): scale for name, scale in state.items() if name.endswith(SCALE)}
    if not scales:
        return state
    found = {name: one for name, one in state.items() if not name.endswith(SCALE)}
    for name, scale in scales.items():
        one = found.get(name)
        if one is None or one.dtype != torch.int8 or one.ndim < 2 or scale.shape != one.shape[:1]:
            raise WeightsError(f"{name}{SCALE} fits no matrix of eight bits", "fetch it again", code="damaged")
        found[name] = one.float() * scale.float().reshape(-1, *[1] * (one.ndim - 1))
    return found
