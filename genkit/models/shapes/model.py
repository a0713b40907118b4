"""What every loaded model has, whatever its shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

if TYPE_CHECKING:
    from genkit.cards import Card

Shape = Literal[
    "transform", "fill", "mask", "word_mask", "colorize", "style", "translate", "sample", "draw", "speak", "features"
]
Progress = Callable[[int, int], None]  # steps done, and of how many


class Model(Protocol):
    """`shape` is the protocol it keeps. `card` is what it was loaded by, None for one that was built in Python. `fallback`: its
    device was left to us, so work that a GPU has no memory for may go on on the CPU. `progress` is called after each step by
    a model that takes steps long enough to be seen."""

    shape: ClassVar[Shape]
    card: Card | None = None
    fallback: bool = False
    progress: Progress | None = None


class PixelModel(Model, Protocol):
    """A model of pictures, on `device` in `dtype`, for which pictures are numpy's arrays.

    `stochastic`: it draws noise besides what it is given, and takes `seeds`, one an item; such a model works on one picture at
    a time. `pixel_bytes` is about what one input pixel takes in float32 while it runs.
    """

    device: Any  # what has a `type`: cpu, cuda or mps
    dtype: Any  # a name, or torch's own
    stochastic: bool = False
    pixel_bytes: int = 16384

    def to(self, device: Any, dtype: Any) -> Self:
        """Move all of it, as after a GPU ran out of memory or a half format of numbers, and return it."""
        ...


class TiledModel(PixelModel, Protocol):
    """A model that large pictures go through in parts.

    `receptive` is how far an output pixel looks, in input pixels; None: not known, or over the whole picture. Parts begin at
    multiples of `multiple` and are no smaller than `minimum`. `tile_limit` is the side of parts that memory was found to bear,
    None before it was found wanting.
    """

    receptive: int | None = None
    multiple: int = 1
    minimum: int = 1
    tile_limit: int | None = None
