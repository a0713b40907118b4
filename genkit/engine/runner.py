"""What the shapes of models run on, whatever the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

TOLERANCE = 0.01 / 255  # how far another engine may be from torch: of pictures, in parts of the largest number or of 1


class Runner(Protocol):
    """A loaded network, on a device in a number format. `engine` is torch or openvino."""

    engine: str
    device: Any
    dtype: Any

    def to(self, device: Any, dtype: Any) -> None:
        """Move all of it, as after a GPU ran out of memory or of numbers."""
        ...

    def share(self, count: int) -> None:
        """Be called by so many threads at once, each of which gets its part of the cores."""
        ...

    def run(self, stage: str, *arrays: np.ndarray, **options: Any) -> list[np.ndarray]:
        """What one of its functions gives for float32 or int64 arrays: float32 arrays of the caller's own."""
        ...


def is_runner(network: Any) -> bool:
    """Whether a shape is given a runner and not a network that is still to be put into one."""
    return hasattr(network, "run") and hasattr(network, "engine")
