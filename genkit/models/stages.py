"""A loaded network as functions of numpy arrays by name, which torch runs: what calls it knows nothing of torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn


class Stages:
    """Modules by name, on one device and in one number format; whole numbers stay whole."""

    def __init__(self, modules: Mapping[str, nn.Module], device: torch.device, dtype: torch.dtype):
        self.modules = {name: module.eval().requires_grad_(False) for name, module in modules.items()}
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        for module in self.modules.values():
            module.to(device, dtype)

    def run(self, stage: str, *arrays: np.ndarray) -> list[np.ndarray]:
        """What a stage gives for float32 or int64 arrays: float32 arrays."""
        import torch

        with torch.inference_mode():
            result: Any = self.modules[stage](*map(self._entering, arrays))
            several = [result] if isinstance(result, torch.Tensor) else result
            return [each.float().cpu().numpy() for each in several]

    def _entering(self, array: np.ndarray) -> torch.Tensor:
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else tensor.dtype)
