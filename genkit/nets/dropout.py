"""Dropout whose masks come from a seed: the noise of a network that draws with it.

Masks are drawn on the CPU and moved, so a seed gives nearly the same picture on every device. Outside `seeded` it is torch's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_generator: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let every `Dropout` of this thread drop features, also in a network that is not training."""
    token = _generator.set(torch.Generator().manual_seed(seed))
    try:
        yield
    finally:
        _generator.reset(token)


class Dropout(nn.Dropout):
    """torch's dropout, which also drops under `seeded`."""

    def forward(self, input: Tensor) -> Tensor:
        generator = _generator.get()
        if generator is None:
            return super().forward(input)
        kept = torch.rand(input.shape, generator=generator) >= self.p
        return input * kept.to(input.device, input.dtype) / (1 - self.p)
