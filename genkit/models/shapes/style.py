"""Pictures and a style's code to pictures in that style: what `genkit style` runs.

Networks of this kind normalise features by their mean and deviation over the whole picture, so a picture in tiles takes rounds:
`measure(i, images, code, known)` gives the feature maps whose statistics over the whole picture are needed next, and
`render(images, code, known)` the result once all of them are `known`. Every size here is a multiple of `multiple` and at least
`minimum`; a whole picture is extended to that by reflection (`extended`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import Shape, TiledModel

if TYPE_CHECKING:
    import numpy as np

Code = list["np.ndarray"]  # what a network keeps of a style; that of several styles is the weighted sum of theirs
Statistics = tuple["np.ndarray", "np.ndarray"]  # mean and standard deviation, each (N, C, 1, 1)


class StyleModel(TiledModel, Protocol):
    """`own_style`: it has one style or several of its own, and takes no other. `style_side` is the shorter side, in pixels,
    that a style picture is reduced to where nothing else is asked for. `rounds` is how many rounds of statistics it wants.
    `receptive` is how far an output pixel looks, in pixels, beyond what the statistics bring it. A deviation is the root of
    the variance and `epsilon`; `unbiased` says that the variance is divided by one less than the number of places.
    """

    shape: ClassVar[Shape] = "style"
    own_style: bool = False
    style_side: int = 512
    rounds: int
    receptive: int
    minimum: int = 16
    epsilon: float = 1e-5
    unbiased: bool = True

    def extended(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) that a picture of this size is extended to."""
        ...

    def style(self, images: np.ndarray) -> Code:
        """The code of a style picture (1, 3, H, W), any size; float32.

        Raises:
            UsageError: the network has one style, its own.
        """
        ...

    def own_code(self, options: Mapping[str, Any]) -> Code:
        """The code of the style of its own that the model's options choose; empty where it has one only."""
        return []

    def measure(
        self, index: int, images: np.ndarray, code: Sequence[np.ndarray], known: Sequence[Statistics]
    ) -> list[np.ndarray]:
        """The feature maps (N, C, h, w) float32 that round `index` wants the statistics of; h and w divide H and W."""
        ...

    def render(self, images: np.ndarray, code: Sequence[np.ndarray], known: Sequence[Statistics]) -> np.ndarray:
        """The result (N, 3, H, W), not clamped, once every round's statistics are known."""
        ...

    def __call__(self, images: np.ndarray, code: Sequence[np.ndarray] = ()) -> np.ndarray:
        """(N, 3, H, W) to the same, float32 [0, 1]: the untiled whole, in one pass."""
        ...
