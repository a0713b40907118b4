"""A network of torch as arrays in and out: the reference engine, on any device and in any number format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genkit import runtime

Function = Callable[..., Tensor | Sequence[Tensor]]


class TorchRunner:
    """`stages` are functions of (network, *tensors, **options) by name. `network` is a module, or anything that moves `to` a
    device and a number format. With `whole` the tensors stay float32 on their way in, and the functions see to the format."""

    engine = "torch"

    def __init__(self, network: Any, stages: Mapping[str, Function], device: Any, dtype: Any, *, whole: bool = False):
        self.network = network.eval().requires_grad_(False) if isinstance(network, nn.Module) else network
        self.stages, self._whole = dict(stages), whole
        self.to(device, dtype)

    def to(self, device: Any, dtype: Any) -> None:
        """Move the network, channels last: on the CPU 1.0 to 1.5 times as fast (ESRGAN, SwinIR, SPAN), compact 3 times."""
        self.device, self.dtype = runtime.as_torch(device, dtype)
        self.network.to(self.device, self.dtype)
        if isinstance(self.network, nn.Module):
            self.network.to(memory_format=torch.channels_last)

    def share(self, count: int) -> None:
        """The threads of one convolution meet after each layer: one that shares its core with others keeps all waiting."""
        torch.set_num_threads(max(1, runtime.cores() // count))

    def run(self, stage: str, *arrays: np.ndarray, **options: Any) -> list[np.ndarray]:
        """What a stage gives for float32 or int64 arrays: float32 arrays."""
        with torch.inference_mode():
            result = self.stages[stage](self.network, *(self._entering(array) for array in arrays), **options)
            results = [result] if isinstance(result, Tensor) else list(result)
            return [each.float().cpu().contiguous().numpy() for each in results]

    def _entering(self, array: np.ndarray) -> Tensor:
        array = np.ascontiguousarray(array)
        if not array.flags.writeable:  # torch warns of arrays that it must not write to, although it only reads here
            array = array.copy()
        tensor = torch.from_numpy(array)
        tensor = tensor.to(self.device, self.dtype if tensor.is_floating_point() and not self._whole else None)
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
