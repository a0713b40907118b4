"""What every loaded model has, whatever its shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, Self

if TYPE_CHECKING:
    import torch

    from genkit.cards import Card

Shape = Literal["transform", "fill", "colorize", "style", "translate", "sample", "draw", "speak", "features"]
Progress = Callable[[int, int], None]  # steps done, and of how many


class Model(Protocol):
    """`shape` is the protocol it keeps. `card` is what it was loaded by, None for one that was built in Python.

    `fallback`: its device was left to us, so work that a GPU has no memory for may go on on the CPU. `stochastic`: it draws
    noise besides what it is given, and takes `seeds`, one an item; such a model works on one picture at a time and calls
    `progress` after each of its steps. `pixel_bytes` is about what one input pixel takes in float32 while it runs.
    """

    shape: ClassVar[Shape]
    device: torch.device
    dtype: torch.dtype
    card: Card | None = None
    fallback: bool = False
    stochastic: bool = False
    progress: Progress | None = None
    pixel_bytes: int = 16384

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move all of it, as after a GPU ran out of memory or a half format of numbers, and return it."""
        ...
